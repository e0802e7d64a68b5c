package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node/store/pb"
)

// UpdateTransfer changes a transfer, or makes it, as UpdateContact does.
func (s *Store) UpdateTransfer(ctx context.Context, offer event.ID, fn func(*Transfer) error) error {
	return s.writeSmall(ctx, func(t *tx) error {
		x, err := t.transfer(offer)
		if errors.Is(err, ErrNotFound) {
			x, err = Transfer{Offer: offer}, nil
		}
		if err != nil {
			return err
		}
		if err := fn(&x); err != nil {
			return err
		}
		x.Offer, x.Updated = offer, time.Now()
		m := &pb.Transfer{
			Offer: x.Offer[:], Chat: x.Chat[:], Name: x.Name, Size: x.Size, Root: x.Root[:], Path: x.Path,
			Outgoing: x.Outgoing, State: uint32(x.State), Done: x.Done, Want: x.Want, Error: x.Error,
			MediaType: x.MediaType, From: accountBytes(x.From), UpdatedMs: millis(x.Updated), Target: x.Target,
		}
		raw, err := proto.Marshal(m)
		if err != nil {
			return fmt.Errorf("writing a transfer: %w", err)
		}
		t.set(transferKey(offer), raw)
		t.note(Change{What: ChangedTransfer, ID: offer})
		return nil
	})
}

func (t *tx) transfer(offer event.ID) (Transfer, error) {
	raw, err := t.get(transferKey(offer))
	if err != nil {
		return Transfer{}, err
	}
	return decodeTransfer(raw)
}

func decodeTransfer(raw []byte) (Transfer, error) {
	var m pb.Transfer
	if err := proto.Unmarshal(raw, &m); err != nil {
		return Transfer{}, fmt.Errorf("%w: a transfer: %w", ErrDamaged, err)
	}
	if len(m.GetOffer()) != 32 || len(m.GetChat()) != 32 {
		return Transfer{}, fmt.Errorf("%w: a transfer without an offer", ErrDamaged)
	}
	x := Transfer{
		Name: m.GetName(), Size: m.GetSize(), Path: m.GetPath(), Target: m.GetTarget(), Outgoing: m.GetOutgoing(),
		State: uint8(m.GetState()), Done: m.GetDone(), Want: m.GetWant(), Error: m.GetError(),
		MediaType: m.GetMediaType(), Updated: instant(m.GetUpdatedMs()),
	}
	copy(x.Offer[:], m.GetOffer())
	copy(x.Chat[:], m.GetChat())
	copy(x.Root[:], m.GetRoot())
	copy(x.From[:], m.GetFrom())
	return x, nil
}

// Transfer returns a transfer by its offer; ErrNotFound.
func (s *Store) Transfer(_ context.Context, offer event.ID) (x Transfer, err error) {
	err = s.view(func(t *tx) error {
		x, err = t.transfer(offer)
		return err
	})
	return x, err
}

// Transfers returns all transfers.
func (s *Store) Transfers(_ context.Context) (out []Transfer, err error) {
	err = s.view(func(t *tx) error {
		return t.scan([]byte{keyTransfer}, nil, false, func(_, v []byte) (bool, error) {
			x, err := decodeTransfer(v)
			if err != nil {
				s.log.Error("a transfer cannot be read", "error", err)
				return true, nil
			}
			out = append(out, x)
			return true, nil
		})
	})
	return out, err
}
