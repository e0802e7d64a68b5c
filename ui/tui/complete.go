package tui

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/kith-chat/kith/ui"
)

const (
	// maxSuggest is how many completions are offered at once.
	maxSuggest = 6
	// maxDir is how many names of a folder are looked at.
	maxDir = 2000
)

// menu offers completions of the word before the cursor.
type menu struct {
	from  int // where the word begins
	items []suggestion
	at    int
}

type suggestion struct {
	text string // what takes the word's place
	show line
}

// suggest offers completions for what stands before the cursor.
func (m *Model) suggest() {
	c := &m.composer
	c.menu = nil
	if c.edit != nil && c.empty() {
		return
	}
	from := c.at
	for from > 0 && c.chars[from-1] != " " && c.chars[from-1] != "\n" {
		from--
	}
	word := strings.Join(c.chars[from:c.at], "")
	var items []suggestion
	switch {
	case from == 0 && strings.HasPrefix(word, "/") && !strings.HasPrefix(word, "//"):
		items = m.suggestCommand(word[1:])
	case m.wantsPath(from):
		items = suggestPath(word)
	case len(word) > 1 && word[0] == '@':
		items = m.suggestName(word[1:])
	case len(word) > 2 && word[0] == ':' && !strings.HasSuffix(word, ":"):
		for _, e := range findEmoji(word[1:], maxSuggest) {
			items = append(items, suggestion{e.emoji + " ", line{sp(plain, ui.Line(e.emoji)), gap(1), sp(faint, ui.F(":%s:", e.name))}})
		}
	}
	if len(items) > 0 {
		c.menu = &menu{from: from, items: items, at: -1}
	}
}

func (m *Model) suggestCommand(word string) []suggestion {
	var out []suggestion
	for _, e := range m.commands() {
		if strings.HasPrefix(e.Name, word) && e.Name != word && !strings.Contains(e.Name, " ") && len(out) < maxSuggest {
			out = append(out, suggestion{"/" + e.Name + " ", line{sp(accent, ui.F("/%s", e.Name)), gap(1), sp(faint, e.Args), gap(1), sp(faint, e.Short)}})
		}
	}
	return out
}

func (m *Model) suggestName(word string) []suggestion {
	var out []suggestion
	seen := map[string]bool{}
	add := func(name string, account string) {
		first, _, _ := strings.Cut(ui.Line(name).String(), " ")
		if first != "" && !seen[first] && len(out) < maxSuggest && strings.HasPrefix(strings.ToLower(first), strings.ToLower(word)) {
			seen[first] = true
			out = append(out, suggestion{"@" + first + " ", line{sp(personRole(account), ui.F("@%s", first))}})
		}
	}
	for _, p := range m.members[m.current] {
		add(p.GetPerson().GetName(), p.GetPerson().GetAccount())
	}
	if p := m.chat().GetPeer(); p != nil {
		add(p.GetName(), p.GetAccount())
	}
	for _, f := range m.friends {
		add(f.GetPerson().GetName(), f.GetPerson().GetAccount())
	}
	return out
}

// wantsPath reports whether the word at from is the path of a command.
func (m *Model) wantsPath(from int) bool {
	head := strings.Join(m.composer.chars[:from], "")
	return head == "/send " || head == "/file "
}

func suggestPath(word string) []suggestion {
	var out []suggestion
	for _, p := range completePath(word, false) {
		text := p
		if strings.Contains(p, " ") {
			text = `"` + p + `"`
		}
		if !strings.HasSuffix(p, "/") {
			text += " "
		}
		out = append(out, suggestion{text, line{sp(plain, ui.Line(p))}})
	}
	return out[:min(len(out), maxSuggest)]
}

// completePath lists what a path can become: folders end with a slash.
func completePath(word string, folders bool) []string {
	word = strings.Trim(word, `"'`)
	dir, prefix := filepath.Split(word)
	if word == "~" {
		return []string{"~/"}
	}
	where := expand(dir)
	if where == "" {
		where = "."
	}
	f, err := os.Open(where)
	if err != nil {
		return nil
	}
	defer f.Close()
	entries, _ := f.ReadDir(maxDir) // what could be read of a folder is enough
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	var out []string
	for _, e := range entries {
		hidden := strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(prefix, ".")
		if hidden || !strings.HasPrefix(e.Name(), prefix) || folders && !e.IsDir() {
			continue
		}
		name := dir + e.Name()
		if e.IsDir() {
			name += "/"
		}
		out = append(out, name)
	}
	return out
}

// menuKey takes a key while completions are offered; false if it has no
// meaning there.
func (m *Model) menuKey(act action) (tea.Cmd, bool) {
	c := &m.composer
	n := len(c.menu.items)
	switch act {
	case actComplete:
		if n == 1 || c.menu.at >= 0 {
			return m.pick(), true
		}
		c.menu.at = 0
	case actDown:
		c.menu.at = (c.menu.at + 1) % n
	case actUp, actCompleteB:
		c.menu.at = (max(c.menu.at, 0) + n - 1) % n
	case actSend:
		if c.menu.at < 0 {
			c.menu = nil
			return nil, false
		}
		return m.pick(), true
	default:
		return nil, false
	}
	return nil, true
}

// pick puts the chosen completion in the word's place.
func (m *Model) pick() tea.Cmd {
	c := &m.composer
	item := c.menu.items[max(c.menu.at, 0)]
	c.remove(c.menu.from, c.at)
	c.at = c.menu.from
	c.insert(item.text)
	return m.changed()
}

// complete completes as far as it is clear, or offers what there is.
func (m *Model) complete() tea.Cmd {
	m.suggest()
	if m.composer.menu != nil {
		if len(m.composer.menu.items) == 1 {
			return m.pick()
		}
		m.composer.menu.at = 0
	}
	return nil
}
