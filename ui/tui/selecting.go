package tui

import (
	"context"
	"os/exec"
	"runtime"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// startSelect selects the newest message in sight.
func (m *Model) startSelect() tea.Cmd {
	t := m.talk()
	if t == nil || len(t.msgs) == 0 {
		return nil
	}
	m.selecting = true
	t.selected = t.msgs[t.lowest()].GetId()
	return nil
}

// selectKey does what a key means while a message is selected.
func (m *Model) selectKey(name, text string, act action) tea.Cmd {
	t := m.talk()
	i := t.find(t.selected)
	if i < 0 {
		m.selecting = false
		return nil
	}
	msg := t.msgs[i]
	switch act {
	case actUp, actSelect, editLeft:
		m.choose(t, i-1)
		return nil
	case actDown:
		if i+1 >= len(t.msgs) && !t.newer {
			m.selecting = false
			return nil
		}
		m.choose(t, i+1)
		return nil
	case actCancel, editEnd:
		return m.toNewest(t)
	}
	if name == "enter" {
		text = "r"
	}
	switch text {
	case "k":
		m.choose(t, i-1)
	case "j":
		m.choose(t, i+1)
	case "r":
		m.selecting = false
		m.composer.reply = msg
	case "e":
		return m.startEdit(msg)
	case "+":
		return m.push(newReacter(m, msg))
	case "d", "x":
		return m.askRetract(msg)
	case "y", "c":
		m.selecting = false
		return tea.Batch(tea.SetClipboard(clean(msg.GetText())), m.say(toastGood, m.t.Get("toast.copied")))
	case "i":
		return m.showDetails(msg)
	case "v":
		return m.allowPictures(m.prefs[picturePreference] != "on")
	case "a", "s", "o", "n":
		return m.fileKey(msg, text)
	case "?":
		return m.push(newHelp(m))
	}
	return nil
}

func (m *Model) choose(t *talk, i int) {
	i = min(max(i, 0), len(t.msgs)-1)
	t.selected = t.msgs[i].GetId()
	m.viewport(t).show(t.selected)
}

func (m *Model) startEdit(msg *apiv1.Message) tea.Cmd {
	if !msg.GetFrom().GetSelf() || msg.GetRetracted() || msg.GetFile() != nil {
		return m.say(toastWarn, m.t.Get("toast.notyours"))
	}
	t := m.talk()
	cmd := m.keepDraft(t)
	m.selecting = false
	m.composer.load(msg.GetText())
	m.composer.edit = msg
	return cmd
}

func (m *Model) askRetract(msg *apiv1.Message) tea.Cmd {
	if !msg.GetFrom().GetSelf() {
		return m.say(toastWarn, m.t.Get("toast.notyours"))
	}
	m.push(&choice{
		title: m.t.Get("retract.title"), body: []line{{sp(quote, ui.Truncate(ui.Line(msg.GetText()), 44))}},
		options: []option{{"enter", m.t.Get("retract.yes"), func(m *Model) tea.Cmd {
			m.selecting = false
			return ask(m, m.api.Chats.Retract, &apiv1.RetractRequest{Id: msg.GetId()}, func(m *Model, r *apiv1.RetractResponse) tea.Cmd {
				return m.hearMessage(r.GetMessage(), false)
			})
		}}},
	})
	return nil
}

// react adds a reaction, or takes ours back if it is there.
func (m *Model) react(msg *apiv1.Message, emoji string) tea.Cmd {
	emoji = ui.Emoji(emoji)
	req := &apiv1.ReactRequest{Id: msg.GetId(), Emoji: emoji}
	for _, r := range msg.GetReactions() {
		if r.GetEmoji() == emoji && r.GetMine() {
			req.Remove = true
		}
	}
	return ask(m, m.api.Chats.React, req, func(m *Model, r *apiv1.ReactResponse) tea.Cmd {
		return m.hearMessage(r.GetMessage(), false)
	})
}

// fileKey does what a key means for an offered file: accept, save as, open,
// refuse, view.
func (m *Model) fileKey(msg *apiv1.Message, key string) tea.Cmd {
	if msg.GetFile() == nil {
		return nil
	}
	t := m.transfers[msg.GetId()]
	switch key {
	case "a":
		return m.fetch(msg, "")
	case "s":
		return m.push(newSaver(m, msg))
	case "n":
		return ask(m, m.api.Files.Cancel, &apiv1.CancelRequest{Id: msg.GetId()}, func(m *Model, r *apiv1.CancelResponse) tea.Cmd {
			return m.hearTransfer(r.GetTransfer())
		})
	}
	if t.GetPath() == "" || t.GetState() != apiv1.TransferState_TRANSFER_STATE_DONE && !t.GetOutgoing() {
		return m.say(toastWarn, m.t.Get("toast.file_nothere"))
	}
	path := t.GetPath()
	m.push(&choice{
		title: m.t.Get("file.open_title"), body: []line{{sp(plain, ui.Line(path))}},
		options: []option{{"enter", m.t.Get("file.open_yes"), func(m *Model) tea.Cmd { return openFile(m.run, path) }}},
	})
	return nil
}

func (m *Model) fetch(msg *apiv1.Message, to string) tea.Cmd {
	return ask(m, m.api.Files.Get, &apiv1.GetRequest{Id: msg.GetId(), To: to}, func(m *Model, r *apiv1.GetResponse) tea.Cmd {
		return m.hearTransfer(r.GetTransfer())
	})
}

// openFile hands a file that is here to the program that the desktop has for it.
func openFile(ctx context.Context, path string) tea.Cmd {
	return func() tea.Msg {
		program := "xdg-open"
		switch runtime.GOOS {
		case "darwin":
			program = "open"
		case "windows":
			program = "explorer"
		}
		// It goes on after the screen is left, so it gets no context of it.
		cmd := exec.CommandContext(context.WithoutCancel(ctx), program, path)
		if err := cmd.Start(); err != nil {
			return failed{ui.Failed.Because("opening the file: %w", err), nil}
		}
		return answer{func(*Model) tea.Cmd {
			return func() tea.Msg {
				_ = cmd.Wait() // what the program made of it is its own affair
				return nil
			}
		}}
	}
}
