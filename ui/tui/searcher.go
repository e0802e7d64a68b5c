package tui

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

const (
	// searchAfter is how long nothing must be typed before the node searches.
	searchAfter = 150 * time.Millisecond
	// searchPage is how many finds are asked for at once.
	searchPage = 50
)

// searcher finds messages, in the open chat or in all.
type searcher struct {
	picker
	all   bool // across chats
	found []*apiv1.Message
	more  bool
	asked int
	busy  bool
}

func newSearcher(m *Model) *searcher {
	s := &searcher{all: m.current == ""}
	s.single = true
	return s
}

func (s *searcher) changed(m *Model) tea.Cmd {
	s.asked++
	n := s.asked
	if strings.TrimSpace(s.String()) == "" {
		s.found, s.more, s.busy = nil, false, false
		return nil
	}
	s.busy = true
	return m.after(searchAfter, func(m *Model) tea.Cmd {
		if s.asked != n {
			return nil
		}
		return s.ask(m, "")
	})
}

func (s *searcher) ask(m *Model, before string) tea.Cmd {
	n := s.asked
	req := &apiv1.SearchRequest{Query: strings.TrimSpace(s.String()), Limit: searchPage, Before: before}
	if !s.all {
		req.Chat = m.current
	}
	s.busy = true
	return askOr(m, m.api.Chats.Search, req, func(_ *Model, r *apiv1.SearchResponse) tea.Cmd {
		if s.asked != n {
			return nil
		}
		s.busy, s.more = false, r.GetMore()
		if before == "" {
			s.found, s.at = nil, 0
		}
		s.found = append(s.found, r.GetMessages()...)
		return nil
	}, func(*Model) { s.busy = false })
}

// String is what is typed.
func (s *searcher) String() string { return s.editor.String() }

func (s *searcher) key(m *Model, _, _ string, act action) tea.Cmd {
	switch act {
	case actComplete, actSearch:
		s.all = !s.all
		return s.changed(m)
	case actSend:
		if s.at < len(s.found) {
			msg := s.found[s.at]
			m.pop()
			return m.jump(msg.GetChat(), msg.GetId())
		}
		return nil
	}
	if s.move(act) && s.more && !s.busy && s.at > len(s.found)-10 {
		return s.ask(m, s.found[len(s.found)-1].GetId())
	}
	return nil
}

func (s *searcher) view(m *Model, columns, rows int) sheet {
	entries := make([]line, len(s.found))
	for i, msg := range s.found {
		var l line
		if s.all {
			if c := m.chats[msg.GetChat()]; c != nil {
				l = append(l, sp(accent, ui.Truncate(ui.Chat(c), 16)), gap(1))
			}
		}
		l = append(l, sp(faint, ui.Stamp(msg.GetTimeMs())), gap(1),
			sp(personRole(msg.GetFrom().GetAccount()), ui.Truncate(m.t.Name(msg.GetFrom()), 16)), own(faint, ": "))
		entries[i] = append(l, hits(msg.GetText(), s.String())...)
	}
	title := m.t.Get("search.here")
	if s.all {
		title = m.t.Get("search.all")
	}
	out := s.sheet(title, m.t.Get("search.hint"), entries, columns, rows)
	switch {
	case s.busy:
		out.rows = append(out.rows, line{sp(faint, m.t.Get("search.busy"))})
	case len(entries) == 0 && !s.empty():
		out.rows = append(out.rows, line{sp(faint, m.t.Get("search.none"))})
	}
	out.foot = line{sp(faint, m.t.Get("search.keys"))}
	return out
}

// hits shows a text from shortly before the first word that was found, and
// marks the words.
func hits(text, query string) line {
	t := ui.Line(text).String()
	low := strings.ToLower(t)
	if len(low) != len(t) { // some letters change their length
		return line{{t, plain}}
	}
	var words []string
	for w := range strings.FieldsSeq(strings.ToLower(ui.Line(query).String())) {
		words = append(words, w)
	}
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	var out line
	for i, first := 0, true; i < len(t); {
		at, n := -1, 0
		for _, w := range words {
			if j := strings.Index(low[i:], w); j >= 0 && (at < 0 || j < at) {
				at, n = j, len(w)
			}
		}
		if at < 0 {
			return append(out, span{t[i:], plain})
		}
		if first && at > 24 {
			cut := i + at - 20
			for cut < i+at && t[cut]&0xc0 == 0x80 {
				cut++
			}
			out, at, i = append(out, own(faint, "…")), i+at-cut, cut
		}
		first = false
		out = append(out, span{t[i : i+at], plain}, span{t[i+at : i+at+n], mention})
		i += at + n
	}
	return out
}
