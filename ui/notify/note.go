package notify

import (
	"cmp"
	"maps"
	"slices"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
	"github.com/kith-chat/kith/ui/words"
)

const (
	// maxTitle and maxBody bound a note, in columns.
	maxTitle = 64
	maxBody  = 200
	// maxSources is how many chats a note about several messages names.
	maxSources = 4
)

// Note is a notification as it is shown: two lines, clean and bounded.
type Note struct{ Title, Body ui.Text }

// Compose makes one note of alerts. more is how many there were beside them.
func Compose(w *words.Words, hide bool, alerts []Alert, more int) Note {
	n := compose(w, hide, alerts, more)
	return Note{ui.Truncate(n.Title, maxTitle), ui.Truncate(n.Body, maxBody)}
}

func compose(w *words.Words, hide bool, alerts []Alert, more int) Note {
	messages, requests := more, 0
	for _, a := range alerts {
		if a.Kind == Request || a.Kind == Invitation {
			requests++
		} else {
			messages++
		}
	}
	var parts []ui.Text
	if messages > 0 {
		parts = append(parts, w.Get("notify.messages", messages))
	}
	if requests > 0 {
		parts = append(parts, w.Get("notify.requests", requests))
	}
	count := ui.Join(", ", parts...)
	switch {
	case hide:
		return Note{ui.F("kith"), count}
	case len(alerts) == 1 && more == 0:
		return single(w, alerts[0])
	}
	return Note{count, sources(w, alerts)}
}

// single is the note of one alert.
func single(w *words.Words, a Alert) Note {
	name := w.Name(a.From)
	switch a.Kind {
	case Request:
		if a.Text == "" {
			return Note{w.Get("notify.request"), name}
		}
		return Note{w.Get("notify.request"), ui.F("%s: %s", name, a.Text)}
	case Invitation:
		return Note{w.Get("notify.invitation"), w.Get("notify.invites", name, chatName(a))}
	}
	body := ui.Line(a.Text)
	if a.File != "" {
		body = w.Get("notify.file", a.File)
	}
	if direct(a.Chat) {
		return Note{name, body}
	}
	return Note{w.Get("notify.in", name, chatName(a)), body}
}

// sources names where alerts come from, those with most of them first.
func sources(w *words.Words, alerts []Alert) ui.Text {
	counts, names := map[string]int{}, map[string]ui.Text{}
	for _, a := range alerts {
		key, name := a.Chat.GetRef(), chatName(a)
		if a.Chat == nil || direct(a.Chat) {
			key, name = a.From.GetAccount(), w.Name(a.From)
		}
		counts[key]++
		names[key] = name
	}
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var out []ui.Text
	for _, k := range keys[:min(len(keys), maxSources)] {
		out = append(out, ui.F("%s (%d)", names[k], counts[k]))
	}
	if len(keys) > maxSources {
		out = append(out, ui.F("…"))
	}
	return ui.Join(", ", out...)
}

// chatName is the name of a group: private ones have one beside their
// reference.
func chatName(a Alert) ui.Text {
	if name := a.Chat.GetName(); name != "" && a.Chat.GetKind() == apiv1.ChatKind_CHAT_KIND_PRIVATE {
		return ui.Truncate(ui.Line(name), maxTitle)
	}
	return ui.Chat(a.Chat)
}
