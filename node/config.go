package node

import (
	"context"
	"log/slog"

	"github.com/libp2p/go-libp2p/core/host"

	"github.com/kith-chat/kith/identity/vault"
)

// Config says how a node runs. Home and Vault are required; the zero value of
// everything else is a node without mDNS and DHT that listens nowhere.
type Config struct {
	// Home is the profile's folder; the store lies in Home/store.
	Home string
	// Vault is the unlocked vault of the profile.
	Vault *vault.Vault
	// Version and Commit are what the program calls itself.
	Version, Commit string

	// Listen holds the multiaddrs to listen on.
	Listen []string
	// MDNS looks for peers on the LAN and lets them see who we are.
	MDNS bool
	// DHT is "off", "private" or "public".
	DHT string
	// Bootstrap holds the multiaddrs through which the DHT is entered.
	Bootstrap []string
	// Relay serves as a circuit relay for others.
	Relay bool
	// Offline runs the store alone, without any network.
	Offline bool

	// Receipts tells friends what has been read.
	Receipts bool
	// Typing tells the others of a chat that we are typing.
	Typing bool
	// Preferences are the defaults of what the screens keep, by name.
	Preferences map[string]string
	// AutoAccept is the largest file in bytes that is fetched from a friend
	// without being asked for; 0 for none.
	AutoAccept uint64
	// Downloads is where files go that are saved without a place being named.
	Downloads string
	// RetentionDays is for how long messages are kept in chats that have no
	// setting of their own; 0 for ever.
	RetentionDays uint32
	// MinFree is the free disk space in bytes below which no new work is
	// taken; 0 for the store's default.
	MinFree uint64

	// Log receives the node's log; nil for none.
	Log *slog.Logger
	// NewHost replaces the libp2p host, for simulated networks; nil for the
	// real one.
	NewHost func(ctx context.Context, c Config) (host.Host, error)
}
