package courier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// errUnchanged ends an update that has nothing to do.
var errUnchanged = errors.New("nothing changes")

// Handle applies a step that the other side of a friendship has taken. The
// event must have been verified. It is durable when Handle returns without an
// error, and handling it again does nothing. A reason says that the step is
// not accepted.
func (c *Courier) Handle(ctx context.Context, e *event.Event) (Reason, error) {
	from := e.Author()
	if from.IsZero() || from == c.self || e.Header().Conversation != event.Direct(c.self, from) {
		return ReasonMisplaced, nil
	}
	body, err := e.Body()
	step, ok := body.(event.Contact)
	if err != nil || !ok {
		return ReasonInvalid, nil
	}
	ct, err := c.cfg.Contacts.Contact(ctx, from)
	if err != nil {
		return 0, fmt.Errorf("reading the contact: %w", err)
	}
	_, reason, err := c.step(ctx, ct, e, step)
	return reason, err
}

// step handles a step from the account of a contact, and returns the contact
// as it is afterwards.
func (c *Courier) step(ctx context.Context, was Contact, e *event.Event, body event.Contact) (Contact, Reason, error) {
	if was.State == Friend || was.State == Outgoing {
		// These steps stand in the conversation. A stranger's request comes
		// into it when it is accepted.
		err := c.cfg.Log.PutIncoming(ctx, []Arrival{{Event: e, From: was.Account}})
		if errors.Is(err, ErrRefused) {
			return was, ReasonInvalid, nil
		}
		if err != nil {
			return was, 0, err
		}
	}
	byInvite := len(body.InviteToken) > 0 && c.cfg.Self.InviteValid(ctx, body.InviteToken)
	now, raw := time.Now(), e.Bytes()
	var reason Reason
	ct, err := c.cfg.Contacts.Update(ctx, was.Account, func(ct *Contact) error {
		reason = ReasonNone
		was = *ct
		keep := parseMemo(ct.Memo)
		if !keep.newer(e, now) {
			return errUnchanged
		}
		move, ok := Theirs(ct.State, body.Step)
		if !ok || move.To == Incoming && ct.State != Incoming && ct.Attempts >= MaxAttempts {
			reason = ReasonNotAccepted
			return errUnchanged
		}
		if move == (Move{To: ct.State}) && (ct.State == None || ct.State == Removed || ct.State == Declined) {
			return errUnchanged // out of date: a stranger leaves no trace
		}
		keep.note(e, now)
		ct.Memo = keep.bytes()
		ct.learn(move.To, body)
		if move.To == Incoming {
			if ct.State != Incoming {
				ct.Attempts++
			}
			ct.Note, ct.ByInvite = body.Note, byInvite
		}
		ct.move(move, now)
		if move.To == Incoming {
			ct.RequestEvent = raw
		}
		return nil
	})
	if errors.Is(err, errUnchanged) {
		// What an earlier handling owed may not have been said: see say.
		return was, reason, c.say(ctx, was.Account)
	}
	if err != nil {
		return was, 0, fmt.Errorf("noting a step of a friendship: %w", err)
	}
	if err := c.say(ctx, ct.Account); err != nil {
		return ct, 0, err
	}
	return ct, ReasonNone, c.protect(ctx, ct)
}

// learn takes over what a step says about how to find them.
func (ct *Contact) learn(to State, b event.Contact) {
	switch b.Step {
	case event.ContactRequest, event.ContactAccept, event.ContactSecret:
	default:
		return
	}
	if to != Friend && to != Incoming {
		return
	}
	if b.Name != "" {
		ct.Name = b.Name
	}
	if len(b.DiscoverySecret) == identity.SecretSize {
		ct.DiscoverySecret = b.DiscoverySecret
	}
	if len(b.Addresses) > 0 {
		ct.Addresses = b.Addresses
	}
}

// undo follows the other side in not accepting a step of ours.
func (c *Courier) undo(ctx context.Context, who identity.AccountID, raw []byte) {
	e, err := event.Parse(raw)
	if err != nil || e.Header().Kind != event.KindContact {
		return
	}
	body, err := e.Body()
	step, ok := body.(event.Contact)
	if err != nil || !ok {
		return
	}
	id := e.ID()
	ct, err := c.cfg.Contacts.Update(ctx, who, func(ct *Contact) error {
		move := Refused(ct.State, step.Step)
		if keep := parseMemo(ct.Memo); move.To == ct.State || keep.owed != 0 || keep.said != [8]byte(id[:8]) {
			return errUnchanged
		}
		ct.move(move, time.Now())
		return nil
	})
	if err == nil {
		err = c.protect(ctx, ct)
	}
	if err != nil && !errors.Is(err, errUnchanged) {
		c.log.Warn("it was not noted that a step was refused", "account", who, "error", err)
	}
}
