// Package cli is kith on the command line: the commands, their output as text
// and as JSON lines, the line mode of "kith chat" and the guided first run.
//
// All commands are one table (table.go). The parser, "kith help", the shell
// completions and the slash commands of the line mode are made from it, so
// that none of them can say something else than the others.
//
// A command speaks to the node through the local API alone (API); whatever
// must happen in this process, such as making an account or running a node,
// comes in through Deps, which cmd/kith fills. The package must not know how a
// node works, and never opens the store or the vault.
//
// Invariant: nothing reaches a terminal but ui.Text, which cannot be made from
// a foreign string without cleaning it; JSON output escapes the same
// characters. Out is the only type that writes.
//
// Flags are parsed by spf13/pflag, because people write options after
// arguments and short ones together, which the standard package does not
// read. A framework on top of it would bring its own idea of help and
// completion; the table here is shorter.
//
// Read table.go first, then command.go and out.go; chat.go is the line mode.
package cli
