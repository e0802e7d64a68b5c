package courier

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// ErrRefused is what a Log wraps when an event can never be stored, however
// often it comes. Any other error is taken to pass.
var ErrRefused = errors.New("the event cannot be stored")

// Arrival is an event that came, verified and judged.
type Arrival struct {
	Event *event.Event
	// From is the account on the other side; it is the event's author.
	From identity.AccountID
	// Deferred says that the event is dated too far ahead to be shown now. It
	// is to be kept aside until it is due.
	Deferred bool
}

// Log is where events come to rest.
type Log interface {
	// PutIncoming makes the arrivals durable, in order, and returns only then.
	// One that is there already is no error. With any error nothing is
	// acknowledged and everything comes again; one that wraps ErrRefused
	// makes the courier put the arrivals one by one and refuse the culprit.
	PutIncoming(ctx context.Context, arrivals []Arrival) error
	// PutReadBy notes durably that reader has read everything up to an event.
	// It is called again with the same after a crash.
	PutReadBy(ctx context.Context, chat event.ConversationID, reader identity.AccountID, upTo event.ID) error
}

// Queued is a row of an outbox.
type Queued struct {
	ID       event.ID
	Position uint64 // rising within one recipient's outbox, from 1
	Bytes    []byte // the event as it travels; not changed by the courier
}

// Answer is what a recipient has decided about an event: durable there if
// Refused is ReasonNone.
type Answer struct {
	ID      event.ID
	Refused Reason
}

// Outbox holds what is to be delivered, for each recipient in order.
type Outbox interface {
	// Recipients returns who has something waiting.
	Recipients(ctx context.Context) ([]identity.AccountID, error)
	// Queued returns rows with a position above after, in order: at most limit
	// of them, and no more once they have reached bytes in all. A row becomes
	// visible no later than any row with a higher position.
	Queued(ctx context.Context, to identity.AccountID, after uint64, limit, bytes int) ([]Queued, error)
	// Answered takes the rows away and notes the result on the events, durably.
	// An answer for a row that is not there changes nothing.
	Answered(ctx context.Context, to identity.AccountID, answers []Answer) error
	// Count returns how many rows wait for a recipient.
	Count(ctx context.Context, to identity.AccountID) (int, error)
}

// Composer makes an event of our own in the direct conversation with to and
// puts it into the outbox, durably.
type Composer interface {
	Compose(ctx context.Context, to identity.AccountID, body event.Body) (event.ID, error)
}

// Contact is what is known of an account, as far as the courier is concerned.
type Contact struct {
	Account identity.AccountID
	State   State
	Name    string // what they call themselves; not cleaned
	Note    string // theirs while Incoming, ours while Outgoing
	// DiscoverySecret and Addresses are how to find them.
	DiscoverySecret []byte
	Addresses       [][]byte
	RequestEvent    []byte // their request as it came, while Incoming
	InviteToken     []byte // of the invite of theirs that we use, while Outgoing
	ByInvite        bool   // their request carried a valid invite of ours
	Attempts        uint32 // requests taken from them since we were last friends
	Since           time.Time
	Memo            []byte // the courier's own; kept as it is, at most 128 bytes
}

// Contacts is where contacts rest. Of those in state Incoming it keeps at most
// MaxPending: when one more comes, the oldest is forgotten whole.
type Contacts interface {
	// Contact returns the contact, or one in state None if nothing is known.
	Contact(ctx context.Context, a identity.AccountID) (Contact, error)
	// Contacts returns all of them.
	Contacts(ctx context.Context) ([]Contact, error)
	// Update changes a contact in one durable step; calls for one account do
	// not overlap. When change returns an error nothing is changed and that
	// error comes back. Change must be quick and must not call back.
	Update(ctx context.Context, a identity.AccountID, change func(*Contact) error) (Contact, error)
}

// Card is what we tell those who may find us.
type Card struct {
	Name            string
	DiscoverySecret []byte   // 32 bytes
	Addresses       [][]byte // multiaddrs in binary form, the best first
}

// Self is our own side.
type Self interface {
	// Card returns what we tell friends.
	Card(ctx context.Context) (Card, error)
	// NewSecret replaces the discovery secret, durably.
	NewSecret(ctx context.Context) error
	// DeviceList returns our signed device list, or nil.
	DeviceList(ctx context.Context) []byte
	// InviteValid reports whether the token is that of an invite of ours that
	// is neither revoked nor expired.
	InviteValid(ctx context.Context, token []byte) bool
}

// Devices knows which devices are in force.
type Devices interface {
	// Revoked reports whether the account has taken the device off its list.
	Revoked(ctx context.Context, a identity.AccountID, d identity.DeviceID) bool
	// TakeList considers a device list that a friend, or somebody we have
	// asked, has sent; it is not verified yet.
	TakeList(ctx context.Context, a identity.AccountID, list []byte)
}

// Finder finds people.
type Finder interface {
	// Reach returns a connected device of the account, connecting if need be,
	// over a relay if there is no other way. It returns when ctx ends.
	Reach(ctx context.Context, a identity.AccountID) (peer.ID, error)
	// MayKnow reports whether a peer that speaks for a, who is no friend, may
	// learn who we are: it knows already, is near, or holds the secret. It may
	// wait, within ctx, for an exchange that is under way to say so.
	MayKnow(ctx context.Context, p peer.ID, a identity.AccountID) bool
}
