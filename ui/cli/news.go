package cli

import (
	"context"

	"google.golang.org/protobuf/proto"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// remembered is how many messages a tracker compares with.
const remembered = 4096

// The events of "listen", stable names.
const (
	eventReady    = "ready"    // the stream has begun, here
	eventMessage  = "message"  // somebody wrote, or offered a file
	eventState    = "state"    // a message of ours came further
	eventEdit     = "edit"     // a text was replaced
	eventRetract  = "retract"  // a message was taken back
	eventReaction = "reaction" // reactions to a message changed
	eventRequest  = "request"  // somebody asks to be friends
	eventFriend   = "friend"   // a friendship or a name changed
	eventPresence = "presence" // somebody came or went
	eventFile     = "file"     // a transfer went on
	eventChat     = "chat"     // a chat changed: joined, left, unread
	eventTyping   = "typing"   // somebody is typing, or has stopped
	eventSetting  = "setting"  // what a screen keeps has changed
	eventStorage  = "storage"  // the disk is full, or has room again
	eventReset    = "reset"    // the cursor was too old: load everything again
)

// tracker tells what is new in a piece of news, by comparing it with what came
// before. It is not safe for concurrent use.
type tracker struct {
	messages map[string]*apiv1.Message
	order    []string // of messages, oldest first
	friends  map[string]*apiv1.Friend
	files    map[string]*apiv1.Transfer
	names    map[string]ui.Text // of chats, by their reference
	begun    bool               // something has come
}

func newTracker() *tracker {
	return &tracker{
		messages: map[string]*apiv1.Message{}, friends: map[string]*apiv1.Friend{},
		files: map[string]*apiv1.Transfer{}, names: map[string]ui.Text{},
	}
}

// tracker returns one that knows the friends and the chats there are.
func (c *call) tracker(ctx context.Context) (*tracker, error) {
	t := newTracker()
	friends, err := invoke(ctx, c.api.Friends.ListFriends, &apiv1.ListFriendsRequest{})
	if err != nil {
		return nil, err
	}
	for _, f := range friends.GetFriends() {
		t.meet(f)
	}
	t.names, err = c.chatNames(ctx)
	return t, err
}

// see remembers a message and returns what it was before, or nil.
func (t *tracker) see(m *apiv1.Message) *apiv1.Message {
	before := t.messages[m.GetId()]
	if before == nil {
		if len(t.order) >= remembered {
			delete(t.messages, t.order[0])
			t.order = t.order[1:]
		}
		t.order = append(t.order, m.GetId())
	}
	t.messages[m.GetId()] = m
	return before
}

// meet remembers a friend and returns what was known before, or nil.
func (t *tracker) meet(f *apiv1.Friend) *apiv1.Friend {
	account := f.GetPerson().GetAccount()
	before := t.friends[account]
	t.friends[account] = f
	return before
}

// classify names the event that w is and returns it as a record; nil for
// nothing that a client shows.
func (t *tracker) classify(w *apiv1.WatchResponse) (string, record) {
	first := !t.begun
	t.begun = true
	if w.GetReset_() {
		return eventReset, resetRecord{news{eventReset, w.GetCursor()}}
	}
	switch {
	case w.GetMessage() != nil:
		r := newMessage(w.GetMessage())
		r.news = news{t.messageEvent(w), w.GetCursor()}
		return r.Event, r
	case w.GetFriend() != nil:
		r := newFriend(w.GetFriend())
		r.news = news{friendEvent(t.meet(w.GetFriend()), w.GetFriend()), w.GetCursor()}
		return r.Event, r
	case w.GetTransfer() != nil:
		// A step can be told twice, as durable news and as progress.
		before := t.files[w.GetTransfer().GetId()]
		t.files[w.GetTransfer().GetId()] = w.GetTransfer()
		if proto.Equal(before, w.GetTransfer()) {
			return "", nil
		}
		r := newFile(w.GetTransfer())
		r.news = news{eventFile, w.GetCursor()}
		return r.Event, r
	case w.GetPresence() != nil:
		r := newMember(w.GetPresence())
		r.news = news{eventPresence, w.GetCursor()}
		return r.Event, r
	case w.GetChat() != nil:
		t.names[w.GetChat().GetRef()] = chatLabel(w.GetChat())
		r := newChat(w.GetChat())
		r.news = news{eventChat, w.GetCursor()}
		return r.Event, r
	case w.GetTyping() != nil:
		y := w.GetTyping()
		return eventTyping, typingRecord{news{eventTyping, w.GetCursor()}, y.GetChat(), newAuthor(y.GetPerson()), !y.GetStopped()}
	case w.GetPreference() != nil:
		p := w.GetPreference()
		return eventSetting, preferenceRecord{news{eventSetting, w.GetCursor()}, p.GetName(), p.GetValue()}
	case w.GetStorage() != nil:
		s := w.GetStorage()
		return eventStorage, storageRecord{news{eventStorage, w.GetCursor()}, s.GetState(), s.GetDetail()}
	}
	if first {
		return eventReady, readyRecord{news{eventReady, w.GetCursor()}}
	}
	return "", nil
}

// messageEvent says what happened to a message. Of one that is not known from
// before, the message itself is looked at.
func (t *tracker) messageEvent(w *apiv1.WatchResponse) string {
	m := w.GetMessage()
	before := t.see(m)
	if w.GetFresh() {
		return eventMessage
	}
	if before == nil {
		before = &apiv1.Message{Text: m.GetText()}
	}
	switch {
	case m.GetRetracted() && !before.GetRetracted():
		return eventRetract
	case m.GetText() != before.GetText() || m.GetEdited() != before.GetEdited():
		return eventEdit
	case !sameMessage(m, before):
		return eventReaction
	}
	return eventState
}

func friendEvent(before, now *apiv1.Friend) string {
	switch {
	case now.GetState() == apiv1.FriendState_FRIEND_STATE_INCOMING && before.GetState() != now.GetState():
		return eventRequest
	case before != nil && before.GetState() == now.GetState() && before.GetOnline() != now.GetOnline():
		return eventPresence
	}
	return eventFriend
}

// readyRecord says that everything from its cursor on will be told.
type readyRecord struct{ news }

func (readyRecord) lines(view) []ui.Text { return nil }

// typingRecord says that somebody is typing; the plain text does not, since it
// would never stand still.
type typingRecord struct {
	news
	Chat   string `json:"chat"`
	From   author `json:"from"`
	Typing bool   `json:"typing"`
}

func (typingRecord) lines(view) []ui.Text { return nil }

// resetRecord says that a cursor was too old.
type resetRecord struct{ news }

func (resetRecord) lines(view) []ui.Text {
	return []ui.Text{ui.F("* too much has happened since then; load the history again")}
}

// newsLines are the text of a record when it is news: one line that begins
// with a star, or the message itself.
func newsLines(event string, r record, v view) []ui.Text {
	switch r := r.(type) {
	case messageRecord:
		return messageNews(event, r, v)
	case friendRecord:
		return friendNews(event, r, v)
	case memberRecord:
		if r.Online {
			return []ui.Text{ui.F("* %s is here", nameWithin(r.m.GetPerson(), v.columns))}
		}
		return []ui.Text{ui.F("* %s has gone", nameWithin(r.m.GetPerson(), v.columns))}
	case fileRecord:
		return []ui.Text{ui.F("* file %s %s: %s, %d %% of %s", beginning(r.ID), ui.Truncate(ui.Line(r.Name), 40),
			r.State, int(r.Progress*100), ui.Size(r.Size))}
	case chatRecord:
		return []ui.Text{ui.F("* %s: %d unread", ui.Chat(r.c), r.Unread)}
	}
	return r.lines(v)
}

func messageNews(event string, r messageRecord, v view) []ui.Text {
	quote := ui.Truncate(ui.Line(body(r.m)), 40)
	switch event {
	case eventState:
		if r.Refused != "" {
			return []ui.Text{ui.F("* %s (%s): %s", ui.State(r.m.GetState()), r.Refused, quote)}
		}
		return []ui.Text{ui.F("* %s: %s", ui.State(r.m.GetState()), quote)}
	case eventRetract:
		return []ui.Text{ui.F("* %s took a message back (%s)", nameWithin(r.m.GetFrom(), v.columns), beginning(r.ID))}
	case eventReaction:
		return []ui.Text{ui.F("* reactions to %s: %s", quote, remarks(&apiv1.Message{Reactions: r.m.GetReactions()}, view{}))}
	}
	return r.lines(v)
}

func friendNews(event string, r friendRecord, v view) []ui.Text {
	name := nameWithin(r.f.GetPerson(), v.columns)
	switch event {
	case eventPresence:
		if r.Online {
			return []ui.Text{ui.F("* %s is online", name)}
		}
		return []ui.Text{ui.F("* %s is offline", name)}
	case eventRequest:
		return append([]ui.Text{ui.F("* friend request from %s", name)}, r.lines(v)[1:]...)
	}
	return []ui.Text{ui.F("* %s: %s", name, r.State)}
}
