package identity_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/kith-chat/kith/identity"
)

// domains reads the list from the source, so that a domain that is added is
// tested without being added here.
func domains(t *testing.T) []identity.Domain {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "domain.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []identity.Domain
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Domain" {
			return true
		}
		for _, v := range spec.Values {
			s, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, identity.Domain(s))
		}
		return true
	})
	if len(out) < 16 {
		t.Fatalf("only %d domains found in domain.go", len(out))
	}
	return out
}

// A signature or a hash that was made for one purpose never serves another:
// all pairs of domains, and the payloads that could make up for the difference.
func TestDomainSeparation(t *testing.T) {
	t.Parallel()
	all := domains(t)
	key := deviceKey(1)
	pub := deviceID(t, 1)
	payload := []byte("payload")
	for i, d := range all {
		if strings.ContainsRune(string(d), 0) || !strings.HasPrefix(string(d), "kith/1/") {
			t.Errorf("%q is not well formed", d)
		}
		signature := d.Sign(key, payload)
		for j, other := range all {
			if i == j {
				if err := d.Verify(pub, payload, signature); err != nil {
					t.Errorf("%s: %v", d, err)
				}
				continue
			}
			if d == other {
				t.Errorf("%s is there twice", d)
			}
			if err := other.Verify(pub, payload, signature); !errors.Is(err, identity.ErrSignature) {
				t.Errorf("a signature under %s verifies under %s", d, other)
			}
			if d.Sum(payload) == other.Sum(payload) {
				t.Errorf("%s and %s give one hash", d, other)
			}
			// A payload that begins with what is left of a longer domain.
			if rest, ok := strings.CutPrefix(string(d), string(other)); ok {
				if err := other.Verify(pub, []byte(rest+"\x00payload"), signature); err == nil {
					t.Errorf("%s is the beginning of %s and a payload makes up for it", other, d)
				}
			}
		}
	}
}

// Every kind of signed statement is refused where another kind is wanted, even
// if its payload has the right form.
func TestDomainSeparation_Statements(t *testing.T) {
	t.Parallel()
	d := device(t, 1, 2)
	_, link := invite(t, d)
	statements := map[string][]byte{
		"certificate": d.Certificate().Bytes(),
		"device list": deviceList(t, 1, 0, 2).Bytes(),
		"invite":      linkBytes(t, link),
	}
	readers := map[string]func([]byte) error{
		"certificate": func(b []byte) error { _, err := identity.ParseCertificate(b); return err },
		"device list": func(b []byte) error { _, err := identity.ParseDeviceList(b); return err },
		"invite":      func(b []byte) error { _, err := identity.ParseInvite(bytesLink(b)); return err },
	}
	for made, raw := range statements {
		for read, parse := range readers {
			if err := parse(raw); (err == nil) != (made == read) {
				t.Errorf("a %s read as a %s: %v", made, read, err)
			}
			payload, _ := split(t, raw)
			for _, domain := range domains(t) {
				for _, key := range []func() []byte{
					func() []byte { return accountKey(1).Sign(domain, payload) },
					func() []byte { return domain.Sign(deviceKey(2), payload) },
				} {
					err := parse(joined(payload, key()))
					right := made == read && map[string]identity.Domain{
						"certificate": identity.DomainCertificate, "device list": identity.DomainDeviceList, "invite": identity.DomainInvite,
					}[made] == domain
					if err == nil && !right {
						t.Errorf("a %s signed under %s was read as a %s", made, domain, read)
					}
				}
			}
		}
	}
}
