package file

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"github.com/kith-chat/kith/identity/event"
)

// memoryStore keeps transfers as a store does, without a disk.
type memoryStore struct {
	mu sync.Mutex
	m  map[event.ID]Transfer
}

func newMemoryStore() *memoryStore { return &memoryStore{m: map[event.ID]Transfer{}} }

func (s *memoryStore) PutTransfer(_ context.Context, t Transfer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[t.Offer] = t
	return nil
}

func (s *memoryStore) Transfer(_ context.Context, id event.ID) (Transfer, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.m[id]
	return t, ok, nil
}

func (s *memoryStore) Transfers(context.Context) ([]Transfer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Transfer
	for _, t := range s.m {
		out = append(out, t)
	}
	return out, nil
}

// everybody lets all in, and knows a fixed list of sources.
type everybody struct {
	mu    sync.Mutex
	peers []peer.ID
}

func (*everybody) Member(context.Context, peer.ID, event.ConversationID) bool { return true }

func (e *everybody) Peers(context.Context, Transfer) []peer.ID {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]peer.ID(nil), e.peers...)
}

func (e *everybody) set(peers ...peer.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.peers = peers
}

func testHost(t testing.TB) host.Host {
	t.Helper()
	h, err := newTestHost()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func newTestHost() (host.Host, error) { return newSeededHost("", "") }

// newSeededHost makes a host over TCP and TLS on loopback; a seed and an
// address make it the same one again.
func newSeededHost(seed, listen string) (host.Host, error) {
	if listen == "" {
		listen = "/ip4/127.0.0.1/tcp/0"
	}
	identity := libp2p.RandomIdentity
	if seed != "" {
		sum := sha256.Sum256([]byte(seed))
		key, _, err := crypto.GenerateEd25519Key(bytes.NewReader(sum[:]))
		if err != nil {
			return nil, err
		}
		identity = libp2p.Identity(key)
	}
	return libp2p.New(
		identity,
		libp2p.ListenAddrStrings(listen),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.DisableRelay(),
		libp2p.DisableIdentifyAddressDiscovery(),
	)
}

// introduce tells a how to reach b.
func introduce(a, b host.Host) {
	a.Peerstore().AddAddrs(b.ID(), b.Addrs(), peerstore.PermanentAddrTTL)
}

// node is a manager that runs, with what it stands on.
type node struct {
	*Manager
	host    host.Host
	store   *memoryStore
	sources *everybody
	news    chan Progress
	stop    func()
}

// startNode runs a manager over a host; dir holds its profile and downloads.
func startNode(t testing.TB, h host.Host, dir string, store *memoryStore, sources *everybody, accept func(Transfer) bool) *node {
	t.Helper()
	news := make(chan Progress, 10_000)
	m, err := NewManager(context.Background(), Config{
		Host: h, Dir: filepath.Join(dir, "outboards"), Downloads: filepath.Join(dir, "downloads"),
		Store: store, Members: sources, Sources: sources, Accept: accept,
		Report: func(p Progress) {
			select {
			case news <- p:
			default:
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	stop := sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return &node{Manager: m, host: h, store: store, sources: sources, news: news, stop: stop}
}

// twoNodes returns one that offers and one that fetches.
func twoNodes(t testing.TB) (ann, bob *node) {
	t.Helper()
	a, b := testHost(t), testHost(t)
	introduce(b, a)
	ann = startNode(t, a, t.TempDir(), newMemoryStore(), &everybody{}, nil)
	bob = startNode(t, b, t.TempDir(), newMemoryStore(), &everybody{peers: []peer.ID{a.ID()}}, nil)
	return ann, bob
}

// share offers a file and returns the offer as the other side gets it.
func (n *node) share(t testing.TB, path string) Transfer {
	t.Helper()
	body, err := n.Describe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	id := randomID()
	chat := event.Public("lobby")
	own := Incoming(id, chat, [32]byte{1}, body)
	own.Path = path
	if _, err := n.Share(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	return Incoming(id, chat, [32]byte{1}, body)
}

// get wants an offered file and waits for one of the states.
func (n *node) get(t testing.TB, offer Transfer, states ...State) Transfer {
	t.Helper()
	if _, err := n.Offered(t.Context(), offer); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Want(t.Context(), offer.Offer, ""); err != nil {
		t.Fatal(err)
	}
	return n.await(t, offer.Offer, states...)
}

// awaitEnd waits until a transfer rests: done, failed, or waiting with a
// reason.
func (n *node) awaitEnd(t testing.TB, id event.ID) Transfer {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case p := <-n.news:
			if p.Offer == id && (p.State == StateDone || p.State == StateFailed || p.State == StateWaiting && p.Error != "") {
				return p.Transfer
			}
		case <-timeout:
			t.Fatal("the transfer does not end")
		}
	}
}

// await waits until a transfer reports one of the states.
func (n *node) await(t testing.TB, id event.ID, states ...State) Transfer {
	t.Helper()
	timeout := time.After(60 * time.Second)
	for {
		select {
		case p := <-n.news:
			if p.Offer != id {
				continue
			}
			for _, s := range states {
				if p.State == s {
					return p.Transfer
				}
			}
			if p.State == StateFailed {
				t.Fatalf("the transfer failed: %s", p.Error)
			}
		case <-timeout:
			now, err := n.Get(context.Background(), id)
			t.Fatalf("no state %v in time; now %s %d %q %v", states, now.State, now.Done, now.Error, err)
		}
	}
}

func randomID() (id event.ID) {
	_, _ = rand.Read(id[:])
	return id
}

// randomFile writes a file of random bytes.
func randomFile(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "some file.bin")
	if err := writeRandom(path, size); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeRandom(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyN(f, rand.Reader, size)
	return err
}

func sameFiles(t testing.TB, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if string(x) != string(y) {
		t.Fatalf("%d bytes arrived as %d others", len(x), len(y))
	}
}

func randomInt(n int64) int64 {
	v, err := rand.Int(rand.Reader, big.NewInt(n))
	if err != nil {
		return 0
	}
	return v.Int64()
}

// stands reports whether something has that name in the folder.
func stands(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}
