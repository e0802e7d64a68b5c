package identity

import (
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"strings"
)

// safetyRounds is how often each account's hash is made again, as in Signal's
// numeric fingerprints (libsignal, NumericFingerprintGenerator): it makes a
// search for a similar number dear.
const safetyRounds = 5200

// SafetyNumber is what two people compare, face to face or over a call, to know
// that nobody stands between them. It depends on both accounts and not on who
// asks. Unlike Signal's, whose two halves stand for one account each, every
// part of it depends on both accounts, so that whoever compares only a part of
// it never compares the part that is right anyway.
type SafetyNumber struct {
	// Digits are 60 digits in 12 groups of five: the proof.
	Digits string
	// Emoji are eight emoji and Names what they show, in the same order: 48
	// bits, for a first look. Somebody in between who computes for days can
	// make the emoji agree on both sides, but not the digits.
	Emoji string
	Names string
}

// NewSafetyNumber returns the number of two accounts. It takes some
// milliseconds.
func NewSafetyNumber(a, b AccountID) SafetyNumber {
	ha, hb := safetyHash(a), safetyHash(b)
	if bytes.Compare(ha[:], hb[:]) > 0 {
		ha, hb = hb, ha
	}
	both := sha512.Sum512(append(append([]byte(DomainSafety+"\x00"), ha[:]...), hb[:]...))
	var groups, emoji, names []string
	for five := both[:60]; len(five) > 0; five = five[5:] {
		n := binary.BigEndian.Uint64(append([]byte{0, 0, 0}, five[:5]...))
		groups = append(groups, fmt.Sprintf("%05d", n%100_000))
	}
	look := DomainSafety.Sum(both[:])
	for _, x := range look[:8] {
		e := safetyEmoji[int(x)%len(safetyEmoji)]
		emoji, names = append(emoji, e.emoji), append(names, e.name)
	}
	return SafetyNumber{
		Digits: strings.Join(groups, " "), Emoji: strings.Join(emoji, " "), Names: strings.Join(names, ", "),
	}
}

// safetyHash is the iterated hash of one account.
func safetyHash(a AccountID) [64]byte {
	h := sha512.Sum512(append([]byte(DomainSafety+"\x00"), a[:]...))
	var in [64 + len(a)]byte
	copy(in[64:], a[:])
	for range safetyRounds {
		copy(in[:], h[:])
		h = sha512.Sum512(in[:])
	}
	return h
}

// safetyEmoji are 64 pictures that nobody takes for each other, with words for
// a call: the list of the Matrix specification's short authentication strings.
var safetyEmoji = [64]struct{ emoji, name string }{
	{"🐶", "dog"},
	{"🐱", "cat"},
	{"🦁", "lion"},
	{"🐎", "horse"},
	{"🦄", "unicorn"},
	{"🐷", "pig"},
	{"🐘", "elephant"},
	{"🐰", "rabbit"},
	{"🐼", "panda"},
	{"🐓", "rooster"},
	{"🐧", "penguin"},
	{"🐢", "turtle"},
	{"🐟", "fish"},
	{"🐙", "octopus"},
	{"🦋", "butterfly"},
	{"🌷", "flower"},
	{"🌳", "tree"},
	{"🌵", "cactus"},
	{"🍄", "mushroom"},
	{"🌏", "globe"},
	{"🌙", "moon"},
	{"☁️", "cloud"},
	{"🔥", "fire"},
	{"🍌", "banana"},
	{"🍎", "apple"},
	{"🍓", "strawberry"},
	{"🌽", "corn"},
	{"🍕", "pizza"},
	{"🎂", "cake"},
	{"❤️", "heart"},
	{"😀", "smiley"},
	{"🤖", "robot"},
	{"🎩", "hat"},
	{"👓", "glasses"},
	{"🔧", "spanner"},
	{"🎅", "santa"},
	{"👍", "thumb"},
	{"☂️", "umbrella"},
	{"⌛", "hourglass"},
	{"⏰", "clock"},
	{"🎁", "gift"},
	{"💡", "bulb"},
	{"📕", "book"},
	{"✏️", "pencil"},
	{"📎", "paperclip"},
	{"✂️", "scissors"},
	{"🔒", "lock"},
	{"🔑", "key"},
	{"🔨", "hammer"},
	{"☎️", "telephone"},
	{"🏁", "flag"},
	{"🚂", "train"},
	{"🚲", "bicycle"},
	{"✈️", "aeroplane"},
	{"🚀", "rocket"},
	{"🏆", "trophy"},
	{"⚽", "ball"},
	{"🎸", "guitar"},
	{"🎺", "trumpet"},
	{"🔔", "bell"},
	{"⚓", "anchor"},
	{"🎧", "headphones"},
	{"📁", "folder"},
	{"📌", "pin"},
}
