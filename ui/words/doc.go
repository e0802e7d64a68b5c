// Package words holds every string that the screens of kith say, in each
// language, and picks the language.
//
// The strings are data: one TOML file a language, whose tables give keys such
// as "chat.empty". Get fills in the placeholders {0}, {1}, …; a string that
// depends on a number has the forms one and other and goes by the first number
// among the arguments.
//
//	w := words.FromEnv(os.Getenv)
//	w.Get("chat.unread", 3) // "3 unread messages"
//
// The package must not know who shows the strings or how. It does no input or
// output.
//
// Invariant: what Get returns is ui.Text, so that a foreign name among the
// arguments is cleaned like everywhere else. Tests hold the languages equal to
// each other and to the keys that the code of ui uses.
//
// Read words.go first, then en.toml.
package words
