package event

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event/pb"
)

// The limits of private groups.
const (
	MaxGroupAfter   = 64       // steps that a step says it has seen
	MaxGroupTopic   = 512      // bytes of UTF-8 of a group's line about itself
	MaxGroupPicture = 32 << 10 // bytes of a group's picture
	MaxGroupEvents  = 128      // events that come along with a word about a group
	MaxGroupUses    = 1 << 16  // uses of a link
	// MaxDisappear is the longest time after which messages disappear, in
	// milliseconds: ten years.
	MaxDisappear = 10 * 366 * 24 * 60 * 60 * 1000

	groupNonce     = 32
	groupProof     = 64
	epochTopicSize = 20
	epochKeySize   = 32
)

// GroupStep says what a Group event does.
type GroupStep uint32

// The steps of a private group. Who may take which one is decided by
// pubsub/roster.
const (
	GroupCreate   GroupStep = 1  // makes the group: Nonce, Settings, Epoch
	GroupInvite   GroupStep = 2  // Account may join
	GroupAccept   GroupStep = 3  // the author joins: Target is the invite or the link, Proof with a link
	GroupDecline  GroupStep = 4  // the author does not: Target is the invite
	GroupRemove   GroupStep = 5  // Account is out, or no longer invited; Epoch
	GroupPromote  GroupStep = 6  // Account becomes an admin
	GroupDemote   GroupStep = 7  // Account becomes a plain member
	GroupLeave    GroupStep = 8  // the author leaves
	GroupSet      GroupStep = 9  // Settings
	GroupPin      GroupStep = 10 // Target is a message
	GroupUnpin    GroupStep = 11 // Target is a message
	GroupLinkMade GroupStep = 12 // Link may be used to join
	GroupUnlink   GroupStep = 13 // Target is a link that may no longer be used
	GroupTakeover GroupStep = 14 // the author asks to stand in for an owner who is lost
	GroupConsent  GroupStep = 15 // the author agrees: Target is the takeover
	GroupRotate   GroupStep = 16 // a new Epoch
)

// String returns the step's name.
func (s GroupStep) String() string {
	names := [...]string{
		"none", "create", "invite", "accept", "decline", "remove", "promote", "demote", "leave", "settings",
		"pin", "unpin", "link", "unlink", "takeover", "consent", "rotate",
	}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("step-%d", uint32(s))
}

// GroupSettings is what a step sets. What is nil stays as it is.
type GroupSettings struct {
	Name          *string
	Topic         *string // the group's line about itself
	Picture       []byte  // JPEG, PNG or WebP; empty and not nil takes it away
	Disappear     *uint64 // milliseconds after which messages disappear, 0 for never
	HistoryForNew *bool   // newcomers get the whole history
}

// GroupLink is an invitation for whoever holds the private half of Key.
type GroupLink struct {
	Key     [32]byte // Ed25519
	Expires int64    // milliseconds since 1970, 0 for never
	Uses    uint32   // how many may join by it, at least 1
}

// GroupEpoch announces the key of an epoch: see identity/epoch.
type GroupEpoch struct {
	Number     uint64 // from 1
	Commitment [32]byte
}

// Group is a step of a private group's membership or settings. The steps form
// a graph of their own, by After: which steps the author had seen.
type Group struct {
	Step     GroupStep
	After    []ID // none for GroupCreate, else 1 to MaxGroupAfter
	Account  identity.AccountID
	Target   ID
	Nonce    []byte // 32 random bytes
	Settings *GroupSettings
	Link     *GroupLink
	Proof    []byte // signature of the link's key: see ProveLink
	Epoch    *GroupEpoch
}

// Kind returns KindGroup.
func (Group) Kind() Kind { return KindGroup }

// Private returns the conversation of the private group that an account makes
// with a step. The ID covers the account and the step's content, so that
// nobody else can be its owner.
func Private(creator identity.AccountID, create Group) (ConversationID, error) {
	raw, err := create.encode()
	if err != nil {
		return ConversationID{}, fmt.Errorf("encoding the group: %w", err)
	}
	if _, err := decodeGroup(raw); err != nil {
		return ConversationID{}, fmt.Errorf("%w: %w", ErrBody, err)
	}
	sum := sha256.Sum256(raw)
	return identity.DomainPrivate.Sum(creator[:], sum[:]), nil
}

// Creates reports whether a header is that of the event that made its
// conversation, a private group.
func (h *Header) Creates() bool {
	return h.Kind == KindGroup && h.Conversation == identity.DomainPrivate.Sum(h.Account[:], h.BodyHash[:])
}

// LinkStatement returns what the key of a group's link signs for an account
// that joins by it, under identity.DomainGroupLink.
func LinkStatement(group ConversationID, joining identity.AccountID) []byte {
	return slices.Concat(group[:], joining[:])
}

func (b Group) encode() ([]byte, error) {
	m := &pb.Group{
		Step: pb.Group_Step(b.Step), Target: b.Target.optional(), Nonce: b.Nonce, Proof: b.Proof,
	}
	for i := range b.After {
		m.After = append(m.After, b.After[i][:])
	}
	if !b.Account.IsZero() {
		m.Account = b.Account[:]
	}
	if s := b.Settings; s != nil {
		m.Settings = &pb.GroupSettings{Name: s.Name, Topic: s.Topic, Picture: s.Picture, DisappearMs: s.Disappear, HistoryForNew: s.HistoryForNew}
	}
	if l := b.Link; l != nil {
		m.Link = &pb.GroupLink{Key: l.Key[:], ExpiresMs: l.Expires, Uses: l.Uses}
	}
	if e := b.Epoch; e != nil {
		m.Epoch = &pb.GroupEpoch{Number: e.Number, Commitment: e.Commitment[:]}
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// GroupWordStep says what a GroupWord is about.
type GroupWordStep uint32

// The words about a group.
const (
	WordOffer   GroupWordStep = 1 // you are invited: Name, Topic, Members, Target is the invite
	WordAccept  GroupWordStep = 2 // I join: Events holds the step, Target the invite
	WordDecline GroupWordStep = 3 // I do not: Events holds the step, Target the invite
	WordRemoved GroupWordStep = 4 // you are no member any more: Events holds the step
	WordKey     GroupWordStep = 5 // the key of an epoch, and steps of the group
)

// EpochKey is the key of an epoch from a day on, as it travels between two
// members: see identity/epoch.
type EpochKey struct {
	Number     uint64
	Commitment [32]byte
	Start, Day uint32 // days since 1970
	Topic      [epochTopicSize]byte
	Key        [epochKeySize]byte
}

// String keeps the key out of formatted text.
func (k EpochKey) String() string { return fmt.Sprintf("(key of epoch %d)", k.Number) }

// Format writes String whatever the verb.
func (k EpochKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// GroupWord is what two people say to each other, in their direct
// conversation, about a private group.
type GroupWord struct {
	Step    GroupWordStep
	Group   ConversationID
	Name    string
	Topic   string
	Members uint32
	Target  ID
	Events  [][]byte // encoded events of the group
	Key     *EpochKey
}

// Kind returns KindGroupWord.
func (GroupWord) Kind() Kind { return KindGroupWord }

func (b GroupWord) encode() ([]byte, error) {
	m := &pb.GroupWord{
		Step: pb.GroupWord_Step(b.Step), Group: b.Group[:], Name: b.Name, Topic: b.Topic, Members: b.Members,
		Target: b.Target.optional(), Events: b.Events,
	}
	if k := b.Key; k != nil {
		m.Key = &pb.EpochKey{
			Number: k.Number, Commitment: k.Commitment[:], Start: k.Start, Day: k.Day, Topic: k.Topic[:], Key: k.Key[:],
		}
	}
	return proto.Marshal(m)
}
