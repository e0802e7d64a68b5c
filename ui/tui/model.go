package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/yuin/goldmark/parser"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui/cli"
	"github.com/kith-chat/kith/ui/notify"
	"github.com/kith-chat/kith/ui/picture"
	"github.com/kith-chat/kith/ui/words"
)

// Options is what the screen is made of.
type Options struct {
	// API is the local API of the node.
	API *cli.API
	// Inner runs slash commands that have no key of their own.
	Inner *cli.Inner
	// Version is this program's version; the node's may be another.
	Version string
	// Words is the language of the screen; nil for English. The preference
	// "language" wins over it.
	Words *words.Words
	// Caps is what the terminal can show of pictures.
	Caps picture.Caps
	// Terminal, InTmux and Desktop are the ways of telling something that is
	// not on the screen; Desktop may be nil.
	Terminal notify.Terminal
	InTmux   bool
	Desktop  notify.Outlet
	// InProcess says that the node runs in this process and ends with it, so
	// that leaving is worth a question.
	InProcess bool
	// Now is the clock; nil for the system's.
	Now func() time.Time
}

// Model is the whole screen. It belongs to bubbletea's loop.
type Model struct {
	opts Options
	api  *cli.API
	t    *words.Words
	now  func() time.Time
	run  context.Context // ends when the screen is left

	width, height int
	theme         *theme
	dark          bool
	focused       bool // the terminal has the keyboard
	look          int  // counts what changes the look of everything
	today         int
	timer         func(time.Duration, func(time.Time) tea.Msg) tea.Cmd
	keys          keymap
	prefs         map[string]string
	markdown      parser.Parser

	me           *apiv1.GetIdentityResponse
	pictures     map[string]*shown
	status       *apiv1.GetStatusResponse
	chats        map[string]*apiv1.Chat
	order        []string // refs as they are listed
	friends      map[string]*apiv1.Friend
	members      map[string][]*apiv1.Member
	statusAsked  bool
	details      []*apiv1.Receipt
	membersAsked map[string]bool
	names        map[string]bool // that can stand after @, in lower case
	transfers    map[string]*apiv1.Transfer
	talks        map[string]*talk
	typing       map[string]map[string]typist // chat, account
	syncing      map[string]*apiv1.SyncNews

	current   string
	composer  composer
	windows   []window
	listShown bool // in one pane: the list instead of the conversation
	side      bool // the members pane
	selecting bool
	loaded    bool
	lost      error // the node does not answer
	toasts    []toast
	journal   []toast
	serial    int                      // numbers timers
	tell      func(notify.Alert, bool) // nil in tests
	leave     bool                     // the node goes on after the screen is left
}

// typist is somebody who is typing.
type typist struct {
	who   *apiv1.Person
	until time.Time
}

// New returns the screen before anything is loaded. ctx bounds every call.
func New(ctx context.Context, o Options) *Model {
	if o.Words == nil {
		o.Words = words.Pick("en")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	k, _ := newKeymap(nil)
	m := &Model{
		opts: o, api: o.API, t: o.Words, now: o.Now, run: ctx, timer: tea.Tick, theme: newTheme("auto", true), dark: true, focused: true,
		keys: k, prefs: map[string]string{}, markdown: newParser(), chats: map[string]*apiv1.Chat{},
		friends: map[string]*apiv1.Friend{}, members: map[string][]*apiv1.Member{}, membersAsked: map[string]bool{}, names: map[string]bool{},
		transfers: map[string]*apiv1.Transfer{}, talks: map[string]*talk{}, typing: map[string]map[string]typist{},
		syncing: map[string]*apiv1.SyncNews{}, side: true, pictures: map[string]*shown{},
	}
	m.composer.history = -1
	return m
}

// Init asks for the terminal's background. Everything else is loaded when the
// stream of news has begun (startedMsg), so that nothing falls between.
func (m *Model) Init() tea.Cmd { return tea.RequestBackgroundColor }

// Update takes one message.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.update(msg)
	m.today = m.now().Local().Year()*1000 + m.now().Local().YearDay()
	return m, tea.Batch(cmd, m.settle())
}

func (m *Model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.BackgroundColorMsg:
		m.dark = msg.IsDark()
		m.applyTheme()
	case tea.FocusMsg:
		m.focused = true
	case tea.BlurMsg:
		m.focused = false
	case tea.KeyPressMsg:
		return m.key(msg)
	case tea.PasteMsg:
		return m.paste(msg.Content)
	case tea.MouseClickMsg:
		return m.click(msg.Mouse())
	case tea.MouseWheelMsg:
		return m.wheel(msg.Mouse())
	case news:
		return m.hear(msg)
	case startedMsg:
		return m.started(msg)
	case lostMsg:
		m.lost = msg.err
	case loadedMsg:
		return m.onLoaded(msg)
	case answer:
		return msg.then(m)
	case noteMsg:
		return m.note(msg.note)
	case failed:
		return m.fail(msg)
	case tick:
		return msg.then(m)
	}
	return nil
}

// applyTheme takes the look that the preferences want.
func (m *Model) applyTheme() {
	m.theme = newTheme(m.prefs["theme"], m.dark)
	m.look++
}

// talk returns the conversation that is open, or nil.
func (m *Model) talk() *talk {
	if m.current == "" {
		return nil
	}
	return m.talks[m.current]
}

func (m *Model) chat() *apiv1.Chat { return m.chats[m.current] }

// settle returns what follows from where one stands now: pages to load,
// positions to mark as read, drafts to keep.
func (m *Model) settle() tea.Cmd {
	t := m.talk()
	if t == nil || !t.loaded || m.height == 0 {
		return nil
	}
	return tea.Batch(m.loadMore(t), m.seen(t), m.wantPictures(t))
}

// loadMore asks for the page that comes next in the direction of the sight.
func (m *Model) loadMore(t *talk) tea.Cmd {
	if t.asking != noEdge || len(t.msgs) == 0 {
		return nil
	}
	v := m.viewport(t)
	top := 0
	for _, p := range v.rows() {
		if p.index >= 0 {
			top = p.index
			break
		}
	}
	switch {
	case t.older && top < nearEdge:
		t.asking = olderEdge
		return m.history(t, &apiv1.HistoryRequest{Chat: t.ref, Before: t.msgs[0].GetId(), Limit: pageSize}, olderEdge)
	case t.newer && t.lowest() > len(t.msgs)-nearEdge:
		t.asking = newerEdge
		return m.history(t, &apiv1.HistoryRequest{Chat: t.ref, After: t.newest().GetId(), Limit: pageSize}, newerEdge)
	}
	return nil
}

// readAfter is how long a line must have been on the screen to be read.
const readAfter = 400 * time.Millisecond

// lowestSeen is the newest message in sight.
func (m *Model) lowestSeen(t *talk) *apiv1.Message {
	if !m.focused || len(m.windows) > 0 || m.current != t.ref || !m.talkVisible() {
		return nil
	}
	if i := t.lowest(); i >= 0 {
		return t.msgs[i]
	}
	return nil
}

// seen marks what is in sight as read, once it has been there for a moment.
func (m *Model) seen(t *talk) tea.Cmd {
	low := m.lowestSeen(t)
	if low == nil || m.chats[t.ref].GetUnread() == 0 || t.readSent != nil && before(low, t.readSent) <= 0 {
		return nil
	}
	t.readSent = low
	return m.after(readAfter, func(m *Model) tea.Cmd {
		if now := m.lowestSeen(t); now == nil || before(now, low) < 0 {
			t.readSent = nil
			return nil
		}
		return m.markRead(t.ref, low.GetId())
	})
}
