package store

import (
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// ChatKind says what a conversation is between.
type ChatKind uint8

// The kinds of chats.
const (
	Direct  ChatKind = 1
	Public  ChatKind = 2
	Raw     ChatKind = 3
	Private ChatKind = 4
	Self    ChatKind = 5
)

// Chat is a conversation. PutChat sets the first part; the second is kept by
// the store as events come and are read.
type Chat struct {
	ID            event.ConversationID
	Kind          ChatKind
	Name          string             // of a group or topic
	Peer          identity.AccountID // of a direct chat
	Joined        bool
	Muted         bool
	Pinned        bool
	RetentionDays uint32 // 0: for ever
	Draft         string
	Created       time.Time

	Events       uint64 // all kinds
	Shown        uint64 // those that stand in the chat for themselves
	Unread       uint64
	Mentions     uint64   // unread ones that mention us
	Last         event.ID // the last shown event in order
	LastTime     time.Time
	LastArrival  time.Time
	ReadPosition uint64
	ReadUpTo     event.ID
}

// State is how far an event has come.
type State uint8

// The states of an event. Received is somebody else's.
const (
	Queued    State = 1
	Sent      State = 2
	Delivered State = 3
	Read      State = 4
	Received  State = 5
	Refused   State = 6
	Stored    State = 7
)

// Entry is an event with what the store knows of it.
type Entry struct {
	Event     *event.Event
	Effective event.Time
	Position  uint64 // local arrival number; unique and rising
	Arrived   time.Time
	State     State
	Late      bool   // it arrived a day or more after its date
	Related   bool   // something refers to it: see Store.Related
	Refused   string // why, in state Refused
}

// Slot is the place of the next event of our own in a chat: what its header
// must say.
type Slot struct {
	Sequence uint64
	Previous event.ID
	Parents  []event.ID
	Time     event.Time
}

// Outgoing is an event of our own that is to be made and stored. To names who
// must acknowledge it; ToGroup that it waits to be published in its group;
// with neither it stays here.
type Outgoing struct {
	Chat    event.ConversationID
	To      []identity.AccountID
	ToGroup bool
	// Foreign says that the event keeps what somebody else said: it is unread.
	Foreign bool
	// Sign makes the event for its place. It runs inside the writer: it must
	// be quick and must not call the store.
	Sign func(Slot) (*event.Event, error)
}

// Result says what became of an incoming event.
type Result uint8

// The results of PutIncoming. All but Taken change nothing that is shown.
const (
	Taken     Result = iota + 1 // new and durable
	Duplicate                   // it was there already
	Deferred                    // dated too far ahead: kept aside until due
	Pruned                      // older than what the chat still keeps
	Overflow                    // dated too far ahead, and there is no room to keep it
)

// Outcome is what became of one incoming event. Entry is set when it was Taken
// or a Duplicate.
type Outcome struct {
	Entry  Entry
	Result Result
	Forked bool // the device has said something else with the same number
}

// Ack is a recipient's answer for one event: durable there, or refused.
type Ack struct {
	ID      event.ID
	Refused string // why; empty for an acknowledgement
}

// QueuedEvent is a row of an outbox.
type QueuedEvent struct {
	ID       event.ID
	Position uint64
	Bytes    []byte // the event as it travels
}

// ContactState is where a friendship stands.
type ContactState uint8

// The states of a contact. None is somebody whose name is known.
const (
	NoContact ContactState = iota
	Friend
	Incoming
	Requested
	Blocked
	Declined
	Removed
)

// Contact is an account that is known.
type Contact struct {
	Account         identity.AccountID
	Name            string // what they call themselves
	LocalName       string
	Note            string
	State           ContactState
	Verified        bool
	DiscoverySecret []byte // sealed once more at rest
	Addresses       [][]byte
	DeviceList      []byte
	Devices         []identity.DeviceID
	Since           time.Time
	LastSeen        time.Time
	RequestEvent    []byte
	InviteToken     []byte
	Attempts        uint32 // requests taken from them since they were declined
	ByInvite        bool   // their request carried a valid invite of ours
	Memo            []byte // the courier's own; kept as it is
}

// Transfer is a file that was offered by or to us.
type Transfer struct {
	Offer     event.ID
	Chat      event.ConversationID
	Name      string
	Size      uint64
	Root      [32]byte
	Path      string // of the source, or of the finished file
	Target    string // where it was asked to go
	Outgoing  bool
	State     uint8
	Done      uint64
	Want      bool
	Error     string
	MediaType string
	From      identity.AccountID
	Updated   time.Time
}

// What says what kind of thing changed.
type What uint8

// The kinds of changes.
const (
	ChangedEvent    What = 1 // Chat and ID: an event is new (Fresh) or has changed
	ChangedChat     What = 2 // Chat
	ChangedContact  What = 3 // Account
	ChangedTransfer What = 4 // ID
	ChangedErased   What = 5 // Chat: its history was erased
)

// Change is one durable change.
type Change struct {
	Number  uint64
	What    What
	Fresh   bool
	Chat    event.ConversationID
	ID      event.ID
	Account identity.AccountID
}
