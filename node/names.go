package node

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
)

// rawPrefix names another program's topic.
const rawPrefix = "raw:"

// refOf returns the canonical name of a chat.
func refOf(c store.Chat) string {
	switch c.Kind {
	case store.Public:
		return "#" + c.Name
	case store.Raw:
		return rawPrefix + c.Name
	default:
		return "@" + c.Peer.String()
	}
}

// chatBy finds the chat that a person means: "#group", "@name", "@kith1…",
// "kith1…", "raw:topic", or a bare name where only one fits.
func (n *Node) chatBy(ctx context.Context, ref string) (store.Chat, error) {
	ref = strings.TrimSpace(ref)
	switch {
	case ref == "":
		return store.Chat{}, fmt.Errorf("%w: no chat is named", ErrInvalid)
	case strings.HasPrefix(ref, "#"):
		return n.groupBy(ctx, ref)
	case strings.HasPrefix(ref, rawPrefix):
		c, err := n.store.Chat(ctx, event.Raw(strings.TrimPrefix(ref, rawPrefix)))
		return c, notFound(err, "the topic %s has not been joined: kith join --raw %s", ref, strings.TrimPrefix(ref, rawPrefix))
	case strings.HasPrefix(ref, "@"), strings.HasPrefix(strings.ToLower(ref), "kith1"):
		a, err := n.personBy(ctx, ref)
		if err != nil {
			return store.Chat{}, err
		}
		return n.directWith(ctx, a)
	}
	return n.bareChat(ctx, ref)
}

func (n *Node) groupBy(ctx context.Context, ref string) (store.Chat, error) {
	name, err := event.CleanGroup(ref)
	if err != nil {
		return store.Chat{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	c, err := n.store.Chat(ctx, event.Public(name))
	return c, notFound(err, "the group #%s has not been joined: kith join %s", name, name)
}

// bareChat resolves a name without a sign: a joined group and a person of the
// same name are ambiguous.
func (n *Node) bareChat(ctx context.Context, ref string) (store.Chat, error) {
	var found []store.Chat
	if c, err := n.groupBy(ctx, ref); err == nil {
		found = append(found, c)
	}
	a, err := n.personBy(ctx, ref)
	switch {
	case err == nil:
		c, err := n.directWith(ctx, a)
		if err == nil {
			found = append(found, c)
		}
	case errors.Is(err, ErrAmbiguous):
		return store.Chat{}, err
	}
	switch len(found) {
	case 0:
		return store.Chat{}, fmt.Errorf("%w: no chat is called %q: groups are written #name, people @name", ErrNotFound, ref)
	case 1:
		return found[0], nil
	}
	return store.Chat{}, fmt.Errorf("%w: %q is a group and a person: write #%s or @%s", ErrAmbiguous, ref, ref, ref)
}

// directWith returns the chat with an account, making it if there is none.
func (n *Node) directWith(ctx context.Context, a identity.AccountID) (store.Chat, error) {
	if a == n.self.Account() {
		return store.Chat{}, fmt.Errorf("%w: that is yourself", ErrInvalid)
	}
	id := event.Direct(n.self.Account(), a)
	c, err := n.store.Chat(ctx, id)
	if !errors.Is(err, store.ErrNotFound) {
		return c, kindOf(err)
	}
	if _, err := n.store.Contact(ctx, a); err != nil {
		return store.Chat{}, notFound(err, "%s is not a contact: kith friends add %s", a.Short(), a)
	}
	c = store.Chat{ID: id, Kind: store.Direct, Peer: a, Joined: true}
	if err := n.store.PutChat(ctx, c); err != nil {
		return store.Chat{}, kindOf(err)
	}
	return n.store.Chat(ctx, id)
}

// personBy finds the account that a person means: an account ID, or the name
// of a contact, with or without @.
func (n *Node) personBy(ctx context.Context, who string) (identity.AccountID, error) {
	who = strings.TrimPrefix(strings.TrimSpace(who), "@")
	if strings.HasPrefix(strings.ToLower(who), "kith1") {
		a, err := identity.ParseAccountID(who)
		if err != nil {
			return a, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		return a, nil
	}
	contacts, err := n.store.Contacts(ctx)
	if err != nil {
		return identity.AccountID{}, kindOf(err)
	}
	var found []identity.AccountID
	for _, c := range contacts {
		if matches(c, who) {
			found = append(found, c.Account)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return identity.AccountID{}, fmt.Errorf("%w: nobody here is called %q: kith friends find lists people nearby", ErrNotFound, who)
	}
	var list []string
	for _, a := range found {
		list = append(list, a.Short())
	}
	return identity.AccountID{}, fmt.Errorf("%w: %d people are called %q (%s): use the account ID",
		ErrAmbiguous, len(found), who, strings.Join(list, ", "))
}

// matches reports whether a contact is called who: by local or own name
// without regard to case, or by the fingerprint.
func matches(c store.Contact, who string) bool {
	if c.LocalName != "" && strings.EqualFold(c.LocalName, who) {
		return true
	}
	return c.LocalName == "" && strings.EqualFold(c.Name, who) || c.Account.Short() == who
}

// person returns an account as this node shows it.
func (n *Node) person(a identity.AccountID) Person { return n.people.named(a, n.Name()) }

// eventBy finds the event that a person means by a full or shortened ID.
func (n *Node) eventBy(ctx context.Context, id string) (store.Entry, error) {
	id = strings.ToLower(strings.TrimSpace(id))
	full, err := n.store.Resolve(ctx, id)
	if err != nil {
		return store.Entry{}, notFound(err, "there is no message %q", id)
	}
	e, err := n.store.Get(ctx, full)
	return e, notFound(err, "there is no message %q", id)
}

// notFound replaces the store's ErrNotFound by a sentence that helps; other
// errors, and nil, pass.
func notFound(err error, format string, args ...any) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: %s", ErrNotFound, fmt.Sprintf(format, args...))
	}
	return kindOf(err)
}
