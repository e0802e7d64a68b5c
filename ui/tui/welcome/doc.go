// Package welcome is the first run on the full screen: a name, a passphrase or
// none, the recovery phrase and a check of it, the invite, the people nearby
// and a first group. It takes well under a minute.
//
// Model is a bubbletea model; what makes the account and starts the node comes
// in through Steps. The node starts while the person reads the phrase.
//
// The package must not know where keys rest or how a node is run.
//
// Invariant: until the person has shown that the phrase is written down, the
// preference "phrase" says "later", and Remind asks at each start. It is set
// before the check, so that leaving in the middle leaves the reminder.
//
// Read model.go first, then pages.go.
package welcome
