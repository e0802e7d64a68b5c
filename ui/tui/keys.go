package tui

import (
	"maps"
	"slices"
	"strings"
)

// action is something that a key can do. Its name is what a preference
// "keys.NAME" maps to other keys.
type action string

// The actions. Those of the editor work wherever text is typed.
const (
	editLeft          action = "edit-left"
	editRight         action = "edit-right"
	editHome          action = "edit-home"
	editEnd           action = "edit-end"
	editWordLeft      action = "edit-word-left"
	editWordRight     action = "edit-word-right"
	editBackspace     action = "edit-backspace"
	editDelete        action = "edit-delete"
	editKillWord      action = "edit-kill-word"
	editKillWordLeft  action = "edit-kill-word-left"
	editKillWordRight action = "edit-kill-word-right"
	editKillStart     action = "edit-kill-start"
	editKillEnd       action = "edit-kill-end"
	editYank          action = "edit-yank"
	editTranspose     action = "edit-transpose"
	editNewline       action = "edit-newline"

	actSwitch    action = "switch"
	actSearch    action = "search"
	actHelp      action = "help"
	actQuit      action = "quit"
	actPrevChat  action = "previous-chat"
	actNextChat  action = "next-chat"
	actUnread    action = "next-unread"
	actPageUp    action = "page-up"
	actPageDown  action = "page-down"
	actNewest    action = "newest"
	actLineUp    action = "line-up"
	actLineDown  action = "line-down"
	actSelect    action = "select"
	actMembers   action = "members"
	actList      action = "list"
	actComplete  action = "complete"
	actSend      action = "send"
	actUp        action = "up"
	actDown      action = "down"
	actCancel    action = "cancel"
	actRequests  action = "requests"
	actLog       action = "log"
	actRedraw    action = "redraw"
	actSuspend   action = "suspend"
	actReadAll   action = "read-all"
	actMute      action = "mute"
	actFirstNew  action = "first-unread"
	actCompleteB action = "complete-back"
)

// binding is one row of the key table.
type binding struct {
	act  action
	keys []string
	edit bool // works in every line that is typed
}

// bindings returns the keys as they are without preferences.
func bindings() []binding {
	return []binding{
		{actSwitch, []string{"ctrl+k"}, false},
		{actUnread, []string{"alt+a"}, false},
		{actPrevChat, []string{"alt+up", "ctrl+p"}, false},
		{actNextChat, []string{"alt+down", "ctrl+n"}, false},
		{actPageUp, []string{"pgup"}, false},
		{actPageDown, []string{"pgdown"}, false},
		{actNewest, []string{"alt+end", "alt+>"}, false},
		{actLineUp, []string{"shift+up"}, false},
		{actLineDown, []string{"shift+down"}, false},
		{actFirstNew, []string{"alt+u"}, false},
		{actSelect, []string{"alt+s", "ctrl+up"}, false},
		{actSearch, []string{"ctrl+f"}, false},
		{actMembers, []string{"alt+m"}, false},
		{actList, []string{"alt+l"}, false},
		{actRequests, []string{"alt+r"}, false},
		{actMute, []string{"alt+n"}, false},
		{actReadAll, []string{"alt+c"}, false},
		{actLog, []string{"alt+g"}, false},
		{actHelp, []string{"f1"}, false},
		{actRedraw, []string{"ctrl+l"}, false},
		{actSuspend, []string{"ctrl+z"}, false},
		{actQuit, []string{"ctrl+c", "ctrl+q"}, false},
		{actSend, []string{"enter"}, false},
		{editNewline, []string{"alt+enter", "shift+enter", "ctrl+j"}, true},
		{actComplete, []string{"tab"}, false},
		{actCompleteB, []string{"shift+tab"}, false},
		{actUp, []string{"up"}, false},
		{actDown, []string{"down"}, false},
		{actCancel, []string{"esc", "ctrl+g"}, false},
		{editLeft, []string{"left", "ctrl+b"}, true},
		{editRight, []string{"right"}, true},
		{editHome, []string{"home", "ctrl+a"}, true},
		{editEnd, []string{"end", "ctrl+e"}, true},
		{editWordLeft, []string{"alt+b", "ctrl+left", "alt+left"}, true},
		{editWordRight, []string{"alt+f", "ctrl+right", "alt+right"}, true},
		{editBackspace, []string{"backspace", "ctrl+h", "shift+backspace"}, true},
		{editDelete, []string{"delete", "ctrl+d"}, true},
		{editKillWord, []string{"ctrl+w"}, true},
		{editKillWordLeft, []string{"alt+backspace", "ctrl+backspace"}, true},
		{editKillWordRight, []string{"alt+d"}, true},
		{editKillStart, []string{"ctrl+u"}, true},
		{editKillEnd, []string{"alt+k"}, true},
		{editYank, []string{"ctrl+y"}, true},
		{editTranspose, []string{"ctrl+t"}, true},
	}
}

// keymap finds the action of a key.
type keymap struct {
	acts map[string]action
	keys map[action][]string
}

// keysPreference begins the names of preferences that map keys:
// "keys.switch" = "ctrl+o, f2".
const keysPreference = "keys."

// newKeymap returns the keys with what the preferences change. A preference
// that names no action is in unknown.
func newKeymap(preferences map[string]string) (k keymap, unknown []string) {
	k = keymap{acts: map[string]action{}, keys: map[action][]string{}}
	for _, b := range bindings() {
		k.keys[b.act] = b.keys
	}
	for _, name := range slices.Sorted(maps.Keys(preferences)) {
		a, ok := strings.CutPrefix(name, keysPreference)
		if !ok {
			continue
		}
		if _, known := k.keys[action(a)]; !known {
			unknown = append(unknown, name)
			continue
		}
		var keys []string
		for key := range strings.SplitSeq(preferences[name], ",") {
			if key = normalKey(key); key != "" {
				keys = append(keys, key)
			}
		}
		if len(keys) > 0 {
			k.keys[action(a)] = keys
		}
	}
	// What was remapped wins over what has a key by default.
	for _, b := range bindings() {
		if _, mapped := preferences[keysPreference+string(b.act)]; !mapped {
			k.bind(b.act)
		}
	}
	for _, b := range bindings() {
		if _, mapped := preferences[keysPreference+string(b.act)]; mapped {
			k.bind(b.act)
		}
	}
	return k, unknown
}

func (k keymap) bind(a action) {
	for _, key := range k.keys[a] {
		k.acts[key] = a
	}
}

// normalKey writes a key as it is compared: "Ctrl-K" and "ctrl+k" are one.
func normalKey(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if len(s) > 1 {
		s = strings.ReplaceAll(s[:len(s)-1], "-", "+") + s[len(s)-1:]
	}
	return s
}

// show writes the first key of an action for people: "Ctrl-K".
func (k keymap) show(a action) string {
	if keys := k.keys[a]; len(keys) > 0 {
		return keyName(keys[0])
	}
	return ""
}

// keyName writes a key for people.
func keyName(key string) string {
	parts := strings.Split(key, "+")
	if strings.HasSuffix(key, "+") {
		parts = append(parts[:len(parts)-2], "+")
	}
	for i, p := range parts {
		switch p {
		case "pgup":
			p = "PgUp"
		case "pgdown":
			p = "PgDn"
		default:
			if p != "" {
				p = strings.ToUpper(p[:1]) + p[1:]
			}
		}
		parts[i] = p
	}
	return strings.Join(parts, "-")
}
