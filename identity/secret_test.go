package identity_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/kith-chat/kith/identity"
)

// No verb, no logger and no encoder brings a secret out by accident.
func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	entropy := [32]byte{0xde, 0xad, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xef}
	phrase := identity.PhraseOf(entropy)
	account, err := phrase.AccountKey()
	if err != nil {
		t.Fatal(err)
	}
	d := device(t, 1, 2)
	i, _ := invite(t, d)
	i.Secret = identity.DiscoverySecret(entropy)
	type holder struct {
		Phrase phraseHolder
		Secret identity.DiscoverySecret
	}
	for what, c := range map[string]struct {
		value  any
		secret []string
	}{
		"phrase":           {phrase, []string{hex.EncodeToString(entropy[:4]), "222 173 190", phrase.Words()[0]}},
		"pointer":          {&phrase, []string{hex.EncodeToString(entropy[:4]), "222 173 190", phrase.Words()[0]}},
		"discovery secret": {i.Secret, []string{hex.EncodeToString(entropy[:4]), "222 173 190"}},
		"invite":           {i, []string{hex.EncodeToString(entropy[:4]), "222 173 190"}},
		"in a struct":      {holder{phraseHolder{phrase}, i.Secret}, []string{hex.EncodeToString(entropy[:4]), "222 173 190"}},
		"account key":      {account, printed(accountSeed(t, phrase))},
		"device":           {d, printed(deviceKey(2)[:8])},
	} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%U"} {
			fmt.Fprintf(&out, verb+"\n", c.value)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "value", c.value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "value", c.value)
		if raw, err := json.Marshal(c.value); err == nil {
			out.Write(raw)
		}
		for _, s := range c.secret {
			if strings.Contains(strings.ToLower(out.String()), s) {
				t.Errorf("%s: %q is in\n%s", what, s, out.String())
			}
		}
	}
}

type phraseHolder struct{ Phrase identity.Phrase }

// accountSeed returns the private key of the phrase's account.
func accountSeed(t *testing.T, p identity.Phrase) []byte {
	t.Helper()
	entropy := p.Entropy()
	seed, err := hkdf.Key(sha256.New, entropy[:], nil, string(identity.DomainAccountKey), 32)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

func printed(b []byte) []string {
	return []string{hex.EncodeToString(b[:4]), strings.Trim(fmt.Sprint(b[:4]), "[]")}
}

func TestDiscoverySecret(t *testing.T) {
	t.Parallel()
	a, b := identity.NewDiscoverySecret(), identity.NewDiscoverySecret()
	if a == b || a.IsZero() || !(identity.DiscoverySecret{}).IsZero() {
		t.Fatal("secrets are not random")
	}
}
