package cli

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// keyboard is the input of a person or a pipe, a line at a time.
type keyboard struct {
	*io.PipeReader
	w *io.PipeWriter
}

func newKeyboard() *keyboard {
	r, w := io.Pipe()
	return &keyboard{r, w}
}

// types types a line, or the keys of one.
func (k *keyboard) types(t *testing.T, s string) {
	t.Helper()
	if _, err := io.WriteString(k.w, s); err != nil {
		t.Fatal(err)
	}
}

// talking is a session in the line mode.
type talking struct {
	*session
	*keyboard
	ended chan int
}

// talk starts a line mode; at says whether a person sits at the terminal.
func talk(t *testing.T, api *API, person bool, args ...string) *talking {
	t.Helper()
	s := &talking{session: newSession(t, api), keyboard: newKeyboard(), ended: make(chan int, 1)}
	s.streams.In, s.streams.InTTY, s.streams.OutTTY = s.keyboard, person, person
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	go func() { s.ended <- Main(ctx, s.deps, s.streams, args) }()
	t.Cleanup(func() { s.w.Close() })
	return s
}

// sees waits until the output has text.
func (s *talking) sees(t *testing.T, text string) {
	t.Helper()
	eventually(t, func() bool { return strings.Contains(s.out.String(), text) }, func() string {
		return "no " + text + " in:\n" + s.out.String() + s.err.String()
	})
}

// ends waits for the end and returns the exit code.
func (s *talking) ends(t *testing.T) int {
	t.Helper()
	select {
	case code := <-s.ended:
		return code
	case <-time.After(20 * time.Second):
		t.Fatalf("it goes on:\n%s%s", s.out.String(), s.err.String())
		return -1
	}
}

func eventually(t *testing.T, ok func() bool, why func() string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(15 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal(why())
		}
	}
}

// listening waits until the line mode watches.
func (f *fakeNode) listening(t *testing.T) {
	t.Helper()
	eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.watchers) > 0
	}, func() string { return "nobody watches" })
}

func said(n int, chat, text string) *apiv1.WatchResponse {
	return &apiv1.WatchResponse{Cursor: uint64(n), Fresh: true, News: &apiv1.WatchResponse_Message{Message: &apiv1.Message{
		Id: id(n), Chat: chat, Kind: "text", From: bob, TimeMs: noon + int64(n)*1000, Text: text, State: apiv1.State_STATE_RECEIVED,
	}}}
}

func TestChatInPipe(t *testing.T) {
	t.Parallel()
	f, api := newFake(t)
	s := talk(t, api, false, "chat", "lobby", "-n", "2")
	s.sees(t, "12:02 bob: line 2")
	s.types(t, "one :tada:\n\n//two\n/react ^ :+1:\n")
	s.sees(t, "12:00 bob: line 0") // what the reaction answers
	f.listening(t)
	f.tell(said(50, "#lobby", "from\nafar"))
	s.sees(t, "12:00 bob: from\n      afar\n")
	s.types(t, "three")
	s.w.Close()
	if code := s.ends(t); code != 0 {
		t.Fatalf("ended with %d: %s", code, s.err.String())
	}
	var sent []string
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.requests {
		if m, ok := r.(*apiv1.SendRequest); ok {
			sent = append(sent, m.GetText())
		}
		if m, ok := r.(*apiv1.ReactRequest); ok && (m.GetEmoji() != "👍" || m.GetId() != id(2)) {
			t.Errorf("reacted with %v", m)
		}
	}
	if got := strings.Join(sent, "|"); got != "one 🎉|/two|three" {
		t.Errorf("sent %q", got)
	}
	if len(f.read) != 0 {
		t.Errorf("nobody looked at the pipe, and %v is marked as read", f.read)
	}
	for _, r := range s.out.String() {
		if r < ' ' && r != '\n' {
			t.Fatalf("a pipe got the control character %U", r)
		}
	}
}

func TestChatPipeRaw(t *testing.T) {
	t.Parallel()
	f, api := newFake(t)
	s := talk(t, api, false, "chat", "lobby", "--raw")
	s.types(t, "/quit :tada:\n")
	s.w.Close()
	if code := s.ends(t); code != 0 {
		t.Fatalf("ended with %d: %s", code, s.err.String())
	}
	if got := last[*apiv1.SendRequest](t, f).GetText(); got != "/quit :tada:" {
		t.Errorf("sent %q", got)
	}
}

func TestChatPipeWaits(t *testing.T) {
	t.Parallel()
	f, api := newFake(t)
	s := talk(t, api, false, "chat", "@bob", "--wait", "15s")
	s.types(t, "hello\n")
	s.w.Close()
	f.listening(t)
	var m *apiv1.Message
	eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, x := range f.messages {
			if x.GetText() == "hello" {
				m = x
			}
		}
		return m != nil
	}, func() string { return "nothing was sent" })
	select {
	case code := <-s.ended:
		t.Fatalf("it ended with %d before the message was delivered", code)
	case <-time.After(100 * time.Millisecond):
	}
	f.tell(&apiv1.WatchResponse{News: &apiv1.WatchResponse_Message{Message: &apiv1.Message{
		Id: m.GetId(), Chat: m.GetChat(), From: ann, Text: "hello", State: apiv1.State_STATE_DELIVERED,
	}}})
	if code := s.ends(t); code != 0 {
		t.Fatalf("ended with %d: %s", code, s.err.String())
	}

	late := talk(t, api, false, "chat", "@bob", "--wait", "50ms")
	late.types(t, "hello\n")
	late.w.Close()
	if code := late.ends(t); code != ui.ExitTimeout || !strings.Contains(late.err.String(), "stay queued") {
		t.Errorf("undelivered, it ended with %d: %s", code, late.err.String())
	}
}

func TestChatPipeStopsAtError(t *testing.T) {
	t.Parallel()
	f, api := newFake(t)
	f.fail = nil
	s := talk(t, api, false, "chat", "lobby", "-n", "0")
	s.types(t, "/nonsense\n")
	if code := s.ends(t); code != ui.ExitUsage || !strings.Contains(s.err.String(), "/help") {
		t.Errorf("ended with %d: %s", code, s.err.String())
	}
}

// TestChatAtTerminal types in raw mode, where lines come in while one is being
// typed, and uses the slash commands.
func TestChatAtTerminal(t *testing.T) {
	t.Parallel()
	f, api := newFake(t)
	s := talk(t, api, true, "chat", "lobby")
	s.sees(t, "line 2")
	f.listening(t)
	s.types(t, "half a li")
	s.sees(t, "half a li")
	f.tell(said(50, "#lobby", "interrupting\x1b]0;x\a you"))
	s.sees(t, "bob: interrupting␛]0;x␇ you\r\n")
	s.types(t, "ne\r")
	eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.messages) == 4
	}, func() string { return "nothing was sent: " + s.out.String() })
	if got := last[*apiv1.SendRequest](t, f).GetText(); got != "half a line" {
		t.Errorf("sent %q", got)
	}
	if strings.Contains(s.out.String(), "you: half a line") {
		t.Error("the typed line was shown twice")
	}

	for _, step := range []struct{ types, sees string }{
		{"/help", "/reply ID TEXT"},
		{"/nonsense", "there is no command /nonsense"},
		{"/serve", "does not work here"},
		{"/members", "bob  online"},
		{"/friend dee 'from the lake'", "dee  outgoing"},
		{"/states", "states of your messages are now on"},
		{"/ids", "IDs of messages are now on"},
		{"/history 1", "half a line"},
		{"/search line", "line 0"},
		{"/verify bob", "verified"},
		{"/chats", "2 unread"},
		{"/invite", "kith:xyz"},
		{"/files", "fish.png"},
		{"/get 00000009", "fish.png"},
		{"/edit ^ better", "bob: line 0"},
		{"/chat @bob", "* @bob; /help"},
		{"/chat @nobody", "there is no chat @nobody"},
		{"/reply", "which message?"},
	} {
		before := len(s.out.String())
		s.types(t, step.types+"\r")
		eventually(t, func() bool { return strings.Contains(s.out.String()[before:], step.sees) }, func() string {
			return step.types + " did not show " + step.sees + ":\n" + s.out.String()[before:]
		})
	}

	f.tell(said(60, "#lobby", "not for us"))
	f.tell(said(61, "@kith1cy", "look here"))
	s.sees(t, "* in @kith1cy, bob: look here")
	if strings.Contains(s.out.String(), "not for us") {
		t.Error("a message of another group was shown")
	}
	f.tell(&apiv1.WatchResponse{News: &apiv1.WatchResponse_Friend{Friend: &apiv1.Friend{
		Person: &apiv1.Person{Account: "kith1dee", Name: "dee"}, State: apiv1.FriendState_FRIEND_STATE_INCOMING, Note: "hello",
	}}})
	s.sees(t, "* friend request from dee")
	s.sees(t, "/accept dee, /decline dee or /block dee")
	f.tell(&apiv1.WatchResponse{News: &apiv1.WatchResponse_Friend{Friend: &apiv1.Friend{Person: bob, State: apiv1.FriendState_FRIEND_STATE_FRIEND}}})
	s.sees(t, "* bob is offline")
	if !strings.Contains(s.out.String(), "\a") {
		t.Error("no bell for a direct message and a request")
	}
	f.mu.Lock()
	if f.read["#lobby"] != id(50) {
		t.Errorf("read %v", f.read)
	}
	f.mu.Unlock()
	s.types(t, "/quit\r")
	if code := s.ends(t); code != 0 {
		t.Errorf("ended with %d", code)
	}
}

// TestChatNodeGoes makes sure that the end of the node is said.
func TestChatNodeGoes(t *testing.T) {
	t.Parallel()
	f, api := newFake(t)
	s := talk(t, api, true, "chat", "lobby", "--plain")
	s.sees(t, "line 2")
	f.listening(t)
	f.mu.Lock()
	for w := range f.watchers {
		close(w)
		delete(f.watchers, w)
	}
	f.mu.Unlock()
	if code := s.ends(t); code != ui.ExitNoNode || !strings.Contains(s.err.String(), "kith serve") {
		t.Errorf("ended with %d: %s", code, s.err.String())
	}
	if strings.Contains(s.out.String(), "\x1b") {
		t.Error("--plain wrote an escape character")
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	f, api := newFake(t)
	s := talk(t, api, false, "listen", "--json")
	f.listening(t)
	f.tell(&apiv1.WatchResponse{Cursor: 7})
	f.tell(said(50, "#lobby", "hello"))
	m := said(50, "#lobby", "hello").GetMessage()
	m.Retracted = true
	f.tell(&apiv1.WatchResponse{Cursor: 9, News: &apiv1.WatchResponse_Message{Message: m}})
	file := &apiv1.WatchResponse{Cursor: 10, News: &apiv1.WatchResponse_Transfer{Transfer: f.files[0]}}
	f.tell(file)
	f.tell(file)
	f.tell(&apiv1.WatchResponse{Cursor: 11, News: &apiv1.WatchResponse_Presence{Presence: &apiv1.Member{Person: bob, Online: true}}})
	f.tell(&apiv1.WatchResponse{Cursor: 12, Reset_: true})
	s.sees(t, `{"event":"reset","cursor":12}`)
	var events []string
	for _, l := range strings.Split(strings.TrimSpace(s.out.String()), "\n") {
		event, _, _ := strings.Cut(strings.TrimPrefix(l, `{"event":"`), `"`)
		events = append(events, event)
	}
	if got := strings.Join(events, " "); got != "ready message retract file presence reset" {
		t.Errorf("events %q:\n%s", got, s.out.String())
	}
}

// TestFirstRun goes from nothing to the lobby.
func TestFirstRun(t *testing.T) {
	t.Parallel()
	_, api := newFake(t)
	words := strings.Fields("abandon ability able about above absent absorb abstract absurd abuse access accident account accuse " +
		"achieve acid acoustic acquire across act action actor actress actual")
	s := &talking{session: newSession(t, nil), keyboard: newKeyboard(), ended: make(chan int, 1)}
	s.streams.In, s.streams.InTTY, s.streams.OutTTY = s.keyboard, true, true
	s.streams.Secret = func() (string, error) { return "secret", nil }
	made, running, closed := false, false, false
	s.deps.HasProfile = func(string) (bool, error) { return made, nil }
	s.deps.Init = func(_ context.Context, o InitOptions) (InitResult, error) {
		if o.Name != "Ann" || o.Passphrase != "secret" {
			t.Errorf("made %+v", o)
		}
		made = true
		return InitResult{Account: "kith1ann", Name: o.Name, Phrase: strings.Join(words, " "), Vault: "passphrase"}, nil
	}
	s.deps.Attach = func(context.Context, string) (*API, error) {
		if !running {
			return nil, ErrNoNode
		}
		return api, nil
	}
	s.deps.Serve = func(ctx context.Context, o ServeOptions, ready func(Serving)) error {
		if p, err := o.Passphrase(); p != "secret" || err != nil {
			t.Errorf("the passphrase is asked for again: %q, %v", p, err)
		}
		running = true
		ready(Serving{})
		<-ctx.Done()
		closed = true
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() { s.ended <- Main(ctx, s.deps, s.streams, nil) }()
	seesErr := func(text string) {
		t.Helper()
		eventually(t, func() bool { return strings.Contains(s.err.String(), text) }, func() string {
			return "no " + text + " in:\n" + s.out.String() + s.err.String()
		})
	}
	seesErr("Your name")
	s.types(t, "\nAnn\n")
	s.sees(t, "24 words are your account")
	s.sees(t, "24 actual")
	seesErr("type words ")
	s.types(t, "wrong words\n")
	s.sees(t, "That is not what stands above.")
	s.types(t, "\n")
	s.sees(t, "kith:xyz")
	s.sees(t, "█")
	s.sees(t, "bob  not a friend yet")
	seesErr("press enter for lobby")
	s.types(t, "\n")
	s.sees(t, "line 2")
	s.types(t, "/quit\r")
	if code := s.ends(t); code != 0 || !closed {
		t.Errorf("ended with %d, node closed %v: %s", code, closed, s.err.String())
	}
}

// tell sends a piece of news to all watchers.
func (f *fakeNode) tell(w *apiv1.WatchResponse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.watchers {
		c <- w
	}
}
