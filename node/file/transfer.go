package file

import (
	"context"
	"log/slog"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// State is how far a transfer has come. The numbers rest in the store.
//
//	Offered → Waiting ⇄ Running → Done
//	             ↓         ↓
//	     Cancelled, Failed: until it is wanted again
//
// Shared is a file of this device; it ends as Cancelled.
type State uint8

// The states of a transfer.
const (
	StateOffered   State = 1 // by somebody, and not asked for
	StateShared    State = 2 // by this device
	StateWaiting   State = 3 // wanted; Error says what is missing, if anything
	StateRunning   State = 4
	StateDone      State = 5 // whole, verified and at Path
	StateFailed    State = 6 // Error says why
	StateCancelled State = 7
)

// String returns the name that the API uses.
func (s State) String() string {
	names := [...]string{"", "offered", "shared", "waiting", "running", "done", "failed", "cancelled"}
	if int(s) < len(names) {
		return names[s]
	}
	return ""
}

// Transfer is what this device knows of one offer: all that must last.
type Transfer struct {
	Offer     event.ID // the event that offers the file
	Chat      event.ConversationID
	From      identity.AccountID // who offers it
	Name      string             // cleaned: safe as a file name
	Size      uint64             // bytes, as offered
	Root      Root
	MediaType string
	Path      string // absolute: where it is, or where it will be
	Outgoing  bool   // this device offers it
	State     State
	Done      uint64 // bytes that are here and verified
	Want      bool   // goes on by itself, after a restart too
	Error     string // in words, of Waiting and Failed
}

// Incoming makes the transfer of somebody's offer, with the name cleaned.
func Incoming(offer event.ID, chat event.ConversationID, from identity.AccountID, body event.File) Transfer {
	return Transfer{
		Offer: offer, Chat: chat, From: from, Name: CleanName(body.Name), Size: body.Size,
		Root: body.Root, MediaType: body.MediaType, State: StateOffered,
	}
}

// Progress is a transfer with how fast it goes.
type Progress struct {
	Transfer
	Rate uint64 // bytes a second, 0 when it does not run
}

// Store keeps transfers.
type Store interface {
	// PutTransfer makes the transfer durable under its Offer.
	PutTransfer(ctx context.Context, t Transfer) error
	// Transfer returns a transfer; false if there is none.
	Transfer(ctx context.Context, offer event.ID) (Transfer, bool, error)
	// Transfers returns all, in any order.
	Transfers(ctx context.Context) ([]Transfer, error)
}

// Members says who is in a conversation.
type Members interface {
	// Member reports whether the peer is a device in force of a member. It is
	// asked every two seconds of a transfer and must not block.
	Member(ctx context.Context, p peer.ID, chat event.ConversationID) bool
}

// Sources says where a file may be.
type Sources interface {
	// Peers returns devices that may have the file and can be reached now,
	// the likeliest first: those of the account that offers it, then other
	// members' of the conversation.
	Peers(ctx context.Context, t Transfer) []peer.ID
}

// Config is what a Manager works with. All but Accept, Report, Served, Box and Log is
// required.
type Config struct {
	Host host.Host
	// Dir is a folder of the profile for the hashes of files; it is made.
	Dir string
	// Downloads is where files go that are wanted without a place; it is
	// made when it is needed.
	Downloads string
	Store     Store
	Members   Members
	Sources   Sources
	// Accept says whether an incoming offer is fetched without being asked
	// for; nil: never.
	Accept func(Transfer) bool
	// Report is told of every change of state, and up to ten times a second
	// of a running transfer's progress. It must not block or call back.
	Report func(Progress)
	// Served is told how much of a file of this device a peer was given, in
	// bytes, up to ten times a second and when it has all; nil: nobody is.
	Served func(ctx context.Context, t Transfer, p peer.ID, done uint64)
	// Box seals the attachments that rest in the profile; nil: every file is
	// saved where Downloads says.
	Box Sealer
	// Log gets no names and no paths; nil: nothing is logged.
	Log *slog.Logger
}
