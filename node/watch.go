package node

import (
	"context"
	"errors"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store"
)

// watchStep is how many changes are read at once.
const watchStep = 256

// Watch calls yield with everything that happens after the cursor (0: from
// now), in order and without a gap, until ctx ends, the node closes or yield
// fails. With ephemeral also what is not kept: presence, progress, the disk.
func (n *Node) Watch(ctx context.Context, cursor uint64, ephemeral bool, yield func(News) error) error {
	yield = n.withoutRepeats(ctx, cursor == 0, yield)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(n.ctx, cancel)
	defer stop()
	if cursor == 0 {
		cursor = n.store.Cursor()
		// Say where "now" is, so that a client that is cut off before anything
		// happens goes on from here.
		if err := yield(News{Cursor: cursor}); err != nil {
			return err
		}
	}
	var fleeting <-chan News
	if ephemeral {
		var done func()
		fleeting, done = n.bus.watch()
		defer done()
	}
	for {
		next, err := n.watchChanges(ctx, cursor, yield)
		if err != nil {
			return n.watchEnd(err)
		}
		cursor = next
		wait, stopWaiting := context.WithCancel(ctx)
		changed := make(chan error, 1)
		go func() { changed <- n.store.Wait(wait, cursor) }()
		err = n.watchFleeting(cursor, fleeting, changed, yield)
		stopWaiting()
		if err != nil {
			return n.watchEnd(err)
		}
	}
}

// changedOr waits for a durable change after the cursor, or for other, and
// reports whether it was that. An error means that ctx has ended or the store
// is closed.
func (n *Node) changedOr(ctx context.Context, cursor uint64, other <-chan struct{}) (came bool, err error) {
	wait, stop := context.WithCancel(ctx)
	defer stop()
	changed := make(chan error, 1)
	go func() { changed <- n.store.Wait(wait, cursor) }()
	select {
	case err := <-changed:
		return false, err
	case <-other:
		stop()
		<-changed
		return true, nil
	}
}

// withoutRepeats leaves out news of a contact in which nothing has changed that
// a person sees: where a friend was last met is noted often.
func (n *Node) withoutRepeats(ctx context.Context, fromNow bool, yield func(News) error) func(News) error {
	seen := make(map[identity.AccountID]Friend)
	key := func(f Friend) Friend {
		f.LastSeen, f.Since = time.Time{}, time.Time{}
		return f
	}
	if fromNow {
		if all, err := n.store.Contacts(ctx); err == nil {
			for _, c := range all {
				seen[c.Account] = key(n.contactView(c))
			}
		}
	}
	return func(news News) error {
		if f := news.Friend; f != nil {
			if was, known := seen[f.Person.Account]; known && was == key(*f) {
				return nil
			}
			seen[f.Person.Account] = key(*f)
		}
		return yield(news)
	}
}

// watchFleeting passes on what is not kept until there is a change.
func (n *Node) watchFleeting(cursor uint64, fleeting <-chan News, changed <-chan error, yield func(News) error) error {
	for {
		select {
		case err := <-changed:
			return err
		case news := <-fleeting:
			news.Cursor = cursor
			if err := yield(news); err != nil {
				return err
			}
		}
	}
}

func (n *Node) watchEnd(err error) error {
	switch {
	case n.ctx.Err() != nil, errors.Is(err, store.ErrClosed):
		return ErrClosed
	case errors.Is(err, context.Canceled):
		return nil
	}
	return kindOf(err)
}

// watchChanges passes on all changes after the cursor. Of an event that changed
// several times in one step only the last is told.
func (n *Node) watchChanges(ctx context.Context, cursor uint64, yield func(News) error) (uint64, error) {
	for {
		changes, next, reset, err := n.store.Changes(ctx, cursor, watchStep)
		if err != nil {
			return cursor, err
		}
		if reset {
			if err := yield(News{Cursor: next, Reset: true}); err != nil {
				return cursor, err
			}
		}
		last := make(map[event.ID]int)
		fresh := make(map[event.ID]bool)
		for i, c := range changes {
			if c.What == store.ChangedEvent {
				last[c.ID] = i
				fresh[c.ID] = fresh[c.ID] || c.Fresh
			}
		}
		for i, c := range changes {
			if c.What == store.ChangedEvent && last[c.ID] != i {
				continue
			}
			news, ok, err := n.news(ctx, c)
			if err != nil {
				return cursor, err
			}
			if !ok {
				continue
			}
			news.Cursor, news.Fresh = c.Number, fresh[c.ID] && c.What == store.ChangedEvent
			if err := yield(news); err != nil {
				return cursor, err
			}
		}
		if next == cursor {
			return cursor, nil
		}
		cursor = next
	}
}

// news reads what a change was about as it is now.
func (n *Node) news(ctx context.Context, c store.Change) (News, bool, error) {
	switch c.What {
	case store.ChangedEvent:
		return n.messageNews(ctx, c)
	case store.ChangedChat:
		chat, err := n.store.Chat(ctx, c.Chat)
		if err != nil {
			return News{}, false, gone(err)
		}
		if chat.Kind == store.Self {
			return News{}, false, nil
		}
		view, err := n.chatView(ctx, chat)
		return News{Chat: &view}, err == nil, err
	case store.ChangedContact:
		return n.friendNews(ctx, c.Account)
	case store.ChangedTransfer:
		p, err := n.files.Get(ctx, c.ID)
		if err != nil {
			return News{}, false, nil //nolint:nilerr // gone meanwhile
		}
		t := n.transferView(ctx, p)
		return News{Transfer: &t}, true, nil
	}
	return News{}, false, nil
}

func (n *Node) friendNews(ctx context.Context, a identity.AccountID) (News, bool, error) {
	c, err := n.store.Contact(ctx, a)
	if err != nil || c.State == store.NoContact {
		return News{}, false, gone(err)
	}
	f := n.contactView(c)
	return News{Friend: &f}, true, nil
}

func (n *Node) messageNews(ctx context.Context, c store.Change) (News, bool, error) {
	e, err := n.store.Get(ctx, c.ID)
	if err != nil {
		return News{}, false, gone(err)
	}
	chat, err := n.store.Chat(ctx, c.Chat)
	if err != nil {
		return News{}, false, gone(err)
	}
	m, shown, err := n.message(ctx, e, refOf(chat))
	return News{Message: &m}, shown, err
}

// gone passes over what was erased since the change was noted.
func gone(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged) {
		return nil
	}
	return err
}
