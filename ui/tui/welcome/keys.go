package welcome

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// key takes a key press.
func (m *Model) key(msg tea.KeyPressMsg) tea.Cmd {
	name := msg.String()
	switch name {
	case "ctrl+c", "ctrl+q":
		m.Left = true
		return tea.Quit
	case "pgup":
		m.scroll = max(m.scroll-3, 0)
		return nil
	case "pgdown":
		m.scroll += 3
		return nil
	}
	switch m.page {
	case pageName, pageRestore, pagePass, pageAgain:
		return m.keyAccount(name, msg.Text)
	case pageMaking:
		return nil
	case pagePhrase:
		if name == "enter" {
			m.turn(pageCheck, "")
		}
		return nil
	case pageCheck:
		return m.keyCheck(name, msg.Text)
	case pageInvite:
		switch {
		case name == "enter" && m.api != nil:
			m.turn(pagePeople, "")
		case name == "c" && m.invite != "":
			return tea.SetClipboard(m.invite)
		}
		return nil
	case pagePeople:
		return m.keyPeople(name, msg.Text)
	}
	return nil
}

// keyAccount takes the keys of the pages before there is an account.
func (m *Model) keyAccount(name, text string) tea.Cmd {
	value := strings.TrimSpace(m.field.String())
	switch {
	case name == "ctrl+r" && m.page == pageName:
		m.restores = true
		m.account.Name = value
		m.turn(pageRestore, "")
	case name == "esc" && m.page != pageName:
		m.restores = m.restores && m.page != pageRestore
		m.account.Passphrase = ""
		m.turn(pageName, m.account.Name)
	case name != "enter":
		m.field.key(name, text)
	case m.page == pageName && value == "":
		m.err = m.t.Get("welcome.name_empty")
	case m.page == pageName:
		m.account.Name = value
		if m.restores && m.account.Phrase != "" {
			m.turn(pagePass, "")
			return nil
		}
		m.restores = false
		m.turn(pagePass, "")
	case m.page == pageRestore:
		if n := len(strings.Fields(value)); n != 24 {
			m.err = m.t.Get("welcome.restore_count", n)
			return nil
		}
		m.account.Phrase = value
		if m.account.Name == "" {
			m.turn(pageName, "")
			return nil
		}
		m.turn(pagePass, "")
	case m.page == pagePass && m.field.empty():
		return m.make("")
	case m.page == pagePass:
		m.account.Passphrase = m.field.String()
		m.turn(pageAgain, "")
	case m.field.String() == m.account.Passphrase:
		return m.make(m.account.Passphrase)
	default:
		m.turn(pagePass, "")
		m.err = m.t.Get("welcome.pass_differs")
	}
	return nil
}

// make makes the account.
func (m *Model) make(passphrase string) tea.Cmd {
	a := m.account
	a.Passphrase = passphrase
	if !m.restores {
		a.Phrase = ""
	}
	m.turn(pageMaking, "")
	return func() tea.Msg {
		made, err := m.steps.Make(m.ctx, a)
		return madeMsg{made, err}
	}
}

// keyCheck takes the keys of the page that asks for two words.
func (m *Model) keyCheck(name, text string) tea.Cmd {
	switch name {
	case "ctrl+l":
		m.turn(pageInvite, "")
	case "esc":
		m.turn(pagePhrase, "")
	case "enter":
		got := strings.Fields(strings.ToLower(m.field.String()))
		all := strings.Fields(m.made.Phrase)
		i, j := m.made.Check[0], m.made.Check[1]
		if len(got) != 2 || j >= len(all) || got[0] != all[i] || got[1] != all[j] {
			m.err = m.t.Get("welcome.check_wrong")
			m.field.set("")
			return nil
		}
		// The words are needed no more.
		m.made.Phrase, m.restores = "", true
		m.turn(pageInvite, "")
		return m.remember("", true)
	default:
		m.field.key(name, text)
	}
	return nil
}

// keyPeople takes the keys of the last page.
func (m *Model) keyPeople(name, text string) tea.Cmd {
	switch {
	case m.busy:
	case name == "up":
		m.at = max(m.at-1, 0)
	case name == "down" || name == "tab":
		m.at = min(m.at+1, len(m.people))
	case name == "enter" && m.at > 0 && m.at <= len(m.people):
		return m.ask(m.people[m.at-1].GetPerson())
	case name == "enter":
		return m.join()
	case name == "esc":
		return tea.Quit
	case m.at == 0:
		m.field.key(name, text)
	}
	return nil
}
