package node

import (
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// Person is an account as this node shows it.
type Person struct {
	Account   identity.AccountID
	Name      string // local name if one was given, else what they call themselves
	OwnName   string // what they call themselves
	Ambiguous bool   // another known person has a confusable name: show the fingerprint
	Self      bool
}

// ChatKind says what a conversation is between.
type ChatKind uint8

// The kinds of chats.
const (
	ChatDirect ChatKind = iota + 1
	ChatPublic
	ChatRaw
)

// Chat is a conversation as this node shows it.
type Chat struct {
	ID            event.ConversationID
	Ref           string // "#name", "@kith1…" or "raw:topic"
	Kind          ChatKind
	Name          string
	Peer          *Person // of a direct chat
	Unread        uint64
	Mentions      uint64
	Messages      uint64
	Missing       uint64 // events that the authors' chains say exist and that we lack
	Members       int    // seen in a group now, besides us
	Last          *Message
	Joined        bool
	Muted         bool
	MutedUntil    time.Time // of a mute for a time
	MentionsOnly  bool      // of a mute: mentions notify all the same
	Pinned        bool
	RetentionDays uint32
	Draft         string
	ReadUpTo      event.ID
}

// State is how far a message has come.
type State uint8

// The states of a message. Queued is durable here, Sent was given to a peer,
// Delivered is durable on a device of the recipient.
const (
	StateQueued State = iota + 1
	StateSent
	StateDelivered
	StateRead
	StateReceived
	StateRefused
	StateStored
)

// Reaction is one emoji on a message.
type Reaction struct {
	Emoji string
	Count int
	Mine  bool
}

// Message is what a person sees of an event and of those that refer to it.
type Message struct {
	ID         event.ID
	Chat       string // Chat.Ref
	Kind       event.Kind
	From       Person
	Device     identity.DeviceID
	Time       time.Time // effective time, in milliseconds
	Arrived    time.Time
	Position   uint64 // local arrival number
	Text       string
	State      State
	Refused    string // why, where State is StateRefused
	Edited     bool
	Retracted  bool
	ReplyTo    event.ID
	Reactions  []Reaction
	File       *event.File
	Mentions   []identity.AccountID
	MentionsMe bool
	Late       bool
	Quote      *Quote // what it answers, as far as that is here
}

// Quote is the beginning of a message that another answers.
type Quote struct {
	ID   event.ID
	From Person
	Text string // on one line, at most quoteRunes characters
}

// FriendState is where a friendship stands.
type FriendState uint8

// The states of a friendship; FriendNone is a stranger.
const (
	FriendNone FriendState = iota
	FriendYes
	FriendIncoming
	FriendOutgoing
	FriendBlocked
	FriendDeclined
	FriendRemoved
)

// Friend is a person with what is between us.
type Friend struct {
	Person   Person
	State    FriendState
	Note     string
	Verified bool
	Safety   string // 60 digits in groups of five
	Emoji    string // the same as a line of emoji
	Online   bool
	LastSeen time.Time
	Since    time.Time
}

// FoundPerson is somebody met on the LAN or in a shared group.
type FoundPerson struct {
	Person Person
	Where  string // "lan" or "#group"
	Seen   time.Time
	State  FriendState
}

// Member is somebody seen in a group.
type Member struct {
	Person Person
	Device identity.DeviceID
	Online bool
	Seen   time.Time
}

// TransferState is how far the transfer of a file has come.
type TransferState uint8

// The states of a transfer.
const (
	TransferOffered TransferState = iota + 1
	TransferShared
	TransferWaiting
	TransferRunning
	TransferDone
	TransferFailed
	TransferCancelled
)

// Transfer is a file that was offered by or to us.
type Transfer struct {
	ID        event.ID // the offer
	Name      string
	Size      uint64 // bytes
	Chat      string // Chat.Ref
	State     TransferState
	Done      uint64 // verified bytes
	Rate      uint64 // bytes a second, 0 when not running
	Path      string
	Error     string
	From      Person
	Outgoing  bool
	MediaType string
	Fetched   []Fetch // of a file of ours
}

// Peer is a connected libp2p peer.
type Peer struct {
	Device    string // peer ID
	Person    *Person
	Addresses []string
	Agent     string
	LAN       bool
	Relayed   bool
	RTT       time.Duration
	Security  string // "tls", "noise" or "quic", with "+pq" where the key exchange is post-quantum
	Shares    []string
}

// Traffic counts the bytes of one purpose.
type Traffic struct {
	Purpose string
	In, Out uint64
}

// Status is what the node knows of itself.
type Status struct {
	Version, Commit string
	Started         time.Time
	Home            string
	Addresses       []string
	Peers           int
	NAT             string // "unknown", "public" or "private"
	DHT             string // "off", "private" or "public"
	DHTMode         string // "client", "server" or ""
	DHTPeers        int
	MDNS            bool
	Relay           bool
	StoreBytes      uint64
	FreeBytes       uint64
	Storage         string // "ok", "full" or "degraded"
	Queued          int
	Vault           string // "passphrase", "keyring" or "key file"
	Traffic         []Traffic
}

// DeviceInfo is one device of an account.
type DeviceInfo struct {
	Device identity.DeviceID
	Name   string
	Added  time.Time
	This   bool
	Online bool
	Seen   time.Time
}

// Self is who this node is.
type Self struct {
	Account identity.AccountID
	Device  identity.DeviceID
	Name    string
	Invite  string // the invite that stands until it is revoked, with the addresses of now
	Devices []DeviceInfo
}

// InviteInfo is an invite that was made here.
type InviteInfo struct {
	Token   string
	Created time.Time
	Expires time.Time // zero: does not expire
	Revoked bool
}

// Step is one step of a diagnosis.
type Step struct {
	What   string
	OK     bool
	Detail string
}

// News is one thing that happened. Exactly one of the pointers is set, unless
// Reset says that the cursor was too old and everything must be loaded again.
type News struct {
	Cursor     uint64
	Reset      bool
	Fresh      bool // a message's first appearance
	Message    *Message
	Chat       *Chat
	Friend     *Friend
	Transfer   *Transfer
	Presence   *Member
	Storage    *StorageNews
	Typing     *Typing
	Preference *Preference
}

// Typing says that somebody is typing in a chat, or has stopped.
type Typing struct {
	Chat    string // Chat.Ref
	Person  Person
	Stopped bool
}

// StorageNews says that the disk got full, or has room again.
type StorageNews struct{ State, Detail string }

// Page says which part of a history is wanted. Before and After are message
// IDs, possibly shortened, and may be empty.
type Page struct {
	Before, After string
	Since, Until  time.Time
	Limit         int
	Local         bool // do not ask others for what is not here
}

// ChatChange sets what is not nil.
type ChatChange struct {
	Muted, Pinned *bool
	RetentionDays *uint32
	Draft         *string
	MutedUntil    *time.Time // with Muted: until then; zero: for good
	MentionsOnly  *bool
}
