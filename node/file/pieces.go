package file

import (
	"math/bits"
	"sync"
	"time"
)

// pieceSet says which groups of a file are there: one bit for each whole
// piece, and a mask for those that are there in part.
type pieceSet struct {
	shape   shape
	whole   []uint64
	partial map[uint64]uint8
	groups  uint64 // how many are there
}

func newPieceSet(s shape) *pieceSet {
	return &pieceSet{shape: s, whole: make([]uint64, (s.pieces()+63)/64), partial: map[uint64]uint8{}}
}

func (p *pieceSet) hasPiece(piece uint64) bool { return p.whole[piece/64]&(1<<(piece%64)) != 0 }

// add notes count groups from first, all of one piece, and reports whether
// any of them is new.
func (p *pieceSet) add(first, count uint64) bool {
	piece := first / pieceGroups
	if p.hasPiece(piece) {
		return false
	}
	before := p.partial[piece]
	mask := before | uint8((1<<count-1)<<(first%pieceGroups))
	p.groups += uint64(bits.OnesCount8(mask) - bits.OnesCount8(before))
	if mask == uint8(1<<p.shape.pieceLeaves(piece)-1) {
		delete(p.partial, piece)
		p.whole[piece/64] |= 1 << (piece % 64)
	} else {
		p.partial[piece] = mask
	}
	return mask != before
}

// missing returns the smallest run of groups that holds all that a piece
// lacks; count is 0 when it lacks none.
func (p *pieceSet) missing(piece uint64) (first, count uint64) {
	if p.hasPiece(piece) {
		return 0, 0
	}
	lacks := ^p.partial[piece] & uint8(1<<p.shape.pieceLeaves(piece)-1)
	low, high := bits.TrailingZeros8(lacks), bits.Len8(lacks)
	return piece*pieceGroups + uint64(low), uint64(high - low)
}

func (p *pieceSet) complete() bool { return p.groups == p.shape.groups }

// bytes is how much of the file is there.
func (p *pieceSet) bytes() uint64 {
	n := p.groups * groupSize
	if last := p.shape.groups; last > 0 {
		piece := (last - 1) / pieceGroups
		if p.hasPiece(piece) || p.partial[piece]&(1<<((last-1)%pieceGroups)) != 0 {
			n -= groupSize - uint64(p.shape.groupLength(last-1))
		}
	}
	return n
}

// span is a request that somebody is to answer.
type span struct{ first, count uint64 }

func (s span) piece() uint64 { return s.first / pieceGroups }

// board hands out what is missing. It is shared by the streams of all sources
// of one fetch.
type board struct {
	mu      sync.Mutex
	have    *pieceSet
	next    uint64   // pieces before it were handed out or are there
	back    []uint64 // pieces that were given back
	held    map[uint64]*holding
	changed chan struct{} // closed and replaced when there may be new work
}

// holding is a piece on its way.
type holding struct {
	since   time.Time
	holders []*source
}

// stealAfter is how long a piece is left to a slow source when another has
// nothing else to do; it is also given twice the time that the other needs.
const stealAfter = time.Second

func newBoard(have *pieceSet) *board {
	return &board{have: have, held: map[uint64]*holding{}, changed: make(chan struct{})}
}

// take returns a span for the source to fetch: a missing one, else one that
// another source holds for longer than patience, unless that is negative.
// Without any, ok is false, and wait is closed when it is worth asking again.
func (b *board) take(src *source, patience time.Duration) (s span, ok bool, wait <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.back) > 0 {
		piece := b.back[len(b.back)-1]
		b.back = b.back[:len(b.back)-1]
		if s, ok := b.hold(piece, src); ok {
			return s, true, nil
		}
	}
	for b.next < b.have.shape.pieces() {
		piece := b.next
		b.next++
		if s, ok := b.hold(piece, src); ok {
			return s, true, nil
		}
	}
	if piece, found := b.slowest(src, patience); found {
		if s, ok := b.hold(piece, src); ok {
			return s, true, nil
		}
	}
	return span{}, false, b.changed
}

func (b *board) hold(piece uint64, src *source) (span, bool) {
	first, count := b.have.missing(piece)
	if count == 0 {
		return span{}, false
	}
	h := b.held[piece]
	if h == nil {
		h = &holding{since: time.Now()}
		b.held[piece] = h
	}
	h.holders = append(h.holders, src)
	return span{first, count}, true
}

// slowest finds the piece that has been on its way longest, for a source that
// does not hold it itself. A piece has at most two holders.
func (b *board) slowest(src *source, patience time.Duration) (uint64, bool) {
	var found uint64
	var oldest time.Time
	if patience < 0 {
		return 0, false
	}
	for piece, h := range b.held {
		if len(h.holders) != 1 || h.holders[0] == src || time.Since(h.since) < patience || b.have.hasPiece(piece) {
			continue
		}
		if oldest.IsZero() || h.since.Before(oldest) {
			found, oldest = piece, h.since
		}
	}
	return found, !oldest.IsZero()
}

// got notes groups that were verified and written.
func (b *board) got(first, count uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.have.add(first, count)
	if b.have.complete() {
		b.signal()
	}
}

// has reports whether the groups are there already.
func (b *board) has(s span) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.have.hasPiece(s.piece())
}

// release ends the source's claim on a span, fetched or not.
func (b *board) release(s span, src *source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.held[s.piece()]
	if h == nil {
		return
	}
	for i, holder := range h.holders {
		if holder == src {
			h.holders = append(h.holders[:i], h.holders[i+1:]...)
			break
		}
	}
	if len(h.holders) > 0 {
		return
	}
	delete(b.held, s.piece())
	if !b.have.hasPiece(s.piece()) {
		b.back = append(b.back, s.piece())
		b.signal()
	}
}

// signal wakes those who found no work.
func (b *board) signal() {
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *board) complete() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.have.complete()
}

func (b *board) progress() (done uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.have.bytes()
}
