package identity

import (
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"strings"
)

// safetyRounds is how often each account's hash is made again, as in Signal's
// numeric fingerprints: it makes a search for a similar number dear.
const safetyRounds = 5200

// SafetyNumber is what two people compare, face to face or over a call, to know
// that nobody stands between them. It depends on both accounts and not on who
// asks.
type SafetyNumber struct {
	Digits string // 60 digits in 12 groups of five
	Emoji  string // eight emoji, for a quick look
}

// NewSafetyNumber returns the number of two accounts.
func NewSafetyNumber(a, b AccountID) SafetyNumber {
	ha, hb := safetyHash(a), safetyHash(b)
	if bytes.Compare(ha[:], hb[:]) > 0 {
		ha, hb = hb, ha
	}
	var groups []string
	for _, h := range [][64]byte{ha, hb} {
		for i := range 6 {
			var five [8]byte
			copy(five[3:], h[i*5:i*5+5])
			groups = append(groups, fmt.Sprintf("%05d", binary.BigEndian.Uint64(five[:])%100_000))
		}
	}
	both := DomainSafety.Sum(ha[:], hb[:])
	var emoji []string
	for _, x := range both[:8] {
		emoji = append(emoji, safetyEmoji[int(x)%len(safetyEmoji)])
	}
	return SafetyNumber{Digits: strings.Join(groups, " "), Emoji: strings.Join(emoji, " ")}
}

// safetyHash is the iterated hash of one account.
func safetyHash(a AccountID) [64]byte {
	h := sha512.Sum512(append(append([]byte(DomainSafety), 0), a[:]...))
	for range safetyRounds {
		h = sha512.Sum512(append(h[:], a[:]...))
	}
	return h
}

// safetyEmoji are 64 pictures that nobody takes for each other.
var safetyEmoji = [64]string{
	"🐶", "🐱", "🦁", "🐎", "🦄", "🐷", "🐘", "🐰", "🐼", "🐓", "🐧", "🐢", "🐟", "🐙", "🦋", "🌷",
	"🌳", "🌵", "🍄", "🌏", "🌙", "☁️", "🔥", "🍌", "🍎", "🍓", "🌽", "🍕", "🎂", "❤️", "😀", "🤖",
	"🎩", "👓", "🔧", "🎅", "👍", "☂️", "⌛", "⏰", "🎁", "💡", "📕", "✏️", "📎", "✂️", "🔒", "🔑",
	"🔨", "☎️", "🏁", "🚂", "🚲", "✈️", "🚀", "🏆", "⚽", "🎸", "🎺", "🔔", "⚓", "🎧", "📁", "📌",
}
