package store

import (
	"encoding/binary"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
)

// The keys of the store. Numbers are big-endian, so that they order; every
// question of the message path is one range:
//
//	e <id 32>                              an event: where it stands, its bytes
//	t <chat 32> <effective 8> <id 32>      the timeline: the state of each event
//	u <target 32> <id 32>                  what refers to an event: edits, reactions, retractions
//	w <parent 32> <id 32>                  events whose parent has not arrived
//	f <due ms 8> <id 32>                   events dated ahead, kept aside
//	c <number 8>                           the log of changes
//	o <account 32> <position 8>            the outbox of a person
//	g <chat 32> <position 8>               the outbox of a group
//	x <expiry ms 8> <id 32>                events whose body expires
//	d <chat 32> <device 32>                the chain of a device in a chat
//	b <chat 32> <bucket 8>                 count and sum of the IDs in a span of time
//	h <chat 32>                            a chat
//	k <account 32>                         a contact
//	r <offer id 32>                        a transfer
//	y <document 8>                         the event that the search knows by a number
//	i <term> 0 <^document 8>               the search index, newest first
//	s <name>                               settings
//	m <name>                               the store's own: schema, counters
const (
	keyEvent    = 'e'
	keyTimeline = 't'
	keyRelated  = 'u'
	keyWaiting  = 'w'
	keyFuture   = 'f'
	keyChange   = 'c'
	keyOutbox   = 'o'
	keyGroupBox = 'g'
	keyExpiry   = 'x'
	keyChain    = 'd'
	keyBucket   = 'b'
	keyChat     = 'h'
	keyContact  = 'k'
	keyTransfer = 'r'
	keyDocument = 'y'
	keyTerm     = 'i'
	keySetting  = 's'
	keyMeta     = 'm'
)

// schemaVersion is the version of the layout above.
const schemaVersion = 1

// The store's own values.
var (
	metaSchema  = []byte("mschema")
	metaIndexed = []byte("mindexed") // the change up to which the search knows
)

// key joins a prefix and parts of fixed length.
func key(prefix byte, parts ...[]byte) []byte {
	n := 1
	for _, p := range parts {
		n += len(p)
	}
	k := make([]byte, 1, n)
	k[0] = prefix
	for _, p := range parts {
		k = append(k, p...)
	}
	return k
}

func num(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func eventKey(id event.ID) []byte { return key(keyEvent, id[:]) }

func timelineKey(chat event.ConversationID, eff event.Time, id event.ID) []byte {
	return key(keyTimeline, chat[:], num(uint64(eff)), id[:])
}

func relatedKey(target, id event.ID) []byte { return key(keyRelated, target[:], id[:]) }

func waitingKey(parent, child event.ID) []byte { return key(keyWaiting, parent[:], child[:]) }

func outboxKey(to identity.AccountID, position uint64) []byte {
	return key(keyOutbox, to[:], num(position))
}

func groupBoxKey(chat event.ConversationID, position uint64) []byte {
	return key(keyGroupBox, chat[:], num(position))
}

func chainKey(chat event.ConversationID, device identity.DeviceID) []byte {
	return key(keyChain, chat[:], device[:])
}

func chatKey(id event.ConversationID) []byte { return key(keyChat, id[:]) }

func contactKey(a identity.AccountID) []byte { return key(keyContact, a[:]) }

func transferKey(id event.ID) []byte { return key(keyTransfer, id[:]) }

// bucketSpan is the width of a bucket of IDs: 2^22 ms, about 70 minutes.
const bucketSpan = 16 + 22

func bucketKey(chat event.ConversationID, eff event.Time) []byte {
	return key(keyBucket, chat[:], num(uint64(eff)>>bucketSpan))
}

func settingKey(name string) []byte { return key(keySetting, []byte(name)) }
