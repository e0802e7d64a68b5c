package courier

import (
	"fmt"

	"github.com/kith-chat/kith/node/courier/pb"
)

// Reason says why an event was refused. Refusals are final.
type Reason uint8

// The reasons. Zero is not one: it says that the event was taken.
const (
	ReasonNone        Reason = 0
	ReasonNotAccepted Reason = 1 // the sender is not a friend of the recipient
	ReasonInvalid     Reason = 2 // it cannot be read, or its signature does not hold
	ReasonMisplaced   Reason = 3 // not of this conversation, or not by this account
	ReasonRevoked     Reason = 4 // the device is no longer one of the account's
	ReasonKind        Reason = 5 // an event of this kind is not carried
	ReasonTooLarge    Reason = 6
	ReasonBlocked     Reason = 7 // local: we have blocked the recipient; never on the wire
)

// String returns the words that stand beside a refused message.
func (r Reason) String() string {
	switch r {
	case ReasonNone:
		return ""
	case ReasonNotAccepted:
		return "they have not accepted you as a friend"
	case ReasonInvalid:
		return "it did not arrive in one piece"
	case ReasonMisplaced:
		return "it does not belong to this conversation"
	case ReasonRevoked:
		return "this device has been revoked"
	case ReasonKind:
		return "they do not take messages of this kind"
	case ReasonTooLarge:
		return "it is too large"
	case ReasonBlocked:
		return "you have blocked them"
	}
	return fmt.Sprintf("refused for a reason that this version does not know (%d)", uint8(r))
}

// reasonFromWire reads a reason; one that is not known stays a refusal.
func reasonFromWire(n uint64) (Reason, bool) {
	if n == uint64(pb.Reason_REASON_UNSPECIFIED) {
		return 0, false
	}
	if n >= uint64(ReasonBlocked) {
		return Reason(255), true
	}
	return Reason(n), true
}
