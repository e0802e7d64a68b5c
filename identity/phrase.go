package identity

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"unicode"

	"github.com/tyler-smith/go-bip39"
	"github.com/tyler-smith/go-bip39/wordlists"
)

// PhraseWords is how many words a recovery phrase has.
const PhraseWords = 24

// ErrPhrase says that words are not a recovery phrase.
var ErrPhrase = errors.New("not a recovery phrase")

// Phrase is the recovery phrase of an account: 256 bits of entropy, written as
// 24 English words (BIP-39). Whoever has the words has the account, so it
// never prints itself: Words must be asked for.
type Phrase struct{ entropy [32]byte }

// NewPhrase makes a phrase from the system's randomness.
func NewPhrase() Phrase {
	var p Phrase
	_, _ = rand.Read(p.entropy[:]) // crypto/rand.Read never fails
	return p
}

// PhraseOf returns the phrase with the entropy, as a vault keeps it.
func PhraseOf(entropy [32]byte) Phrase { return Phrase{entropy} }

// maxPhraseText is several times what 24 numbered words need.
const maxPhraseText = 2048

// ParsePhrase reads 24 words, whatever their case, the space and the commas
// between them and the numbers in front of them. The error says which word is
// wrong and what it may have been, or that the words do not belong together.
func ParsePhrase(text string) (Phrase, error) {
	if len(text) > maxPhraseText {
		return Phrase{}, fmt.Errorf("%w: it is too long", ErrPhrase)
	}
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return unicode.IsSpace(r) || r >= '0' && r <= '9' || strings.ContainsRune(".,;:)", r)
	})
	for i, w := range words {
		if _, ok := bip39.GetWordIndex(w); !ok {
			return Phrase{}, fmt.Errorf("%w: word %d, %q, is not in the list%s", ErrPhrase, i+1, w, nearest(w))
		}
	}
	if len(words) != PhraseWords {
		return Phrase{}, fmt.Errorf("%w: it has %d words, not %d", ErrPhrase, len(words), PhraseWords)
	}
	entropy, err := bip39.EntropyFromMnemonic(strings.Join(words, " "))
	if err != nil || len(entropy) != 32 {
		return Phrase{}, fmt.Errorf("%w: the words are all known, but one of them is another or in another place", ErrPhrase)
	}
	return Phrase{[32]byte(entropy)}, nil
}

// nearest offers the words of the list that differ least.
func nearest(word string) string {
	var best []string
	least := 3
	for _, w := range wordlists.English {
		switch d := distance(word, w); {
		case d < least:
			best, least = []string{w}, d
		case d == least && d < 3 && len(best) < 3:
			best = append(best, w)
		}
	}
	if len(best) == 0 {
		return ""
	}
	return ": perhaps " + strings.Join(best, " or ")
}

// distance is the Levenshtein distance of two short words; more than two is
// said as three.
func distance(a, b string) int {
	if len(a) > 20 || len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], 3)
}

// Words returns the 24 words.
func (p Phrase) Words() []string {
	m, err := bip39.NewMnemonic(p.entropy[:])
	if err != nil { // 32 bytes always give a phrase
		return nil
	}
	return strings.Fields(m)
}

// Entropy returns the 32 bytes that the words stand for.
func (p Phrase) Entropy() [32]byte { return p.entropy }

// AccountKey returns the key of the account: HKDF-SHA256 of the entropy under
// its own label.
func (p Phrase) AccountKey() (AccountKey, error) {
	seed, err := hkdf.Key(sha256.New, p.entropy[:], nil, string(DomainAccountKey), 32)
	if err != nil {
		return AccountKey{}, fmt.Errorf("deriving the account key: %w", err)
	}
	return NewAccountKey([32]byte(seed)), nil
}

// DiscoverySecret returns the account's first discovery secret, so that friends
// find a device that was restored from the phrase.
func (p Phrase) DiscoverySecret() (DiscoverySecret, error) {
	s, err := hkdf.Key(sha256.New, p.entropy[:], nil, string(DomainDiscovery), SecretSize)
	if err != nil {
		return DiscoverySecret{}, fmt.Errorf("deriving the discovery secret: %w", err)
	}
	return DiscoverySecret(s), nil
}

// String keeps the words out of formatted text.
func (p Phrase) String() string { return "(recovery phrase)" }

// Format writes String whatever the verb.
func (p Phrase) Format(f fmt.State, _ rune) { redact(f, p.String()) }

// MarshalText refuses: Words must be asked for.
func (p Phrase) MarshalText() ([]byte, error) { return nil, errSecretText }

// LogValue keeps the words out of logs.
func (p Phrase) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Confirm reports whether word is the nth of the phrase, from 1.
func (p Phrase) Confirm(n int, word string) bool {
	words := p.Words()
	return n >= 1 && n <= len(words) && slices.Equal([]string{words[n-1]}, strings.Fields(strings.ToLower(word)))
}
