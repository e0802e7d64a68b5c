package tui

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"
	"connectrpc.com/connect"
	"golang.org/x/sync/errgroup"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
	"github.com/kith-chat/kith/ui/notify"
)

const (
	// gather is for how long news are collected before they are drawn.
	gather = 33 * time.Millisecond
	// maxBatch bounds how many are collected.
	maxBatch = 4096
	// minPause and maxPause bound the wait before a lost stream is opened again.
	minPause = 200 * time.Millisecond
	maxPause = 5 * time.Second
	// framesPerSecond bounds how long a drawn screen waits to be written; news
	// come in batches, so that it does not mean more screens.
	framesPerSecond = 75
)

// startedMsg says that the stream has begun: what is loaded from now on has no
// gap to the news.
type startedMsg struct{ again bool }

// Run shows the screen until the person leaves it or ctx ends. leave says that
// the node is to go on although the screen is gone.
func Run(ctx context.Context, o Options, more ...tea.ProgramOption) (leave bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	m := New(ctx, o)
	opts := append([]tea.ProgramOption{tea.WithContext(ctx), tea.WithFPS(framesPerSecond)}, more...)
	p := tea.NewProgram(m, opts...)
	notes := notify.New(notify.Config{
		Words: m.t, Outlets: []notify.Outlet{noteOutlet{p.Send}}, Settle: alertSettle, Pause: alertPause,
	})
	m.tell = notes.Tell
	g := new(errgroup.Group)
	g.Go(func() error {
		stream(ctx, o.API.Node.Watch, p.Send)
		return nil
	})
	g.Go(func() error { return notes.Run(ctx) })
	_, err = p.Run()
	cancel()
	if werr := g.Wait(); err == nil {
		err = werr
	}
	if errors.Is(err, tea.ErrInterrupted) || errors.Is(err, tea.ErrProgramKilled) && !errors.Is(err, tea.ErrProgramPanic) {
		err = nil
	}
	return m.leave, err
}

// watcher opens the stream of news.
type watcher func(context.Context, *connect.Request[apiv1.WatchRequest]) (*connect.ServerStreamForClient[apiv1.WatchResponse], error)

// stream hands over what the node tells, in batches, and opens the stream
// again when it is lost, where it was.
func stream(ctx context.Context, open watcher, send func(tea.Msg)) {
	var cursor uint64
	pause := minPause
	again := false
	for ctx.Err() == nil {
		heard, err := streamOnce(ctx, open, &cursor, again, send)
		if heard {
			pause, again = minPause, true
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = ui.NoNode
		}
		send(lostMsg{err})
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		pause = min(2*pause, maxPause)
	}
}

func streamOnce(ctx context.Context, open watcher, cursor *uint64, again bool, send func(tea.Msg)) (heard bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := open(ctx, connect.NewRequest(&apiv1.WatchRequest{Cursor: *cursor, Ephemeral: true}))
	if err != nil {
		return false, err
	}
	items := make(chan *apiv1.WatchResponse, maxBatch)
	ended := make(chan error, 1)
	go func() {
		defer close(items)
		for s.Receive() {
			select {
			case items <- s.Msg():
			case <-ctx.Done():
				ended <- ctx.Err()
				return
			}
		}
		ended <- s.Err()
	}()
	heard = batches(items, cursor, again, send)
	cancel()
	err = <-ended
	return heard, errors.Join(err, closing(s))
}

// closing closes a stream that is over; that it was cut short is no news.
func closing(s *connect.ServerStreamForClient[apiv1.WatchResponse]) error {
	if err := s.Close(); err != nil && connect.CodeOf(err) != connect.CodeCanceled {
		return err
	}
	return nil
}

// batches collects what comes within a moment and sends it as one.
func batches(items <-chan *apiv1.WatchResponse, cursor *uint64, again bool, send func(tea.Msg)) (heard bool) {
	for first := range items {
		if !heard {
			heard = true
			send(startedMsg{again})
		}
		batch := []*apiv1.WatchResponse{first}
		timer := time.NewTimer(gather)
	collect:
		for len(batch) < maxBatch {
			select {
			case w, ok := <-items:
				if !ok {
					break collect
				}
				batch = append(batch, w)
			case <-timer.C:
				break collect
			}
		}
		timer.Stop()
		*cursor = max(*cursor, batch[len(batch)-1].GetCursor())
		send(news{batch})
	}
	return heard
}
