package notify

import (
	"time"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// Kind is what somebody wants of the person.
type Kind int

// The kinds of alerts.
const (
	Message    Kind = iota // a message in a chat
	Mention                // a message that mentions us
	Request                // somebody wants to be a friend
	Invitation             // somebody invites us to a private group
)

// Alert is one thing to tell.
type Alert struct {
	Kind Kind
	Chat *apiv1.Chat   // where; nil for a request
	From *apiv1.Person // who
	Text string        // foreign: the message, or the note of a request
	File string        // foreign: the name of the file that is offered, if one is
	// Key is the same for news of the same thing, such as a request that comes
	// again because its name has changed.
	Key string
}

// Scene is what the person sees now.
type Scene struct {
	Now time.Time // in the person's zone
	// Chat is the chat of a message; nil if it is not known.
	Chat *apiv1.Chat
	// Open is the reference of the chat on the screen, "" for none; Focused
	// says that the screen has the person's attention.
	Open    string
	Focused bool
}

// Decide says whether something that the node tells is to be told to the
// person.
func Decide(s Settings, now Scene, w *apiv1.WatchResponse) (Alert, bool) {
	if s.Quiet.Holds(now.Now) {
		return Alert{}, false
	}
	switch {
	case w.GetMessage() != nil && w.GetFresh():
		return decideMessage(s, now, w.GetMessage())
	case w.GetFriend().GetState() == apiv1.FriendState_FRIEND_STATE_INCOMING:
		f := w.GetFriend()
		return Alert{
			Kind: Request, From: f.GetPerson(), Text: f.GetNote(), Key: "request " + f.GetPerson().GetAccount(),
		}, s.Requests
	case w.GetChat().GetInvitedBy() != nil && !w.GetChat().GetJoined():
		c := w.GetChat()
		return Alert{Kind: Invitation, Chat: c, From: c.GetInvitedBy(), Key: "invitation " + c.GetRef()}, s.Requests
	}
	return Alert{}, false
}

func decideMessage(s Settings, now Scene, m *apiv1.Message) (Alert, bool) {
	a := Alert{Chat: now.Chat, From: m.GetFrom(), Text: m.GetText(), File: m.GetFile().GetName(), Key: m.GetId()}
	if a.Chat == nil {
		a.Chat = &apiv1.Chat{Ref: m.GetChat()}
	}
	if m.GetMentionsMe() {
		a.Kind = Mention
	}
	switch {
	case m.GetFrom().GetSelf(), m.GetRetracted(), m.GetState() != apiv1.State_STATE_RECEIVED:
		return Alert{}, false
	case m.GetText() == "" && m.GetFile() == nil:
		return Alert{}, false
	case now.Focused && now.Open == a.Chat.GetRef():
		return Alert{}, false
	case muted(a.Chat, now.Now):
		return a, a.Kind == Mention && s.Mentions && a.Chat.GetMentionsOnly()
	case a.Kind == Mention && s.Mentions:
		// What somebody said days ago in a group is history that was fetched.
		return a, !m.GetLate() || direct(a.Chat)
	case direct(a.Chat):
		return a, s.Direct
	}
	return a, s.Groups && !m.GetLate()
}

func direct(c *apiv1.Chat) bool { return c.GetKind() == apiv1.ChatKind_CHAT_KIND_DIRECT }

// muted reports whether a chat is muted at a time.
func muted(c *apiv1.Chat, now time.Time) bool {
	until := c.GetMutedUntilMs()
	return c.GetMuted() && (until == 0 || now.UnixMilli() < until)
}
