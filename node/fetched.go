package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/file"
)

// Fetch is how much of a file of ours somebody has fetched, in bytes.
type Fetch struct {
	Who  Person
	Done uint64
}

// fetchedSetting is where it is kept who has a file of ours whole:
// fetched/<offer>/<account>. How far the others are is forgotten when the node
// ends.
const fetchedSetting = "fetched/"

// maxFetched bounds how many recipients of one file are remembered.
const maxFetched = 256

// fetched knows who has how much of which file of ours.
type fetched struct {
	mu  sync.Mutex
	all map[event.ID][]fetchedBy // in the order of their coming
}

type fetchedBy struct {
	account identity.AccountID
	done    uint64
	whole   bool
}

// note returns whether anything is new, and whether they have it whole now and
// had not before.
func (f *fetched) note(offer event.ID, a identity.AccountID, done, size uint64) (news, whole bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = make(map[event.ID][]fetchedBy)
	}
	whole = done >= size
	for i := range f.all[offer] {
		by := &f.all[offer][i]
		if by.account != a {
			continue
		}
		if by.whole || by.done == done {
			return false, false
		}
		by.done, by.whole = done, whole
		return true, whole
	}
	if len(f.all[offer]) >= maxFetched {
		return false, false
	}
	f.all[offer] = append(f.all[offer], fetchedBy{a, done, whole})
	return true, whole
}

func (f *fetched) of(offer event.ID) []fetchedBy {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]fetchedBy(nil), f.all[offer]...)
}

// loadFetched reads who has files of ours whole.
func (n *Node) loadFetched(ctx context.Context) error {
	return kindOf(n.store.Settings(ctx, fetchedSetting, func(k string, _ []byte) error {
		offer, account, _ := strings.Cut(k[len(fetchedSetting):], "/")
		id, err := event.ParseID(offer)
		if err != nil {
			return nil //nolint:nilerr // a damaged record: it is told again
		}
		if a, err := identity.ParseAccountID(account); err == nil {
			n.fetched.note(id, a, 1, 1)
		}
		return nil
	}))
}

// served is told how much of a file of ours a peer was given.
func (n *Node) served(ctx context.Context, t file.Transfer, p peer.ID, done uint64) {
	person, known := n.hello.Person(p)
	if !known {
		return
	}
	a := person.Account()
	news, whole := n.fetched.note(t.Offer, a, done, t.Size)
	if !news {
		return
	}
	if whole {
		if err := n.store.PutSetting(ctx, fetchedSetting+t.Offer.String()+"/"+a.String(), []byte{1}); err != nil && ctx.Err() == nil {
			n.log.Warn("noting who has fetched a file", "offer", t.Offer, "error", err)
		}
	}
	n.reportTransfer(file.Progress{Transfer: t})
}

// fetches returns who has fetched how much of a file of ours.
func (n *Node) fetches(t file.Transfer) (out []Fetch) {
	if !t.Outgoing {
		return nil
	}
	for _, by := range n.fetched.of(t.Offer) {
		f := Fetch{Who: n.person(by.account), Done: by.done}
		if by.whole {
			f.Done = t.Size
		}
		out = append(out, f)
	}
	return out
}

// readStep is how much of a file is yielded at once, in bytes.
const readStep = 64 << 10

// ReadFile yields the content of a file that is here whole, from an offset on
// and at most limit bytes (0: to the end). yield is called at least once, so
// that the size and the media type are known; it must not keep data.
func (n *Node) ReadFile(ctx context.Context, id string, offset, limit uint64, yield func(t Transfer, data []byte) error) error {
	e, err := n.eventBy(ctx, id)
	if err != nil {
		return err
	}
	c, err := n.files.Open(ctx, e.Event.ID())
	if err != nil {
		return fileError(err)
	}
	var from io.ReaderAt = bytes.NewReader(c.Data)
	if c.File != nil {
		defer c.File.Close()
		from = c.File
	}
	offset = min(offset, c.Size)
	left := c.Size - offset
	if limit > 0 {
		left = min(left, limit)
	}
	view := n.transferView(ctx, file.Progress{Transfer: c.Transfer})
	if left == 0 {
		return yield(view, nil)
	}
	in := io.NewSectionReader(from, int64(offset), int64(left))
	buf := make([]byte, min(readStep, left))
	for ctx.Err() == nil {
		got, err := in.Read(buf)
		if got > 0 {
			if err := yield(view, buf[:got]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return kindOf(err)
		}
	}
	return context.Cause(ctx)
}
