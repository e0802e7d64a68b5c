package notify

import (
	"context"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/sync/errgroup"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/node/api/v1/apiv1connect"
)

const (
	// headlessSettle leaves another screen the time to mark as read what it
	// shows.
	headlessSettle = 2 * time.Second
	headlessPause  = 5 * time.Second
)

// Source is the node that is watched.
type Source struct {
	Node  apiv1connect.NodeServiceClient
	Chats apiv1connect.ChatServiceClient
}

// Watch tells what a node reports until ctx ends or the node does. It is for a
// node without a screen: nothing is taken as seen until it is marked as read.
func Watch(ctx context.Context, src Source, c Config) error {
	if c.Settle == 0 {
		c.Settle, c.Pause = headlessSettle, headlessPause
	}
	r, err := src.Node.GetPreferences(ctx, connect.NewRequest(&apiv1.GetPreferencesRequest{}))
	if err != nil {
		return err
	}
	w := watcher{src: src, preferences: r.Msg.GetPreferences(), chats: map[string]*apiv1.Chat{}}
	if w.preferences == nil {
		w.preferences = map[string]string{}
	}
	c.StillNew = w.stillNew
	w.n = New(c)
	g, ctx := errgroup.WithContext(ctx)
	done, cancel := context.WithCancel(ctx)
	g.Go(func() error { return w.n.Run(done) })
	g.Go(func() error {
		defer cancel()
		return w.run(ctx)
	})
	return g.Wait()
}

// watcher holds what the policy needs to know; run alone writes it.
type watcher struct {
	src         Source
	n           *Notifier
	preferences map[string]string
	chats       map[string]*apiv1.Chat
}

func (w *watcher) run(ctx context.Context) error {
	stream, err := w.src.Node.Watch(ctx, connect.NewRequest(&apiv1.WatchRequest{Ephemeral: true}))
	if err != nil {
		return ended(ctx, err)
	}
	defer stream.Close()
	for stream.Receive() {
		w.hear(ctx, stream.Msg())
	}
	return ended(ctx, stream.Err())
}

// ended makes nothing of an error that comes from the end of ctx.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (w *watcher) hear(ctx context.Context, news *apiv1.WatchResponse) {
	if c := news.GetChat(); c != nil {
		w.keep(c)
	}
	if p := news.GetPreference(); p != nil {
		w.preferences[p.GetName()] = p.GetValue()
	}
	s := ReadSettings(w.preferences)
	if !s.Desktop {
		return
	}
	scene := Scene{Now: time.Now()}
	if m := news.GetMessage(); m != nil && news.GetFresh() {
		scene.Chat = w.chat(ctx, m.GetChat())
	}
	if a, yes := Decide(s, scene, news); yes {
		w.n.Tell(a, s.Hide)
	}
}

// maxChats bounds what is remembered of chats.
const maxChats = 4096

func (w *watcher) keep(c *apiv1.Chat) {
	if len(w.chats) >= maxChats {
		clear(w.chats)
	}
	w.chats[c.GetRef()] = c
}

// chat returns what is known of a chat, asking the node once.
func (w *watcher) chat(ctx context.Context, ref string) *apiv1.Chat {
	if c := w.chats[ref]; c != nil {
		return c
	}
	r, err := w.src.Chats.GetChat(ctx, connect.NewRequest(&apiv1.GetChatRequest{Chat: ref}))
	if err != nil {
		return nil
	}
	w.keep(r.Msg.GetChat())
	return r.Msg.GetChat()
}

// stillNew leaves out the messages of chats that were read meanwhile.
func (w *watcher) stillNew(ctx context.Context, alerts []Alert) []Alert {
	unread := map[string]bool{}
	var out []Alert
	for _, a := range alerts {
		if a.Kind != Message && a.Kind != Mention {
			out = append(out, a)
			continue
		}
		ref := a.Chat.GetRef()
		if _, asked := unread[ref]; !asked {
			r, err := w.src.Chats.GetChat(ctx, connect.NewRequest(&apiv1.GetChatRequest{Chat: ref}))
			unread[ref] = err != nil || r.Msg.GetChat().GetUnread() > 0
		}
		if unread[ref] {
			out = append(out, a)
		}
	}
	return out
}
