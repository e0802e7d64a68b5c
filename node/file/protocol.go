package file

import (
	"errors"
	"fmt"
	"time"

	"github.com/kith-chat/kith/node/file/pb"
	"github.com/kith-chat/kith/node/wire"
)

// Protocol is the name of the file protocol's streams. The one who fetches
// opens the stream and sends requests; each is answered by a response and, if
// it says so, by the content.
const Protocol = "/kith/file/1"

// The limits of the protocol.
const (
	maxRequest  = 128     // bytes of a request
	maxResponse = 4 << 10 // bytes of a response without the content
	maxProof    = 3 << 10 // bytes of a proof: 8 leaves and up to 43 siblings are 1.6 KiB
	idleStream  = time.Minute
	// sendTimeout and receiveTimeout bound one piece and one group: slower
	// than 3 KB a second is as good as dead.
	sendTimeout    = 3 * time.Minute
	receiveTimeout = 25 * time.Second
)

// errMalformed says that a peer does not keep to the protocol.
var errMalformed = errors.New("the other side does not keep to the protocol")

// request asks for count groups from first; they lie within one piece.
type request struct {
	root  Root
	shape shape
	first uint64
	count uint64
}

func (q request) piece() uint64 { return q.first / pieceGroups }
func (q request) length() int   { return q.shape.spanLength(q.first, q.count) }

// readRequest refuses what no file of the stated size can answer.
func readRequest(r *wire.Reader) (request, error) {
	var m pb.Request
	if err := r.ReadMessage(&m); err != nil {
		return request{}, err
	}
	return requestFromWire(&m)
}

func requestFromWire(m *pb.Request) (request, error) {
	if len(m.GetRoot()) != hashSize {
		return request{}, fmt.Errorf("%w: a root of %d bytes", errMalformed, len(m.GetRoot()))
	}
	s, err := newShape(m.GetSize())
	if err != nil {
		return request{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	q := request{root: Root(m.GetRoot()), shape: s, first: m.GetFirst(), count: uint64(m.GetCount())}
	if q.count < 1 || q.count > pieceGroups || q.first >= s.groups || q.count > s.groups-q.first ||
		q.first/pieceGroups != (q.first+q.count-1)/pieceGroups {
		return request{}, fmt.Errorf("%w: groups that are not there", errMalformed)
	}
	return q, nil
}

func (q request) wire() *pb.Request {
	return &pb.Request{Root: q.root[:], Size: q.shape.size, First: q.first, Count: uint32(q.count)}
}

// status is what a response says.
type status pb.Status

const (
	statusOK          = status(pb.Status_STATUS_OK)
	statusUnavailable = status(pb.Status_STATUS_UNAVAILABLE)
	statusChanged     = status(pb.Status_STATUS_CHANGED)
	statusPreparing   = status(pb.Status_STATUS_PREPARING)
	statusInvalid     = status(pb.Status_STATUS_INVALID)
)

// refusal is a response that brings no content.
type refusal struct{ status status }

// Error says it in words.
func (r refusal) Error() string {
	switch r.status {
	case statusChanged:
		return ErrChanged.Error()
	case statusPreparing:
		return "the other side is still preparing the file"
	case statusInvalid:
		return "the other side has another size for the file"
	}
	return "the other side does not offer the file"
}

// readResponse reads the answer to q up to the content and returns the hashes
// of the piece's groups, checked against the root.
func readResponse(r *wire.Reader, q request) ([]byte, error) {
	var m pb.Response
	if err := r.ReadMessage(&m); err != nil {
		return nil, err
	}
	switch s := status(m.GetStatus()); s {
	case statusOK:
	case statusUnavailable, statusChanged, statusPreparing, statusInvalid:
		if m.GetLength() != 0 || len(m.GetProof()) != 0 {
			return nil, fmt.Errorf("%w: a refusal with content", errMalformed)
		}
		return nil, refusal{s}
	default:
		return nil, fmt.Errorf("%w: status %d", errMalformed, m.GetStatus())
	}
	if int64(m.GetLength()) != int64(q.length()) {
		return nil, fmt.Errorf("%w: %d bytes announced instead of %d", errMalformed, m.GetLength(), q.length())
	}
	return q.shape.verify(q.root, q.piece(), m.GetProof())
}
