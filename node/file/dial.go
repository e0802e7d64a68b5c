package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
)

const (
	// bulkFrom is the size from which TCP is chosen over QUIC, which costs
	// three times the CPU, where there are connections of both kinds.
	bulkFrom = 1 << 20
	// relayLimit is the largest file that goes over somebody else's relay.
	relayLimit = 8 << 20

	dialTimeout = 10 * time.Second
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

// dialer opens streams to those who have a file. It uses the connections that
// the host has or makes, and for a large file a TCP one before a QUIC one.
type dialer struct{ host host.Host }

// connect makes sure that the peer is connected.
func (d *dialer) connect(ctx context.Context, p peer.ID) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := d.host.Connect(network.WithAllowLimitedConn(ctx, service), peer.AddrInfo{ID: p}); err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	return nil
}

// open starts a stream that speaks Protocol, for a file of this size.
func (d *dialer) open(ctx context.Context, p peer.ID, size uint64) (stream, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if size >= bulkFrom {
		if c := d.tcpConn(p); c != nil {
			if s, err := openOn(ctx, c); err == nil {
				return s, nil
			}
		}
	}
	if size <= relayLimit {
		ctx = network.WithAllowLimitedConn(ctx, service)
	}
	s, err := d.host.NewStream(ctx, p, Protocol)
	if errors.Is(err, network.ErrLimitedConn) {
		return nil, errRelayed
	}
	if err != nil {
		return nil, fmt.Errorf("opening a stream: %w", err)
	}
	if err := s.Scope().SetService(service); err != nil {
		_ = s.Reset()
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
	if err = s.Scope().SetService(service); err == nil {
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
