package cli

import (
	"context"
	"io"

	"github.com/kith-chat/kith/node/api/v1/apiv1connect"
	"github.com/kith-chat/kith/ui"
)

// The errors that a function of Deps wraps so that the right words and the
// right exit code follow (ui.Explain). Errors of the local API need none of
// them: they carry their reason.
const (
	// ErrNoNode says that no node runs for that home.
	ErrNoNode = ui.NoNode
	// ErrNoProfile says that the home holds no account yet.
	ErrNoProfile = ui.NoProfile
	// ErrProfileExists says that the home already holds an account.
	ErrProfileExists = ui.ProfileExists
	// ErrPassphrase says that the passphrase does not open the vault.
	ErrPassphrase = ui.Passphrase
	// ErrInvalid says that something given has a value it cannot have.
	ErrInvalid = ui.Invalid
)

// API is the local API of one node: the four services of node/api/v1. It does
// not matter whether the node runs in another process or in this one.
type API struct {
	Node    apiv1connect.NodeServiceClient
	Friends apiv1connect.FriendServiceClient
	Chats   apiv1connect.ChatServiceClient
	Files   apiv1connect.FileServiceClient
	Devices apiv1connect.DeviceServiceClient
}

// Deps is what the commands need from the process around them: everything that
// touches keys, the disk or the network other than through the local API. Each
// function is required unless its comment says otherwise.
type Deps struct {
	Version string // such as "0.1.0" or "devel"
	Commit  string // short hash, or ""

	// Home returns the home to use when neither --home nor KITH_HOME names one.
	Home func() (string, error)
	// HasProfile reports whether home holds an account.
	HasProfile func(home string) (bool, error)
	// Init makes a new account in home, or restores one when opts.Phrase is
	// set. ErrProfileExists if there is one.
	Init func(ctx context.Context, opts InitOptions) (InitResult, error)
	// Link makes this machine one more device of the account whose other
	// device shows opts.Code. ask is called with the words that must be the
	// same on both.
	Link func(ctx context.Context, opts LinkOptions, ask func(ctx context.Context, account string, words []string) (bool, error)) (InitResult, error)
	// Attach connects to the node that runs for home; ErrNoNode if none does.
	// It must return quickly: it is how "is one running?" is asked.
	Attach func(ctx context.Context, home string) (*API, error)
	// Brief starts a node without any network in this process, for a command
	// that needs the store alone. ErrNoProfile, ErrPassphrase.
	Brief func(ctx context.Context, opts OpenOptions) (*API, func() error, error)
	// Serve runs a whole node until ctx ends, the node is told to stop (both
	// return nil), or it fails. It calls ready once, when the API answers.
	Serve func(ctx context.Context, opts ServeOptions, ready func(Serving)) error
	// Screen shows the full screen until the person leaves it; keep says that
	// the node is to go on. nil where there is none: the line mode is used.
	Screen func(ctx context.Context, opts ScreenOptions) (keep bool, err error)
	// Welcome shows the first run on the full screen; done says that the
	// person went through to the end. nil where there is none.
	Welcome func(ctx context.Context, opts WelcomeOptions) (done bool, err error)
	// Remind asks for a recovery phrase that was not checked yet; left says
	// that the person wants to leave. nil where there is no full screen.
	Remind func(ctx context.Context, api *API) (left bool, err error)
	// Config returns every setting that would be in force with these options
	// and where each comes from, in the order to print.
	Config func(opts ServeOptions) ([]Setting, error)
}

// OpenOptions says which profile to open and how.
type OpenOptions struct {
	Home string
	// Passphrase is called only if the vault asks for a passphrase, once.
	Passphrase func() (string, error)
}

// ScreenOptions is what the full screen gets from the command line.
type ScreenOptions struct {
	API   *API
	Inner *Inner // its slash commands
	Home  string
	// InProcess says that the node runs in this process.
	InProcess bool
}

// WelcomeOptions is what the first run on the full screen gets from the
// command line.
type WelcomeOptions struct {
	// Init makes the account, or restores the one of opts.Phrase.
	Init func(ctx context.Context, opts InitOptions) (InitResult, error)
	// Start runs the node of that account.
	Start func(ctx context.Context) (*API, error)
}

// InitOptions is what a new profile is made from.
type InitOptions struct {
	Home       string
	Name       string // how the person is called; required for a new account
	Phrase     string // 24 words: restore that account instead of making one
	Passphrase string // of the vault; "" for none
}

// LinkOptions is what a linked profile is made from.
type LinkOptions struct {
	Home       string
	Code       string // as the other device shows it
	Device     string // what this machine is to be called
	Passphrase string // of the vault; "" for none
}

// InitResult is the profile that was made.
type InitResult struct {
	Account string // kith1…
	Device  string
	Name    string
	Invite  string // link; may be "" when the node has to run to make one
	Phrase  string // 24 words; "" after a restore
	Vault   string // what guards the keys: "passphrase", "keyring" or "key file"
}

// ServeOptions says how to run a node.
type ServeOptions struct {
	OpenOptions
	// Flags holds the settings that were given on the command line, by the
	// name they have in the configuration file; only those that were given.
	// They win over the environment, which wins over the file.
	Flags map[string][]string
	// Log receives the node's log; nil for none.
	Log io.Writer
	// LogLevel is "debug", "info", "warn" or "error".
	LogLevel string
}

// Serving is said by a node that has just become ready.
type Serving struct {
	Account   string
	Device    string
	Name      string
	Addresses []string // multiaddrs with the peer ID
	Socket    string   // path of the API's socket
	Web       string   // address of the web listener, "" when off
	Vault     string   // as in InitResult
}

// Setting is one line of kith config.
type Setting struct {
	Name   string
	Value  string
	Source string // "default", "file PATH", "environment KITH_…", "flag --…"
}
