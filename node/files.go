package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/file"
	"github.com/kith-chat/kith/node/store"
)

// OfferFile offers a file of this machine in a chat. It is read once, and
// served from where it is as long as it does not change. name replaces its
// name for the others, if it is not empty.
func (n *Node) OfferFile(ctx context.Context, ref, path, caption, replyTo, name string) (Message, Transfer, error) {
	c, err := n.chatBy(ctx, ref)
	if err != nil {
		return Message{}, Transfer{}, err
	}
	if c.Kind == store.Raw {
		return Message{}, Transfer{}, fmt.Errorf("%w: files cannot be sent to another program's topic", ErrInvalid)
	}
	if err := n.maySay(ctx, c); err != nil {
		return Message{}, Transfer{}, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return Message{}, Transfer{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() {
		return Message{}, Transfer{}, fmt.Errorf("%w: there is no file %s that can be read", ErrNotFound, path)
	}
	body, err := n.files.Describe(ctx, path)
	if err != nil {
		return Message{}, Transfer{}, fmt.Errorf("reading the file: %w", err)
	}
	body.Caption = caption
	if name != "" {
		body.Name = file.CleanName(name)
	}
	if replyTo != "" {
		to, err := n.eventIn(ctx, c, replyTo)
		if err != nil {
			return Message{}, Transfer{}, err
		}
		body.ReplyTo = to.Event.ID()
	}
	e, err := n.say(ctx, c, body)
	if err != nil {
		return Message{}, Transfer{}, err
	}
	t := file.Incoming(e.Event.ID(), c.ID, n.self.Account(), body)
	t.Path = path
	if t, err = n.files.Share(ctx, t); err != nil {
		return Message{}, Transfer{}, kindOf(err)
	}
	m, _, err := n.message(ctx, e, refOf(c))
	return m, n.transferView(ctx, file.Progress{Transfer: t}), err
}

// Files returns the transfers of a chat, or with an empty ref all, the newest
// offer last.
func (n *Node) Files(ctx context.Context, ref string) ([]Transfer, error) {
	var only event.ConversationID
	if ref != "" {
		c, err := n.chatBy(ctx, ref)
		if err != nil {
			return nil, err
		}
		only = c.ID
	}
	all, err := n.files.List(ctx)
	if err != nil {
		return nil, kindOf(err)
	}
	type placed struct {
		t  Transfer
		at uint64
	}
	var list []placed
	for _, p := range all {
		if ref != "" && p.Chat != only {
			continue
		}
		var at uint64
		if e, err := n.store.Get(ctx, p.Offer); err == nil {
			at = e.Position
		}
		list = append(list, placed{n.transferView(ctx, p), at})
	}
	slices.SortFunc(list, func(a, b placed) int { return int(int64(a.at) - int64(b.at)) })
	out := make([]Transfer, len(list))
	for i := range list {
		out[i] = list[i].t
	}
	return out, nil
}

// GetFile fetches an offered file: to is a folder or a path, or empty for the
// downloads folder.
func (n *Node) GetFile(ctx context.Context, id, to string) (Transfer, error) {
	e, err := n.eventBy(ctx, id)
	if err != nil {
		return Transfer{}, err
	}
	t, err := n.files.Want(ctx, e.Event.ID(), to)
	if errors.Is(err, file.ErrNotFound) && e.Event.Header().Kind == event.KindFile && e.Event.Author() != n.self.Account() {
		n.arrived(ctx, e) // a crash came between storing the offer and noting it
		t, err = n.files.Want(ctx, e.Event.ID(), to)
	}
	if err != nil {
		return Transfer{}, fileError(err)
	}
	if c, err := n.store.Chat(ctx, t.Chat); err == nil && c.Kind == store.Direct && n.rendezvous != nil {
		n.rendezvous.Seek(c.Peer)
	}
	return n.transferView(ctx, file.Progress{Transfer: t}), nil
}

// CancelFile ends a transfer, or stops to serve a file of ours.
func (n *Node) CancelFile(ctx context.Context, id string) (Transfer, error) {
	e, err := n.eventBy(ctx, id)
	if err != nil {
		return Transfer{}, err
	}
	t, err := n.files.Cancel(ctx, e.Event.ID())
	if err != nil {
		return Transfer{}, fileError(err)
	}
	return n.transferView(ctx, file.Progress{Transfer: t}), nil
}

func fileError(err error) error {
	var full *file.DiskFullError
	switch {
	case errors.Is(err, file.ErrNotFound):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.Is(err, file.ErrOwn):
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	case errors.As(err, &full):
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return kindOf(err)
}

func (n *Node) transferView(ctx context.Context, p file.Progress) Transfer {
	t := Transfer{
		ID: p.Offer, Name: p.Name, Size: p.Size, State: TransferState(p.State), Done: p.Done, Rate: p.Rate,
		Path: p.Path, Error: p.Error, From: n.person(p.From), Outgoing: p.Outgoing, MediaType: p.MediaType,
	}
	if n.files != nil && n.files.Kept(p.Transfer) {
		t.Path = "" // sealed in the profile: no path for a person
	}
	t.Fetched = n.fetches(p.Transfer)
	if c, err := n.store.Chat(ctx, p.Chat); err == nil {
		t.Chat = refOf(c)
	}
	return t
}

// autoAccept decides which offers are fetched without being asked for: those
// of friends, up to a size.
func (n *Node) autoAccept(t file.Transfer) bool {
	if t.Size > n.config.AutoAccept || n.config.AutoAccept == 0 {
		return false
	}
	c, err := n.store.Chat(n.ctx, t.Chat)
	if err != nil || c.Kind != store.Direct || c.Peer != t.From {
		return false
	}
	contact, err := n.store.Contact(n.ctx, t.From)
	return err == nil && contact.State == store.Friend
}

// reportTransfer tells watchers how a transfer goes.
func (n *Node) reportTransfer(p file.Progress) {
	t := n.transferView(n.ctx, p)
	n.bus.publish(News{Transfer: &t})
}

// transfers keeps the transfers in the store.
type transfers struct{ n *Node }

func toFile(t store.Transfer) file.Transfer {
	return file.Transfer{
		Offer: t.Offer, Chat: t.Chat, From: t.From, Name: t.Name, Size: t.Size, Root: t.Root, MediaType: t.MediaType,
		Path: t.Path, Outgoing: t.Outgoing, State: file.State(t.State), Done: t.Done, Want: t.Want, Error: t.Error,
	}
}

// PutTransfer makes a transfer durable.
func (x transfers) PutTransfer(ctx context.Context, t file.Transfer) error {
	return x.n.store.UpdateTransfer(ctx, t.Offer, func(s *store.Transfer) error {
		*s = store.Transfer{
			Offer: t.Offer, Chat: t.Chat, From: t.From, Name: t.Name, Size: t.Size, Root: t.Root, MediaType: t.MediaType,
			Path: t.Path, Outgoing: t.Outgoing, State: uint8(t.State), Done: t.Done, Want: t.Want, Error: t.Error,
		}
		return nil
	})
}

// Transfer returns a transfer; false if there is none.
func (x transfers) Transfer(ctx context.Context, offer event.ID) (file.Transfer, bool, error) {
	t, err := x.n.store.Transfer(ctx, offer)
	if errors.Is(err, store.ErrNotFound) {
		return file.Transfer{}, false, nil
	}
	return toFile(t), err == nil, err
}

// Transfers returns all.
func (x transfers) Transfers(ctx context.Context) ([]file.Transfer, error) {
	all, err := x.n.store.Transfers(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]file.Transfer, len(all))
	for i, t := range all {
		out[i] = toFile(t)
	}
	return out, nil
}

// membership says who may have the files of a conversation.
type membership struct{ n *Node }

// Member reports whether a peer is a device in force of a member.
func (m membership) Member(ctx context.Context, p peer.ID, chat event.ConversationID) bool {
	c, err := m.n.store.Chat(ctx, chat)
	if err != nil {
		return false
	}
	if c.Kind != store.Direct {
		return slices.Contains(m.n.groups.peersIn(chat), p)
	}
	person, known := m.n.hello.Person(p)
	if !known || person.Account() != c.Peer {
		return false
	}
	contact, err := m.n.store.Contact(ctx, c.Peer)
	return err == nil && contact.State == store.Friend && !devices(m).Revoked(ctx, c.Peer, person.Certificate.Device)
}

// sources says where a file may be.
type sources struct{ n *Node }

// Peers returns devices that may have a file and are connected.
func (s sources) Peers(_ context.Context, t file.Transfer) []peer.ID {
	out := s.n.hello.Devices(t.From)
	for _, p := range s.n.groups.peersIn(t.Chat) {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}
