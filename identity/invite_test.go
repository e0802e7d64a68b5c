package identity_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/multiformats/go-multiaddr"
	"google.golang.org/protobuf/proto"
	"rsc.io/qr"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/pb"
)

func TestInvite(t *testing.T) {
	t.Parallel()
	d := device(t, 1, 2)
	want, link := invite(t, d)
	forQR, err := identity.InviteForQR(link)
	if err != nil {
		t.Fatal(err)
	}
	half := len(link) / 2
	for what, text := range map[string]string{
		"plain":            link,
		"in brackets":      " <" + link + ">\n",
		"in a sentence":    `"` + link + `".`,
		"broken by a mail": link[:half] + "\r\n  " + link[half:],
		"a line each word": strings.Join(strings.Split(link, "-"), "-\n"),
		"capital prefix":   "KITH:" + link[5:],
		"from a QR code":   forQR,
		"QR, broken":       forQR[:40] + "\n" + forQR[40:],
	} {
		if !identity.IsInvite(text) {
			t.Errorf("%s: not seen to be an invite", what)
		}
		got, err := identity.ParseInvite(text)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if got.Account() != d.Account() || got.Certificate.Device != d.ID() || got.Name != want.Name || got.Secret != want.Secret ||
			got.Token != want.Token || !got.Expires.Equal(want.Expires) || len(got.Relays) != 0 {
			t.Errorf("%s: got %+v", what, got)
		}
		for i, a := range got.Addresses {
			if !a.Equal(want.Addresses[i]) {
				t.Errorf("%s: address %s", what, a)
			}
		}
		again, err := got.Sign(d)
		if err != nil || again != link {
			t.Errorf("%s: signed again it differs: %v", what, err)
		}
	}
}

// A link with four addresses must give a QR code that fits a terminal of 80
// columns with its margin, and the form for QR codes a smaller one.
func TestInviteIsScannable(t *testing.T) {
	t.Parallel()
	_, link := invite(t, device(t, 1, 2))
	forQR, err := identity.InviteForQR(link)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text    string
		length  int
		modules int
	}{{link, 458, 73}, {forQR, 619, 69}} {
		code, err := qr.Encode(c.text, qr.L)
		if err != nil || len(c.text) > c.length || code.Size > c.modules {
			t.Errorf("%d characters, %d modules, more than %d and %d: %v", len(c.text), code.Size, c.length, c.modules, err)
		}
	}
}

func TestInviteExpires(t *testing.T) {
	t.Parallel()
	i, _ := invite(t, device(t, 1, 2))
	if i.Expired(i.Expires) || i.Check(i.Expires) != nil || !i.Expired(i.Expires.Add(time.Millisecond)) {
		t.Error("it does not expire when it says")
	}
	if err := i.Check(i.Expires.Add(time.Hour)); !errors.Is(err, identity.ErrInviteExpired) || !strings.Contains(err.Error(), "2026") {
		t.Errorf("got %v", err)
	}
	i.Expires = time.Time{}
	link, err := i.Sign(device(t, 1, 2))
	if err != nil {
		t.Fatal(err)
	}
	got, err := identity.ParseInvite(link)
	if err != nil || !got.Expires.IsZero() || got.Expired(time.Unix(1<<40, 0)) {
		t.Errorf("an invite for ever: %v, %v", got.Expires, err)
	}
}

func TestInviteSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, link := invite(t, device(t, 1, 2))
	forQR, err := identity.InviteForQR(link)
	if err != nil {
		t.Fatal(err)
	}
	other := "A"
	if link[200] == 'A' {
		other = "B"
	}
	cases := []struct{ text, says string }{
		{link[:200] + other + link[201:], "altered or mistyped"},
		{link[:200] + "!" + link[201:], `character 196 after kith:, '!'`},
		{link[:200] + "é" + link[201:], `'é'`},
		{link + "AAAA", "altered or mistyped"},
		{"kith:", "cut off"},
		{"", "does not start with kith:"},
		{"https://example.org", "does not start with kith:"},
		{accountKey(1).ID().String(), "does not start with kith:"},
		{link + strings.Repeat(" ", 4096), "characters, more than 4096"},
		{"kith:" + strings.Repeat("A", 400), "altered or mistyped"},
	}
	for n := len("kith:"); n < len(link); n++ {
		cases = append(cases, struct{ text, says string }{link[:n], "cut off"})
	}
	for n := 10; n < len(forQR); n++ {
		cases = append(cases, struct{ text, says string }{forQR[:n], "cut off"})
	}
	for _, c := range cases {
		_, err := identity.ParseInvite(c.text)
		if !errors.Is(err, identity.ErrInvite) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.60q (%d): got %v, want %q", c.text, len(c.text), err, c.says)
		}
	}
}

// signedInvite signs a body that Invite would not make.
func signedInvite(t *testing.T, d *identity.Device, change func(*pb.InviteBody)) string {
	t.Helper()
	_, link := invite(t, d)
	payload, _ := split(t, linkBytes(t, link))
	var body pb.InviteBody
	if err := proto.Unmarshal(payload, &body); err != nil {
		t.Fatal(err)
	}
	change(&body)
	payload, err := proto.Marshal(&body)
	if err != nil {
		t.Fatal(err)
	}
	return bytesLink(joined(payload, d.Sign(identity.DomainInvite, payload)))
}

func TestInviteBounds(t *testing.T) {
	t.Parallel()
	d := device(t, 1, 2)
	if _, err := identity.ParseInvite(signedInvite(t, d, func(*pb.InviteBody) {})); err != nil {
		t.Fatal(err)
	}
	tcp := multiaddr.StringCast("/ip4/127.0.0.1/tcp/1").Bytes()
	for what, change := range map[string]func(*pb.InviteBody){
		"no secret":         func(b *pb.InviteBody) { b.DiscoverySecret = nil },
		"a zero secret":     func(b *pb.InviteBody) { b.DiscoverySecret = make([]byte, 32) },
		"a short secret":    func(b *pb.InviteBody) { b.DiscoverySecret = b.DiscoverySecret[:31] },
		"a long token":      func(b *pb.InviteBody) { b.Token = append(b.Token, 0) },
		"a negative expiry": func(b *pb.InviteBody) { b.ExpiresMs = -1 },
		"a far expiry":      func(b *pb.InviteBody) { b.ExpiresMs = 1<<63 - 1 },
		"nine addresses":    func(b *pb.InviteBody) { b.Addresses = repeated(tcp, 9) },
		"nine relays":       func(b *pb.InviteBody) { b.Relays = repeated(tcp, 9) },
		"an empty address":  func(b *pb.InviteBody) { b.Addresses = [][]byte{{}} },
		"a wrong address":   func(b *pb.InviteBody) { b.Addresses = [][]byte{{4, 1, 2}} },
		"a long address":    func(b *pb.InviteBody) { b.Addresses = [][]byte{bytes.Repeat(tcp, 40)} },
		"a wrong relay":     func(b *pb.InviteBody) { b.Relays = [][]byte{{0xff, 0xff}} },
		"no certificate":    func(b *pb.InviteBody) { b.Certificate = nil },
		"many addresses":    func(b *pb.InviteBody) { b.Addresses = repeated(nil, 1200) },
	} {
		if _, err := identity.ParseInvite(signedInvite(t, d, change)); !errors.Is(err, identity.ErrInvite) {
			t.Errorf("%s: %v", what, err)
		}
	}
	got, err := identity.ParseInvite(signedInvite(t, d, func(b *pb.InviteBody) { b.Name = "exe\u202egpj\x1b[31m" }))
	if err != nil || got.Name != "exegpj[31m" {
		t.Errorf("the name %q: %v", got.Name, err)
	}
	i, _ := invite(t, d)
	long, _ := invite(t, d)
	for n := range 16 {
		a := multiaddr.StringCast("/dns/" + strings.Repeat("x", 240) + fmt.Sprint(n) + "/tcp/1")
		if long.Addresses = append(long.Addresses, a); n >= 8 {
			long.Relays = append(long.Relays, a)
		}
	}
	long.Addresses = long.Addresses[4:]
	if link, err := long.Sign(d); err == nil {
		t.Errorf("a link of %d characters was made, which nobody reads", len(link))
	}
	for range 20 {
		i.Addresses = append(i.Addresses, i.Addresses[0])
	}
	link, err := i.Sign(d)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := identity.ParseInvite(link); err != nil || len(got.Addresses) != identity.MaxInviteAddresses {
		t.Errorf("%d addresses, %v", len(got.Addresses), err)
	}
}

func repeated(b []byte, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = b
	}
	return out
}

func FuzzParseInvite(f *testing.F) {
	d := device(f, 1, 2)
	_, link := invite(f, d)
	forQR, err := identity.InviteForQR(link)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{link, "<" + link + ">", forQR, link[:100], "kith:", link[:50] + "\n" + link[50:], bytesLink(d.Certificate().Bytes())} {
		f.Add(seed)
	}
	payload, _ := split(f, linkBytes(f, link))
	f.Add(string(payload))
	f.Fuzz(func(t *testing.T, text string) {
		checkInvite(t, text)
		checkInvite(t, bytesLink(joined([]byte(text), d.Sign(identity.DomainInvite, []byte(text)))))
	})
}

func checkInvite(t *testing.T, text string) {
	i, err := identity.ParseInvite(text)
	if err != nil {
		if !errors.Is(err, identity.ErrInvite) || !i.Account().IsZero() {
			t.Fatalf("refused with %v", err)
		}
		return
	}
	if !identity.IsInvite(text) {
		t.Fatal("taken, and not seen to be an invite")
	}
	if len(i.Addresses) > identity.MaxInviteAddresses || len(i.Relays) > identity.MaxInviteAddresses || i.Secret.IsZero() || i.Name != identity.CleanName(i.Name) {
		t.Fatalf("taken: %v", i)
	}
	again, err := identity.InviteForQR(text)
	if err != nil && len(text) < 3<<10 {
		t.Fatal(err)
	}
	if err != nil {
		return
	}
	if j, err := identity.ParseInvite(again); err != nil || j.Secret != i.Secret || j.Token != i.Token || fmt.Sprint(j.Addresses) != fmt.Sprint(i.Addresses) {
		t.Fatalf("the other form of it: %v", err)
	}
}
