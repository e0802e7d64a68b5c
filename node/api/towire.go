package api

import (
	"encoding/hex"
	"math"
	"strings"
	"time"

	"github.com/kith-chat/kith/identity"
	"github.com/kith-chat/kith/identity/event"
	"github.com/kith-chat/kith/node"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// each translates a list.
func each[From any, To any](all []From, translate func(From) To) []To {
	out := make([]To, 0, len(all))
	for _, x := range all {
		out = append(out, translate(x))
	}
	return out
}

// text makes a string that the wire takes: Protobuf refuses a whole message
// for one byte that is not UTF-8, and names of files may hold any.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func texts(all []string) []string { return each(all, text) }

// millis is the wire's form of a time; 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// count fits a number that cannot be negative into 32 bits.
func count[N int | int64](n N) uint32 {
	return uint32(max(0, min(int64(n), math.MaxUint32)))
}

func eventID(id event.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

func deviceID(d identity.DeviceID) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

// person translates an account; nobody, such as the author of another
// program's message, has a name at most.
func person(p node.Person) *apiv1.Person {
	out := &apiv1.Person{Name: text(p.Name), Ambiguous: p.Ambiguous, Self: p.Self}
	if !p.Account.IsZero() {
		out.Account, out.Fingerprint = p.Account.String(), p.Account.Short()
	}
	return out
}

func personOrNone(p *node.Person) *apiv1.Person {
	if p == nil {
		return nil
	}
	return person(*p)
}

func chat(c node.Chat) *apiv1.Chat {
	out := &apiv1.Chat{
		Ref: text(c.Ref), Kind: chatKind(c.Kind), Name: text(c.Name), Peer: personOrNone(c.Peer),
		Unread: c.Unread, Mentions: c.Mentions, Messages: c.Messages, Missing: c.Missing, Members: uint64(count(c.Members)),
		Joined: c.Joined, Muted: c.Muted, MutedUntilMs: millis(c.MutedUntil), MentionsOnly: c.MentionsOnly, Pinned: c.Pinned, RetentionDays: c.RetentionDays,
		Draft: text(c.Draft), ReadUpTo: eventID(c.ReadUpTo),
	}
	if c.Last != nil {
		out.Last = message(*c.Last)
	}
	return out
}

func chatKind(k node.ChatKind) apiv1.ChatKind {
	switch k {
	case node.ChatDirect:
		return apiv1.ChatKind_CHAT_KIND_DIRECT
	case node.ChatPublic:
		return apiv1.ChatKind_CHAT_KIND_PUBLIC
	case node.ChatRaw:
		return apiv1.ChatKind_CHAT_KIND_RAW
	}
	return apiv1.ChatKind_CHAT_KIND_UNSPECIFIED
}

func message(m node.Message) *apiv1.Message {
	return &apiv1.Message{
		Quote: quote(m.Quote),
		Id:    eventID(m.ID), Chat: text(m.Chat), Kind: m.Kind.String(), From: person(m.From), Device: deviceID(m.Device),
		TimeMs: millis(m.Time), ArrivedMs: millis(m.Arrived), Position: m.Position,
		Text: text(m.Text), State: messageState(m.State), Refused: text(m.Refused),
		Edited: m.Edited, Retracted: m.Retracted, Late: m.Late, ReplyTo: eventID(m.ReplyTo),
		Reactions: each(m.Reactions, reaction), File: fileOffer(m.File),
		Mentions: each(m.Mentions, identity.AccountID.String), MentionsMe: m.MentionsMe,
	}
}

func quote(q *node.Quote) *apiv1.Quote {
	if q == nil {
		return nil
	}
	return &apiv1.Quote{Id: eventID(q.ID), From: person(q.From), Text: text(q.Text)}
}

func messageState(s node.State) apiv1.State {
	switch s {
	case node.StateQueued:
		return apiv1.State_STATE_QUEUED
	case node.StateSent:
		return apiv1.State_STATE_SENT
	case node.StateDelivered:
		return apiv1.State_STATE_DELIVERED
	case node.StateRead:
		return apiv1.State_STATE_READ
	case node.StateReceived:
		return apiv1.State_STATE_RECEIVED
	case node.StateRefused:
		return apiv1.State_STATE_REFUSED
	case node.StateStored:
		return apiv1.State_STATE_STORED
	}
	return apiv1.State_STATE_UNSPECIFIED
}

func reaction(r node.Reaction) *apiv1.ReactionCount {
	return &apiv1.ReactionCount{Emoji: text(r.Emoji), Count: count(r.Count), Mine: r.Mine}
}

func fileOffer(f *event.File) *apiv1.FileOffer {
	if f == nil {
		return nil
	}
	out := &apiv1.FileOffer{
		Name: text(f.Name), Size: f.Size, MediaType: text(f.MediaType), DurationMs: f.Duration,
		Root: hex.EncodeToString(f.Root[:]),
	}
	if p := f.Preview; p != nil {
		out.Preview, out.PreviewType, out.Width, out.Height = p.Data, text(p.MediaType), p.Width, p.Height
	}
	return out
}

func member(m node.Member) *apiv1.Member {
	return &apiv1.Member{Person: person(m.Person), Online: m.Online, LastSeenMs: millis(m.Seen), Device: deviceID(m.Device)}
}

func friend(f node.Friend) *apiv1.Friend {
	out := &apiv1.Friend{
		Person: person(f.Person), State: friendState(f.State), Note: text(f.Note), Verified: f.Verified,
		SafetyNumber: f.Safety, SafetyEmoji: f.Emoji, Online: f.Online,
		LastSeenMs: millis(f.LastSeen), SinceMs: millis(f.Since),
	}
	if f.Person.OwnName != f.Person.Name {
		out.OwnName = text(f.Person.OwnName)
	}
	return out
}

func friendState(s node.FriendState) apiv1.FriendState {
	switch s {
	case node.FriendYes:
		return apiv1.FriendState_FRIEND_STATE_FRIEND
	case node.FriendIncoming:
		return apiv1.FriendState_FRIEND_STATE_INCOMING
	case node.FriendOutgoing:
		return apiv1.FriendState_FRIEND_STATE_OUTGOING
	case node.FriendBlocked:
		return apiv1.FriendState_FRIEND_STATE_BLOCKED
	case node.FriendDeclined:
		return apiv1.FriendState_FRIEND_STATE_DECLINED
	case node.FriendRemoved:
		return apiv1.FriendState_FRIEND_STATE_REMOVED
	}
	return apiv1.FriendState_FRIEND_STATE_UNSPECIFIED
}

func found(f node.FoundPerson) *apiv1.FoundPerson {
	return &apiv1.FoundPerson{Person: person(f.Person), Where: text(f.Where), SeenMs: millis(f.Seen), State: friendState(f.State)}
}

func transfer(t node.Transfer) *apiv1.Transfer {
	return &apiv1.Transfer{
		Id: eventID(t.ID), Name: text(t.Name), Size: t.Size, Chat: text(t.Chat), State: transferState(t.State),
		Done: t.Done, BytesPerSecond: t.Rate, Path: text(t.Path), Error: text(t.Error), From: person(t.From),
		Outgoing: t.Outgoing, MediaType: text(t.MediaType),
		Fetched: each(t.Fetched, func(f node.Fetch) *apiv1.Fetch { return &apiv1.Fetch{Who: person(f.Who), Done: f.Done} }),
	}
}

func transferState(s node.TransferState) apiv1.TransferState {
	switch s {
	case node.TransferOffered:
		return apiv1.TransferState_TRANSFER_STATE_OFFERED
	case node.TransferShared:
		return apiv1.TransferState_TRANSFER_STATE_SHARED
	case node.TransferWaiting:
		return apiv1.TransferState_TRANSFER_STATE_WAITING
	case node.TransferRunning:
		return apiv1.TransferState_TRANSFER_STATE_RUNNING
	case node.TransferDone:
		return apiv1.TransferState_TRANSFER_STATE_DONE
	case node.TransferFailed:
		return apiv1.TransferState_TRANSFER_STATE_FAILED
	case node.TransferCancelled:
		return apiv1.TransferState_TRANSFER_STATE_CANCELLED
	}
	return apiv1.TransferState_TRANSFER_STATE_UNSPECIFIED
}

func peer(p node.Peer) *apiv1.Peer {
	return &apiv1.Peer{
		Device: text(p.Device), Person: personOrNone(p.Person), Addresses: texts(p.Addresses), Agent: text(p.Agent),
		Lan: p.LAN, Relayed: p.Relayed, RttUs: count(p.RTT.Microseconds()), Security: text(p.Security), Shares: texts(p.Shares),
	}
}

func device(d node.DeviceInfo) *apiv1.DeviceInfo {
	return &apiv1.DeviceInfo{Device: deviceID(d.Device), Name: text(d.Name), AddedMs: millis(d.Added), This: d.This, Online: d.Online, LastSeenMs: millis(d.Seen)}
}

func invite(i node.InviteInfo) *apiv1.InviteInfo {
	return &apiv1.InviteInfo{Token: text(i.Token), CreatedMs: millis(i.Created), ExpiresMs: millis(i.Expires), Revoked: i.Revoked}
}

func status(s node.Status) *apiv1.GetStatusResponse {
	return &apiv1.GetStatusResponse{
		Version: s.Version, Commit: s.Commit, StartedMs: millis(s.Started), Home: text(s.Home), Addresses: texts(s.Addresses),
		Peers: count(s.Peers), Nat: s.NAT, Dht: s.DHT, DhtMode: s.DHTMode, DhtPeers: count(s.DHTPeers),
		Mdns: s.MDNS, Relay: s.Relay, StoreBytes: s.StoreBytes, FreeBytes: s.FreeBytes, Storage: s.Storage,
		Queued: uint64(count(s.Queued)), Vault: s.Vault,
		Traffic: each(s.Traffic, func(t node.Traffic) *apiv1.Traffic {
			return &apiv1.Traffic{Purpose: text(t.Purpose), BytesIn: t.In, BytesOut: t.Out}
		}),
	}
}

func news(n node.News) *apiv1.WatchResponse {
	out := &apiv1.WatchResponse{Cursor: n.Cursor, Reset_: n.Reset, Fresh: n.Fresh}
	switch {
	case n.Message != nil:
		out.News = &apiv1.WatchResponse_Message{Message: message(*n.Message)}
	case n.Chat != nil:
		out.News = &apiv1.WatchResponse_Chat{Chat: chat(*n.Chat)}
	case n.Friend != nil:
		out.News = &apiv1.WatchResponse_Friend{Friend: friend(*n.Friend)}
	case n.Transfer != nil:
		out.News = &apiv1.WatchResponse_Transfer{Transfer: transfer(*n.Transfer)}
	case n.Presence != nil:
		out.News = &apiv1.WatchResponse_Presence{Presence: member(*n.Presence)}
	case n.Typing != nil:
		out.News = &apiv1.WatchResponse_Typing{Typing: &apiv1.Typing{Chat: text(n.Typing.Chat), Person: person(n.Typing.Person), Stopped: n.Typing.Stopped}}
	case n.Preference != nil:
		out.News = &apiv1.WatchResponse_Preference{Preference: &apiv1.Preference{Name: text(n.Preference.Name), Value: text(n.Preference.Value)}}
	case n.Storage != nil:
		out.News = &apiv1.WatchResponse_Storage{Storage: &apiv1.StorageNews{State: text(n.Storage.State), Detail: text(n.Storage.Detail)}}
	}
	return out
}
