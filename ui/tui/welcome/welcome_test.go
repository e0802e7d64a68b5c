package welcome

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"connectrpc.com/connect"
	"github.com/charmbracelet/x/ansi"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/node/api/v1/apiv1connect"
	"github.com/kith-chat/kith/ui"
	"github.com/kith-chat/kith/ui/words"
)

var update = flag.Bool("update", false, "write the golden screens again")

// phrase has the words abandon … art as far as their length goes.
const phrase = "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title"

// fake is the node, as far as the first run needs it.
type fake struct {
	apiv1connect.NodeServiceClient
	apiv1connect.FriendServiceClient
	apiv1connect.ChatServiceClient
	prefs  map[string]string
	asked  []string
	joined []string
	people []*apiv1.FoundPerson
	fail   error
}

func (f *fake) SetPreference(_ context.Context, r *connect.Request[apiv1.SetPreferenceRequest]) (*connect.Response[apiv1.SetPreferenceResponse], error) {
	f.prefs[r.Msg.GetName()] = r.Msg.GetValue()
	return connect.NewResponse(&apiv1.SetPreferenceResponse{}), nil
}

func (f *fake) CreateInvite(context.Context, *connect.Request[apiv1.CreateInviteRequest]) (*connect.Response[apiv1.CreateInviteResponse], error) {
	return connect.NewResponse(&apiv1.CreateInviteResponse{Invite: "kith:" + strings.Repeat("2a", 120), Qr: "KITH:" + strings.Repeat("2A", 60)}), nil
}

func (f *fake) FindPeople(context.Context, *connect.Request[apiv1.FindPeopleRequest]) (*connect.Response[apiv1.FindPeopleResponse], error) {
	return connect.NewResponse(&apiv1.FindPeopleResponse{People: f.people}), nil
}

func (f *fake) AddFriend(_ context.Context, r *connect.Request[apiv1.AddFriendRequest]) (*connect.Response[apiv1.AddFriendResponse], error) {
	f.asked = append(f.asked, r.Msg.GetWho())
	return connect.NewResponse(&apiv1.AddFriendResponse{}), nil
}

func (f *fake) Join(_ context.Context, r *connect.Request[apiv1.JoinRequest]) (*connect.Response[apiv1.JoinResponse], error) {
	f.joined = append(f.joined, r.Msg.GetName())
	return connect.NewResponse(&apiv1.JoinResponse{Chat: &apiv1.Chat{Ref: "#" + r.Msg.GetName()}}), nil
}

// run is a first run without a terminal.
type run struct {
	t    *testing.T
	m    *Model
	fake *fake
	made []Account
	quit bool
}

func newRun(t *testing.T, lang string, width, height int) *run {
	t.Helper()
	r := &run{t: t, fake: &fake{prefs: map[string]string{}, people: []*apiv1.FoundPerson{
		{Person: &apiv1.Person{Account: "kith1bob", Name: "bob"}, Where: "lan"},
		{Person: &apiv1.Person{Account: "kith1lin", Name: "小林\x1b[31m", Fingerprint: "linlinli"}, Where: "lan"},
	}}}
	r.m = New(t.Context(), Steps{
		Make: func(_ context.Context, a Account) (Made, error) {
			r.made = append(r.made, a)
			if r.fake.fail != nil {
				return Made{}, r.fake.fail
			}
			made := Made{Guard: "key file", Check: [2]int{2, 16}}
			if a.Phrase == "" {
				made.Phrase = phrase
			}
			return made, nil
		},
		Start: func(context.Context) (Services, error) {
			return Services{Node: r.fake, Friends: r.fake, Chats: r.fake}, nil
		},
	}, words.Pick(lang))
	r.send(tea.WindowSizeMsg{Width: width, Height: height})
	return r
}

// send gives the model a message, and the outcome of what it asks for; timers
// do not run.
func (r *run) send(msg tea.Msg) {
	_, cmd := r.m.Update(msg)
	r.do(cmd)
}

func (r *run) do(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	// A timer is known by the page: after people were found.
	switch msg := cmd().(type) {
	case nil:
	case tea.QuitMsg:
		r.quit = true
	case tea.BatchMsg:
		for _, c := range msg {
			r.do(c)
		}
	case peopleMsg:
		r.m.people = msg.people
	default:
		r.send(msg)
	}
}

// keys types words; one in angle brackets is a key.
func (r *run) keys(keys ...string) {
	codes := map[string]rune{"<enter>": tea.KeyEnter, "<esc>": tea.KeyEscape, "<down>": tea.KeyDown, "<up>": tea.KeyUp, "<backspace>": tea.KeyBackspace, "<pgdown>": tea.KeyPgDown}
	for _, k := range keys {
		code, special := codes[k]
		switch {
		case special:
			r.send(tea.KeyPressMsg{Code: code})
		case strings.HasPrefix(k, "<ctrl-"):
			r.send(tea.KeyPressMsg{Code: rune(k[6]), Mod: tea.ModCtrl})
		default:
			for _, c := range k {
				r.send(tea.KeyPressMsg{Code: c, Text: string(c)})
			}
		}
	}
}

func (r *run) screen() string { return r.m.View().Content }

func (r *run) shows(want string) {
	r.t.Helper()
	if got := ansi.Strip(r.screen()); !strings.Contains(got, want) {
		r.t.Errorf("%q is not on the screen:\n%s", want, got)
	}
}

func TestFirstRun(t *testing.T) {
	t.Parallel()
	r := newRun(t, "en", 80, 24)
	r.keys("<enter>")
	r.shows("type a name first")
	r.keys("annn", "<backspace>", "<enter>", "secret", "<enter>", "secrit", "<enter>")
	r.shows("the two are not the same")
	r.keys("secret", "<enter>")
	if strings.Contains(r.screen(), "secret") {
		t.Error("the passphrase stands on the screen")
	}
	r.keys("secret", "<enter>")
	if len(r.made) != 1 || r.made[0] != (Account{Name: "ann", Passphrase: "secret"}) {
		t.Fatalf("made from %+v", r.made)
	}
	r.shows(" 1 legal")
	r.shows("24 title")
	if r.fake.prefs[PreferPhrase] != "later" {
		t.Error("whoever leaves now is not reminded")
	}
	r.keys("<enter>")
	r.shows("Type words 3 and 17")
	r.keys("thank winner", "<enter>")
	r.shows("not what was shown")
	r.keys("<esc>")
	r.shows("24 title")
	r.keys("<enter>", "thank legal", "<enter>")
	r.shows("Your invite")
	if r.fake.prefs[PreferPhrase] != "" {
		t.Error("the reminder stays")
	}
	r.keys("<enter>")
	r.shows("bob")
	r.keys("<down>", "<enter>", "<enter>")
	r.shows("✓ asked")
	r.keys("<up>", "<enter>")
	if !r.quit || r.m.Left || r.m.Chat != "#lobby" || r.fake.prefs[preferChat] != "#lobby" || len(r.fake.asked) != 1 || r.fake.asked[0] != "kith1bob" {
		t.Errorf("it ended as %v %v %q, %v", r.quit, r.m.Left, r.m.Chat, r.fake)
	}
}

// TestPutOff: whoever does not check the phrase is reminded.
func TestPutOff(t *testing.T) {
	t.Parallel()
	r := newRun(t, "zh", 80, 24)
	r.keys("小安", "<enter>", "<enter>", "<enter>", "<ctrl-l>")
	r.shows("你的邀请")
	if r.fake.prefs[PreferPhrase] != "later" {
		t.Errorf("the preference is %q", r.fake.prefs[PreferPhrase])
	}
	r.keys("<enter>", "<esc>")
	if !r.quit || r.m.Left || len(r.fake.joined) != 0 {
		t.Errorf("it ended as %v %v", r.quit, r.m.Left)
	}
}

func TestRestore(t *testing.T) {
	t.Parallel()
	r := newRun(t, "en", 80, 24)
	r.keys("<ctrl-r>", "too few words", "<enter>")
	r.shows("that is 3 words, it takes 24")
	r.keys("<ctrl-u>")
	r.send(tea.PasteMsg{Content: strings.ReplaceAll(phrase, " ", "\n")})
	r.keys("<enter>", "ann", "<enter>")
	r.fake.fail = ui.Invalid.Because("word 24 is not right")
	r.keys("<enter>")
	r.shows("word 24 is not right")
	r.shows("Bring back your account")
	r.fake.fail = nil
	r.keys("<enter>", "<enter>")
	r.shows("Your invite")
	if len(r.made) != 2 || r.made[1] != (Account{Name: "ann", Phrase: phrase}) {
		t.Errorf("made from %+v", r.made)
	}
	if r.fake.prefs[PreferPhrase] != "" {
		t.Error("whoever brought the words is asked for them")
	}
}

func TestLeave(t *testing.T) {
	t.Parallel()
	r := newRun(t, "en", 80, 24)
	r.keys("ann", "<ctrl-c>")
	if !r.quit || !r.m.Left || len(r.made) != 0 {
		t.Errorf("%v %v %v", r.quit, r.m.Left, r.made)
	}
	r = newRun(t, "en", 80, 24)
	r.m.steps.Start = func(context.Context) (Services, error) { return Services{}, errors.New("no port") }
	r.keys("ann", "<enter>", "<enter>")
	if !r.quit || r.m.Failed == nil {
		t.Errorf("a node that does not start leaves %v", r.m.Failed)
	}
}

func TestReminder(t *testing.T) {
	t.Parallel()
	m := NewReminder(func(p string) bool { return p == phrase }, words.Pick("en"))
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	m.Update(tea.PasteMsg{Content: "no"})
	m.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	if m.Done || !strings.Contains(m.View().Content, "not the words of this account") {
		t.Errorf("%v: %s", m.Done, m.View().Content)
	}
	m.Update(tea.KeyPressMsg{Code: 'u', Mod: tea.ModCtrl})
	m.Update(tea.PasteMsg{Content: strings.ToUpper(phrase)})
	m.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	if !m.Done {
		t.Error("the right words are not taken")
	}
}

// TestGolden compares every page in both languages and three sizes with what
// it looked like before.
func TestGolden(t *testing.T) {
	t.Parallel()
	pages := []struct {
		name string
		keys []string
	}{
		{"name", nil},
		{"name-empty", []string{"<enter>"}},
		{"restore", []string{"<ctrl-r>", "legal winner thank year wave sausage worth useful legal winner thank year wave"}},
		{"passphrase", []string{"ann", "<enter>", "secret"}},
		{"again", []string{"ann", "<enter>", "secret", "<enter>"}},
		{"phrase", []string{"ann", "<enter>", "<enter>"}},
		{"check-wrong", []string{"ann", "<enter>", "<enter>", "<enter>", "one two", "<enter>"}},
		{"invite", []string{"ann", "<enter>", "<enter>", "<enter>", "thank legal", "<enter>"}},
		{"people", []string{"ann", "<enter>", "<enter>", "<enter>", "thank legal", "<enter>", "<enter>", "<down>", "<down>", "<enter>"}},
	}
	for _, lang := range words.Languages() {
		for _, size := range [][2]int{{40, 12}, {80, 24}, {160, 48}} {
			for _, p := range pages {
				name := fmt.Sprintf("%s-%s-%dx%d", p.name, lang, size[0], size[1])
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					r := newRun(t, lang, size[0], size[1])
					r.keys(p.keys...)
					golden(t, name, r.screen(), size[0], size[1])
				})
			}
			t.Run(fmt.Sprintf("remind-%s-%dx%d", lang, size[0], size[1]), func(t *testing.T) {
				t.Parallel()
				m := NewReminder(func(string) bool { return false }, words.Pick(lang))
				m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
				golden(t, fmt.Sprintf("remind-%s-%dx%d", lang, size[0], size[1]), m.View().Content, size[0], size[1])
			})
		}
	}
}

// golden compares a screen with its file, and holds it to its size.
func golden(t *testing.T, name, screen string, columns, rows int) {
	t.Helper()
	lines := strings.Split(ansi.Strip(screen), "\n")
	if len(lines) > rows {
		t.Errorf("%d rows of %d", len(lines), rows)
	}
	for i, l := range lines {
		if w := ansi.StringWidth(l); w > columns {
			t.Errorf("row %d has %d columns of %d: %q", i, w, columns, l)
		}
		lines[i] = strings.TrimRight(l, " ")
	}
	got := strings.Join(lines, "\n") + "\n"
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the screen is not what it was; -update takes it over\n--- is\n%s--- was\n%s", got, want)
	}
}
