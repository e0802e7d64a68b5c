package welcome

import (
	"cmp"
	"context"
	"strings"
	"time"

	"connectrpc.com/connect"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/node/api/v1/apiv1connect"
	"github.com/kith-chat/kith/ui"
	"github.com/kith-chat/kith/ui/words"
)

// PreferPhrase is the preference that says "later" while the recovery phrase
// has not been checked.
const PreferPhrase = "phrase"

// later is its value.
const later = "later"

// preferChat is the preference of the main screen that says which chat to open.
const preferChat = "tui.chat"

// firstGroup is the group that is offered.
const firstGroup = "lobby"

const (
	maxName  = 64  // letters of a name
	maxField = 512 // letters of any other field
	// lookEvery and lookTimes say how often people nearby are looked for.
	lookEvery = 2 * time.Second
	lookTimes = 15
)

// Account is what the person wants to be made.
type Account struct {
	Name       string
	Phrase     string // of an account that is brought back; "" for a new one
	Passphrase string // "" for none
}

// Made is the account that was made.
type Made struct {
	Phrase string // the words; "" of one that was brought back
	Guard  string // what guards the keys: "passphrase", "keyring" or "key file"
	Check  [2]int // which words are asked for, from 0
}

// Services is the local API, as far as the first run needs it.
type Services struct {
	Node    apiv1connect.NodeServiceClient
	Friends apiv1connect.FriendServiceClient
	Chats   apiv1connect.ChatServiceClient
}

// Steps is what happens outside of the screen.
type Steps struct {
	// Make makes the account.
	Make func(ctx context.Context, a Account) (Made, error)
	// Start runs the node and returns its API.
	Start func(ctx context.Context) (Services, error)
}

// page is what the screen shows.
type page int

const (
	pageName page = iota
	pageRestore
	pagePass
	pageAgain
	pageMaking
	pagePhrase
	pageCheck
	pageInvite
	pagePeople
)

// Model is the first run.
type Model struct {
	ctx   context.Context
	steps Steps
	t     *words.Words

	width, height int
	page          page
	field         field
	err           ui.Text // what went wrong with the last step
	scroll        int

	account  Account
	restores bool
	made     Made
	api      *Services
	invite   string
	qr       string // what the QR code says
	people   []*apiv1.FoundPerson
	asked    map[string]bool // accounts that got a request
	looks    int
	at       int // 0 the group, then the people
	busy     bool

	// Chat is the chat to open, once the first run is done.
	Chat string
	// Left says that the person left before the end.
	Left bool
	// Failed is why the node did not start.
	Failed error
}

// New returns the first page.
func New(ctx context.Context, s Steps, w *words.Words) *Model {
	if w == nil {
		w = words.Pick("en")
	}
	return &Model{ctx: ctx, steps: s, t: w, asked: map[string]bool{}, field: field{limit: maxName}}
}

// Init does nothing: everything waits for the person.
func (m *Model) Init() tea.Cmd { return nil }

type (
	madeMsg struct {
		made Made
		err  error
	}
	startedMsg struct {
		api Services
		err error
	}
	inviteMsg struct {
		link, qr string
		err      error
	}
	peopleMsg struct{ people []*apiv1.FoundPerson }
	lookMsg   struct{}
	askedMsg  struct {
		account string
		err     error
	}
	joinedMsg struct {
		ref string
		err error
	}
	savedMsg struct{ err error }
)

// Update takes one message.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.PasteMsg:
		m.field.insert(msg.Content)
	case tea.KeyPressMsg:
		return m, m.key(msg)
	default:
		return m, m.hear(msg)
	}
	return m, nil
}

// hear takes the outcome of a step.
func (m *Model) hear(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case madeMsg:
		return m.onMade(msg)
	case startedMsg:
		if msg.err != nil {
			m.Failed = msg.err
			return tea.Quit
		}
		m.api = &msg.api
		return tea.Batch(m.remember(later, !m.restores), m.makeInvite(), m.look())
	case inviteMsg:
		m.invite, m.qr = msg.link, msg.qr
		m.fail(msg.err)
	case peopleMsg:
		m.people = msg.people
		if m.looks < lookTimes {
			return tea.Tick(lookEvery, func(time.Time) tea.Msg { return lookMsg{} })
		}
	case lookMsg:
		return m.look()
	case askedMsg:
		m.asked[msg.account] = msg.err == nil
		m.fail(msg.err)
	case joinedMsg:
		m.busy = false
		if msg.err != nil {
			m.fail(msg.err)
			return nil
		}
		m.Chat = msg.ref
		return tea.Quit
	case savedMsg:
		m.fail(msg.err)
	}
	return nil
}

func (m *Model) fail(err error) {
	if err != nil {
		m.err = m.t.Explain(err)
	}
}

func (m *Model) onMade(msg madeMsg) tea.Cmd {
	if msg.err != nil {
		m.fail(msg.err)
		if m.restores {
			m.turn(pageRestore, m.account.Phrase)
		} else {
			m.turn(pageName, m.account.Name)
		}
		m.err = m.t.Explain(msg.err)
		return nil
	}
	m.made = msg.made
	m.account.Passphrase = ""
	if m.restores {
		m.turn(pageInvite, "")
	} else {
		m.turn(pagePhrase, "")
	}
	return func() tea.Msg {
		api, err := m.steps.Start(m.ctx)
		return startedMsg{api, err}
	}
}

// turn goes to a page.
func (m *Model) turn(p page, text string) {
	m.page, m.err, m.scroll = p, ui.Text{}, 0
	m.field = field{text: []rune(text), limit: maxField, secret: p == pagePass || p == pageAgain}
	switch p {
	case pageName:
		m.field.limit = maxName
	case pagePeople:
		m.field.set(firstGroup)
	case pageRestore, pagePass, pageAgain, pageMaking, pagePhrase, pageCheck, pageInvite:
	}
}

// remember sets the reminder, or takes it away.
func (m *Model) remember(value string, yes bool) tea.Cmd {
	if m.api == nil || !yes {
		return nil
	}
	node := m.api.Node
	return func() tea.Msg {
		_, err := node.SetPreference(m.ctx, connect.NewRequest(&apiv1.SetPreferenceRequest{Name: PreferPhrase, Value: value}))
		return savedMsg{err}
	}
}

func (m *Model) makeInvite() tea.Cmd {
	node := m.api.Node
	return func() tea.Msg {
		r, err := node.CreateInvite(m.ctx, connect.NewRequest(&apiv1.CreateInviteRequest{}))
		if err != nil {
			return inviteMsg{err: err}
		}
		return inviteMsg{link: r.Msg.GetInvite(), qr: cmp.Or(r.Msg.GetQr(), r.Msg.GetInvite())}
	}
}

// look looks for people nearby.
func (m *Model) look() tea.Cmd {
	m.looks++
	friends := m.api.Friends
	return func() tea.Msg {
		r, err := friends.FindPeople(m.ctx, connect.NewRequest(&apiv1.FindPeopleRequest{}))
		if err != nil {
			return peopleMsg{}
		}
		return peopleMsg{r.Msg.GetPeople()}
	}
}

// ask asks a person to be a friend.
func (m *Model) ask(p *apiv1.Person) tea.Cmd {
	friends, account := m.api.Friends, p.GetAccount()
	if m.asked[account] {
		return nil
	}
	m.asked[account] = true
	return func() tea.Msg {
		_, err := friends.AddFriend(m.ctx, connect.NewRequest(&apiv1.AddFriendRequest{Who: account}))
		return askedMsg{account, err}
	}
}

// join joins the group and ends the first run.
func (m *Model) join() tea.Cmd {
	name := strings.TrimSpace(m.field.String())
	if name == "" {
		return tea.Quit
	}
	m.busy = true
	chats, node := m.api.Chats, m.api.Node
	return func() tea.Msg {
		r, err := chats.Join(m.ctx, connect.NewRequest(&apiv1.JoinRequest{Name: name}))
		if err != nil {
			return joinedMsg{err: err}
		}
		ref := r.Msg.GetChat().GetRef()
		_, err = node.SetPreference(m.ctx, connect.NewRequest(&apiv1.SetPreferenceRequest{Name: preferChat, Value: ref}))
		return joinedMsg{ref, err}
	}
}
