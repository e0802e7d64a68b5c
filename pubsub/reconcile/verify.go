package reconcile

import (
	"crypto/rand"
	"runtime"
	"sync"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// verifier authenticates what a peer sends. Bodies come newest first, so that
// of a run of one device's chain the newest event comes first: its signature
// is checked, and those before it are the author's because each is named by
// the hash in the one after it. A link says nothing of the signature that came
// with the event, which others will want to check one day; so some of them are
// checked all the same, and a peer that hands out wrong ones is found out.
type verifier struct {
	conversation event.ConversationID
	certs        *event.CertificateCache
	wanted       map[uint64]struct{} // salted
	salt         uint64
	chains       map[identity.DeviceID]*event.Event // the oldest that is proved of each run
	checked      int
}

// batch parses and authenticates raw events, and returns those that hold and
// the number of those that do not.
func (v *verifier) batch(raw [][]byte) (good []*event.Event, bad int) {
	all := parallel(raw, func(b []byte) *event.Event {
		e, err := event.Parse(b)
		if err != nil || e.Header().Conversation != v.conversation || e.Header().Kind == event.KindForeign {
			return nil
		}
		return e
	})
	asked := all[:0]
	for _, e := range all {
		if e != nil && v.asked(e.ID()) {
			asked = append(asked, e)
		}
	}
	bad = len(raw) - len(asked)
	proofs := v.signatures(asked)
	for i, e := range asked {
		if v.holds(e, proofs[i]) {
			good = append(good, e)
		} else {
			bad++
		}
	}
	return good, bad
}

// holds decides about one event, and follows its chain.
func (v *verifier) holds(e *event.Event, p proof) bool {
	d := e.Header().Device
	next := v.chains[d]
	linked := next != nil && e.VerifyLinked(next, v.certs) == nil
	ok := p == signed || p == unchecked && linked
	if p == unchecked && !linked { // the one that should have vouched for it does not hold
		v.checked++
		ok = e.Verify(v.certs) == nil
	}
	if ok || linked { // a wrong signature does not unmake the link
		if len(v.chains) >= maxChains {
			clear(v.chains)
		}
		v.chains[d] = e
	}
	return ok
}

// asked reports whether an event was asked for and has not come yet.
func (v *verifier) asked(id event.ID) bool {
	s := salted(v.salt, id)
	if _, ok := v.wanted[s]; !ok {
		return false
	}
	delete(v.wanted, s)
	return true
}

// proof is what is known of an event's signature.
type proof byte

const (
	unchecked proof = iota // it hangs on the event after it
	signed                 // the signature holds
	wrong
)

// signatures checks the signatures of those events that no later one vouches
// for, and of some others.
func (v *verifier) signatures(events []*event.Event) []proof {
	var jobs []int
	next := make(map[identity.DeviceID]event.ID, len(v.chains))
	for d, e := range v.chains {
		next[d] = e.Header().Previous
	}
	dice := make([]byte, len(events))
	_, _ = rand.Read(dice)
	for i, e := range events {
		h := e.Header()
		linked := next[h.Device] == e.ID()
		if !linked || dice[i] < 256/spotCheck {
			jobs = append(jobs, i)
		}
		next[h.Device] = h.Previous
	}
	v.checked += len(jobs)
	out := make([]proof, len(events))
	verdicts := parallel(jobs, func(i int) proof {
		if events[i].Verify(v.certs) != nil {
			return wrong
		}
		return signed
	})
	for i, at := range jobs {
		out[at] = verdicts[i]
	}
	return out
}

// parallel applies f to all items, on as many processors as there are.
func parallel[A, B any](items []A, f func(A) B) []B {
	out := make([]B, len(items))
	workers := min(runtime.GOMAXPROCS(0), (len(items)+7)/8)
	if workers < 2 {
		for i := range items {
			out[i] = f(items[i])
		}
		return out
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w * len(items) / workers; i < (w+1)*len(items)/workers; i++ {
				out[i] = f(items[i])
			}
		})
	}
	wg.Wait()
	return out
}
