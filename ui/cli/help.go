package cli

import (
	"strings"

	"github.com/kith-chat/kith/ui"
)

// helpColumns is how wide the names of commands are in the overview.
const helpColumns = 12

// help prints the overview, or what there is to know about one command.
func (a *app) help(out *Out, cmd *command) error {
	lines := a.helpOf(cmd)
	if cmd.name == "" {
		lines = a.overview()
	}
	out.text(0, lines...)
	return nil
}

// overview lists the commands by their headings.
func (a *app) overview() []ui.Text {
	out := []ui.Text{
		ui.F("kith: chat from machine to machine, without a server"),
		{},
		ui.F("  kith                 begin, or open the last chat"),
		ui.F("  kith COMMAND [...]   do one thing"),
	}
	for _, g := range groups() {
		out = append(out, ui.Text{}, ui.F("%s", g))
		for _, cmd := range a.table {
			if cmd.group == g {
				out = append(out, ui.F("  %s %s", ui.Pad(ui.F("%s", cmd.name), helpColumns), cmd.short))
			}
		}
	}
	return append(out, ui.Text{},
		ui.F("Chats are named '#group', @name or raw:topic; quote # in a shell. Every command takes"),
		ui.F("--home DIR and --json. 'kith help COMMAND' says more."), ui.Text{},
		ui.F("Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no node is running, 4 not found,"),
		ui.F("5 refused by the other side or not allowed, 6 timed out."))
}

// helpOf explains one command and names its parts.
func (a *app) helpOf(cmd *command) []ui.Text {
	out := []ui.Text{ui.F("%s: %s", cmd.title(), cmd.short), {}, ui.F("  %s [flags]", strings.TrimSpace(cmd.title()+" "+cmd.args))}
	if cmd.long != "" {
		out = append(out, ui.Text{})
		out = append(out, ui.Block(cmd.long)...)
	}
	if parts := a.parts(cmd); len(parts) > 0 {
		out = append(out, ui.Text{}, ui.F("Parts"))
		for _, p := range parts {
			usage := strings.TrimSpace(strings.TrimPrefix(p.name, cmd.name+" ") + " " + p.args)
			out = append(out, ui.F("  %s %s", ui.Pad(ui.F("%s", usage), 30), p.short))
		}
	}
	fs, _ := cmd.flagSet(&globals{})
	out = append(out, ui.Text{}, ui.F("Flags"))
	out = append(out, ui.Block(strings.TrimRight(fs.FlagUsages(), "\n"))...)
	if len(cmd.example) > 0 {
		out = append(out, ui.Text{}, ui.F("Examples"))
		for _, e := range cmd.example {
			out = append(out, ui.F("  %s", e))
		}
	}
	return out
}

// parts returns the commands whose first word is cmd.
func (a *app) parts(cmd *command) []*command {
	var out []*command
	for _, p := range a.table {
		if strings.HasPrefix(p.name, cmd.name+" ") && cmd.name != "" {
			out = append(out, p)
		}
	}
	return out
}
