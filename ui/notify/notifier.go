package notify

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/kith-chat/kith/ui/words"
)

const (
	// maxAlerts is how many alerts of one note are kept; more are counted.
	maxAlerts = 64
	// maxKeys is how many things are remembered as told.
	maxKeys = 1024
	// showWithin is how long an outlet may take.
	showWithin = 5 * time.Second
)

// Config is what a Notifier is made from.
type Config struct {
	Words   *words.Words
	Outlets []Outlet
	// Settle is how long the first alert of a note waits for others; Pause is
	// the least time between two notes.
	Settle, Pause time.Duration
	// StillNew, if set, drops alerts that the person has seen meanwhile.
	StillNew func(ctx context.Context, alerts []Alert) []Alert
	Log      *slog.Logger // nil for none
}

// Notifier gathers alerts into notes and shows them.
type Notifier struct {
	c    Config
	wake chan struct{}

	mu     sync.Mutex
	alerts []Alert
	more   int
	hide   bool
	told   map[string]bool
}

// New returns a Notifier; Run does its work.
func New(c Config) *Notifier {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Notifier{c: c, wake: make(chan struct{}, 1), told: map[string]bool{}}
}

// Tell takes an alert to be shown soon. It never waits. The same thing is told
// once.
func (n *Notifier) Tell(a Alert, hide bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.told[a.Key] {
		return
	}
	if len(n.told) >= maxKeys {
		clear(n.told)
	}
	n.told[a.Key] = true
	n.hide = hide
	if len(n.alerts) < maxAlerts {
		n.alerts = append(n.alerts, a)
	} else {
		n.more++
	}
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Run shows notes until ctx ends. An outlet that fails is logged; the others
// go on.
func (n *Notifier) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.wake:
		}
		if !wait(ctx, n.c.Settle) {
			return nil
		}
		if n.show(ctx) && !wait(ctx, n.c.Pause) {
			return nil
		}
	}
}

// wait waits for d and reports whether ctx still holds.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// show shows what was gathered and reports whether there was something.
func (n *Notifier) show(ctx context.Context) bool {
	n.mu.Lock()
	alerts, more, hide := n.alerts, n.more, n.hide
	n.alerts, n.more = nil, 0
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, showWithin)
	defer cancel()
	if n.c.StillNew != nil {
		alerts = n.c.StillNew(ctx, alerts)
	}
	if len(alerts) == 0 {
		return false
	}
	note := Compose(n.c.Words, hide, alerts, more)
	for _, o := range n.c.Outlets {
		if err := o.Show(ctx, note); err != nil {
			n.c.Log.Warn("a notification was not shown", "err", err)
		}
	}
	return true
}
