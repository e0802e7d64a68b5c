package timeline

import (
	"bytes"
	"cmp"
	"time"
	"unicode/utf8"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// State is how far a message has come. The fold passes it through.
type State uint8

// The states of a message, in the order in which one follows the other.
const (
	StateUnknown   State = iota
	StateQueued          // durable here
	StateSent            // given to a peer
	StateDelivered       // durable on a device of the recipient
	StateRead            // the recipient's person has seen it
	StateReceived        // somebody else's
	StateRefused         // the recipient does not take it
	StateStored          // kept by a mailbox
)

// Input is a stored event with what this device noted when it came.
type Input struct {
	Event *event.Event
	// Author is the account that the event's certificate was verified for.
	// An input whose author is zero changes nothing and gives no message.
	Author identity.AccountID
	// Effective is where the event stands: see event.Effective.
	Effective event.Time
	Position  uint64    // local arrival number
	Arrived   time.Time // by the local clock
	State     State
	Refused   string // why, where State is StateRefused
	Late      bool   // it came event.LateAfter or more after its date
}

// Message is what a person sees of an event.
type Message struct {
	ID           event.ID
	Conversation event.ConversationID
	Kind         event.Kind
	Author       identity.AccountID
	Device       identity.DeviceID
	Effective    event.Time // with ID: the order of the conversation
	Time         time.Time  // wall-clock part of Effective, in milliseconds
	Text         string     // current text, or the caption of a file
	Edited       bool
	Retracted    bool
	Erased       bool // the body is gone: retracted here, or expired
	ReplyTo      event.ID
	Reactions    []Reaction
	File         *event.File    // nil when there is none or it was retracted
	Foreign      *event.Foreign // of another program's topic, where Author is ourselves
	Mentions     []identity.AccountID
	MentionsMe   bool
	State        State
	Refused      string
	Late         bool
	Position     uint64
	Arrived      time.Time
}

// Reaction is one emoji on a message and who chose it, earliest first.
type Reaction struct {
	Emoji    string
	Accounts []identity.AccountID
}

// Shown reports whether an event of this kind is a message of its own in the
// conversation: texts, file offers, and what another program said. Edits,
// retractions and reactions show on their target; receipts, profiles and steps
// of a friendship show in their own places; unknown kinds are only carried.
func Shown(kind event.Kind) bool {
	switch kind {
	case event.KindText, event.KindFile, event.KindForeign:
		return true
	}
	return false
}

// Unread reports whether an event of this kind by this author counts as unread
// and may notify self. It is what Shown says, save that nobody is told of what
// they said themselves. On another program's topic we sign what we saw, so
// there the author says nothing and every message counts; the caller leaves
// out those that this device published.
func Unread(kind event.Kind, author, self identity.AccountID) bool {
	return Shown(kind) && (kind == event.KindForeign || author != self)
}

// Compare orders messages as they stand in the conversation: by effective
// time, then by ID.
func Compare(a, b Message) int {
	return compare(a.Effective, a.ID, b.Effective, b.ID)
}

func compare(at event.Time, aid event.ID, bt event.Time, bid event.ID) int {
	if c := cmp.Compare(at, bt); c != 0 {
		return c
	}
	return bytes.Compare(aid[:], bid[:])
}

// Fold gives the message that target is once related has been applied, as the
// person self sees it. Related may hold anything in any order; what does not
// concern target is passed over. It returns false when the event is not one
// that is shown, or its body is not what its kind demands.
func Fold(target Input, related []Input, self identity.AccountID) (Message, bool) {
	if target.Event == nil || target.Author.IsZero() {
		return Message{}, false
	}
	h := target.Event.Header()
	if !Shown(h.Kind) {
		return Message{}, false
	}
	m := Message{
		ID: target.Event.ID(), Conversation: h.Conversation, Kind: h.Kind,
		Author: target.Author, Device: h.Device,
		Effective: target.Effective, Time: target.Effective.Wall(),
		State: target.State, Refused: target.Refused, Late: target.Late,
		Position: target.Position, Arrived: target.Arrived,
	}
	if !m.read(target.Event) {
		return Message{}, false
	}
	if h.Kind != event.KindForeign {
		m.apply(related)
	}
	m.MentionsMe = m.Author != self && contains(m.Mentions, self)
	return m, true
}

// read takes over the body; false when it is not valid.
func (m *Message) read(e *event.Event) bool {
	body, err := e.Body()
	if err != nil {
		return false
	}
	switch b := body.(type) {
	case event.Text:
		m.Text, m.ReplyTo, m.Mentions = b.Text, b.ReplyTo, b.Mentions
	case event.File:
		m.Text, m.ReplyTo, m.File = b.Caption, b.ReplyTo, &b
	case event.Foreign:
		m.Foreign = &b
		m.Text = string(bytes.ToValidUTF8(b.Data, []byte(string(utf8.RuneError))))
	case nil:
		m.Erased = true
	}
	return true
}

// apply folds edits, retractions and reactions into the message.
func (m *Message) apply(related []Input) {
	var last Input
	var edit event.Edit
	var reactions reactions
	for _, in := range related {
		if in.Event == nil || in.Author.IsZero() || in.Event.Header().Conversation != m.Conversation {
			continue
		}
		body, err := in.Event.Body()
		if err != nil {
			continue
		}
		switch b := body.(type) {
		case event.Retract:
			m.Retracted = m.Retracted || b.Target == m.ID && in.Author == m.Author
		case event.Edit:
			if b.Target == m.ID && in.Author == m.Author &&
				(last.Event == nil || compare(in.Effective, in.Event.ID(), last.Effective, last.Event.ID()) > 0) {
				last, edit = in, b
			}
		case event.Reaction:
			if b.Target == m.ID {
				reactions.add(in, b)
			}
		}
	}
	switch {
	case m.Retracted:
		m.Text, m.File, m.Mentions, m.ReplyTo, m.Erased = "", nil, nil, event.ID{}, true
	case last.Event != nil && !m.Erased:
		m.Edited, m.Text, m.Mentions = true, edit.Text, edit.Mentions
		if m.File != nil {
			m.File.Caption = edit.Text
		}
	}
	if !m.Retracted {
		m.Reactions = reactions.list()
	}
}

func contains(list []identity.AccountID, a identity.AccountID) bool {
	for _, x := range list {
		if x == a {
			return true
		}
	}
	return false
}
