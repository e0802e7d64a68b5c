package event

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event/pb"
)

// decoders holds one strict decoder for each kind that ParseBody knows.
var decoders = map[Kind]func([]byte) (Body, error){
	KindText:     decodeText,
	KindEdit:     decodeEdit,
	KindRetract:  decodeRetract,
	KindReaction: decodeReaction,
	KindFile:     decodeFile,
	KindReceipt:  decodeReceipt,
	KindProfile:  decodeProfile,
	KindContact:  decodeContact,

	KindGroup:     decodeGroup,
	KindGroupWord: decodeGroupWord,

	KindSetting: decodeSetting,
	KindForeign: decodeForeign,
}

var errNoTarget = errors.New("it names no target")

func decodeText(raw []byte) (Body, error) {
	var m pb.Text
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	b := Text{Text: m.GetText()}
	var err error
	if b.ReplyTo, err = optionalID(m.GetReplyTo()); err != nil {
		return nil, err
	}
	if b.Mentions, err = accountsFromWire(m.GetMentions()); err != nil {
		return nil, err
	}
	return b, text("text", b.Text, MaxText)
}

func decodeEdit(raw []byte) (Body, error) {
	var m pb.Edit
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	b := Edit{Text: m.GetText()}
	var err error
	if b.Target, err = requiredID(m.GetTarget()); err != nil {
		return nil, err
	}
	if b.Mentions, err = accountsFromWire(m.GetMentions()); err != nil {
		return nil, err
	}
	return b, text("text", b.Text, MaxText)
}

func decodeRetract(raw []byte) (Body, error) {
	var m pb.Retract
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	id, err := requiredID(m.GetTarget())
	return Retract{Target: id}, err
}

func decodeReaction(raw []byte) (Body, error) {
	var m pb.Reaction
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	id, err := requiredID(m.GetTarget())
	if err != nil {
		return nil, err
	}
	return Reaction{Target: id, Emoji: m.GetEmoji(), Removed: m.GetRemoved()}, text("reaction", m.GetEmoji(), MaxEmoji)
}

func decodeFile(raw []byte) (Body, error) {
	var m pb.FileOffer
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	b := File{
		Name: m.GetName(), Size: m.GetSize(), MediaType: m.GetMediaType(), Caption: m.GetCaption(),
		Duration: m.GetDurationMs(), Waveform: m.GetWaveform(),
	}
	if copy(b.Root[:], m.GetRoot()) != 32 || len(m.GetRoot()) != 32 {
		return nil, errors.New("the root has not 32 bytes")
	}
	var err error
	if b.ReplyTo, err = optionalID(m.GetReplyTo()); err != nil {
		return nil, err
	}
	if p := m.GetPreview(); p != nil {
		b.Preview = &Preview{MediaType: p.GetMediaType(), Width: p.GetWidth(), Height: p.GetHeight(), Data: p.GetData()}
		if len(p.GetData()) > MaxPreview || p.GetWidth() > 4096 || p.GetHeight() > 4096 {
			return nil, errors.New("the preview is too large")
		}
		switch p.GetMediaType() {
		case "image/jpeg", "image/png", "image/webp":
		default:
			return nil, errors.New("the preview is not a JPEG, PNG or WebP picture")
		}
	}
	if b.Size > MaxFileSize {
		return nil, fmt.Errorf("the file has %d bytes, more than %d", b.Size, uint64(MaxFileSize))
	}
	if len(b.Waveform) > MaxWaveform {
		return nil, errors.New("the waveform is too long")
	}
	return b, errors.Join(
		text("file name", b.Name, MaxFileName),
		optional("media type", b.MediaType, MaxMediaType),
		optional("caption", b.Caption, MaxText),
	)
}

func decodeReceipt(raw []byte) (Body, error) {
	var m pb.Receipt
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	id, err := requiredID(m.GetReadUpTo())
	return Receipt{ReadUpTo: id}, err
}

func decodeProfile(raw []byte) (Body, error) {
	var m pb.Profile
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	return Profile{Name: m.GetName()}, text("name", m.GetName(), MaxName)
}

func decodeContact(raw []byte) (Body, error) {
	var m pb.Contact
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	b := Contact{
		Step: ContactStep(m.GetStep()), Name: m.GetName(), Note: m.GetNote(),
		DiscoverySecret: m.GetDiscoverySecret(), Addresses: m.GetAddresses(), InviteToken: m.GetInviteToken(),
	}
	if b.Step < ContactRequest || b.Step > ContactSecret {
		return nil, fmt.Errorf("there is no step %d", b.Step)
	}
	if n := len(b.DiscoverySecret); n != 0 && n != identity.SecretSize {
		return nil, errors.New("the discovery secret has a wrong length")
	}
	if n := len(b.InviteToken); n != 0 && n != identity.TokenSize {
		return nil, errors.New("the invite token has a wrong length")
	}
	if len(b.Addresses) > MaxAddresses {
		return nil, errors.New("it has too many addresses")
	}
	for _, a := range b.Addresses {
		if len(a) > MaxAddressBytes {
			return nil, errors.New("an address is too long")
		}
	}
	return b, errors.Join(optional("name", b.Name, MaxName), optional("note", b.Note, MaxNote))
}

func decodeForeign(raw []byte) (Body, error) {
	var m pb.Foreign
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	return Foreign{Peer: m.GetPeer(), Topic: m.GetTopic(), Data: m.GetData(), Seqno: m.GetSeqno()},
		optional("topic", m.GetTopic(), MaxHeader)
}

func optionalID(raw []byte) (ID, error) {
	if len(raw) == 0 {
		return ID{}, nil
	}
	return requiredID(raw)
}

func requiredID(raw []byte) (ID, error) {
	if len(raw) != len(ID{}) || ID(raw).IsZero() {
		return ID{}, errNoTarget
	}
	return ID(raw), nil
}

func accountsFromWire(raw [][]byte) ([]identity.AccountID, error) {
	if len(raw) > MaxMentions {
		return nil, fmt.Errorf("it mentions %d people, more than %d", len(raw), MaxMentions)
	}
	var out []identity.AccountID
	for _, r := range raw {
		a, err := identity.AccountFromBytes(r)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}
