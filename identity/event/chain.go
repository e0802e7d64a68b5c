package event

import "fmt"

// VerifyLinked is Verify for an event that a later one, which has been
// verified, names as its previous: the device that signed the later one has
// vouched for the hash of this header. The event's own signature is not looked
// at, so it may be wrong although the event is the author's; whoever hands
// events on for others to verify one by one should check some of them.
func (e *Event) VerifyLinked(next *Event, certs *CertificateCache) error {
	h, n := &e.header, &next.header
	switch {
	case next.cert.Account.IsZero():
		return fmt.Errorf("%w: the event after it has not been verified", ErrEvent)
	case n.Previous != e.id:
		return fmt.Errorf("%w: the event after it names another one", ErrEvent)
	case n.Device != h.Device || n.Account != h.Account || n.Conversation != h.Conversation || n.Sequence != h.Sequence+1:
		return fmt.Errorf("%w: the event after it is not of the same chain", ErrEvent)
	}
	return e.Readmit(certs)
}
