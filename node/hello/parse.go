package hello

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/hello/pb"
)

// errWho says that a peer claims to be somebody it is not.
var errWho = errors.New("the peer is not who it says it is")

// parse turns what a peer says of itself into a Person. What is too long of
// the parts that a newer version may have enlarged is left out.
func parse(p peer.ID, m *pb.Hello, lan bool, now time.Time) (Person, error) {
	cert, err := identity.ParseCertificate(m.GetCertificate())
	if err != nil {
		return Person{}, fmt.Errorf("%w: %w", errWho, err)
	}
	device, err := identity.DeviceOf(p)
	if err != nil || cert.Device != device {
		return Person{}, fmt.Errorf("%w: the certificate is for another device", errWho)
	}
	out := Person{
		Peer: p, Certificate: cert, Name: identity.CleanName(m.GetName()),
		Version: m.GetVersion(), LAN: lan, Seen: now,
	}
	if l := m.GetDeviceList(); len(l) <= identity.MaxDeviceList {
		out.DeviceList = l
	}
	for _, c := range m.GetCapabilities() {
		if len(out.Capabilities) < maxCapabilities && len(c) <= maxCapability {
			out.Capabilities = append(out.Capabilities, c)
		}
	}
	return out, nil
}

// proof shows to answerer that opener holds the secret, and to nobody else
// anything: it cannot be carried to another connection, nor turned round.
func proof(secret identity.DiscoverySecret, opener, answerer peer.ID) []byte {
	k := identity.DomainHelloProof.Sum(secret[:])
	mac := hmac.New(sha256.New, k[:])
	mac.Write([]byte(opener))
	mac.Write([]byte{0})
	mac.Write([]byte(answerer))
	return mac.Sum(nil)
}
