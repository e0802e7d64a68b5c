package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/vault"
	"github.com/kith-chat/kith/node/link"
	"github.com/kith-chat/kith/node/rendezvous"
)

// LinkStep is how far the linking of a new device has come; what is empty has
// not changed.
type LinkStep struct {
	ID      string // for ConfirmDevice
	Code    string // for the new device
	Expires time.Time
	Words   []string // to be compared with those on the new device
	Name    string   // what the new device calls itself
	Linked  bool
}

// linking is the new device that waits for an answer of the person here.
type linking struct {
	mu     sync.Mutex
	id     string
	answer chan bool
}

// Devices returns the devices of our account, this one first.
func (n *Node) Devices(context.Context) ([]DeviceInfo, error) {
	var out []DeviceInfo
	for _, d := range n.config.Vault.Devices().Devices {
		out = append(out, n.deviceView(d))
	}
	slices.SortStableFunc(out, func(a, b DeviceInfo) int {
		switch {
		case a.This && !b.This:
			return -1
		case b.This && !a.This:
			return 1
		}
		return a.Added.Compare(b.Added)
	})
	return out, nil
}

func (n *Node) deviceView(d identity.ListedDevice) DeviceInfo {
	info := DeviceInfo{Device: d.Device, Name: d.Name, Added: d.Added, This: d.Device == n.self.ID()}
	info.Online = info.This
	if n.hello != nil && !info.This {
		if p, ok := n.hello.Person(d.Device.Peer()); ok {
			info.Online, info.Seen = true, p.Seen
		}
	}
	return info
}

// LinkDevice makes a code for a new device and waits for it, until the code
// expires or ctx ends; step is told how far it is. ErrOffline without a
// network, ErrExists while another device is being linked.
func (n *Node) LinkDevice(ctx context.Context, step func(LinkStep) error) error {
	if n.host == nil {
		return fmt.Errorf("%w: a device is linked over the network", ErrOffline)
	}
	code := identity.NewLinkCode(n.self.ID(), n.bareAddresses(), time.Now())
	text, err := code.Text()
	if err != nil {
		return err
	}
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	id := hex.EncodeToString(raw[:])
	if err := step(LinkStep{ID: id, Code: text, Expires: code.Expires}); err != nil {
		return err
	}
	ask := func(ctx context.Context, name string, words []string) (bool, error) {
		answer := make(chan bool, 1)
		n.linking.mu.Lock()
		n.linking.id, n.linking.answer = id, answer
		n.linking.mu.Unlock()
		defer func() {
			n.linking.mu.Lock()
			n.linking.id, n.linking.answer = "", nil
			n.linking.mu.Unlock()
		}()
		if err := step(LinkStep{ID: id, Words: words, Name: name}); err != nil {
			return false, err
		}
		select {
		case yes := <-answer:
			return yes, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	err = link.NewHost(n.host, n.self.Account(), n.log).Admit(ctx, code, ask, n.giveAccount)
	switch {
	case errors.Is(err, link.ErrBusy):
		return fmt.Errorf("%w: %w", ErrExists, err)
	case errors.Is(err, link.ErrRefused):
		return fmt.Errorf("%w: %w", ErrNotAllowed, err)
	case errors.Is(err, identity.ErrLinkCode):
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	case err != nil:
		return err
	}
	n.greetAll()
	return step(LinkStep{ID: id, Linked: true})
}

// ConfirmDevice says whether the words on both devices are the same.
func (n *Node) ConfirmDevice(_ context.Context, id string, agree bool) error {
	n.linking.mu.Lock()
	defer n.linking.mu.Unlock()
	if n.linking.answer == nil || n.linking.id != id {
		return fmt.Errorf("%w: no device waits for that answer", ErrNotFound)
	}
	select {
	case n.linking.answer <- agree:
	default: // answered already
	}
	return nil
}

// giveAccount makes a device one of the account.
func (n *Node) giveAccount(_ context.Context, d identity.DeviceID, name string) (link.Grant, error) {
	var g link.Grant
	err := n.config.Vault.Update(func(s *vault.Secrets) error {
		if name == "" { // friends see the names: the machine's own would tell them too much
			name = fmt.Sprintf("device %d", len(s.Devices.Devices)+1)
		}
		cert, err := s.AddDevice(d, name, time.Now())
		g = link.Grant{Entropy: s.Entropy, Discovery: s.Discovery, Certificate: cert, Devices: s.Devices, Name: s.Name}
		return err
	})
	if err != nil {
		return link.Grant{}, fmt.Errorf("linking a device: %w", err)
	}
	poke(n.mirror.wake)
	return g, nil
}

// RenameDevice calls one of our devices by another name.
func (n *Node) RenameDevice(_ context.Context, device, name string) (DeviceInfo, error) {
	clean := identity.CleanName(name)
	if clean == "" {
		return DeviceInfo{}, fmt.Errorf("%w: the name has no visible character", ErrInvalid)
	}
	id, err := n.deviceBy(device)
	if err != nil {
		return DeviceInfo{}, err
	}
	var view DeviceInfo
	err = n.changeDevices(func(all []identity.ListedDevice) ([]identity.ListedDevice, error) {
		for i := range all {
			if all[i].Device == id {
				all[i].Name = clean
				view = n.deviceView(all[i])
			}
		}
		return all, nil
	})
	return view, err
}

// RevokeDevice takes one of our devices off the list: it gets nothing more,
// and what it says later is refused by whoever has the new list. Our discovery
// secret is replaced, since the device knows the old one.
func (n *Node) RevokeDevice(ctx context.Context, device string) error {
	id, err := n.deviceBy(device)
	if err != nil {
		return err
	}
	if id == n.self.ID() {
		return fmt.Errorf("%w: this device cannot revoke itself; do it on another one, or restore from the 24 words", ErrNotAllowed)
	}
	err = n.changeDevices(func(all []identity.ListedDevice) ([]identity.ListedDevice, error) {
		return slices.DeleteFunc(all, func(d identity.ListedDevice) bool { return d.Device == id }), nil
	})
	if err != nil {
		return err
	}
	if err := n.courier.RotateSecret(ctx); err != nil {
		return err
	}
	if n.host != nil {
		if err := n.host.Network().ClosePeer(id.Peer()); err != nil {
			n.log.Warn("cutting a revoked device off", "device", id, "error", err)
		}
	}
	return nil
}

// changeDevices signs a new list and tells everybody who is connected.
func (n *Node) changeDevices(change func([]identity.ListedDevice) ([]identity.ListedDevice, error)) error {
	err := n.config.Vault.Update(func(s *vault.Secrets) error { return s.ChangeDevices(change, time.Now()) })
	if err != nil {
		return fmt.Errorf("changing the list of devices: %w", err)
	}
	n.greetAll()
	return nil
}

// greetAll tells everybody who is connected who we are now: our name and our
// devices.
func (n *Node) greetAll() {
	if n.hello == nil {
		return
	}
	for _, p := range n.hello.People() {
		n.hello.Refresh(p.Peer)
	}
}

// deviceBy finds one of our devices by its ID, a beginning of it or its name.
func (n *Node) deviceBy(text string) (identity.DeviceID, error) {
	text = strings.TrimSpace(text)
	var found []identity.DeviceID
	for _, d := range n.config.Vault.Devices().Devices {
		full := d.Device.String()
		if strings.EqualFold(d.Name, text) || full == text || d.Device.Short() == text || len(text) >= 4 && strings.HasSuffix(full, text) {
			found = append(found, d.Device)
		}
	}
	switch {
	case text == "" || len(found) == 0:
		return identity.DeviceID{}, fmt.Errorf("%w: you have no device %q: kith devices lists them", ErrNotFound, text)
	case len(found) > 1:
		return identity.DeviceID{}, fmt.Errorf("%w: %d of your devices are called %q: use the ID", ErrAmbiguous, len(found), text)
	}
	return found[0], nil
}

// ours reports whether a peer is one of our devices that is in force.
func (n *Node) ours(p peer.ID) bool {
	d, err := identity.DeviceOf(p)
	return err == nil && n.config.Vault.Devices().Contains(d)
}

// takeOwnList keeps a newer list of our own devices, which another of them has
// signed.
func (n *Node) takeOwnList(raw []byte) {
	l, err := identity.ParseDeviceList(raw)
	if err != nil || l.Account != n.self.Account() || !l.Supersedes(n.config.Vault.Devices()) {
		return
	}
	if !l.Contains(n.self.ID()) {
		n.log.Error("this device was revoked by another device of the account: it is heard by nobody any more")
	}
	err = n.config.Vault.Update(func(s *vault.Secrets) error {
		if l.Supersedes(s.Devices) {
			s.Devices = l
		}
		return nil
	})
	if err != nil {
		n.log.Warn("keeping the list of devices", "error", err)
		return
	}
	poke(n.mirror.wake)
	n.greetAll()
}

// ownSetting is where the addresses of our other devices are kept.
const ownSetting = "own-device/"

// NoteOwnDevice keeps where another device of ours can be reached.
func (n *Node) NoteOwnDevice(ctx context.Context, d identity.DeviceID, addresses []multiaddr.Multiaddr) error {
	var all []string
	for _, a := range addresses {
		all = append(all, a.String())
	}
	if len(all) == 0 {
		return nil
	}
	return kindOf(n.store.PutSetting(ctx, ownSetting+d.String(), []byte(strings.Join(all, "\n"))))
}

// ownTarget is our own account as somebody to find; false if this is the only
// device.
func (n *Node) ownTarget(ctx context.Context) (rendezvous.Target, bool) {
	s := n.config.Vault.Secrets()
	if len(s.Devices.Devices) < 2 {
		return rendezvous.Target{}, false
	}
	t := rendezvous.Target{Account: n.self.Account(), Secret: s.Discovery}
	for _, d := range s.Devices.Devices {
		if d.Device == n.self.ID() {
			continue
		}
		raw, err := n.store.Setting(ctx, ownSetting+d.Device.String())
		if err != nil {
			continue
		}
		info := peer.AddrInfo{ID: d.Device.Peer()}
		for _, line := range strings.Fields(string(raw)) {
			if a, err := multiaddr.NewMultiaddr(line); err == nil {
				info.Addrs = append(info.Addrs, a)
			}
		}
		if len(info.Addrs) > 0 {
			t.Addresses = append(t.Addresses, info)
		}
	}
	return t, true
}

// meetOwn does what the meeting of another device of ours brings with it.
func (n *Node) meetOwn(ctx context.Context, m meeting) {
	n.protect(m.person.Peer, !m.parted && n.ours(m.person.Peer))
	if m.parted {
		return
	}
	n.takeOwnList(m.person.DeviceList)
	var bare []multiaddr.Multiaddr
	for _, a := range n.host.Peerstore().Addrs(m.person.Peer) {
		if len(bare) < maxKept {
			bare = append(bare, a)
		}
	}
	if err := n.NoteOwnDevice(ctx, m.person.Certificate.Device, bare); err != nil && ctx.Err() == nil {
		n.log.Warn("noting where a device of ours was met", "error", err)
	}
	n.files.Wake(m.person.Peer)
}
