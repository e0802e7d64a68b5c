package hello_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/hello"
	"github.com/kith-chat/kith/node/hello/pb"
)

// hmacOf is the proof as the protocol has it, written a second time.
func hmacOf(secret identity.DiscoverySecret, opener, answerer *person) []byte {
	k := identity.DomainHelloProof.Sum(secret[:])
	mac := hmac.New(sha256.New, k[:])
	mac.Write([]byte(string(opener.host.ID()) + "\x00" + string(answerer.host.ID())))
	return mac.Sum(nil)
}

func TestImpostors(t *testing.T) {
	t.Parallel()
	inWorld(t, 3, 1, func(t *testing.T, p []*person) {
		ann, bob, mallory := p[0], p[1], p[2]
		ann.befriend(bob)
		mallory.dial(ann)
		for name, cert := range map[string][]byte{
			"somebody else's": bob.device.Certificate().Bytes(),
			"ann's own":       ann.device.Certificate().Bytes(),
			"junk":            []byte("junk"),
			"too long":        make([]byte, identity.MaxCertificate+1),
		} {
			if got, err := mallory.ask(ann, &pb.Hello{Version: 1, Certificate: cert}); !errors.Is(err, network.ErrReset) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
		if len(ann.hello.People()) > 0 || len(ann.events()) > 0 {
			t.Errorf("ann has met %v", ann.events())
		}
		if _, err := mallory.ask(ann, &pb.Hello{Name: strings.Repeat("a", 20<<10)}); !errors.Is(err, network.ErrReset) {
			t.Errorf("a frame that is too large: %v", err)
		}
	})
}

// An older or a newer peer is taken as it is.
func TestOtherVersions(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, 1, func(t *testing.T, p []*person) {
		ann, newer := p[0], p[1]
		newer.dial(ann)
		m := &pb.Hello{Version: 900, Certificate: newer.device.Certificate().Bytes(), Name: "New\x1b[31mer"}
		for range 100 {
			m.Capabilities = append(m.Capabilities, "video/7")
		}
		m.Capabilities[0] = strings.Repeat("x", 65)
		m.ProtoReflect().SetUnknown([]byte{0xfa, 0x07, 1, 'a'})
		if _, err := newer.ask(ann, m); err != nil {
			t.Fatal(err)
		}
		got, ok := ann.hello.Person(newer.host.ID())
		if !ok || got.Version != 900 || strings.ContainsRune(got.Name, 0x1b) || len(got.Capabilities) != 32 || got.Capabilities[0] != "video/7" {
			t.Fatalf("%+v", got)
		}
		time.Sleep(10 * time.Second)
		if _, err := newer.ask(ann, &pb.Hello{}); err != nil {
			t.Fatalf("a peer that says nothing at all: %v", err)
		}
	})
}

// One peer that asks without end, or that hangs in the middle, takes neither
// our time nor the places of others.
func TestLimits_HelloFlood(t *testing.T) {
	t.Parallel()
	inWorld(t, 3, 1, func(t *testing.T, p []*person) {
		ann, bob, mallory := p[0], p[1], p[2]
		ann.befriend(bob)
		bob.befriend(ann)
		mallory.dial(ann)
		var held []network.Stream
		for range 200 {
			if st, err := mallory.host.NewStream(t.Context(), ann.host.ID(), hello.Protocol); err == nil {
				_, _ = st.Write([]byte{100}) // and no more
				held = append(held, st)
			}
		}
		time.Sleep(time.Second)
		bob.dial(ann)
		time.Sleep(time.Second)
		if !ann.knows(bob) || !bob.knows(ann) {
			t.Error("friends do not meet during a flood")
		}
		time.Sleep(15 * time.Second) // beyond the deadline of what hangs
		for _, c := range ann.host.Network().ConnsToPeer(mallory.host.ID()) {
			for _, st := range c.GetStreams() {
				if st.Protocol() == hello.Protocol && st.Stat().Direction == network.DirInbound {
					t.Fatal("a hello that hangs is still held")
				}
			}
		}
		for _, st := range held {
			_ = st.Reset()
		}
		answered := 0
		for range 200 {
			if _, err := mallory.ask(ann, &pb.Hello{}); err == nil {
				answered++
			}
		}
		if answered == 0 || answered > 30 {
			t.Errorf("%d of 200 questions were answered", answered)
		}
	})
}

// A peer that does not answer is asked again, less and less often, and then no
// more.
func TestSilentPeers(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, 1, func(t *testing.T, p []*person) {
		ann, mute := p[0], p[1]
		asked := make(chan time.Time, 100)
		mute.host.SetStreamHandler(hello.Protocol, func(st network.Stream) {
			asked <- time.Now()
			_ = st.Reset()
		})
		ann.dial(mute)
		time.Sleep(10 * time.Minute)
		if n := len(asked); n != 4 {
			t.Fatalf("asked %d times", n)
		}
		first, second := <-asked, <-asked
		third := <-asked
		if second.Sub(first) < time.Second || third.Sub(second) < 3*time.Second {
			t.Errorf("asked at %v, %v, %v", first, second, third)
		}
		mute.host.SetStreamHandler(hello.Protocol, func(st network.Stream) {}) // hangs
		ann.hello.Refresh(mute.host.ID())
		start := time.Now()
		if _, ok := ann.hello.Wait(t.Context(), mute.host.ID()); ok || time.Since(start) > 11*time.Second {
			t.Errorf("waiting for a silent peer took %v", time.Since(start))
		}
	})
}
