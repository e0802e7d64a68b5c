package link

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/node/link/pb"
	"github.com/kith-chat/kith/node/wire"
)

// Protocol names the protocol on the wire.
const Protocol protocol.ID = "/kith/link/1"

const (
	service  = "kith.link"
	maxFrame = 16 << 10 // bytes; a device list has half of that at most
	// stepTime is what a machine has for its next frame; personTime what a
	// person has to compare words.
	stepTime   = 20 * time.Second
	personTime = identity.LinkValid

	roleNew = "new"
	roleOld = "old"
)

// Errors of linking.
var (
	// ErrRefused says that a person found the words different, or did not
	// say that they are the same.
	ErrRefused = errors.New("the devices were not linked; somebody said no, or went away")
	// ErrProof says that the other side does not know the code.
	ErrProof = errors.New("the other device does not know the code")

	errSpent = errors.New("the code was used before")
)

// Grant is what makes a device one of an account.
type Grant struct {
	Entropy     [32]byte // of the recovery phrase
	Discovery   identity.DiscoverySecret
	Certificate identity.Certificate
	Devices     identity.DeviceList
	Name        string // of the person
}

// frames reads and writes the frames of one stream, each within its time.
type frames struct {
	s network.Stream
	r *wire.Reader
	w *wire.Writer
}

func newFrames(s network.Stream) frames {
	return frames{s, wire.NewReader(s, maxFrame), wire.NewWriter(s, maxFrame)}
}

func (f frames) send(m proto.Message) error {
	if err := f.s.SetWriteDeadline(time.Now().Add(stepTime)); err != nil {
		return fmt.Errorf("linking: %w", err)
	}
	if err := f.w.WriteMessage(m); err != nil {
		return fmt.Errorf("linking: %w", err)
	}
	if err := f.w.Flush(); err != nil {
		return fmt.Errorf("linking: the other device is gone: %w", err)
	}
	return nil
}

func (f frames) receive(m proto.Message, within time.Duration) error {
	if err := f.s.SetReadDeadline(time.Now().Add(within)); err != nil {
		return fmt.Errorf("linking: %w", err)
	}
	if err := f.r.ReadMessage(m); err != nil {
		return fmt.Errorf("linking: the other device does not answer: %w", err)
	}
	return nil
}

func newNonce() (n [32]byte) {
	_, _ = rand.Read(n[:]) // crypto/rand.Read never fails
	return n
}

func nonceOf(raw []byte) (n [32]byte, err error) {
	if len(raw) != len(n) {
		return n, errors.New("linking: the other device sent no nonce")
	}
	copy(n[:], raw)
	return n, nil
}

// Ask is how a person is asked at either device: it shows the words and
// reports whether they are the same as on the other one. name is what the
// other device calls itself.
type Ask func(ctx context.Context, name string, words []string) (bool, error)

// join is the new device's side of a stream to the old one.
func join(ctx context.Context, s network.Stream, code identity.LinkCode, self identity.DeviceID, name string, ask Ask, keep func(Grant) error) error {
	f := newFrames(s)
	if err := f.send(&pb.Join{Proof: code.Proof(roleNew, self), Name: name}); err != nil {
		return err
	}
	var answer pb.Answer
	if err := f.receive(&answer, stepTime); err != nil {
		return err
	}
	if !hmac.Equal(answer.GetProof(), code.Proof(roleOld, self)) {
		return ErrProof
	}
	theirs, err := nonceOf(answer.GetNonce())
	if err != nil {
		return err
	}
	account, err := identity.AccountFromBytes(answer.GetAccount())
	if err != nil {
		return fmt.Errorf("linking: %w", err)
	}
	ours := newNonce()
	if err := f.send(&pb.Agree{Nonce: ours[:]}); err != nil {
		return err
	}
	agree, err := ask(ctx, account.Short(), code.Words(self, theirs, ours))
	if err != nil {
		return err
	}
	if err := f.send(&pb.Shown{Agree: agree}); err != nil {
		return err
	}
	if !agree {
		// The other side ends the stream when it has heard the no.
		_ = f.receive(new(pb.Grant), stepTime)
		return ErrRefused
	}
	var m pb.Grant
	if err := f.receive(&m, personTime); err != nil {
		return errors.Join(ErrRefused, err)
	}
	g, err := grantOf(&m, account, self)
	if err != nil {
		return fmt.Errorf("linking: %w", err)
	}
	if err := keep(g); err != nil {
		return err
	}
	// It is kept: that the other side does not hear so changes nothing.
	_ = f.send(&pb.Done{Ok: true})
	return nil
}

// grantOf checks that the parts belong to the account and to this device.
func grantOf(m *pb.Grant, account identity.AccountID, self identity.DeviceID) (Grant, error) {
	var g Grant
	var err error
	if len(m.GetEntropy()) != len(g.Entropy) || len(m.GetDiscoverySecret()) != len(g.Discovery) {
		return Grant{}, errors.New("what the old device sent has a wrong length")
	}
	copy(g.Entropy[:], m.GetEntropy())
	copy(g.Discovery[:], m.GetDiscoverySecret())
	if g.Certificate, err = identity.ParseCertificate(m.GetCertificate()); err != nil {
		return Grant{}, err
	}
	if g.Devices, err = identity.ParseDeviceList(m.GetDeviceList()); err != nil {
		return Grant{}, err
	}
	key, err := identity.PhraseOf(g.Entropy).AccountKey()
	if err != nil {
		return Grant{}, err
	}
	if key.ID() != account || g.Certificate.Account != account || g.Devices.Account != account ||
		g.Certificate.Device != self || !g.Devices.Contains(self) {
		return Grant{}, errors.New("what the old device sent does not belong together")
	}
	g.Name = identity.CleanName(m.GetName())
	return g, nil
}

// Give makes the grant for a new device; name is what it calls itself.
type Give func(ctx context.Context, device identity.DeviceID, name string) (Grant, error)

// admit is the old device's side of a stream from a new one. spend is called
// once the code is proved and reports whether it is the first time.
func admit(ctx context.Context, s network.Stream, code identity.LinkCode, account identity.AccountID, spend func() bool, ask Ask, give Give) error {
	f := newFrames(s)
	device, err := identity.DeviceOf(s.Conn().RemotePeer())
	if err != nil {
		return fmt.Errorf("linking: %w", err)
	}
	var hello pb.Join
	if err := f.receive(&hello, stepTime); err != nil {
		return err
	}
	if !hmac.Equal(hello.GetProof(), code.Proof(roleNew, device)) {
		return ErrProof
	}
	if !spend() {
		return errSpent
	}
	ours := newNonce()
	if err := f.send(&pb.Answer{Proof: code.Proof(roleOld, device), Nonce: ours[:], Account: account[:]}); err != nil {
		return err
	}
	var agreed pb.Agree
	if err := f.receive(&agreed, stepTime); err != nil {
		return err
	}
	theirs, err := nonceOf(agreed.GetNonce())
	if err != nil {
		return err
	}
	// Both persons are asked at the same time; who says no first decides.
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	shown := make(chan error, 1)
	go func() {
		var m pb.Shown
		err := f.receive(&m, personTime)
		if err != nil || !m.GetAgree() {
			err = errors.Join(ErrRefused, err)
			cancel()
		}
		shown <- err
	}()
	agree, err := ask(asking, identity.CleanName(hello.GetName()), code.Words(device, ours, theirs))
	if err != nil || !agree {
		_ = s.Reset()
		return errors.Join(ErrRefused, err, <-shown)
	}
	if err := <-shown; err != nil {
		return err
	}
	g, err := give(ctx, device, identity.CleanName(hello.GetName()))
	if err != nil {
		return err
	}
	err = f.send(&pb.Grant{
		Entropy: g.Entropy[:], DiscoverySecret: g.Discovery[:], Certificate: g.Certificate.Bytes(),
		DeviceList: g.Devices.Bytes(), Name: g.Name,
	})
	if err != nil {
		return err
	}
	var done pb.Done
	return f.receive(&done, stepTime)
}
