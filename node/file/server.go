package file

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/kith-chat/kith/node/file/pb"
	"github.com/kith-chat/kith/node/wire"
)

const (
	// MaxStreamsPerPeer is how many streams of one peer are served at once;
	// one beyond that is reset.
	MaxStreamsPerPeer = 8
	// MaxStreams is the same for all peers together.
	MaxStreams = 32
	// recheck is how long an answer of the Authorizer is believed on a
	// stream.
	recheck = 2 * time.Second
	// maxRefusals ends a stream that only asks for what it cannot have.
	maxRefusals = 16

	service     = "kith.file"
	serveMemory = pieceSize + 64<<10
)

// Authorizer says who may have which file.
type Authorizer interface {
	// May returns the path and the size of the file with this root if the
	// peer may fetch it. It is asked again every two seconds of a transfer.
	May(ctx context.Context, p peer.ID, root Root) (path string, size uint64, ok bool)
}

// server answers requests for pieces.
type server struct {
	trees *trees
	auth  Authorizer
	log   *slog.Logger
	gave  func(context.Context, peer.ID, request) // nil: nobody counts

	wg   sync.WaitGroup
	sent atomic.Uint64 // bytes of content

	mu        sync.Mutex
	closed    bool
	streams   map[peer.ID]int
	total     int
	preparing map[Root]bool
	changed   map[changedKey]bool // files that were hashed and are others now
}

// changedKey names one state of one file on disk.
type changedKey struct {
	path  string
	stamp stamp
	root  Root
}

func newServer(t *trees, auth Authorizer, log *slog.Logger) *server {
	return &server{
		trees: t, auth: auth, log: log,
		streams: map[peer.ID]int{}, preparing: map[Root]bool{}, changed: map[changedKey]bool{},
	}
}

// run serves the protocol on the host until ctx ends, and waits for every
// stream. It is called once.
func (s *server) run(ctx context.Context, h host.Host) {
	h.SetStreamHandler(Protocol, func(str network.Stream) { s.handle(ctx, str) })
	<-ctx.Done()
	h.RemoveStreamHandler(Protocol)
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wg.Wait()
}

// handle is the stream handler of Protocol.
func (s *server) handle(ctx context.Context, str network.Stream) {
	p := str.Conn().RemotePeer()
	if !s.admit(p) {
		_ = str.ResetWithError(network.StreamResourceLimitExceeded)
		return
	}
	defer s.leave(p)
	done, err := wire.Attach(ctx, str, service, serveMemory, idleStream)
	if err != nil {
		s.log.Debug("file stream refused", "err", err)
		return
	}
	err = s.serve(ctx, str, p)
	if err != nil && ctx.Err() == nil {
		s.log.Debug("file stream ended", "err", err)
	}
	done(err)
}

func (s *server) admit(p peer.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.total >= MaxStreams || s.streams[p] >= MaxStreamsPerPeer {
		return false
	}
	s.streams[p]++
	s.total++
	s.wg.Add(1)
	return true
}

func (s *server) leave(p peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.streams[p]--; s.streams[p] == 0 {
		delete(s.streams, p)
	}
	s.wg.Done()
}

// serve answers requests until the other side closes.
func (s *server) serve(ctx context.Context, str network.Stream, p peer.ID) error {
	in, out := wire.NewReader(str, maxRequest), wire.NewWriter(str, maxResponse)
	buf := make([]byte, pieceSize)
	var src *served
	defer func() { src.close() }()
	refusals := 0
	for {
		if err := str.SetReadDeadline(time.Now().Add(idleStream)); err != nil {
			return err
		}
		q, err := readRequest(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := str.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
			return err
		}
		var st status
		src, st = s.source(ctx, p, q, src)
		if st == statusOK {
			st, err = src.answer(q, buf, out)
		}
		if st != statusOK {
			if refusals++; refusals > maxRefusals {
				return errMalformed
			}
			err = out.WriteMessage(&pb.Response{Status: pb.Status(st)})
		}
		if err == nil {
			err = out.Flush()
		}
		if st == statusOK {
			s.sent.Add(uint64(q.length()))
		}
		if err != nil {
			return err
		}
		if st == statusOK && s.gave != nil {
			s.gave(ctx, p, q)
		}
		if st == statusChanged {
			s.outdated(src)
			src.close()
			src = nil
		}
	}
}

// served is an open file that one stream is fed from.
type served struct {
	f       *os.File
	path    string
	tree    *treeFile // nil for a file of one group
	shape   shape
	root    Root
	stamp   stamp
	trusted bool // the file on disk is the one that the tree was made from
	asked   time.Time
	proof   []byte
}

func (v *served) close() {
	if v == nil {
		return
	}
	v.f.Close()
	if v.tree != nil {
		v.tree.f.Close()
	}
}

// source returns the open file for a request, the same one as before if it is
// still allowed.
func (s *server) source(ctx context.Context, p peer.ID, q request, old *served) (*served, status) {
	if old != nil && old.root == q.root && old.shape == q.shape && time.Since(old.asked) < recheck {
		return old, statusOK
	}
	path, size, ok := s.auth.May(ctx, p, q.root)
	if !ok {
		old.close()
		return nil, statusUnavailable
	}
	if size != q.shape.size {
		old.close()
		return nil, statusInvalid
	}
	if old != nil && old.root == q.root && old.path == path {
		old.asked = time.Now()
		return old, statusOK
	}
	old.close()
	return s.openServed(ctx, path, q)
}

func (s *server) openServed(ctx context.Context, path string, q request) (*served, status) {
	f, stamp, err := openSource(path)
	if err != nil {
		return nil, statusUnavailable
	}
	v := &served{f: f, path: path, shape: q.shape, root: q.root, stamp: stamp, asked: time.Now()}
	st := statusOK
	switch {
	case uint64(stamp.size) != q.shape.size, s.isOutdated(v):
		st = statusChanged
	case q.shape.groups > 1:
		if v.tree, err = s.trees.open(q.shape, q.root); err != nil {
			st = s.prepare(ctx, path, q)
			break
		}
		v.trusted = v.tree.mark == stamp.mark()
	}
	if st != statusOK {
		v.close()
		return nil, st
	}
	return v, st
}

func (s *server) isOutdated(v *served) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed[changedKey{v.path, v.stamp, v.root}]
}

// outdated remembers that this state of the file is not what was offered.
func (s *server) outdated(v *served) {
	if v == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.changed) > 1024 {
		clear(s.changed)
	}
	s.changed[changedKey{v.path, v.stamp, v.root}] = true
}

// prepare computes a lost tree again, one file at a time, beside the streams.
func (s *server) prepare(ctx context.Context, path string, q request) status {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.preparing[q.root] || len(s.preparing) > 0 || s.closed {
		return statusPreparing
	}
	s.preparing[q.root] = true
	s.wg.Go(func() {
		root, v, err := s.hashAgain(ctx, path, q.shape)
		if err == nil && root != q.root || errors.Is(err, ErrChanged) {
			v.root = q.root
			s.outdated(v)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.preparing, q.root)
	})
	return statusPreparing
}

func (s *server) hashAgain(ctx context.Context, path string, shape shape) (Root, *served, error) {
	f, stamp, err := openSource(path)
	if err != nil {
		return Root{}, nil, err
	}
	defer f.Close()
	v := &served{path: path, stamp: stamp}
	if uint64(stamp.size) != shape.size {
		return Root{}, v, ErrChanged
	}
	root, err := s.trees.hash(ctx, f, shape, stamp)
	return root, v, err
}

// answer reads the groups, makes sure that they are what was offered, and
// sends them with their proof. Nothing is sent unless the status is OK.
func (v *served) answer(q request, buf []byte, out *wire.Writer) (status, error) {
	data := buf[:q.length()]
	if _, err := v.f.ReadAt(data, int64(q.first)*groupSize); err != nil {
		return statusChanged, nil
	}
	v.proof = v.proof[:0]
	leaves := v.root[:]
	if v.tree != nil {
		var err error
		if v.proof, err = v.tree.proof(q.piece(), v.proof); err != nil {
			// The tree is damaged: it goes, and is made again on the next
			// request.
			_ = os.Remove(v.tree.f.Name())
			v.asked = time.Time{}
			v.path = ""
			return statusPreparing, nil
		}
		leaves = v.proof[q.first%pieceGroups*hashSize:]
	}
	if !v.intact(q, data, leaves) {
		return statusChanged, nil
	}
	err := out.WriteMessage(&pb.Response{Status: pb.Status_STATUS_OK, Proof: v.proof, Length: uint32(len(data))})
	if err == nil {
		err = out.WriteRaw(data)
	}
	return statusOK, err
}

// intact reports whether the groups that were read are those that were
// offered: by the file's stamp where the tree was made from this very file,
// else by hashing them.
func (v *served) intact(q request, data, leaves []byte) bool {
	if v.trusted {
		if unchanged(v.f, v.stamp) == nil {
			return true
		}
		v.trusted = false
	}
	for i := range q.count {
		n := min(groupSize, len(data))
		if !v.shape.check(data[:n], q.first+i, leaves[i*hashSize:(i+1)*hashSize]) {
			return false
		}
		data = data[n:]
	}
	return true
}
