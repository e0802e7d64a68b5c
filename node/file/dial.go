package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/multiformats/go-multistream"
)

const (
	// bulkFrom is the size from which a TCP connection of its own is worth
	// its handshake: QUIC costs three times the CPU.
	bulkFrom = 4 << 20
	// relayLimit is the largest file that goes over somebody else's relay.
	relayLimit = 8 << 20

	dialTimeout   = 10 * time.Second
	maxBulkDials  = 3
	bulkDialLimit = 3 * time.Second
)

// errRelayed says that a file is too large for the only way there is.
var errRelayed = errors.New("only a relayed connection exists, and the file is too large for it")

// stream is what a fetch needs of a stream.
type stream interface {
	io.ReadWriter
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	Reset() error
}

// dialer opens streams to those who have a file. For large files it prefers
// TCP with TLS: when a peer is connected over QUIC alone, it dials a second
// connection that carries nothing but files and is shared by all fetches.
type dialer struct {
	host host.Host

	mu   sync.Mutex
	bulk map[peer.ID]*bulkConn
	wg   sync.WaitGroup
}

type bulkConn struct {
	conn  transport.CapableConn
	users int
}

func newDialer(h host.Host) *dialer { return &dialer{host: h, bulk: map[peer.ID]*bulkConn{}} }

// link is the way to one peer for one fetch.
type link struct {
	d    *dialer
	peer peer.ID
	size uint64
	bulk *bulkConn
}

// link connects to the peer, the cheapest way there is for a file of this
// size. The caller closes the link after its streams.
func (d *dialer) link(ctx context.Context, p peer.ID, size uint64) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := d.host.Connect(network.WithAllowLimitedConn(ctx, service), peer.AddrInfo{ID: p}); err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	l := &link{d: d, peer: p, size: size}
	if size >= bulkFrom && d.tcpConn(p) == nil {
		l.bulk = d.dialBulk(ctx, p)
	}
	return l, nil
}

// open starts a stream that speaks Protocol.
func (l *link) open(ctx context.Context) (stream, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if l.bulk != nil {
		if s, err := l.openBulk(ctx); err == nil {
			return s, nil
		}
	}
	if l.size >= bulkFrom {
		if c := l.d.tcpConn(l.peer); c != nil {
			if s, err := openOn(ctx, c); err == nil {
				return s, nil
			}
		}
	}
	if l.size <= relayLimit {
		ctx = network.WithAllowLimitedConn(ctx, service)
	}
	s, err := l.d.host.NewStream(ctx, l.peer, Protocol)
	if errors.Is(err, network.ErrLimitedConn) {
		return nil, errRelayed
	}
	if err != nil {
		return nil, fmt.Errorf("opening a stream: %w", err)
	}
	return s, nil
}

// openOn starts a stream on one of the host's own connections.
func openOn(ctx context.Context, c network.Conn) (stream, error) {
	s, err := c.NewStream(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Scope().SetService(service); err == nil {
		err = s.SetProtocol(Protocol)
	}
	if err == nil {
		err = negotiate(ctx, s)
	}
	if err != nil {
		_ = s.Reset()
		return nil, err
	}
	return s, nil
}

func (l *link) openBulk(ctx context.Context) (stream, error) {
	s, err := l.bulk.conn.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	if err := negotiate(ctx, s); err != nil {
		_ = s.Reset()
		return nil, err
	}
	return s, nil
}

// negotiate agrees on the protocol within the time that ctx leaves.
func negotiate(ctx context.Context, s network.MuxedStream) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := s.SetDeadline(deadline); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	if err := multistream.SelectProtoOrFail(protocol.ID(Protocol), s); err != nil {
		return fmt.Errorf("agreeing on the protocol: %w", err)
	}
	return s.SetDeadline(time.Time{})
}

// tcpConn returns a direct TCP connection of the host, TLS before Noise.
func (d *dialer) tcpConn(p peer.ID) network.Conn {
	var found network.Conn
	for _, c := range d.host.Network().ConnsToPeer(p) {
		if c.IsClosed() || !plainTCP(c.RemoteMultiaddr()) {
			continue
		}
		if found == nil || c.ConnState().Security == "/tls/1.0.0" {
			found = c
		}
	}
	return found
}

// plainTCP reports whether the address is TCP without anything around it.
func plainTCP(a ma.Multiaddr) bool {
	tcp := false
	for _, component := range a {
		switch component.Protocol().Code {
		case ma.P_IP4, ma.P_IP6, ma.P_IP6ZONE, ma.P_DNS, ma.P_DNS4, ma.P_DNS6, ma.P_P2P:
		case ma.P_TCP:
			tcp = true
		default:
			return false
		}
	}
	return tcp
}

// dialBulk returns the shared TCP connection to a peer, or nil when it cannot
// be reached that way.
func (d *dialer) dialBulk(ctx context.Context, p peer.ID) *bulkConn {
	if b := d.shareBulk(p, nil); b != nil {
		return b
	}
	swarm, ok := d.host.Network().(interface {
		TransportForDialing(ma.Multiaddr) transport.Transport
	})
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, bulkDialLimit)
	defer cancel()
	for _, addr := range d.bulkAddrs(p) {
		t := swarm.TransportForDialing(addr)
		if t == nil || t.Proxy() {
			continue
		}
		if conn, err := t.Dial(ctx, addr, p); err == nil {
			return d.shareBulk(p, conn)
		}
	}
	return nil
}

// shareBulk returns the connection to a peer that exists, else the fresh one.
func (d *dialer) shareBulk(p peer.ID, fresh transport.CapableConn) *bulkConn {
	d.mu.Lock()
	defer d.mu.Unlock()
	if b := d.bulk[p]; b != nil && !b.conn.IsClosed() {
		b.users++
		if fresh != nil {
			_ = fresh.Close()
		}
		return b
	}
	if fresh == nil {
		return nil
	}
	b := &bulkConn{conn: fresh, users: 1}
	d.bulk[p] = b
	d.wg.Go(b.refuseStreams)
	return b
}

// bulkAddrs lists the TCP addresses that a peer states on the machine that it
// is connected from now; what else it states is not worth a dial.
func (d *dialer) bulkAddrs(p peer.ID) []ma.Multiaddr {
	here := map[string]bool{}
	for _, c := range d.host.Network().ConnsToPeer(p) {
		if ip, err := manet.ToIP(c.RemoteMultiaddr()); err == nil && !c.Stat().Limited {
			here[ip.String()] = true
		}
	}
	var addrs []ma.Multiaddr
	for _, a := range d.host.Peerstore().Addrs(p) {
		if ip, err := manet.ToIP(a); err == nil && plainTCP(a) && here[ip.String()] && len(addrs) < maxBulkDials {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// refuseStreams resets what the other side opens on a connection that is not
// part of the host, until the connection ends.
func (b *bulkConn) refuseStreams() {
	for {
		s, err := b.conn.AcceptStream()
		if err != nil {
			return
		}
		_ = s.Reset()
	}
}

// close gives the link back; the last user closes the connection.
func (l *link) close() {
	if l.bulk == nil {
		return
	}
	l.d.mu.Lock()
	l.bulk.users--
	last := l.bulk.users == 0
	if last && l.d.bulk[l.peer] == l.bulk {
		delete(l.d.bulk, l.peer)
	}
	l.d.mu.Unlock()
	if last {
		_ = l.bulk.conn.Close()
	}
}

// wait returns when every connection of its own has ended.
func (d *dialer) wait() { d.wg.Wait() }
