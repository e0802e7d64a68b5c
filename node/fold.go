package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
	"github.com/kith-chat/kith/node/timeline"
)

// input gives the timeline an entry of the store.
func input(e store.Entry) timeline.Input {
	in := timeline.Input{
		Event: e.Event, Author: e.Event.Author(), Effective: e.Effective, Position: e.Position,
		Arrived: e.Arrived, Refused: e.Refused, Late: e.Late,
	}
	switch e.State {
	case store.Queued:
		in.State = timeline.StateQueued
	case store.Sent:
		in.State = timeline.StateSent
	case store.Delivered:
		in.State = timeline.StateDelivered
	case store.Read:
		in.State = timeline.StateRead
	case store.Refused:
		in.State = timeline.StateRefused
	case store.Stored:
		in.State = timeline.StateStored
	default:
		in.State = timeline.StateReceived
	}
	return in
}

var states = [...]State{
	timeline.StateQueued: StateQueued, timeline.StateSent: StateSent, timeline.StateDelivered: StateDelivered,
	timeline.StateRead: StateRead, timeline.StateReceived: StateReceived, timeline.StateRefused: StateRefused,
	timeline.StateStored: StateStored,
}

// folded applies to an entry what others say of it; false if it is nothing that
// is shown, or what the person does not want to read in groups.
func (n *Node) folded(ctx context.Context, e store.Entry, group bool) (timeline.Message, bool, error) {
	var related []timeline.Input
	if e.Related {
		all, err := n.store.Related(ctx, e.Event.ID())
		if err != nil {
			return timeline.Message{}, false, kindOf(err)
		}
		for _, r := range all {
			related = append(related, input(r))
		}
	}
	m, shown := timeline.Fold(input(e), related, n.self.Account())
	if !shown || group && m.Author != n.self.Account() && n.screen.hides(m.Author, m.Text) {
		return timeline.Message{}, false, nil
	}
	return m, true, nil
}

// message returns what a person sees of an entry; false if it is nothing that
// is shown.
func (n *Node) message(ctx context.Context, e store.Entry, ref string) (Message, bool, error) {
	m, shown, err := n.folded(ctx, e, inGroup(ref))
	if err != nil || !shown {
		return Message{}, false, err
	}
	out := Message{
		ID: m.ID, Chat: ref, Kind: m.Kind, From: n.person(m.Author), Device: m.Device, Time: m.Time,
		Arrived: m.Arrived, Position: m.Position, Text: m.Text, State: states[m.State], Refused: m.Refused,
		Edited: m.Edited, Retracted: m.Retracted, ReplyTo: m.ReplyTo, File: m.File, Mentions: m.Mentions,
		MentionsMe: m.MentionsMe, Late: m.Late,
	}
	if out.State == StateQueued && n.acks.onItsWay(m.ID) {
		out.State = StateSent
	}
	if m.Foreign != nil {
		out.From = foreignAuthor(m.Foreign.Peer)
		out.Text = strings.ToValidUTF8(string(m.Foreign.Data), "\uFFFD")
		if string(m.Foreign.Peer) == string(n.self.ID().Peer()) {
			out.From = n.person(n.self.Account())
		}
	}
	if !m.ReplyTo.IsZero() {
		out.Quote = n.quote(ctx, m.Conversation, m.ReplyTo, inGroup(ref))
	}
	for _, r := range m.Reactions {
		out.Reactions = append(out.Reactions, Reaction{
			Emoji: r.Emoji, Count: len(r.Accounts), Mine: slices.Contains(r.Accounts, n.self.Account()),
		})
	}
	return out, true, nil
}

// quoteRunes is how much of a message is quoted above its answer.
const quoteRunes = 160

// quote returns the beginning of a message; nil where it is not here, or not
// to be shown.
func (n *Node) quote(ctx context.Context, chat event.ConversationID, id event.ID, group bool) *Quote {
	e, err := n.store.Get(ctx, id)
	if err != nil || e.Event.Header().Conversation != chat {
		return nil
	}
	m, shown, err := n.folded(ctx, e, group)
	if err != nil || !shown {
		return nil
	}
	text := strings.Join(strings.Fields(m.Text), " ")
	if text == "" && m.File != nil {
		text = m.File.Name
	}
	if runes := []rune(text); len(runes) > quoteRunes {
		text = string(runes[:quoteRunes]) + "…"
	}
	return &Quote{ID: id, From: n.person(m.Author), Text: text}
}

// inGroup reports whether a chat is with more than one person.
func inGroup(ref string) bool {
	return !strings.HasPrefix(ref, "@") && !strings.HasPrefix(ref, rawPrefix)
}

// messages folds a page of entries of any chats.
func (n *Node) messages(ctx context.Context, entries []store.Entry) ([]Message, error) {
	refs := make(map[event.ConversationID]string)
	out := make([]Message, 0, len(entries))
	for _, e := range entries {
		id := e.Event.Header().Conversation
		ref, known := refs[id]
		if !known {
			c, err := n.store.Chat(ctx, id)
			if err != nil {
				continue // left and forgotten meanwhile
			}
			ref = refOf(c)
			refs[id] = ref
		}
		m, shown, err := n.message(ctx, e, ref)
		if err != nil {
			return nil, err
		}
		if shown {
			out = append(out, m)
		}
	}
	return out, nil
}

// The bounds of a page.
const (
	defaultPage = 50
	maxPage     = 1000
)

func pageLimit(n int) int {
	if n <= 0 {
		return defaultPage
	}
	return min(n, maxPage)
}

// History returns a page of a chat, oldest first, and whether there is more.
func (n *Node) History(ctx context.Context, ref string, page Page) ([]Message, bool, error) {
	c, err := n.chatBy(ctx, ref)
	if err != nil {
		return nil, false, err
	}
	p := store.Page{Since: page.Since, Until: page.Until, Limit: pageLimit(page.Limit)}
	var before *event.Event
	if page.Before != "" {
		e, err := n.eventIn(ctx, c, page.Before)
		if err != nil {
			return nil, false, err
		}
		before = e.Event
		p.Before = &store.Place{Effective: e.Effective, ID: e.Event.ID()}
	}
	if page.After != "" {
		e, err := n.eventIn(ctx, c, page.After)
		if err != nil {
			return nil, false, err
		}
		p.After, p.Oldest = &store.Place{Effective: e.Effective, ID: e.Event.ID()}, true
	}
	entries, more, err := n.store.History(ctx, c.ID, p)
	if err == nil && len(entries) < p.Limit && !page.Local && !p.Oldest && page.Since.IsZero() && page.Until.IsZero() {
		got, ferr := n.fetchBefore(ctx, c, before, p.Limit)
		if ferr != nil { // what is here is shown all the same
			n.log.Debug("asking others for a page of history", "chat", c.ID, "error", ferr)
		}
		if got > 0 {
			entries, more, err = n.store.History(ctx, c.ID, p)
		}
	}
	if err != nil {
		return nil, false, kindOf(err)
	}
	out, err := n.messages(ctx, entries)
	return out, more, err
}

// Search returns the messages that match, newest first, in one chat or in all,
// and whether there are more.
func (n *Node) Search(ctx context.Context, query, ref string, limit int, before string) ([]Message, bool, error) {
	q := store.SearchQuery{Text: query, Limit: pageLimit(limit)}
	if len(query) > event.MaxText {
		return nil, false, fmt.Errorf("%w: the query has %d bytes", ErrTooLarge, len(query))
	}
	if ref != "" {
		c, err := n.chatBy(ctx, ref)
		if err != nil {
			return nil, false, err
		}
		q.Chat = &c.ID
	}
	if before != "" {
		e, err := n.eventBy(ctx, before)
		if err != nil {
			return nil, false, err
		}
		q.Before = e.Position
	}
	entries, more, err := n.store.Search(ctx, q)
	if err != nil {
		return nil, false, kindOf(err)
	}
	out, err := n.messages(ctx, entries)
	return out, more, err
}

// isWord reports whether a character can go on a name.
func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '_'
}

// contactView returns a contact as a person sees it.
func (n *Node) contactView(c store.Contact) Friend {
	safety := n.safety(c.Account)
	f := Friend{
		Person: n.person(c.Account), State: FriendState(c.State), Note: c.Note, Verified: c.Verified,
		Safety: safety.Digits, Emoji: safety.Emoji, LastSeen: c.LastSeen, Since: c.Since,
	}
	f.Online = n.online(c.Account)
	return f
}
