package cli

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/kith-chat/kith/ui"
)

// completion makes the script for one shell from the table.
func (a *app) completion(shell string) ([]ui.Text, error) {
	switch shell {
	case "bash":
		return a.bash(), nil
	case "zsh":
		// zsh reads bash's form; its own would say the same at length.
		return append([]ui.Text{ui.F("#compdef kith"), ui.F("autoload -Uz bashcompinit && bashcompinit")}, a.bash()...), nil
	case "fish":
		return a.fish(), nil
	}
	return nil, ui.Usage.Because("completion is for bash, zsh or fish, not %q", shell)
}

// visible returns the commands that a person types, parts included.
func (a *app) visible() []*command {
	var out []*command
	for _, cmd := range a.table {
		if cmd.name != "" {
			out = append(out, cmd)
		}
	}
	return out
}

// words returns what can follow a command: its parts and its flags.
func (a *app) words(cmd *command) []string {
	var out []string
	for _, p := range a.parts(cmd) {
		out = append(out, strings.TrimPrefix(p.name, cmd.name+" "))
	}
	fs, _ := cmd.flagSet(&globals{})
	fs.VisitAll(func(f *pflag.Flag) { out = append(out, "--"+f.Name) })
	return out
}

func (a *app) bash() []ui.Text {
	var top []string
	out := []ui.Text{
		ui.F("# completion of kith for bash, made by 'kith completion bash'"),
		ui.F("_kith() {"),
		ui.F("  local cur=${COMP_WORDS[COMP_CWORD]} one=${COMP_WORDS[1]} two=\"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" words="),
		ui.F("  if [ \"$COMP_CWORD\" -gt 2 ]; then case $two in"),
	}
	for _, cmd := range a.visible() {
		if strings.Contains(cmd.name, " ") {
			out = append(out, ui.F("    '%s') words='%s' ;;", cmd.name, strings.Join(a.words(cmd), " ")))
		} else {
			top = append(top, cmd.name)
		}
	}
	out = append(out, ui.F("  esac; fi"), ui.F("  if [ -z \"$words\" ]; then case $one in"))
	for _, name := range top {
		out = append(out, ui.F("    %s) words='%s' ;;", name, strings.Join(a.words(a.lookup(name)), " ")))
	}
	return append(out,
		ui.F("  esac; fi"),
		ui.F("  if [ \"$COMP_CWORD\" -eq 1 ]; then words='%s --version'; fi", strings.Join(top, " ")),
		ui.F("  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))"),
		ui.F("}"),
		ui.F("complete -o default -F _kith kith"))
}

func (a *app) fish() []ui.Text {
	out := []ui.Text{ui.F("# completion of kith for fish, made by 'kith completion fish'")}
	for _, cmd := range a.visible() {
		seen := ui.F("__fish_use_subcommand")
		name := cmd.name
		if parent, part, ok := strings.Cut(cmd.name, " "); ok {
			seen, name = ui.F("__fish_seen_subcommand_from %s", parent), part
		}
		out = append(out, ui.F("complete -c kith -n '%s' -a %s -d '%s'", seen, name, strings.ReplaceAll(cmd.short, "'", "")))
		if strings.Contains(cmd.name, " ") {
			continue
		}
		fs, _ := cmd.flagSet(&globals{})
		fs.VisitAll(func(f *pflag.Flag) {
			out = append(out, ui.F("complete -c kith -n '__fish_seen_subcommand_from %s' -l %s -d '%s'",
				name, f.Name, strings.ReplaceAll(f.Usage, "'", "")))
		})
	}
	return out
}
