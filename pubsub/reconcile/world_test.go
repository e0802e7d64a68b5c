package reconcile_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/pubsub/reconcile"
	"github.com/kith-chat/kith/pubsub/reconcile/index"
)

// memory is a Set of real or of made-up events.
type memory struct {
	*index.Index
	mu      sync.Mutex
	raws    map[event.ID][]byte
	floor   reconcile.Key
	refuse  func(*event.Event) reconcile.Verdict // zero for none
	puts    [][]event.ID
	onStore func()
}

func newMemory() *memory { return &memory{Index: new(index.Index), raws: make(map[event.ID][]byte)} }

func (m *memory) Summary(_ context.Context, lo, hi reconcile.Key) (uint64, [32]byte, error) {
	count, sum := m.Index.Summary(lo, hi)
	return count, sum, nil
}

func (m *memory) Newest(_ context.Context, lo, hi reconcile.Key, n int) ([]reconcile.Key, error) {
	return m.Index.Newest(lo, hi, n), nil
}

func (m *memory) Split(_ context.Context, lo, hi reconcile.Key, parts int) ([]reconcile.Key, error) {
	return m.Index.Split(lo, hi, parts), nil
}

func (m *memory) Floor(context.Context) (reconcile.Key, error) { return m.floor, nil }

func (m *memory) Raw(_ context.Context, ids []event.ID) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([][]byte, len(ids))
	for i, id := range ids {
		out[i] = m.raws[id]
	}
	return out, nil
}

func (m *memory) Put(_ context.Context, events []*event.Event) ([]reconcile.Verdict, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]reconcile.Verdict, len(events))
	var ids []event.ID
	for i, e := range events {
		ids = append(ids, e.ID())
		out[i] = reconcile.Had
		if m.refuse != nil {
			if v := m.refuse(e); v != 0 {
				out[i] = v
				continue
			}
		}
		if e.Author().IsZero() {
			return nil, fmt.Errorf("an event without a proved author was put")
		}
		if m.Insert(reconcile.KeyOf(e)) {
			m.raws[e.ID()] = e.Bytes()
			out[i] = reconcile.Taken
		}
	}
	m.puts = append(m.puts, ids)
	if m.onStore != nil {
		m.onStore()
	}
	return out, nil
}

func (m *memory) add(events ...*event.Event) {
	for _, e := range events {
		m.Insert(reconcile.KeyOf(e))
		m.raws[e.ID()] = e.Bytes()
	}
}

func (m *memory) keys() []reconcile.Key {
	return m.Index.Newest(reconcile.Key{}, reconcile.End(), 1<<30)
}

// stream frames a connection as node/wire does.
type stream struct {
	net.Conn
	r *bufio.Reader
	w *bufio.Writer
}

func newStream(c net.Conn) *stream {
	return &stream{Conn: c, r: bufio.NewReaderSize(c, 32<<10), w: bufio.NewWriterSize(c, 32<<10)}
}

func (s *stream) Next() ([]byte, error) {
	n, err := binary.ReadUvarint(s.r)
	if err != nil {
		return nil, err
	}
	if n > reconcile.MaxFrame {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	buf := make([]byte, n)
	_, err = io.ReadFull(s.r, buf)
	return buf, err
}

func (s *stream) Write(frame []byte) error {
	if len(frame) > reconcile.MaxFrame {
		return fmt.Errorf("a frame of %d bytes", len(frame))
	}
	if _, err := s.w.Write(binary.AppendUvarint(nil, uint64(len(frame)))); err != nil {
		return err
	}
	_, err := s.w.Write(frame)
	return err
}

func (s *stream) Flush() error { return s.w.Flush() }

func (s *stream) Close(error) { _ = s.Conn.Close() }

// pipe returns the two ends of a loopback connection.
func pipe(tb testing.TB) (a, b *stream) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	type accepted struct {
		c   net.Conn
		err error
	}
	got := make(chan accepted, 1)
	go func() {
		c, err := l.Accept()
		got <- accepted{c, err}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	other := <-got
	if other.err != nil {
		tb.Fatal(other.err)
	}
	tb.Cleanup(func() { _, _ = c.Close(), other.c.Close() })
	return newStream(c), newStream(other.c)
}

// room is the conversation of these tests.
func room() event.ConversationID { return event.Public("lobby") }

// device returns a device whose keys follow from n.
func device(tb testing.TB, n byte) *identity.Device {
	tb.Helper()
	account := identity.NewAccountKey([32]byte{n, 7})
	seed := [32]byte{n, 9}
	key := ed25519.NewKeyFromSeed(seed[:])
	id, err := identity.ParseDeviceKey(key.Public().(ed25519.PublicKey))
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := identity.Certify(account, id, time.UnixMilli(1_700_000_000_000))
	if err != nil {
		tb.Fatal(err)
	}
	d, err := identity.NewDevice(key, cert)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// writer makes the chain of one device.
type writer struct {
	tb       testing.TB
	device   *identity.Device
	in       event.ConversationID
	sequence uint64
	previous event.ID
}

func newWriter(tb testing.TB, n byte) *writer {
	return &writer{tb: tb, device: device(tb, n), in: room()}
}

func (w *writer) say(at time.Time, text string) *event.Event {
	return w.body(event.TimeOf(at), event.Text{Text: text})
}

func (w *writer) body(at event.Time, b event.Body) *event.Event {
	w.tb.Helper()
	w.sequence++
	e, err := event.Sign(w.device, event.Header{
		Conversation: w.in, Sequence: w.sequence, Previous: w.previous, Time: at,
	}, b)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.previous = e.ID()
	return e
}

// start is when these conversations begin.
func start() time.Time { return time.UnixMilli(1_760_000_000_000) }

// made returns the key of a made-up event: about one in twenty seconds.
func made(i int) reconcile.Key {
	id := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	jitter := time.Duration(binary.BigEndian.Uint16(id[:])) * time.Millisecond / 4
	return reconcile.Key{Time: event.TimeOf(start().Add(time.Duration(i)*20*time.Second + jitter)), ID: event.ID(id)}
}

type outcome struct {
	reconcile.Result
	err error
}

// meet lets one side ask and the other answer.
func meet(tb testing.TB, asks, answers reconcile.Task) (asked, answered outcome) {
	tb.Helper()
	a, b := pipe(tb)
	return meetOver(tb, a, b, asks, answers)
}

func meetOver(tb testing.TB, a, b *stream, asks, answers reconcile.Task) (asked, answered outcome) {
	tb.Helper()
	asks.Conversation = room()
	done := make(chan outcome, 1)
	go func() {
		r, err := reconcile.Serve(tb.Context(), b, func(event.ConversationID, bool) (reconcile.Task, error) { return answers, nil })
		_ = b.Conn.Close()
		done <- outcome{r, err}
	}()
	r, err := reconcile.Sync(tb.Context(), a, asks)
	_ = a.Conn.Close()
	return outcome{r, err}, <-done
}
