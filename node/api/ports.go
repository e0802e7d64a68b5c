package api

import (
	"context"
	"io"
	"time"

	"github.com/kith-chat/kith/node"
)

// Node is what the API needs of a node; *node.Node has it. Errors wrap the
// sentinels of package node.
type Node interface {
	selfPort
	friendPort
	chatPort
	filePort
	devicePort
}

var _ Node = (*node.Node)(nil)

// selfPort is the node itself and what happens.
type selfPort interface {
	Status(ctx context.Context) (node.Status, error)
	Self(ctx context.Context) (node.Self, error)
	SetName(ctx context.Context, name string) (string, error)
	CreateInvite(ctx context.Context, valid time.Duration) (link, token string, err error)
	InviteQR(link string) string
	Invites(ctx context.Context) ([]node.InviteInfo, error)
	RevokeInvite(ctx context.Context, token string) error
	Peers(ctx context.Context) ([]node.Peer, error)
	Connect(ctx context.Context, address string) (node.Peer, error)
	Diagnose(ctx context.Context, who string, step func(node.Step) error) error
	Preferences(ctx context.Context) (map[string]string, error)
	SetPreference(ctx context.Context, name, value string) error
	Watch(ctx context.Context, cursor uint64, ephemeral bool, yield func(node.News) error) error
}

// friendPort is people.
type friendPort interface {
	Friends(ctx context.Context) ([]node.Friend, error)
	AddFriend(ctx context.Context, who, note string) (node.Friend, error)
	AcceptFriend(ctx context.Context, who string) (node.Friend, error)
	DeclineFriend(ctx context.Context, who string) error
	RemoveFriend(ctx context.Context, who string) error
	BlockFriend(ctx context.Context, who string) (node.Friend, error)
	UnblockFriend(ctx context.Context, who string) error
	RenameFriend(ctx context.Context, who, name string) (node.Friend, error)
	VerifyFriend(ctx context.Context, who string, verified, showOnly bool) (node.Friend, error)
	FindPeople(ctx context.Context, name string) ([]node.FoundPerson, error)
	Ignore(ctx context.Context, who string, remove bool) error
	Ignored(ctx context.Context) ([]node.Person, []string, error)
	SetHiddenWords(ctx context.Context, words []string) ([]string, error)
}

// chatPort is conversations and what is said in them.
type chatPort interface {
	Chats(ctx context.Context) ([]node.Chat, error)
	ChatInfo(ctx context.Context, ref string) (node.Chat, error)
	Join(ctx context.Context, name string, raw bool) (node.Chat, error)
	Leave(ctx context.Context, ref string, forget bool) error
	Members(ctx context.Context, ref string) ([]node.Member, error)
	SetChat(ctx context.Context, ref string, change node.ChatChange) (node.Chat, error)
	Send(ctx context.Context, ref, text, replyTo string, wait time.Duration) (node.Message, error)
	Edit(ctx context.Context, id, text string) (node.Message, error)
	Retract(ctx context.Context, id string) (node.Message, error)
	React(ctx context.Context, id, emoji string, remove bool) (node.Message, error)
	Message(ctx context.Context, id string) (node.Message, error)
	History(ctx context.Context, ref string, page node.Page) ([]node.Message, bool, error)
	Search(ctx context.Context, query, ref string, limit int, before string) ([]node.Message, bool, error)
	MarkRead(ctx context.Context, ref, upTo string) (node.Chat, error)
	Completeness(ctx context.Context, ref string) (node.Completeness, error)
	Receipts(ctx context.Context, id string) ([]node.Receipt, error)
	SignalTyping(ctx context.Context, ref string, stopped bool) error
	Export(ctx context.Context, ref, format string, w io.Writer) error
}

// devicePort is the machines of the person.
type devicePort interface {
	Devices(ctx context.Context) ([]node.DeviceInfo, error)
	LinkDevice(ctx context.Context, step func(node.LinkStep) error) error
	ConfirmDevice(ctx context.Context, id string, agree bool) error
	RenameDevice(ctx context.Context, device, name string) (node.DeviceInfo, error)
	RevokeDevice(ctx context.Context, device string) error
}

// filePort is offered files and their transfer.
type filePort interface {
	OfferFile(ctx context.Context, ref, path, caption, replyTo, name string) (node.Message, node.Transfer, error)
	Files(ctx context.Context, ref string) ([]node.Transfer, error)
	GetFile(ctx context.Context, id, to string) (node.Transfer, error)
	CancelFile(ctx context.Context, id string) (node.Transfer, error)
	ReadFile(ctx context.Context, id string, offset, limit uint64, yield func(t node.Transfer, data []byte) error) error
}
