package cli

import (
	"context"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// hear shows a piece of news, if it concerns the person here.
func (l *lineMode) hear(ctx context.Context, w *apiv1.WatchResponse) {
	l.screen.resize(l.s)
	known := l.track.messages[w.GetMessage().GetId()] != nil
	event, r := l.track.classify(w)
	if r == nil {
		return
	}
	if m := w.GetMessage(); m != nil {
		l.settle(m)
		if known && event == eventMessage {
			return // it came with the history, or was sent from here
		}
		l.hearMessage(ctx, event, r, m)
		return
	}
	switch event {
	case eventRequest:
		l.showNews(event, r)
		name := ui.Stranger(w.GetFriend().GetPerson())
		l.out.say("* /accept %s, /decline %s or /block %s", name, name, name)
		l.screen.bell()
	case eventFile:
		l.hearFile(event, r, w.GetTransfer())
	case eventPresence:
		if w.GetFriend() != nil || l.isGroup() {
			l.showNews(event, r)
		}
	case eventFriend, eventStorage, eventReset:
		l.showNews(event, r)
	}
}

func (l *lineMode) isGroup() bool { return l.chat.GetKind() != apiv1.ChatKind_CHAT_KIND_DIRECT }

// hearMessage shows a message of this chat, and of others what is for us.
func (l *lineMode) hearMessage(ctx context.Context, event string, r record, m *apiv1.Message) {
	here := m.GetChat() == l.chat.GetRef()
	own := m.GetFrom().GetSelf()
	switch {
	case event == eventMessage && here:
		l.refer(m)
		l.showNews(event, r)
		l.markRead(ctx, m.GetId())
		if !own && !l.chat.GetMuted() && (!l.isGroup() || m.GetMentionsMe()) {
			l.screen.bell()
		}
	case event == eventMessage && !own && (m.GetMentionsMe() || len(m.GetChat()) > 0 && m.GetChat()[0] == '@'):
		l.elsewhere(r, m)
	case event == eventState && here && own:
		if l.states || m.GetState() == apiv1.State_STATE_REFUSED {
			l.showNews(event, r)
		}
	case here && (!own || event == eventReaction):
		l.showNews(event, r)
	}
}

// elsewhere tells of a message in another chat in one line.
func (l *lineMode) elsewhere(r record, m *apiv1.Message) {
	if l.out.json {
		l.out.object(r)
		return
	}
	name := nameWithin(m.GetFrom(), l.out.columns())
	text := ui.F("* in %s, %s: %s", view{names: l.track.names}.chatName(m.GetChat()), name, ui.Line(body(m)))
	width := 76
	if w := l.out.columns(); w > 0 {
		width = w
	}
	l.out.line(ui.Truncate(text, width))
	l.screen.bell()
}

// hearFile shows each quarter of a transfer, and its end.
func (l *lineMode) hearFile(event string, r record, t *apiv1.Transfer) {
	step := int(progress(t)*4)<<4 + int(t.GetState())
	if last, seen := l.steps[t.GetId()]; seen && last == step {
		return
	}
	l.steps[t.GetId()] = step
	l.showNews(event, r)
}

// showNews is that of call, in the layout of the line mode.
func (l *lineMode) showNews(event string, r record) {
	l.out.news(event, r, view{ids: l.ids, slash: true, names: l.track.names})
}
