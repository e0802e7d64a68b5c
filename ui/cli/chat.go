package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// chatOptions are the flags of "kith chat".
type chatOptions struct {
	wait  time.Duration // after the end of input, for delivery
	raw   bool          // no commands, no shortcodes
	plain bool          // no line editing
	n     int           // messages to show first
}

// lineMode is one conversation by typing and reading lines. One goroutine, the
// loop in run, owns its state; the reader of lines and the stream of news hand
// over to it.
type lineMode struct {
	*call
	opts    chatOptions
	chat    *apiv1.Chat
	screen  screen
	track   *tracker
	shown   []*apiv1.Message          // newest last, to refer to by ^
	mine    map[string]bool           // IDs that were sent from here: their text stands on the screen
	pending map[string]*apiv1.Message // sent, and not as far as --wait wants
	steps   map[string]int            // last quarter of each transfer that was shown
	ids     bool
	states  bool
}

// maxShown is how many messages can be referred to by ^.
const maxShown = 200

func prepareChat(fs *pflag.FlagSet) action {
	var opts chatOptions
	fs.DurationVar(&opts.wait, "wait", 0, "at the end of piped input, wait so long for delivery; exit code 6 if it takes longer")
	fs.BoolVar(&opts.raw, "raw", false, "send every line as it is: no commands, no emoji for shortcodes")
	fs.BoolVar(&opts.plain, "plain", false, "do not edit the line on the screen (for screen readers and odd terminals)")
	fs.IntVarP(&opts.n, "number", "n", historyLines, "show so many messages first")
	return func(ctx context.Context, c *call, args []string) error {
		stop, err := c.attachOrServe(ctx, ServeOptions{OpenOptions: OpenOptions{Home: c.home}})
		if err != nil {
			return err
		}
		ref := ""
		if len(args) > 0 {
			ref = args[0]
		}
		return errors.Join(c.talk(ctx, ref, opts), stop())
	}
}

// talk opens the line mode on a chat, or on the last one if ref is "".
func (c *call) talk(ctx context.Context, ref string, opts chatOptions) error {
	if ref == "" {
		var err error
		if ref, err = c.lastChat(ctx); err != nil {
			return err
		}
	}
	r, err := invoke(ctx, c.api.Chats.GetChat, &apiv1.GetChatRequest{Chat: ref})
	if err != nil {
		return err
	}
	track, err := c.tracker(ctx)
	if err != nil {
		return err
	}
	l := &lineMode{
		call: c, opts: opts, chat: r.GetChat(), track: track, mine: map[string]bool{},
		pending: map[string]*apiv1.Message{}, steps: map[string]int{},
	}
	return l.run(ctx)
}

// lastChat returns the chat in which something happened last.
func (c *call) lastChat(ctx context.Context) (string, error) {
	r, err := invoke(ctx, c.api.Chats.ListChats, &apiv1.ListChatsRequest{})
	if err != nil {
		return "", err
	}
	chats := slices.DeleteFunc(slices.Clone(r.GetChats()), func(chat *apiv1.Chat) bool { return !chat.GetJoined() })
	if len(chats) == 0 {
		return "", ui.NotFound.Because("there is no chat yet; join a group with 'kith join lobby', or add a friend with 'kith friends add'")
	}
	return slices.MaxFunc(chats, func(a, b *apiv1.Chat) int {
		return cmp.Compare(a.GetLast().GetArrivedMs(), b.GetLast().GetArrivedMs())
	}).GetRef(), nil
}

// run talks until the input ends, the person quits, or the node goes away.
func (l *lineMode) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	screen, restore, err := openScreen(l.s, l.opts.plain || l.out.json)
	if err != nil {
		cancel()
		return err
	}
	l.screen = screen
	l.out = &Out{w: screen, errw: screen.advice(), json: l.out.json, columns: l.s.columns}
	news, lost := make(chan *apiv1.WatchResponse), make(chan error, 1)
	go func() { lost <- l.stream(ctx, news) }()
	lines := make(chan typed)
	// The reader sits in a read of standard input, which nothing can
	// interrupt, so nobody waits for it: it ends with the input or the process.
	go readLines(ctx, screen, lines)
	err = l.loop(ctx, lines, news, lost)
	cancel()
	<-lost
	return errors.Join(err, restore())
}

// stream hands news over to the loop.
func (l *lineMode) stream(ctx context.Context, news chan<- *apiv1.WatchResponse) error {
	return l.watch(ctx, &apiv1.WatchRequest{Ephemeral: true}, func(w *apiv1.WatchResponse) error {
		select {
		case news <- w:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

func (l *lineMode) loop(ctx context.Context, lines <-chan typed, news <-chan *apiv1.WatchResponse, lost chan error) error {
	if err := l.open(ctx); err != nil {
		return err
	}
	var deadline <-chan time.Time
	for {
		if lines == nil && len(l.pending) == 0 {
			return l.out.failure()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-deadline:
			return ui.Timeout.Because("%d messages not delivered within %s; they stay queued and go out by themselves", len(l.pending), l.opts.wait)
		case err := <-lost:
			lost <- nil
			return err
		case w := <-news:
			l.hear(ctx, w)
		case t := <-lines:
			l.screen.resize(l.s)
			if t.err != nil {
				if !errors.Is(t.err, io.EOF) {
					return t.err
				}
				lines = nil
				deadline = time.After(l.opts.wait)
				l.recheck(ctx)
				continue
			}
			quit, err := l.take(ctx, t.text)
			if quit || err != nil {
				return err
			}
		}
	}
}

// open shows where one is and what was said last.
func (l *lineMode) open(ctx context.Context) error {
	l.screen.prompt(ui.F("%s> ", ui.Chat(l.chat)))
	if l.screen.person() {
		l.out.say("* %s; /help lists the commands, /quit leaves", ui.Chat(l.chat))
	}
	if l.opts.n < 1 {
		return nil
	}
	messages, err := l.backward(ctx, &apiv1.HistoryRequest{Chat: l.chat.GetRef()}, l.opts.n)
	if err != nil {
		return err
	}
	for _, m := range messages {
		l.track.see(m)
		l.refer(m)
	}
	showMessages(l.out, messages, view{ids: l.ids, states: l.screen.person(), slash: true})
	if len(messages) > 0 {
		l.markRead(ctx, messages[len(messages)-1].GetId())
	}
	return nil
}

// markRead tells the node what a person has seen. In a pipe nobody has.
func (l *lineMode) markRead(ctx context.Context, id string) {
	if l.s.OutTTY {
		// A read mark that fails is made good by the next one.
		_, _ = invoke(ctx, l.api.Chats.MarkRead, &apiv1.MarkReadRequest{Chat: l.chat.GetRef(), UpTo: id})
	}
}

func (l *lineMode) refer(m *apiv1.Message) {
	l.shown = append(l.shown, m)
	if len(l.shown) > maxShown {
		l.shown = l.shown[1:]
	}
}

// take does what a line says. An error ends the line mode: only input from a
// pipe is ended by one, a person gets it told and goes on.
func (l *lineMode) take(ctx context.Context, text string) (quit bool, err error) {
	switch {
	case strings.TrimSpace(text) == "":
		return false, nil
	case l.opts.raw:
		err = l.say(ctx, text, true)
	case strings.HasPrefix(text, "//"):
		err = l.say(ctx, text[1:], false)
	case strings.HasPrefix(text, "/"):
		quit, err = l.slash(ctx, text[1:])
	default:
		err = l.say(ctx, text, false)
	}
	if ctx.Err() != nil {
		return true, nil // Ctrl-C while it was being done
	}
	if err != nil && l.s.InTTY {
		l.out.problem(err)
		err = nil
	}
	return quit, err
}

// say sends one line to the chat.
func (l *lineMode) say(ctx context.Context, text string, raw bool) error {
	m, err := l.send(ctx, &apiv1.SendRequest{Chat: l.chat.GetRef(), Text: input(text, raw), RawText: true})
	if m != nil {
		l.sent(m)
	}
	return err
}

// sent remembers a message of this session.
func (l *lineMode) sent(m *apiv1.Message) {
	l.track.see(m)
	l.refer(m)
	l.mine[m.GetId()] = true
	if l.opts.wait > 0 && outcome(m, l.opts.wait) != nil {
		l.pending[m.GetId()] = m
	}
}

// recheck asks for the state of what is pending, since news of it may have
// come before it was known here.
func (l *lineMode) recheck(ctx context.Context) {
	for id := range l.pending {
		if r, err := invoke(ctx, l.api.Chats.GetMessage, &apiv1.GetMessageRequest{Id: id}); err == nil {
			l.settle(r.GetMessage())
		}
	}
}

// settle forgets a pending message that came far enough.
func (l *lineMode) settle(m *apiv1.Message) {
	if outcome(m, l.opts.wait) == nil {
		delete(l.pending, m.GetId())
	}
}
