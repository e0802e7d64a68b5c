package tui

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"
	"connectrpc.com/connect"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// patience is how long one call of the node may take.
const patience = 30 * time.Second

// answer is what came back from a command; then puts it into the model.
type answer struct{ then func(*Model) tea.Cmd }

// tick is a timer that has gone off.
type tick struct{ then func(*Model) tea.Cmd }

// failed is a call that went wrong.
type failed struct {
	err  error
	then func(*Model) // what to undo; may be nil
}

// loadedMsg is everything that the screen starts with.
type loadedMsg struct {
	me       *apiv1.GetIdentityResponse
	status   *apiv1.GetStatusResponse
	chats    []*apiv1.Chat
	friends  []*apiv1.Friend
	files    []*apiv1.Transfer
	prefs    map[string]string
	problems []error
}

type (
	rpc[Req, Res any] = func(context.Context, *connect.Request[Req]) (*connect.Response[Res], error)
)

// invoke makes one call of the local API.
func invoke[Req, Res any](ctx context.Context, f rpc[Req, Res], req *Req) (*Res, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := f(ctx, connect.NewRequest(req))
	if err != nil {
		return nil, err
	}
	return r.Msg, nil
}

// ask calls the node and takes what it answers.
func ask[Req, Res any](m *Model, f rpc[Req, Res], req *Req, then func(*Model, *Res) tea.Cmd) tea.Cmd {
	return askOr(m, f, req, then, nil)
}

// askOr is ask with what to undo when it fails.
func askOr[Req, Res any](m *Model, f rpc[Req, Res], req *Req, then func(*Model, *Res) tea.Cmd, undo func(*Model)) tea.Cmd {
	run := m.run
	return func() tea.Msg {
		r, err := invoke(run, f, req)
		if err != nil {
			if run.Err() != nil {
				return nil
			}
			return failed{err, undo}
		}
		return answer{func(m *Model) tea.Cmd {
			if then == nil {
				return nil
			}
			return then(m, r)
		}}
	}
}

// quiet is ask for calls whose failure need not be told.
func quiet[Req, Res any](m *Model, f rpc[Req, Res], req *Req, then func(*Model, *Res) tea.Cmd) tea.Cmd {
	run := m.run
	return func() tea.Msg {
		r, err := invoke(run, f, req)
		if err != nil || then == nil {
			return nil
		}
		return answer{func(m *Model) tea.Cmd { return then(m, r) }}
	}
}

// after sets a timer.
func (m *Model) after(d time.Duration, then func(*Model) tea.Cmd) tea.Cmd {
	return m.timer(d, func(time.Time) tea.Msg { return tick{then} })
}

// load asks for everything that the screen starts with.
func (m *Model) load() tea.Cmd {
	run, api := m.run, m.api
	return func() tea.Msg {
		var out loadedMsg
		problem := func(err error) bool {
			if err != nil {
				out.problems = append(out.problems, err)
			}
			return err == nil
		}
		if r, err := invoke(run, api.Node.GetPreferences, &apiv1.GetPreferencesRequest{}); err == nil {
			out.prefs = r.GetPreferences()
		}
		if r, err := invoke(run, api.Node.GetIdentity, &apiv1.GetIdentityRequest{}); problem(err) {
			out.me = r
		}
		if r, err := invoke(run, api.Node.GetStatus, &apiv1.GetStatusRequest{}); problem(err) {
			out.status = r
		}
		if r, err := invoke(run, api.Friends.ListFriends, &apiv1.ListFriendsRequest{}); problem(err) {
			out.friends = r.GetFriends()
		}
		if r, err := invoke(run, api.Chats.ListChats, &apiv1.ListChatsRequest{}); problem(err) {
			out.chats = r.GetChats()
		}
		if r, err := invoke(run, api.Files.ListFiles, &apiv1.ListFilesRequest{}); problem(err) {
			out.files = r.GetFiles()
		}
		if run.Err() != nil {
			return nil
		}
		return out
	}
}

func (m *Model) onLoaded(l loadedMsg) tea.Cmd {
	var cmds []tea.Cmd
	for _, err := range l.problems {
		cmds = append(cmds, m.fail(failed{err: err}))
	}
	if len(l.problems) == 0 {
		m.lost = nil
	}
	m.loaded = true
	m.setPreferences(l.prefs)
	if l.me != nil {
		m.me = l.me
	}
	if l.status != nil {
		m.status = l.status
		if v := l.status.GetVersion(); v != m.opts.Version && m.opts.Version != "" {
			m.say(toastWarn, m.t.Get("toast.version", v, m.opts.Version))
		}
	}
	for _, f := range l.friends {
		m.friends[f.GetPerson().GetAccount()] = f
	}
	for _, t := range l.files {
		m.transfers[t.GetId()] = t
	}
	for _, c := range l.chats {
		m.putChat(c)
	}
	m.sortChats()
	m.collectNames()
	if m.current == "" && len(m.order) > 0 {
		cmds = append(cmds, m.open(m.start()))
	} else if t := m.talk(); t != nil {
		cmds = append(cmds, m.reload(t))
	}
	return tea.Batch(cmds...)
}

// start is the chat that the screen begins with: the one that was open last.
func (m *Model) start() string {
	if ref := m.prefs[lastChat]; m.chats[ref] != nil {
		return ref
	}
	return m.order[0]
}

// history asks for a page of a conversation.
func (m *Model) history(t *talk, req *apiv1.HistoryRequest, at edge) tea.Cmd {
	return askOr(m, m.api.Chats.History, req, func(m *Model, r *apiv1.HistoryResponse) tea.Cmd {
		if t.asking != at {
			return nil // the conversation was loaded anew since
		}
		t.asking = noEdge
		t.loaded = true
		t.take(r.GetMessages(), r.GetMore(), at)
		return nil
	}, func(*Model) { t.asking = noEdge })
}

// reload loads the newest page.
func (m *Model) reload(t *talk) tea.Cmd {
	t.asking = wholeEdge
	return m.history(t, &apiv1.HistoryRequest{Chat: t.ref, Limit: pageSize}, wholeEdge)
}

// jump shows a message wherever it is: it is looked for in what is held, else
// the pages around it are loaded.
func (m *Model) jump(ref, id string) tea.Cmd {
	cmd := m.open(ref)
	t := m.talks[ref]
	if t == nil {
		return cmd
	}
	if t.loaded && t.find(id) >= 0 {
		m.land(t, id)
		return cmd
	}
	t.asking = wholeEdge
	run, chats := m.run, m.api.Chats
	load := func() tea.Msg {
		at, err := invoke(run, chats.GetMessage, &apiv1.GetMessageRequest{Id: id})
		if err != nil {
			return failed{err, func(*Model) { t.asking = noEdge }}
		}
		old, err := invoke(run, chats.History, &apiv1.HistoryRequest{Chat: ref, Before: id, Limit: pageSize})
		if err != nil {
			return failed{err, func(*Model) { t.asking = noEdge }}
		}
		young, err := invoke(run, chats.History, &apiv1.HistoryRequest{Chat: ref, After: id, Limit: pageSize})
		if err != nil {
			return failed{err, func(*Model) { t.asking = noEdge }}
		}
		return answer{func(m *Model) tea.Cmd {
			t.asking, t.loaded = noEdge, true
			t.bottom, t.below = at.GetMessage().GetId(), 0
			t.take(append(old.GetMessages(), at.GetMessage()), old.GetMore(), wholeEdge)
			t.take(young.GetMessages(), young.GetMore(), newerEdge)
			m.land(t, at.GetMessage().GetId())
			return nil
		}}
	}
	return tea.Batch(cmd, load)
}

// land selects a message and brings it into sight.
func (m *Model) land(t *talk, id string) {
	t.selected, m.selecting = id, true
	m.viewport(t).show(id)
}

func (m *Model) markRead(ref, upTo string) tea.Cmd {
	return quiet(m, m.api.Chats.MarkRead, &apiv1.MarkReadRequest{Chat: ref, UpTo: upTo}, func(m *Model, r *apiv1.MarkReadResponse) tea.Cmd {
		m.putChat(r.GetChat())
		return nil
	})
}

// setChat changes how a chat is kept.
func (m *Model) setChat(req *apiv1.SetChatRequest) tea.Cmd {
	return ask(m, m.api.Chats.SetChat, req, func(m *Model, r *apiv1.SetChatResponse) tea.Cmd {
		m.putChat(r.GetChat())
		m.sortChats()
		return nil
	})
}

// setPreference keeps a setting of the screens.
func (m *Model) setPreference(name, value string) tea.Cmd {
	m.prefs[name] = value
	return quiet(m, m.api.Node.SetPreference, &apiv1.SetPreferenceRequest{Name: name, Value: value}, nil)
}

// fail tells what went wrong.
func (m *Model) fail(f failed) tea.Cmd {
	if f.then != nil {
		f.then(m)
	}
	p := ui.Explain(f.err)
	if p.Reason == ui.NoNode {
		m.lost = f.err
	}
	if errors.Is(f.err, context.Canceled) {
		return nil
	}
	return m.say(toastError, m.t.Explain(f.err))
}
