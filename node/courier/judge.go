package courier

import (
	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// item is an event of a stream on its way to the store.
type item struct {
	event  *event.Event
	body   event.Body
	size   int    // bytes as it came
	reason Reason // why it is refused; ReasonNone so far
}

// judge says whether an event that verifies may be taken from an account,
// given what is between us. It is the whole of the policy, save for the order
// of the steps of a friendship, which Theirs knows.
func judge(it *item, from identity.AccountID, chat event.ConversationID, state State, revoked func(identity.DeviceID) bool) Reason {
	h := it.event.Header()
	switch {
	case h.Conversation != chat, it.event.Author() != from:
		return ReasonMisplaced
	case revoked(h.Device):
		return ReasonRevoked
	case h.Kind == event.KindForeign:
		return ReasonKind
	}
	if state == Friend {
		return ReasonNone // unknown kinds included: a newer friend is carried
	}
	step, ok := it.body.(event.Contact)
	if !ok || it.size > event.MaxRequest {
		return ReasonNotAccepted
	}
	if state == Outgoing {
		return ReasonNone
	}
	switch step.Step {
	case event.ContactRequest, event.ContactDecline, event.ContactEnd:
		return ReasonNone
	}
	return ReasonNotAccepted
}
