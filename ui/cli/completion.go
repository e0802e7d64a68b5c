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
		return a.zsh(), nil
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

// zsh makes a script that works both from a folder of $fpath, under the name
// _kith, and when it is sourced after compinit.
func (a *app) zsh() []ui.Text {
	var top []string
	out := []ui.Text{
		ui.F("#compdef kith"),
		ui.F("# completion of kith for zsh, made by 'kith completion zsh'"),
		ui.F("_kith() {"),
		ui.F("  local -a list"),
		ui.F("  if (( CURRENT > 3 )); then case \"$words[2] $words[3]\" in"),
	}
	for _, cmd := range a.visible() {
		if strings.Contains(cmd.name, " ") {
			out = append(out, ui.F("    '%s') list=(%s) ;;", cmd.name, strings.Join(a.words(cmd), " ")))
		} else {
			top = append(top, cmd.name)
		}
	}
	out = append(out, ui.F("  esac; fi"), ui.F("  if (( CURRENT > 2 && ! $#list )); then case $words[2] in"))
	for _, name := range top {
		out = append(out, ui.F("    %s) list=(%s) ;;", name, strings.Join(a.words(a.lookup(name)), " ")))
	}
	return append(out,
		ui.F("  esac; fi"),
		ui.F("  if (( CURRENT == 2 )); then list=(%s --version); fi", strings.Join(top, " ")),
		ui.F("  compadd -- $list"),
		ui.F("  if (( CURRENT > 2 )) && [[ $PREFIX != -* ]]; then _files; fi"),
		ui.F("}"),
		ui.F("if [[ $funcstack[1] == _kith ]]; then _kith \"$@\"; else compdef _kith kith; fi"))
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
		given := ui.F("__fish_seen_subcommand_from %s", name)
		if parent, part, ok := strings.Cut(cmd.name, " "); ok {
			given = ui.F("__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from %s", parent, part)
		}
		fs, _ := cmd.flagSet(&globals{})
		fs.VisitAll(func(f *pflag.Flag) {
			out = append(out, ui.F("complete -c kith -n '%s' -l %s -d '%s'",
				given, f.Name, strings.ReplaceAll(f.Usage, "'", "")))
		})
	}
	return out
}
