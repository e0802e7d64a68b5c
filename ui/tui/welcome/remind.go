package welcome

import (
	"context"
	"strings"

	"connectrpc.com/connect"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/node/api/v1/apiv1connect"
	"github.com/kith-chat/kith/ui"
	"github.com/kith-chat/kith/ui/words"
)

// Reminder asks for the recovery phrase that was put off.
type Reminder struct {
	page Model // lends its layout and its field
	same func(phrase string) bool
	// Done says that the phrase was typed as it is; Left that the person wants
	// to leave altogether.
	Done, Left bool
}

// NewReminder returns the page. same says whether 24 words are those of the
// account.
func NewReminder(same func(phrase string) bool, w *words.Words) *Reminder {
	return &Reminder{page: Model{t: w, field: field{limit: maxField}}, same: same}
}

// Init does nothing.
func (r *Reminder) Init() tea.Cmd { return nil }

// Update takes one message.
func (r *Reminder) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		r.page.width, r.page.height = msg.Width, msg.Height
	case tea.PasteMsg:
		r.page.field.insert(msg.Content)
	case tea.KeyPressMsg:
		switch name := msg.String(); name {
		case "ctrl+c", "ctrl+q":
			r.Left = true
			return r, tea.Quit
		case "esc":
			return r, tea.Quit
		case "enter":
			if r.Done = r.same(strings.Join(strings.Fields(strings.ToLower(r.page.field.String())), " ")); r.Done {
				return r, tea.Quit
			}
			r.page.err = r.page.t.Get("welcome.remind_wrong")
		default:
			r.page.err = ui.Text{}
			r.page.field.key(name, msg.Text)
		}
	}
	return r, nil
}

// View draws the page.
func (r *Reminder) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	if r.page.width < 1 || r.page.height < 1 {
		return v
	}
	t := r.page.t
	rows, x, y := r.page.draw(sheet{
		title: t.Get("welcome.remind_title"), intro: []ui.Text{t.Get("welcome.remind_intro")}, typed: true,
		keys: t.Get("welcome.remind_keys", len(strings.Fields(r.page.field.String()))),
	})
	v.SetContent(strings.Join(rows, "\n"))
	v.Cursor = tea.NewCursor(min(x, r.page.width-1), min(y, r.page.height-1))
	return v
}

// Remind asks for the phrase if the person put that off. It reports whether
// the person wants to leave.
func Remind(ctx context.Context, node apiv1connect.NodeServiceClient, same func(phrase string) bool, w *words.Words, o ...tea.ProgramOption) (left bool, err error) {
	r, err := node.GetPreferences(ctx, connect.NewRequest(&apiv1.GetPreferencesRequest{}))
	if err != nil || r.Msg.GetPreferences()[PreferPhrase] != later {
		return false, err
	}
	m := NewReminder(same, w)
	if _, err := tea.NewProgram(m, append(o, tea.WithContext(ctx))...).Run(); err != nil {
		return false, err
	}
	if m.Done {
		_, err = node.SetPreference(ctx, connect.NewRequest(&apiv1.SetPreferenceRequest{Name: PreferPhrase}))
	}
	return m.Left, err
}

// Run shows the first run until it is done or the person leaves.
func Run(ctx context.Context, s Steps, w *words.Words, o ...tea.ProgramOption) (*Model, error) {
	m := New(ctx, s, w)
	if _, err := tea.NewProgram(m, append(o, tea.WithContext(ctx))...).Run(); err != nil {
		return nil, err
	}
	return m, m.Failed
}
