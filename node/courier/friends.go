package courier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// Ask is what a request says, and what we know of the person we ask.
type Ask struct {
	Note string // at most event.MaxNote bytes
	// Name, DiscoverySecret, Addresses and InviteToken come from their
	// invite; what is empty leaves what is known.
	Name            string
	DiscoverySecret []byte
	Addresses       [][]byte
	InviteToken     []byte
}

// Request asks an account to be friends. To somebody who has asked us it says
// yes. It fails with ErrAlready for a friend and with ErrNotNow for somebody
// we have blocked. The request waits in the outbox until they appear.
func (c *Courier) Request(ctx context.Context, who identity.AccountID, ask Ask) (Contact, error) {
	if len(ask.Note) > event.MaxNote {
		return Contact{}, fmt.Errorf("the note is longer than %d bytes", event.MaxNote)
	}
	return c.act(ctx, who, ActRequest, func(ct *Contact) {
		ct.Note, ct.InviteToken = ask.Note, ask.InviteToken
		if ask.Name != "" {
			ct.Name = ask.Name
		}
		if len(ask.DiscoverySecret) == identity.SecretSize {
			ct.DiscoverySecret = ask.DiscoverySecret
		}
		if len(ask.Addresses) > 0 {
			ct.Addresses = ask.Addresses
		}
	})
}

// Accept takes a request; ErrAlready for a friend, ErrNotNow where there is no
// request.
func (c *Courier) Accept(ctx context.Context, who identity.AccountID) (Contact, error) {
	return c.act(ctx, who, ActAccept, nil)
}

// Decline turns a request down and says so.
func (c *Courier) Decline(ctx context.Context, who identity.AccountID) (Contact, error) {
	return c.act(ctx, who, ActDecline, nil)
}

// End ends a friendship or takes a request back, and says so. Our discovery
// secret changes, and the remaining friends are told the new one.
func (c *Courier) End(ctx context.Context, who identity.AccountID) (Contact, error) {
	return c.act(ctx, who, ActEnd, nil)
}

// Block silences an account: nothing is sent to it or taken from it, and it is
// not told. What waits for it in the outbox is refused. Our discovery secret
// changes if they held it.
func (c *Courier) Block(ctx context.Context, who identity.AccountID) (Contact, error) {
	ct, err := c.act(ctx, who, ActBlock, nil)
	if err != nil {
		return ct, err
	}
	c.hangUp(who)
	return ct, c.discard(ctx, who)
}

// Unblock makes a blocked account a stranger again; it is not told.
func (c *Courier) Unblock(ctx context.Context, who identity.AccountID) (Contact, error) {
	return c.act(ctx, who, ActUnblock, nil)
}

// RotateSecret makes a new discovery secret and tells it to every friend and
// to those whom we have asked.
func (c *Courier) RotateSecret(ctx context.Context) error {
	if err := c.cfg.Self.NewSecret(ctx); err != nil {
		return fmt.Errorf("making a new discovery secret: %w", err)
	}
	return c.announce(ctx)
}

// act does one act of our own: the state and what is owed to the other side in
// one durable step, then the step into the outbox.
func (c *Courier) act(ctx context.Context, who identity.AccountID, a Act, fill func(*Contact)) (Contact, error) {
	if who == c.self || who.IsZero() {
		return Contact{}, fmt.Errorf("%w: that is yourself", ErrNotNow)
	}
	before, err := c.cfg.Contacts.Contact(ctx, who)
	if err != nil {
		return before, fmt.Errorf("reading the contact: %w", err)
	}
	if move, err := Ours(before.State, a); err == nil && move.To == Friend {
		if err := c.keepRequest(ctx, before); err != nil {
			return before, err
		}
	}
	ct, err := c.cfg.Contacts.Update(ctx, who, func(ct *Contact) error {
		move, err := Ours(ct.State, a)
		if err != nil {
			return err
		}
		if fill != nil && move.To != Friend {
			fill(ct)
		}
		ct.move(move, time.Now())
		return nil
	})
	if err != nil {
		return ct, err
	}
	if err := c.say(ctx, who); err != nil {
		return ct, err
	}
	return ct, c.protect(ctx, ct)
}

// move changes the state and what depends on it. It is the only place where a
// state changes.
func (ct *Contact) move(m Move, now time.Time) {
	keep := parseMemo(ct.Memo)
	if ct.State != m.To {
		ct.Since = now
	}
	ct.State = m.To
	if m.Say != 0 || m.To == Blocked {
		keep.owed = m.Say
	}
	switch m.To {
	case Friend:
		ct.Attempts, ct.InviteToken, ct.RequestEvent = 0, nil, nil
	case None, Removed, Blocked:
		ct.DiscoverySecret, ct.Addresses, ct.InviteToken, ct.RequestEvent, ct.ByInvite = nil, nil, nil, nil, false
	}
	ct.Memo = keep.bytes()
}

// keepRequest puts the request that is being accepted into the conversation,
// where it belongs from now on.
func (c *Courier) keepRequest(ctx context.Context, ct Contact) error {
	if len(ct.RequestEvent) == 0 {
		return nil
	}
	e, err := event.Parse(ct.RequestEvent)
	if err == nil {
		err = e.Verify(&c.certs)
	}
	if err != nil {
		c.log.Warn("a kept request cannot be read any more", "account", ct.Account, "error", err)
		return nil
	}
	err = c.cfg.Log.PutIncoming(ctx, []Arrival{{Event: e, From: ct.Account}})
	if err != nil && !errors.Is(err, ErrRefused) {
		return fmt.Errorf("storing the request: %w", err)
	}
	return nil
}

// say puts the step that is owed to an account into its outbox.
func (c *Courier) say(ctx context.Context, who identity.AccountID) error {
	c.saying.Lock()
	defer c.saying.Unlock()
	ct, err := c.cfg.Contacts.Contact(ctx, who)
	if err != nil {
		return fmt.Errorf("reading the contact: %w", err)
	}
	owed := parseMemo(ct.Memo).owed
	if owed == 0 {
		return nil
	}
	card, err := c.cfg.Self.Card(ctx)
	if err != nil {
		return fmt.Errorf("reading our own card: %w", err)
	}
	body := stepBody(owed, ct, card)
	id, err := c.cfg.Composer.Compose(ctx, who, body)
	if err != nil {
		return fmt.Errorf("putting a step of the friendship into the outbox: %w", err)
	}
	_, err = c.cfg.Contacts.Update(ctx, who, func(ct *Contact) error {
		keep := parseMemo(ct.Memo)
		if keep.owed == owed {
			keep.owed = 0
		}
		if len(body.DiscoverySecret) > 0 {
			keep.told = markOf(body.DiscoverySecret)
		}
		keep.said = [8]byte(id[:8])
		ct.Memo = keep.bytes()
		return nil
	})
	c.Wake(who)
	if err != nil {
		return fmt.Errorf("noting that a step is in the outbox: %w", err)
	}
	return nil
}

// stepBody writes a step; it fits into event.MaxRequest with all around it.
func stepBody(step event.ContactStep, ct Contact, card Card) event.Contact {
	b := event.Contact{Step: step}
	switch step {
	case event.ContactRequest:
		b.Note, b.InviteToken = ct.Note, ct.InviteToken
	case event.ContactAccept, event.ContactSecret:
	default:
		return b
	}
	b.Name, b.DiscoverySecret = card.Name, card.DiscoverySecret
	room := maxAddressing - len(b.Name) - len(b.Note) - len(b.DiscoverySecret) - len(b.InviteToken)
	for _, a := range card.Addresses {
		if room -= len(a) + 3; room < 0 || len(b.Addresses) == event.MaxAddresses {
			break
		}
		b.Addresses = append(b.Addresses, a)
	}
	return b
}

// protect changes our discovery secret when somebody holds it who shall not
// find us any more.
func (c *Courier) protect(ctx context.Context, ct Contact) error {
	switch ct.State {
	case None, Removed, Blocked:
	default:
		return nil
	}
	card, err := c.cfg.Self.Card(ctx)
	if err != nil {
		return fmt.Errorf("reading our own card: %w", err)
	}
	told := parseMemo(ct.Memo).told
	if told == (secretMark{}) || told != markOf(card.DiscoverySecret) {
		return nil
	}
	return c.RotateSecret(ctx)
}

// announce tells our present discovery secret to whoever holds an older one
// and may hold it.
func (c *Courier) announce(ctx context.Context) error {
	card, err := c.cfg.Self.Card(ctx)
	if err != nil {
		return fmt.Errorf("reading our own card: %w", err)
	}
	all, err := c.cfg.Contacts.Contacts(ctx)
	if err != nil {
		return fmt.Errorf("reading the contacts: %w", err)
	}
	now := markOf(card.DiscoverySecret)
	var failed error
	for _, ct := range all {
		step := map[State]event.ContactStep{Friend: event.ContactSecret, Outgoing: event.ContactRequest}[ct.State]
		if told := parseMemo(ct.Memo).told; step == 0 || told == now || told == (secretMark{}) {
			continue
		}
		_, err := c.cfg.Contacts.Update(ctx, ct.Account, func(ct *Contact) error {
			keep := parseMemo(ct.Memo)
			if keep.owed == 0 {
				keep.owed = step
			}
			ct.Memo = keep.bytes()
			return nil
		})
		if err == nil {
			err = c.say(ctx, ct.Account)
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// resume finishes what a crash has interrupted: steps that are owed, and a
// secret that somebody holds who shall not.
func (c *Courier) resume(ctx context.Context) error {
	all, err := c.cfg.Contacts.Contacts(ctx)
	if err != nil {
		return fmt.Errorf("reading the contacts: %w", err)
	}
	for _, ct := range all {
		if parseMemo(ct.Memo).owed != 0 {
			err = errors.Join(err, c.say(ctx, ct.Account))
		}
		err = errors.Join(err, c.protect(ctx, ct))
	}
	return errors.Join(err, c.announce(ctx))
}

// discard refuses whatever waits for a blocked account.
func (c *Courier) discard(ctx context.Context, who identity.AccountID) error {
	for {
		rows, err := c.cfg.Outbox.Queued(ctx, who, 0, MaxEvents, friendBytes)
		if err != nil || len(rows) == 0 {
			return err
		}
		answers := make([]Answer, len(rows))
		for i, r := range rows {
			answers[i] = Answer{ID: r.ID, Refused: ReasonBlocked}
		}
		if err := c.cfg.Outbox.Answered(ctx, who, answers); err != nil {
			return err
		}
	}
}
