package event

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event/pb"
)

// Kind says what an event does. Numbers are never used again for something
// else. Kinds below 64 are shown in or act on the conversation they stand in.
type Kind uint32

// The kinds that this version understands.
const (
	KindText     Kind = 1
	KindEdit     Kind = 2
	KindRetract  Kind = 3
	KindReaction Kind = 4
	KindFile     Kind = 5
	KindReceipt  Kind = 6
	KindProfile  Kind = 7
	KindContact  Kind = 8

	KindGroup     Kind = 16 // a step of a private group
	KindGroupWord Kind = 17 // what two people say about a group

	KindSetting Kind = 32 // among an account's own devices
	KindForeign Kind = 64 // local: never carried, refused from peers
)

// String returns the name that the API and the export use.
func (k Kind) String() string {
	switch k {
	case KindText:
		return "text"
	case KindEdit:
		return "edit"
	case KindRetract:
		return "retract"
	case KindReaction:
		return "reaction"
	case KindFile:
		return "file"
	case KindReceipt:
		return "receipt"
	case KindProfile:
		return "profile"
	case KindContact:
		return "contact"
	case KindGroup:
		return "group"
	case KindGroupWord:
		return "group-word"
	case KindSetting:
		return "setting"
	case KindForeign:
		return "foreign"
	}
	return fmt.Sprintf("kind-%d", uint32(k))
}

// ErrBody says that a body is not what its kind demands.
var ErrBody = errors.New("not a valid event body")

// Body is the content of an event: one of the types of this file.
type Body interface {
	// Kind says which type it is.
	Kind() Kind
	encode() ([]byte, error)
}

// Text is a message that a person wrote.
type Text struct {
	Text     string
	ReplyTo  ID // zero for none
	Mentions []identity.AccountID
}

// Edit replaces the text of an earlier text or caption of the same account.
type Edit struct {
	Target   ID
	Text     string
	Mentions []identity.AccountID
}

// Retract takes back an earlier event of the same account.
type Retract struct{ Target ID }

// Reaction sets, or with Removed takes away, one emoji of one account.
type Reaction struct {
	Target  ID
	Emoji   string
	Removed bool
}

// Preview is a small picture of an offered file.
type Preview struct {
	MediaType     string // image/jpeg, image/png or image/webp
	Width, Height uint32 // pixels of the preview
	Data          []byte
}

// File offers content, which is fetched by its root.
type File struct {
	Name      string // as the sender calls it; never a path to write to
	Size      uint64 // bytes
	MediaType string
	Root      [32]byte // BLAKE3 of the content
	Caption   string
	ReplyTo   ID
	Preview   *Preview
	Duration  uint32 // milliseconds, of voice and video
	Waveform  []byte // amplitudes of a voice message, one byte each
}

// Receipt says that the author has read everything up to an event.
type Receipt struct{ ReadUpTo ID }

// Profile says how the author's account wishes to be called.
type Profile struct{ Name string }

// ContactStep is a step of a friendship.
type ContactStep uint32

// The steps of a friendship.
const (
	ContactRequest ContactStep = 1 // may we be friends?
	ContactAccept  ContactStep = 2 // yes
	ContactDecline ContactStep = 3 // no
	ContactEnd     ContactStep = 4 // no longer
	ContactSecret  ContactStep = 5 // my discovery secret has changed
)

// Contact is a step of the friendship between the two accounts of a direct
// conversation.
type Contact struct {
	Step            ContactStep
	Name            string
	Note            string
	DiscoverySecret []byte   // 32 bytes, or none
	Addresses       [][]byte // multiaddrs in binary form, hints only
	InviteToken     []byte   // 16 bytes of the invite that was used, or none
}

// Foreign is a message of another program's topic as this device saw it.
type Foreign struct {
	Peer  []byte // libp2p peer ID in binary form
	Topic string
	Data  []byte
	Seqno []byte
}

// Kind returns KindText.
func (Text) Kind() Kind { return KindText }

// Kind returns KindEdit.
func (Edit) Kind() Kind { return KindEdit }

// Kind returns KindRetract.
func (Retract) Kind() Kind { return KindRetract }

// Kind returns KindReaction.
func (Reaction) Kind() Kind { return KindReaction }

// Kind returns KindFile.
func (File) Kind() Kind { return KindFile }

// Kind returns KindReceipt.
func (Receipt) Kind() Kind { return KindReceipt }

// Kind returns KindProfile.
func (Profile) Kind() Kind { return KindProfile }

// Kind returns KindContact.
func (Contact) Kind() Kind { return KindContact }

// Kind returns KindForeign.
func (Foreign) Kind() Kind { return KindForeign }

func (b Text) encode() ([]byte, error) {
	return proto.Marshal(&pb.Text{Text: b.Text, ReplyTo: b.ReplyTo.optional(), Mentions: accountsToWire(b.Mentions)})
}

func (b Edit) encode() ([]byte, error) {
	return proto.Marshal(&pb.Edit{Target: b.Target.optional(), Text: b.Text, Mentions: accountsToWire(b.Mentions)})
}

func (b Retract) encode() ([]byte, error) {
	return proto.Marshal(&pb.Retract{Target: b.Target.optional()})
}

func (b Reaction) encode() ([]byte, error) {
	return proto.Marshal(&pb.Reaction{Target: b.Target.optional(), Emoji: b.Emoji, Removed: b.Removed})
}

func (b File) encode() ([]byte, error) {
	m := &pb.FileOffer{
		Name: b.Name, Size: b.Size, MediaType: b.MediaType, Root: b.Root[:], Caption: b.Caption,
		ReplyTo: b.ReplyTo.optional(), DurationMs: b.Duration, Waveform: b.Waveform,
	}
	if p := b.Preview; p != nil {
		m.Preview = &pb.Preview{MediaType: p.MediaType, Width: p.Width, Height: p.Height, Data: p.Data}
	}
	return proto.Marshal(m)
}

func (b Receipt) encode() ([]byte, error) {
	return proto.Marshal(&pb.Receipt{ReadUpTo: b.ReadUpTo.optional()})
}

func (b Profile) encode() ([]byte, error) { return proto.Marshal(&pb.Profile{Name: b.Name}) }

func (b Contact) encode() ([]byte, error) {
	return proto.Marshal(&pb.Contact{
		Step: pb.Contact_Step(b.Step), Name: b.Name, Note: b.Note,
		DiscoverySecret: b.DiscoverySecret, Addresses: b.Addresses, InviteToken: b.InviteToken,
	})
}

func (b Foreign) encode() ([]byte, error) {
	return proto.Marshal(&pb.Foreign{Peer: b.Peer, Topic: b.Topic, Data: b.Data, Seqno: b.Seqno})
}

// ParseBody reads a body of a known kind and checks every bound. Unknown kinds
// give (nil, nil): they are kept and carried, not shown.
func ParseBody(kind Kind, raw []byte) (Body, error) {
	decode, known := decoders[kind]
	if !known {
		return nil, nil
	}
	if len(raw) > MaxEvent {
		return nil, fmt.Errorf("%w: %s: %w", ErrBody, kind, ErrTooLarge)
	}
	b, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrBody, kind, err)
	}
	return b, nil
}

func accountsToWire(ids []identity.AccountID) [][]byte {
	out := make([][]byte, len(ids))
	for i := range ids {
		out[i] = ids[i][:]
	}
	return out
}

// text checks a required text, optional a text that may be empty.
func text(what, s string, limit int) error {
	if strings.TrimSpace(s) == "" {
		return fmt.Errorf("the %s is empty", what)
	}
	return optional(what, s, limit)
}

func optional(what, s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("the %s has %d bytes, more than %d", what, len(s), limit)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("the %s is not UTF-8", what)
	}
	return nil
}
