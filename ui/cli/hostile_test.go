package cli

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// hostile texts are what a peer could put into every field.
func hostileTexts() []string {
	return []string{
		"\x1b[2J\x1b[1;1Hkith: all is well", "\x1b]52;c;ZXZpbA==\a", "\u009b31m\u0090q\u009c", "real\rfake", "a\b\b\b\x7fb\x00",
		"\u202egpj.exe\u2066\u2069", "a\u200bdmin\ufeff\u2060\u00ad", "09:00 ann: yes\n09:01 bob: no\u2028x\u2029y\u0085z",
		strings.Repeat(" ", 200) + "09:00 ann: yes", "x" + strings.Repeat("\u0301", 100), "\U000e0041\U000e0042\U0001f3f4\U000e0067",
		"\xff\xfe\xc0\xaf", strings.Repeat("W", 3000), "ann: yes (annannan)", "", "\ue000\uffff\ufffe", "\t\v\f",
	}
}

// fill sets every field of m: texts to the hostile one, numbers to an extreme.
func fill(m protoreflect.Message, text string, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.IsList() && f.Message() != nil:
			if depth > 0 {
				e := m.Mutable(f).List().AppendMutable().Message()
				fill(e, text, depth-1)
			}
		case f.IsList():
			m.Mutable(f).List().Append(scalar(f, text))
		case f.Message() != nil:
			if depth > 0 {
				fill(m.Mutable(f).Message(), text, depth-1)
			}
		default:
			m.Set(f, scalar(f, text))
		}
	}
}

func scalar(f protoreflect.FieldDescriptor, text string) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(text))
	case protoreflect.BoolKind:
		// self would turn names into "you", which hides the hostile one.
		return protoreflect.ValueOfBool(f.Name() != "self" && f.Name() != "retracted")
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(len(text) % 9))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(1<<63 - 1)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(1<<64 - 1)
	}
	return protoreflect.ValueOfUint32(1<<32 - 1)
}

func filled[M proto.Message](m M, text string) M {
	fill(m.ProtoReflect(), text, 4)
	return m
}

// hostileRecords are all records, made from messages full of text.
func hostileRecords(text string) map[string]record {
	out := map[string]record{
		"id": newID(filled(&apiv1.GetIdentityResponse{}, text)), "device": newDevice(filled(&apiv1.DeviceInfo{}, text)),
		"invite": inviteRecord{text, text}, "invite info": newInviteInfo(filled(&apiv1.InviteInfo{}, text)),
		"init":   initRecord{text, text, text, text, text, text},
		"friend": newFriend(filled(&apiv1.Friend{}, text)), "found": newFound(filled(&apiv1.FoundPerson{}, text)),
		"member": newMember(filled(&apiv1.Member{}, text)), "message": newMessage(filled(&apiv1.Message{}, text)),
		"chat": newChat(filled(&apiv1.Chat{}, text)), "file": newFile(filled(&apiv1.Transfer{}, text)),
		"status": newStatus(filled(&apiv1.GetStatusResponse{}, text)), "peer": newPeer(filled(&apiv1.Peer{}, text)),
		"step": newStep(filled(&apiv1.DiagnoseResponse{}, text)), "setting": settingRecord{text, text, text},
		"storage": storageRecord{news{}, text, text}, "done": doneRecord{text, text, ui.F("done %s", text)},
		"serving": newServing(Serving{text, text, text, []string{text}, text, text, text}),
		"version": versionRecord{text, text, text, text}, "reset": resetRecord{},
	}
	for s := range apiv1.FriendState_name {
		f := filled(&apiv1.Friend{}, text)
		f.State = apiv1.FriendState(s)
		out["friend "+f.State.String()] = newFriend(f)
	}
	for s := range apiv1.State_name {
		m := filled(&apiv1.Message{}, text)
		m.State, m.File = apiv1.State(s), nil
		out["message "+m.State.String()] = newMessage(m)
	}
	return out
}

// TestHostileText prints every record with every hostile text in every field,
// as text on a narrow, a usual and no terminal, as news and as JSON. What
// comes out must not be able to do anything to a terminal, nor to look like
// the line of somebody else.
func TestHostileText(t *testing.T) {
	t.Parallel()
	for _, text := range hostileTexts() {
		for name, r := range hostileRecords(text) {
			for _, columns := range []int{0, 24, 80} {
				for _, json := range []bool{false, true} {
					var b buffer
					o := &Out{w: &b, errw: &b, json: json, columns: func() int { return columns }}
					o.showAs(r, view{ids: true, chat: true, states: true})
					harmless(t, name, b.String())
					if !json {
						narrow(t, name, r, b.String(), columns)
					}
				}
				for _, event := range []string{eventMessage, eventState, eventEdit, eventRetract, eventReaction, eventRequest, eventPresence, eventFile} {
					var b buffer
					o := &Out{w: &b, errw: &b, columns: func() int { return columns }}
					o.news(event, r, view{chat: true})
					harmless(t, name+" as news", b.String())
					narrow(t, name+" as news", resetRecord{}, b.String(), columns)
				}
			}
		}
		var b buffer
		o := &Out{w: &b, errw: &b, columns: func() int { return 80 }}
		o.problem(reason(5, apiv1.Reason_REASON_NOT_FOUND, text))
		o.json = true
		o.problem(reason(5, apiv1.Reason_REASON_NOT_FOUND, text))
		o.progress(barOf(filled(&apiv1.Transfer{}, text)))
		harmless(t, "problem", strings.ReplaceAll(b.String(), "\r", ""))
	}
}

// harmless fails if s could act on a terminal or hide something.
func harmless(t *testing.T, name, s string) {
	t.Helper()
	marks := 0
	for _, r := range s {
		if unicode.Is(unicode.M, r) {
			marks++
		} else {
			marks = 0
		}
		switch {
		case r == '\n':
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u200b', r == '\ufeff', r == '\u2060',
			r == '\u2028', r == '\u2029', unicode.Is(unicode.Co, r), marks > ui.MaxMarks:
			t.Fatalf("%s printed %U: %+q", name, r, s)
		}
	}
	if !utf8.ValidString(s) {
		t.Fatalf("%s printed bytes that are not UTF-8: %+q", name, s)
	}
}

// narrow fails if a line is wider than the terminal, which would go on at its
// left edge, or if a line inside a message begins there.
func narrow(t *testing.T, name string, r record, s string, columns int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	_, message := r.(messageRecord)
	for i, l := range lines {
		if message && i > 0 && !strings.HasPrefix(l, strings.Repeat(" ", hang)) {
			t.Fatalf("line %d of a %s begins at the left edge: %q", i, name, l)
		}
		switch r.(type) {
		case idRecord, initRecord, inviteRecord, servingRecord, statusRecord, settingRecord:
			continue // one's own, left whole to be copied
		}
		if columns > 0 && ui.Width(ui.Line(l)) > columns {
			t.Fatalf("a line of %s has %d columns of %d: %q", name, ui.Width(ui.Line(l)), columns, l)
		}
	}
}

// TestJSONKeepsTexts makes sure that escaping loses nothing.
func TestJSONKeepsTexts(t *testing.T) {
	t.Parallel()
	for _, text := range hostileTexts() {
		line, err := encodeJSON(messageRecord{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		var back struct{ Text string }
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if want := strings.ToValidUTF8(text, "\ufffd"); utf8.ValidString(text) && back.Text != want {
			t.Errorf("%+q came back as %+q", text, back.Text)
		}
		if strings.Count(string(line), "\n") != 1 {
			t.Errorf("%q is more than one line", line)
		}
	}
}

// FuzzJSON holds for any text: one line, harmless on a terminal, and the same
// text when it is read again.
func FuzzJSON(f *testing.F) {
	for _, s := range hostileTexts() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line, err := encodeJSON(s)
		if err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if utf8.ValidString(s) && back != s {
			t.Fatalf("%+q came back as %+q", s, back)
		}
		harmless(t, "JSON", strings.TrimSuffix(string(line), "\n"))
	})
}

// TestOnlyOutWrites holds the package to its invariant: whatever is printed
// went through ui.Text or the JSON encoder. Only the files named here touch a
// writer, and nothing turns a variable into the program's own words.
func TestOnlyOutWrites(t *testing.T) {
	t.Parallel()
	writers := map[string]bool{"out.go": true, "clean.go": true, "chat_screen.go": true, "inner.go": true, "streams.go": true}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, _ := sel.X.(*ast.Ident)
			switch {
			case pkg != nil && pkg.Name == "ui" && sel.Sel.Name == "Literal":
				t.Errorf("%s makes a ui.Literal out of something: only constants may become one", name)
			case pkg != nil && pkg.Name == "fmt" && strings.HasPrefix(sel.Sel.Name, "Fprint"), pkg != nil && pkg.Name == "fmt" && strings.HasPrefix(sel.Sel.Name, "Print"):
				t.Errorf("%s calls fmt.%s: write through Out", name, sel.Sel.Name)
			case !writers[name] && (sel.Sel.Name == "Write" || pkg != nil && pkg.Name == "io" && sel.Sel.Name == "WriteString"):
				t.Errorf("%s writes by itself: write through Out", name)
			}
			return true
		})
	}
	if files < 20 {
		t.Fatalf("only %d files found", files)
	}
}
