package event

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event/pb"
)

func decodeGroup(raw []byte) (Body, error) {
	var m pb.Group
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	b := Group{Step: GroupStep(m.GetStep()), Nonce: m.GetNonce(), Proof: m.GetProof()}
	if b.Step < GroupCreate || b.Step > GroupRotate {
		return nil, fmt.Errorf("there is no step %d", b.Step)
	}
	var err error
	if b.After, err = stepsSeen(m.GetAfter()); err != nil {
		return nil, err
	}
	if len(m.GetAccount()) > 0 {
		if b.Account, err = identity.AccountFromBytes(m.GetAccount()); err != nil {
			return nil, err
		}
	}
	if b.Target, err = optionalID(m.GetTarget()); err != nil {
		return nil, err
	}
	if m.Settings != nil {
		if b.Settings, err = settingsFromWire(m.GetSettings()); err != nil {
			return nil, err
		}
	}
	if l := m.GetLink(); l != nil {
		key, err := identity.ParseDeviceKey(l.GetKey())
		if err != nil {
			return nil, fmt.Errorf("the link's key: %w", err)
		}
		if l.GetUses() == 0 || l.GetUses() > MaxGroupUses || l.GetExpiresMs() < 0 {
			return nil, errors.New("the link's uses or expiry are out of range")
		}
		b.Link = &GroupLink{Key: key, Expires: l.GetExpiresMs(), Uses: l.GetUses()}
	}
	if e := m.GetEpoch(); e != nil {
		if e.GetNumber() == 0 || len(e.GetCommitment()) != 32 {
			return nil, errors.New("the epoch has no number or no commitment")
		}
		b.Epoch = &GroupEpoch{Number: e.GetNumber(), Commitment: [32]byte(e.GetCommitment())}
	}
	return b, b.check()
}

func stepsSeen(raw [][]byte) ([]ID, error) {
	if len(raw) > MaxGroupAfter {
		return nil, fmt.Errorf("it names %d steps before it, more than %d", len(raw), MaxGroupAfter)
	}
	var out []ID
	seen := make(map[ID]bool, len(raw))
	for _, r := range raw {
		id, err := requiredID(r)
		if err != nil {
			return nil, err
		}
		if seen[id] {
			return nil, errors.New("it names a step before it twice")
		}
		seen[id] = true
		out = append(out, id)
	}
	return out, nil
}

// check holds what each step must have, and that it has nothing else: a field
// that nobody looks at could be looked at by a later version.
func (b *Group) check() error {
	if (b.Step == GroupCreate) != (len(b.After) == 0) {
		return errors.New("every step but the first names what came before it")
	}
	fits := func(what string, has, must, may bool) error {
		if has == must || has && may {
			return nil
		}
		return fmt.Errorf("the step %s and its %s do not fit", b.Step, what)
	}
	about := b.Step == GroupInvite || b.Step == GroupRemove || b.Step == GroupPromote || b.Step == GroupDemote
	var target bool
	switch b.Step {
	case GroupAccept, GroupDecline, GroupPin, GroupUnpin, GroupUnlink, GroupConsent:
		target = true
	}
	if n := len(b.Nonce); n != 0 && n != groupNonce {
		return errors.New("the nonce has a wrong length")
	}
	if n := len(b.Proof); n != 0 && n != groupProof {
		return errors.New("the proof has a wrong length")
	}
	if b.Step == GroupCreate && (b.Settings == nil || b.Settings.Name == nil) {
		return errors.New("a group needs a name")
	}
	return errors.Join(
		fits("account", !b.Account.IsZero(), about, false),
		fits("target", !b.Target.IsZero(), target, false),
		fits("nonce", len(b.Nonce) > 0, b.Step == GroupCreate, false),
		fits("settings", b.Settings != nil, b.Step == GroupCreate || b.Step == GroupSet, false),
		fits("link", b.Link != nil, b.Step == GroupLinkMade, false),
		fits("proof", len(b.Proof) > 0, false, b.Step == GroupAccept),
		fits("epoch", b.Epoch != nil, b.Step == GroupCreate || b.Step == GroupRotate, b.Step == GroupRemove),
	)
}

func settingsFromWire(m *pb.GroupSettings) (*GroupSettings, error) {
	s := &GroupSettings{
		Name: m.Name, Topic: m.Topic, Picture: m.Picture, Disappear: m.DisappearMs, HistoryForNew: m.HistoryForNew,
	}
	if s.Name != nil {
		if err := checkGroupTitle(*s.Name); err != nil {
			return nil, err
		}
	}
	if s.Topic != nil {
		if err := optional("topic", *s.Topic, MaxGroupTopic); err != nil {
			return nil, err
		}
	}
	if n := len(s.Picture); n > MaxGroupPicture {
		return nil, fmt.Errorf("the picture has %d bytes, more than %d", n, MaxGroupPicture)
	} else if n > 0 {
		switch http.DetectContentType(s.Picture) {
		case "image/jpeg", "image/png", "image/webp":
		default:
			return nil, errors.New("the picture is not a JPEG, PNG or WebP picture")
		}
	}
	if s.Disappear != nil && *s.Disappear > MaxDisappear {
		return nil, errors.New("the time after which messages disappear is out of range")
	}
	return s, nil
}

// checkGroupTitle accepts what identity.CleanName leaves as it is: what a
// person sees is what was signed.
func checkGroupTitle(name string) error {
	switch {
	case len(name) > MaxName || !utf8.ValidString(name) || uniseg.GraphemeClusterCount(name) > MaxGroupName:
		return errors.New("the group's name is too long or not UTF-8")
	case strings.TrimSpace(name) == "" || identity.CleanName(name) != name:
		return errors.New("the group's name is empty or has characters that are not seen")
	}
	return nil
}

func decodeGroupWord(raw []byte) (Body, error) {
	var m pb.GroupWord
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	b := GroupWord{
		Step: GroupWordStep(m.GetStep()), Name: m.GetName(), Topic: m.GetTopic(), Members: m.GetMembers(), Events: m.GetEvents(),
	}
	if b.Step < WordOffer || b.Step > WordKey {
		return nil, fmt.Errorf("there is no step %d", b.Step)
	}
	if len(m.GetGroup()) != 32 || ConversationID(m.GetGroup()).IsZero() {
		return nil, errors.New("it names no group")
	}
	b.Group = ConversationID(m.GetGroup())
	var err error
	if b.Target, err = optionalID(m.GetTarget()); err != nil {
		return nil, err
	}
	if len(b.Events) > MaxGroupEvents {
		return nil, fmt.Errorf("it carries %d events, more than %d", len(b.Events), MaxGroupEvents)
	}
	if k := m.GetKey(); k != nil {
		if len(k.GetCommitment()) != 32 || len(k.GetTopic()) != epochTopicSize || len(k.GetKey()) != epochKeySize ||
			k.GetNumber() == 0 || k.GetDay() < k.GetStart() {
			return nil, errors.New("the key of the epoch has a wrong form")
		}
		b.Key = &EpochKey{
			Number: k.GetNumber(), Commitment: [32]byte(k.GetCommitment()), Start: k.GetStart(), Day: k.GetDay(),
			Topic: [epochTopicSize]byte(k.GetTopic()), Key: [epochKeySize]byte(k.GetKey()),
		}
	}
	switch {
	case b.Key != nil && b.Step != WordKey:
		return nil, errors.New("a key came with a word that has none")
	case b.Step == WordOffer:
		if b.Target.IsZero() {
			return nil, errNoTarget
		}
		if err := checkGroupTitle(b.Name); err != nil {
			return nil, err
		}
	case b.Name != "" || b.Topic != "":
		return nil, errors.New("only an offer tells the group's name")
	}
	return b, optional("topic", b.Topic, MaxGroupTopic)
}
