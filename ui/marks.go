package ui

import apiv1 "github.com/kith-chat/kith/node/api/v1"

// stateRow is how one delivery state is written: a sign and a word, so that
// neither colour nor shape is needed to tell them apart.
type stateRow struct {
	code string // in JSON; stable
	sign Literal
	word Literal
}

func stateRowOf(s apiv1.State) stateRow {
	switch s {
	case apiv1.State_STATE_QUEUED:
		return stateRow{"queued", "◷", "queued"}
	case apiv1.State_STATE_SENT:
		return stateRow{"sent", "✓", "sent"}
	case apiv1.State_STATE_STORED:
		return stateRow{"stored", "✓", "kept by a mailbox"}
	case apiv1.State_STATE_DELIVERED:
		return stateRow{"delivered", "✓✓", "delivered"}
	case apiv1.State_STATE_READ:
		return stateRow{"read", "✓✓", "read"}
	case apiv1.State_STATE_RECEIVED:
		return stateRow{"received", "", ""}
	case apiv1.State_STATE_REFUSED:
		return stateRow{"refused", "✗", "refused"}
	}
	return stateRow{"unknown", "?", "unknown"}
}

// StateCode is the stable name of a delivery state in JSON.
func StateCode(s apiv1.State) string { return stateRowOf(s).code }

// State writes a delivery state as a sign and a word; empty for a message of
// somebody else.
func State(s apiv1.State) Text {
	row := stateRowOf(s)
	if row.word == "" {
		return Text{}
	}
	return F("%s %s", Text{string(row.sign)}, Text{string(row.word)})
}

// Rank orders delivery states by how far a message has come; a refused one
// stands below all.
func Rank(s apiv1.State) int {
	switch s {
	case apiv1.State_STATE_QUEUED:
		return 1
	case apiv1.State_STATE_SENT:
		return 2
	case apiv1.State_STATE_STORED:
		return 3
	case apiv1.State_STATE_DELIVERED:
		return 4
	case apiv1.State_STATE_READ, apiv1.State_STATE_RECEIVED:
		return 5
	}
	return 0
}

// KindCode is the stable name of a kind of chat in JSON.
func KindCode(k apiv1.ChatKind) string {
	switch k {
	case apiv1.ChatKind_CHAT_KIND_DIRECT:
		return "direct"
	case apiv1.ChatKind_CHAT_KIND_PUBLIC:
		return "public"
	case apiv1.ChatKind_CHAT_KIND_RAW:
		return "raw"
	case apiv1.ChatKind_CHAT_KIND_PRIVATE:
		return "private"
	case apiv1.ChatKind_CHAT_KIND_SELF:
		return "self"
	}
	return "unknown"
}

// FriendCode is the stable name of a friendship's state in JSON.
func FriendCode(s apiv1.FriendState) string {
	switch s {
	case apiv1.FriendState_FRIEND_STATE_FRIEND:
		return "friend"
	case apiv1.FriendState_FRIEND_STATE_INCOMING:
		return "incoming"
	case apiv1.FriendState_FRIEND_STATE_OUTGOING:
		return "outgoing"
	case apiv1.FriendState_FRIEND_STATE_BLOCKED:
		return "blocked"
	case apiv1.FriendState_FRIEND_STATE_DECLINED:
		return "declined"
	case apiv1.FriendState_FRIEND_STATE_REMOVED:
		return "removed"
	}
	return "none"
}

// TransferCode is the stable name of a file transfer's state in JSON.
func TransferCode(s apiv1.TransferState) string {
	switch s {
	case apiv1.TransferState_TRANSFER_STATE_OFFERED:
		return "offered"
	case apiv1.TransferState_TRANSFER_STATE_SHARED:
		return "shared"
	case apiv1.TransferState_TRANSFER_STATE_WAITING:
		return "waiting"
	case apiv1.TransferState_TRANSFER_STATE_RUNNING:
		return "running"
	case apiv1.TransferState_TRANSFER_STATE_DONE:
		return "done"
	case apiv1.TransferState_TRANSFER_STATE_FAILED:
		return "failed"
	case apiv1.TransferState_TRANSFER_STATE_CANCELLED:
		return "cancelled"
	}
	return "unknown"
}
