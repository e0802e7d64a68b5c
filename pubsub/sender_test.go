package pubsub

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// outlet is where a sender under test publishes.
type outlet struct {
	sender *sender
	sent   [][][]byte // payloads of each message
	at     []time.Time
	slow   time.Duration
	err    error
	empty  bool
}

func newOutlet(t *testing.T) *outlet {
	o := &outlet{}
	o.sender = &sender{
		anybody: func() bool { return !o.empty }, wake: make(chan struct{}, 1), encode: encodeBatch,
		publish: func(_ context.Context, data []byte) error {
			time.Sleep(o.slow)
			if o.err != nil {
				return o.err
			}
			events, err := splitBatch(data)
			o.sent, o.at = append(o.sent, events), append(o.at, time.Now())
			return err
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { o.sender.run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return o
}

func items(n, size int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = make([]byte, size)
		all[i][0] = byte(i)
	}
	return all
}

func TestSender_LoneMessageGoesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOutlet(t)
		start := time.Now()
		for range SendBurst {
			if err := o.sender.put(t.Context(), items(1, 100)); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("a burst of single messages took %v", d)
		}
		if err := o.sender.put(t.Context(), items(1, 100)); err != nil {
			t.Fatal(err)
		}
		const want = time.Second / SendRate
		if d := time.Since(start); d < want-10*time.Millisecond || d > want+10*time.Millisecond {
			t.Errorf("the one after the burst took %v", d)
		}
		if TakeRate < 10 || TakeBurst < 50 || TakeRate < 2*SendRate || TakeBurst < SendBurst+15*SendRate {
			t.Error("less is taken of an author than was promised, or than an honest one may send")
		}
	})
}

func TestSender_PacksWhatQueuedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOutlet(t)
		o.slow = time.Millisecond
		done := make(chan error)
		for range 31 {
			go func() { done <- o.sender.put(t.Context(), items(1, 100)) }()
			synctest.Wait()
		}
		for range 31 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if len(o.sent) != 2 || len(o.sent[0]) != 1 || len(o.sent[1]) != 30 {
			t.Errorf("%d messages", len(o.sent))
		}
		// What does not fit together goes apart, and the largest goes alone.
		o.sent = nil
		if err := o.sender.put(t.Context(), append(items(5, 25<<10), items(1, 64<<10)...)); err != nil {
			t.Fatal(err)
		}
		var sizes []int
		for _, m := range o.sent {
			sizes = append(sizes, len(m))
		}
		if want := []int{2, 2, 1, 1}; len(sizes) != 4 || sizes[0] != want[0] || sizes[2] != want[2] || sizes[3] != want[3] {
			t.Errorf("sizes %v", sizes)
		}
	})
}

func TestSender_KeepsOrderAndPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOutlet(t)
		start := time.Now()
		if err := o.sender.put(t.Context(), items(100, 10)); err != nil {
			t.Fatal(err)
		}
		n := 0
		for i, m := range o.sent {
			for _, item := range m {
				if int(item[0]) != n {
					t.Fatalf("item %d came as number %d", item[0], n)
				}
				n++
			}
			if allowed := SendBurst + SendRate*o.at[i].Sub(start).Seconds() + 1; float64(n) > allowed {
				t.Errorf("%d items after %v", n, o.at[i].Sub(start))
			}
		}
		if n != 100 {
			t.Errorf("%d items", n)
		}
		// What another device of the account said counts too.
		time.Sleep(time.Minute)
		o.sender.charge(SendBurst + SendRate)
		start = time.Now()
		if err := o.sender.put(t.Context(), items(1, 10)); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < time.Second || d > 1200*time.Millisecond {
			t.Errorf("it waited %v", d)
		}
	})
}

func TestSender_Errors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOutlet(t)
		o.empty = true
		if err := o.sender.put(t.Context(), items(3, 10)); !errors.Is(err, ErrNobody) {
			t.Errorf("got %v", err)
		}
		o.empty = false
		o.err = errors.New("it does not work")
		if err := o.sender.put(t.Context(), items(3, 10)); !errors.Is(err, o.err) {
			t.Errorf("got %v", err)
		}
		o.err = nil
		if err := o.sender.put(t.Context(), nil); err != nil {
			t.Errorf("nothing: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := o.sender.put(ctx, items(200, 10)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		was := len(o.sent)
		time.Sleep(time.Minute)
		if len(o.sent) != was {
			t.Error("what was taken back was sent")
		}
		o.sender.close()
		if err := o.sender.put(t.Context(), items(1, 10)); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}
