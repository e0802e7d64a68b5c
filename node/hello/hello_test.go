package hello_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/hello/pb"
)

func TestFriendsLearnWhoIsWho(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, 0, func(t *testing.T, p []*person) {
		ann, bob := p[0], p[1]
		ann.befriend(bob)
		bob.befriend(ann)
		ann.dial(bob)
		time.Sleep(time.Second)
		if !ann.knows(bob) || !bob.knows(ann) {
			t.Fatal("two friends do not know each other")
		}
		got, _ := bob.hello.Person(ann.host.ID())
		if got.Name != "Ann "+ann.device.ID().Short() || string(got.DeviceList) != "list" ||
			!slices.Equal(got.Capabilities, []string{"direct/1"}) || got.Version != 1 || got.LAN {
			t.Errorf("bob knows %+v", got)
		}
		if !ann.hello.Told(bob.host.ID()) {
			t.Error("ann does not know that she has told bob")
		}
		if d := ann.hello.Devices(bob.device.Account()); len(d) != 1 || d[0] != bob.host.ID() {
			t.Errorf("bob's devices are %v", d)
		}
		_ = ann.host.Network().ClosePeer(bob.host.ID())
		time.Sleep(time.Second)
		if ann.knows(bob) || bob.knows(ann) || ann.hello.Told(bob.host.ID()) {
			t.Error("they are known after they have gone")
		}
		want := []string{"met " + bob.device.ID().Short(), "parted " + bob.device.ID().Short()}
		if !slices.Equal(ann.events(), want) {
			t.Errorf("ann saw %v", ann.events())
		}
	})
}

// A stranger who knows the peer, the account and the protocol learns a version
// number, however they ask.
func TestStranger_NoAddress(t *testing.T) {
	t.Parallel()
	inWorld(t, 3, 1, func(t *testing.T, p []*person) {
		ann, friend, mallory := p[0], p[1], p[2]
		ann.befriend(friend)
		friend.secrets[ann.host.ID()] = ann.secret
		mallory.dial(ann)
		cert := mallory.device.Certificate().Bytes()
		stolen := hmacOf(ann.secret, friend, ann) // what a friend sends to ann
		for name, m := range map[string]*pb.Hello{
			"nothing":                {},
			"only a version":         {Version: 1},
			"a name":                 {Version: 1, Certificate: cert, Name: "Friend"},
			"a guessed proof":        {Version: 1, Proof: make([]byte, 32)},
			"an empty secret":        {Version: 1, Proof: hmacOf(identity.DiscoverySecret{}, mallory, ann)},
			"a stolen proof":         {Version: 1, Certificate: cert, Proof: stolen},
			"a proof turned round":   {Version: 1, Proof: hmacOf(ann.secret, ann, mallory)},
			"a proof for our own":    {Version: 1, Proof: hmacOf(mallory.secret, mallory, ann)},
			"a proof that is longer": {Version: 1, Proof: append(hmacOf(ann.secret, mallory, ann), 0)},
		} {
			got, err := mallory.ask(ann, m)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got.GetVersion() != 1 {
				t.Errorf("%s: version %d", name, got.GetVersion())
			}
			got.Version = 0
			if raw := got.String(); raw != "" {
				t.Errorf("%s: a stranger was told %s", name, raw)
			}
			time.Sleep(5 * time.Second)
		}
		if ann.hello.Told(mallory.host.ID()) {
			t.Error("ann believes that she has told a stranger")
		}
		// To check the checks: with the secret, they would have learned it.
		got, err := mallory.ask(ann, &pb.Hello{Version: 1, Proof: hmacOf(ann.secret, mallory, ann)})
		if err != nil || len(got.GetCertificate()) == 0 {
			t.Errorf("whoever proves the secret learns %v, %v", got, err)
		}
	})
}

// An account without a secret is open to nobody's proof.
func TestNoSecretNoProof(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, 1, func(t *testing.T, p []*person) {
		ann, mallory := p[0], p[1]
		ann.secret = identity.DiscoverySecret{}
		mallory.dial(ann)
		got, err := mallory.ask(ann, &pb.Hello{Version: 1, Proof: hmacOf(ann.secret, mallory, ann)})
		if err != nil || len(got.GetCertificate()) > 0 {
			t.Fatalf("%v, %v", got, err)
		}
	})
}

// Whoever was invited proves it, learns who answers, and only then says who
// they are themselves.
func TestProofThenCard(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, 0, func(t *testing.T, p []*person) {
		ann, bob := p[0], p[1]
		bob.secrets[ann.host.ID()] = ann.secret
		bob.friends[ann.device.Account()] = true // asked for; the peer is not known yet
		bob.dial(ann)
		time.Sleep(time.Second)
		if !bob.knows(ann) || !ann.knows(bob) {
			t.Fatalf("bob knows ann: %v, ann knows bob: %v", bob.knows(ann), ann.knows(bob))
		}
	})
}

func TestLANPeersMeet(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, 0, func(t *testing.T, p []*person) {
		ann, bob := p[0], p[1]
		ann.lan, bob.lan = true, true
		ann.dial(bob)
		time.Sleep(time.Second)
		if got, ok := ann.hello.Person(bob.host.ID()); !ok || !got.LAN {
			t.Fatalf("%+v", got)
		}
	})
}

// Both sides dial at once, as after mDNS: two connections, one meeting.
func TestBothDialAtOnce(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, 0, func(t *testing.T, p []*person) {
		ann, bob := p[0], p[1]
		ann.befriend(bob)
		bob.befriend(ann)
		done := make(chan struct{})
		go func() { ann.dial(bob); close(done) }()
		bob.dial(ann)
		<-done
		time.Sleep(time.Second)
		if !ann.knows(bob) || !bob.knows(ann) {
			t.Fatal("they do not know each other")
		}
		conns := ann.host.Network().ConnsToPeer(bob.host.ID())
		if len(conns) > 1 {
			_ = conns[0].Close()
			time.Sleep(time.Second)
			if !ann.knows(bob) || !bob.knows(ann) {
				t.Fatal("one of two connections ended, and they were forgotten")
			}
		}
		_ = ann.host.Network().ClosePeer(bob.host.ID())
		time.Sleep(time.Second)
		for _, x := range []*person{ann, bob} {
			log, parted := x.events(), 0
			for _, e := range log {
				if e[:3] == "par" {
					parted++
				}
			}
			if parted != 1 || log[len(log)-1][:3] != "par" {
				t.Errorf("a meeting and its end: %v", log)
			}
		}
	})
}

// What may be said can change while two are connected.
func TestRefresh(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, 0, func(t *testing.T, p []*person) {
		ann, bob := p[0], p[1]
		ann.dial(bob)
		time.Sleep(time.Second)
		if ann.knows(bob) || bob.knows(ann) {
			t.Fatal("strangers know each other")
		}
		ann.befriend(bob)
		bob.befriend(ann)
		bob.hello.Refresh(ann.host.ID())
		bob.hello.Refresh(ann.host.ID()) // while the first is under way
		if who, ok := bob.hello.Wait(t.Context(), ann.host.ID()); !ok || who.Account() != ann.device.Account() {
			t.Fatal("waiting for the exchange gives nobody")
		}
		time.Sleep(time.Second)
		if !ann.knows(bob) || !bob.knows(ann) {
			t.Fatal("friends do not know each other")
		}
	})
}

// A node is connected to before it answers hellos: it asks when it begins, and
// whoever dialled it asks when it hears of the protocol.
func TestLateComers(t *testing.T) {
	t.Parallel()
	inWorld(t, 2, 2, func(t *testing.T, p []*person) {
		ann, bob := p[0], p[1]
		ann.befriend(bob)
		bob.befriend(ann)
		ann.run()
		ann.dial(bob)
		time.Sleep(time.Minute)
		bob.run()
		time.Sleep(2 * time.Second)
		if !ann.knows(bob) || !bob.knows(ann) {
			t.Fatal("a node that began later was not met")
		}
	})
}
