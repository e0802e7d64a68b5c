package api

import (
	"math"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// TestEveryValueHasAWireForm: a state that is added to the node does not
// quietly become "unspecified".
func TestEveryValueHasAWireForm(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	check := func(name string, unspecified bool) {
		if unspecified || seen[name] {
			t.Errorf("%s has no wire form of its own", name)
		}
		seen[name] = true
	}
	for k := node.ChatDirect; k <= node.ChatRaw; k++ {
		check(chatKind(k).String(), chatKind(k) == 0)
	}
	for s := node.StateQueued; s <= node.StateStored; s++ {
		check(messageState(s).String(), messageState(s) == 0)
	}
	for s := node.FriendYes; s <= node.FriendRemoved; s++ {
		check(friendState(s).String(), friendState(s) == 0)
	}
	for s := node.TransferOffered; s <= node.TransferCancelled; s++ {
		check(transferState(s).String(), transferState(s) == 0)
	}
	if chatKind(99)+apiv1.ChatKind(messageState(99))+apiv1.ChatKind(friendState(99))+apiv1.ChatKind(transferState(99)) != 0 {
		t.Error("an unknown value has a wire form")
	}
}

// TestForeignBytesAreSent: one byte that is not UTF-8 must not make a whole
// answer unsendable.
func TestForeignBytesAreSent(t *testing.T) {
	t.Parallel()
	const bad = "a\xffb"
	p := node.Person{Account: identity.AccountID{1}, Name: bad, OwnName: bad + "x"}
	m := node.Message{
		ID: event.ID{1}, Chat: bad, From: p, Text: bad, Refused: bad, Reactions: []node.Reaction{{Emoji: bad, Count: -1}},
		File: &event.File{Name: bad, MediaType: bad, Preview: &event.Preview{MediaType: bad}}, Mentions: []identity.AccountID{{1}},
	}
	c := node.Chat{Ref: bad, Name: bad, Peer: &p, Last: &m, Draft: bad, Members: -1}
	f := node.Friend{Person: p, Note: bad}
	tr := node.Transfer{Name: bad, Chat: bad, Path: bad, Error: bad, From: p, MediaType: bad}
	mb := node.Member{Person: p}
	for _, x := range []proto.Message{
		chat(c), friend(f), transfer(tr), member(mb), found(node.FoundPerson{Person: p, Where: bad}),
		peer(node.Peer{Device: bad, Person: &p, Addresses: []string{bad}, Agent: bad, Security: bad, Shares: []string{bad}, RTT: -1}),
		device(node.DeviceInfo{Name: bad}), invite(node.InviteInfo{Token: bad}),
		status(node.Status{Home: bad, Addresses: []string{bad}, Traffic: []node.Traffic{{Purpose: bad}}, Peers: math.MaxInt}),
		news(node.News{Message: &m}), news(node.News{Chat: &c}), news(node.News{Friend: &f}), news(node.News{Transfer: &tr}),
		news(node.News{Presence: &mb}), news(node.News{Storage: &node.StorageNews{State: bad, Detail: bad}}), news(node.News{Reset: true}),
	} {
		if _, err := proto.Marshal(x); err != nil {
			t.Errorf("%T: %v", x, err)
		}
	}
}

// TestNobody: what has no author has no account, and times that are not set
// are zero.
func TestNobody(t *testing.T) {
	t.Parallel()
	m := message(node.Message{Kind: event.KindForeign, From: node.Person{Name: "peer"}})
	if m.GetFrom().GetAccount() != "" || m.GetFrom().GetFingerprint() != "" || m.GetId() != "" || m.GetDevice() != "" || m.GetReplyTo() != "" || m.GetTimeMs() != 0 {
		t.Errorf("nothing became something: %v", m)
	}
	if got := message(node.Message{Time: time.UnixMilli(1)}).GetTimeMs(); got != 1 {
		t.Errorf("a time became %d", got)
	}
	if friend(node.Friend{Person: node.Person{Name: "x", OwnName: "x"}}).GetOwnName() != "" {
		t.Error("a name that is not hidden is told twice")
	}
}
