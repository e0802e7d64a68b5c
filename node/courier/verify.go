package courier

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/kith-chat/kith/identity/event"
)

// verifier checks events. A frame's events are spread over the cores; the
// helpers of all streams together are no more than there are cores, so one
// stream's flood slows itself before it slows the rest.
type verifier struct {
	certs   *event.CertificateCache
	helpers chan struct{}
}

// shareFrom is how many events make help worth its cost.
const shareFrom = 8

func newVerifier(certs *event.CertificateCache) *verifier {
	return &verifier{certs: certs, helpers: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))}
}

// check parses and verifies encoded events. The result keeps no reference to
// raw.
func (v *verifier) check(raw [][]byte) []item {
	items := make([]item, len(raw))
	if len(raw) < shareFrom {
		for i := range raw {
			v.one(&items[i], raw[i])
		}
		return items
	}
	var next atomic.Int64
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(raw) {
				return
			}
			v.one(&items[i], raw[i])
		}
	}
	var wg sync.WaitGroup
	for range len(raw) / shareFrom {
		select {
		case v.helpers <- struct{}{}:
			wg.Go(func() {
				defer func() { <-v.helpers }()
				work()
			})
			continue
		default:
		}
		break
	}
	work()
	wg.Wait()
	return items
}

func (v *verifier) one(it *item, raw []byte) {
	it.size = len(raw)
	e, err := event.Parse(raw)
	if err != nil {
		it.reason = ReasonInvalid
		return
	}
	if err := e.Verify(v.certs); err != nil {
		it.reason = ReasonInvalid
		return
	}
	body, err := e.Body()
	if err != nil {
		it.reason = ReasonInvalid
		return
	}
	it.event, it.body = e, body
}
