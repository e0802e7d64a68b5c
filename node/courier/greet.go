package courier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/wire"
)

// errTurnedAway ends a stream that gets no answer. Whoever opened it cannot
// tell a blocked account from an unknown one, or from a node that is somebody
// else's.
var errTurnedAway = errors.New("the stream is not answered")

// knowTimeout is how long a stranger waits while it is found out whether they
// may know who we are.
const knowTimeout = 5 * time.Second

// serve handles a stream that somebody else opened.
func (c *Courier) serve(s network.Stream) {
	run, ok := c.enter()
	if !ok {
		_ = s.Reset()
		return
	}
	defer run.wg.Done()
	ctx, cancel := context.WithCancel(run.ctx)
	defer cancel()
	in := &inbound{peer: s.Conn().RemotePeer(), cancel: cancel}
	if !c.opens.take(in.peer, time.Now()) || !c.streams.add(in) {
		c.count.turnedAway.Add(1)
		_ = s.ResetWithError(network.StreamRateLimited)
		return
	}
	defer c.streams.remove(in)
	done, err := wire.Attach(ctx, s, ServiceName, streamMemory, openTimeout)
	if err != nil {
		c.log.Debug("a stream was not taken", "error", err)
		return
	}
	err = c.receive(ctx, s, in)
	if err != nil && ctx.Err() == nil {
		c.log.Debug("a stream of another device ended", "account", in.account, "error", err)
	}
	done(err)
}

// receive greets, and then takes events until the stream ends.
func (c *Courier) receive(ctx context.Context, s network.Stream, in *inbound) error {
	src := &paced{s: s, begun: true} // the opening stands under the deadline of the whole
	r := wire.NewReader(src, maxOpen)
	raw, err := r.Next()
	if err != nil {
		return fmt.Errorf("reading the opening: %w", err)
	}
	f, err := decodeFrame(raw)
	if err != nil {
		return err
	}
	if f.open == nil {
		return fmt.Errorf("%w: it does not begin with an opening", errFrame)
	}
	ct, err := c.greetable(ctx, in, f.open.certificate)
	if err != nil {
		c.count.turnedAway.Add(1)
		return err
	}
	known := ct.State == Friend || ct.State == Outgoing
	c.streams.name(in, ct.Account, known)
	ours := opening{certificate: c.cfg.Device.Certificate(), windowEvents: strangerEvents, windowBytes: strangerBytes}
	if known {
		ours.windowEvents, ours.windowBytes = friendEvents, friendBytes
	}
	if ct.State == Friend {
		ours.deviceList = c.cfg.Self.DeviceList(ctx)
	}
	if known && len(f.open.deviceList) > 0 {
		c.cfg.Devices.TakeList(ctx, ct.Account, f.open.deviceList)
	}
	w := wire.NewWriter(s, maxFrame)
	if err := writeOpening(w, ours); err != nil {
		return err
	}
	c.count.streamsIn.Add(1)
	c.Seen(ct.Account)
	t := &taking{
		c: c, s: s, in: in, w: w, from: ct.Account, chat: event.Direct(c.self, ct.Account),
		src: src, r: r, known: known, queue: newQueue(),
	}
	if known {
		t.r = wire.NewReader(r, maxFrame)
		if err := s.SetDeadline(time.Time{}); err != nil {
			return err
		}
	} else if err := s.SetDeadline(time.Now().Add(strangerTimeout)); err != nil {
		return err
	}
	return t.run(ctx)
}

// greetable decides whether the opener of a stream is answered at all, and
// returns what is between us.
func (c *Courier) greetable(ctx context.Context, in *inbound, cert identity.Certificate) (Contact, error) {
	device, err := identity.DeviceOf(in.peer)
	if err != nil || cert.Device != device || cert.Account == c.self {
		return Contact{}, errTurnedAway
	}
	ct, err := c.cfg.Contacts.Contact(ctx, cert.Account)
	if err != nil {
		return ct, fmt.Errorf("reading the contact: %w", err)
	}
	ct.Account = cert.Account
	revoked := c.cfg.Devices.Revoked(ctx, cert.Account, device)
	if (ct.State == Friend || ct.State == Outgoing) && !revoked {
		return ct, nil
	}
	// Blocked and revoked ones wait as long as unknown ones do.
	ask, cancel := context.WithTimeout(ctx, knowTimeout)
	defer cancel()
	if !c.strangers.take(struct{}{}, time.Now()) || !c.cfg.Finder.MayKnow(ask, in.peer, cert.Account) ||
		ct.State == Blocked || revoked {
		return ct, errTurnedAway
	}
	return ct, nil
}

// writeOpening sends our opening.
func writeOpening(w *wire.Writer, o opening) error {
	if len(o.deviceList) > maxDeviceList {
		o.deviceList = nil
	}
	raw, err := o.encode()
	if err != nil {
		return fmt.Errorf("encoding the opening: %w", err)
	}
	if err := w.Write(raw); err != nil {
		return fmt.Errorf("sending the opening: %w", err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("sending the opening: %w", err)
	}
	return nil
}
