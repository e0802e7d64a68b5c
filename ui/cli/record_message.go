package cli

import (
	"slices"
	"strings"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// shortID is how much of a message ID is shown in text; the API takes any
// unambiguous beginning.
const shortID = 8

// hang is how far the lines of a message after the first are indented.
const hang = 6

// news is what an object of "listen" has besides its own fields.
type news struct {
	Event  string `json:"event,omitempty"`
	Cursor uint64 `json:"cursor,omitempty"`
}

// author is who wrote a message.
type author struct {
	Account     string `json:"account"`
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Ambiguous   bool   `json:"ambiguous,omitempty"`
	Self        bool   `json:"self,omitempty"`
}

func newAuthor(p *apiv1.Person) author {
	return author{p.GetAccount(), p.GetName(), p.GetFingerprint(), p.GetAmbiguous(), p.GetSelf()}
}

// messageRecord is a message.
type messageRecord struct {
	news
	ID         string     `json:"id"`
	Chat       string     `json:"chat"`
	Kind       string     `json:"kind"`
	From       author     `json:"from"`
	Time       string     `json:"time"`
	Text       string     `json:"text"`
	State      string     `json:"state"`
	Device     string     `json:"device,omitempty"`
	Edited     bool       `json:"edited,omitempty"`
	Retracted  bool       `json:"retracted,omitempty"`
	ReplyTo    string     `json:"reply_to,omitempty"`
	Quote      string     `json:"quote,omitempty"`
	Reactions  []reaction `json:"reactions,omitempty"`
	File       *offer     `json:"file,omitempty"`
	Mentions   []string   `json:"mentions,omitempty"`
	MentionsMe bool       `json:"mentions_me,omitempty"`
	Late       bool       `json:"late,omitempty"`
	Refused    string     `json:"refused,omitempty"`

	m *apiv1.Message
}

type reaction struct {
	Emoji string `json:"emoji"`
	Count uint32 `json:"count"`
	Mine  bool   `json:"mine,omitempty"`
}

// offer is a file that a message offers. The preview is left out: it is a
// picture, and a line of JSON is for reading.
type offer struct {
	Name      string `json:"name"`
	Size      uint64 `json:"size"`
	MediaType string `json:"media_type,omitempty"`
	Width     uint32 `json:"width,omitempty"`
	Height    uint32 `json:"height,omitempty"`
	Duration  uint32 `json:"duration_ms,omitempty"`
	Root      string `json:"root,omitempty"`
}

func newMessage(m *apiv1.Message) messageRecord {
	r := messageRecord{
		ID: m.GetId(), Chat: m.GetChat(), Kind: m.GetKind(), From: newAuthor(m.GetFrom()),
		Time: ui.RFC3339(m.GetTimeMs()), Text: m.GetText(), State: ui.StateCode(m.GetState()),
		Device: m.GetDevice(), Edited: m.GetEdited(), Retracted: m.GetRetracted(), ReplyTo: m.GetReplyTo(),
		Mentions: m.GetMentions(), MentionsMe: m.GetMentionsMe(), Late: m.GetLate(), Refused: m.GetRefused(), m: m,
	}
	r.Quote = m.GetQuote().GetText()
	for _, x := range m.GetReactions() {
		r.Reactions = append(r.Reactions, reaction{x.GetEmoji(), x.GetCount(), x.GetMine()})
	}
	if f := m.GetFile(); f != nil {
		r.File = &offer{f.GetName(), f.GetSize(), f.GetMediaType(), f.GetWidth(), f.GetHeight(), f.GetDurationMs(), f.GetRoot()}
	}
	return r
}

// lines lays a message out: time, name and a colon, text, and in brackets what
// else is to say. Every line but the first is indented.
func (r messageRecord) lines(v view) []ui.Text {
	m := r.m
	head := ui.Clock(m.GetTimeMs())
	if v.ids {
		head = ui.F("%s %s", beginning(m.GetId()), head)
	}
	if v.chat {
		head = ui.F("%s %s", head, v.chatName(m.GetChat()))
	}
	head = ui.F("%s %s:", head, nameWithin(m.GetFrom(), v.columns))
	out := hanging(head, bodyIn(m, v), v.columns)
	if tail := remarks(m, v); !tail.Empty() {
		last := len(out) - 1
		if v.columns > 0 && ui.Width(out[last])+2+ui.Width(tail) > v.columns {
			out = append(out, ui.Indent(tail, hang))
		} else {
			out[last] = ui.F("%s  %s", out[last], tail)
		}
	}
	return out
}

// body is the text of a message, or what stands for it.
func body(m *apiv1.Message) string { return bodyIn(m, view{}) }

func bodyIn(m *apiv1.Message, v view) string {
	text := m.GetText()
	if m.GetRetracted() {
		return "(taken back)"
	}
	if re := m.GetReplyTo(); re != "" {
		to := ui.F("re %s", beginning(re))
		if q := m.GetQuote(); q != nil {
			to = ui.F("re %s: %s", nameWithin(q.GetFrom(), 60), ui.Truncate(ui.Line(q.GetText()), 40))
		}
		text = ui.F("(%s) ", to).String() + text
	}
	if f := m.GetFile(); f != nil {
		name := ui.Truncate(ui.Line(f.GetName()), 80)
		how := ui.F("kith files get")
		if v.slash {
			how = ui.F("/get")
		}
		offer := ui.F("[file %s, %s: %s %s]", name, ui.Size(f.GetSize()), how, beginning(m.GetId()))
		return strings.TrimSpace(offer.String() + " " + text)
	}
	return text
}

// remarks is what is said about a message after its text.
func remarks(m *apiv1.Message, v view) ui.Text {
	var parts []ui.Text
	if m.GetEdited() && !m.GetRetracted() {
		parts = append(parts, ui.F("[edited]"))
	}
	if m.GetLate() {
		parts = append(parts, ui.F("[came late, dated %s]", ui.Stamp(m.GetTimeMs())))
	}
	if m.GetState() == apiv1.State_STATE_REFUSED {
		parts = append(parts, ui.F("[%s: %s]", ui.State(m.GetState()), m.GetRefused()))
	} else if s := ui.State(m.GetState()); v.states && !s.Empty() {
		parts = append(parts, ui.F("[%s]", s))
	}
	for _, x := range m.GetReactions() {
		parts = append(parts, ui.F("{%s %d}", ui.Truncate(ui.Line(x.GetEmoji()), 16), x.GetCount()))
	}
	return ui.Join(" ", parts...)
}

// hanging puts a text after its head and indents all further lines, so that
// none of them looks like the line of somebody else.
func hanging(head ui.Text, text string, columns int) []ui.Text {
	first := columns - ui.Width(head) - 1
	if columns > 0 && first < 20 {
		out := []ui.Text{head}
		for _, l := range ui.Wrap(text, columns-hang, columns-hang) {
			out = append(out, ui.Indent(l, hang))
		}
		return out
	}
	lines := ui.Wrap(text, first, max(columns-hang, 0))
	out := []ui.Text{ui.F("%s %s", head, lines[0])}
	for _, l := range lines[1:] {
		out = append(out, ui.Indent(l, hang))
	}
	return out
}

// nameWithin keeps a name from filling the line.
func nameWithin(p *apiv1.Person, columns int) ui.Text {
	name := ui.Name(p)
	if columns > 0 {
		return ui.Truncate(name, max(columns/3, 12))
	}
	return name
}

// beginning is the shown part of a message ID.
func beginning(id string) ui.Text {
	if len(id) > shortID {
		id = id[:shortID]
	}
	return ui.Line(id)
}

// showMessages prints messages oldest first, with a line for each new day.
func showMessages(o *Out, messages []*apiv1.Message, v view) {
	day := ui.Text{}
	for _, m := range messages {
		if d := ui.Day(m.GetTimeMs()); d != day && !o.json {
			o.line(ui.F("— %s —", d))
			day = d
		}
		o.showAs(newMessage(m), v)
	}
}

// sameMessage reports whether nothing that is shown differs but the state.
func sameMessage(a, b *apiv1.Message) bool {
	return a.GetText() == b.GetText() && a.GetRetracted() == b.GetRetracted() && a.GetEdited() == b.GetEdited() &&
		slices.EqualFunc(a.GetReactions(), b.GetReactions(), func(x, y *apiv1.ReactionCount) bool {
			return x.GetEmoji() == y.GetEmoji() && x.GetCount() == y.GetCount()
		})
}
