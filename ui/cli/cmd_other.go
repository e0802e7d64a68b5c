package cli

import (
	"context"
	"runtime"
	"strings"

	"github.com/kith-chat/kith/ui"
)

func otherCommands() []*command {
	return []*command{
		{
			name: "help", args: "[COMMAND]", group: groupOther, max: 2, short: "explain kith, or one command", local: true,
			prepare: plain(func(_ context.Context, c *call, args []string) error {
				if len(args) == 0 {
					return c.app.help(c.out, c.lookup(""))
				}
				cmd := c.lookup(strings.Join(args, " "))
				if cmd == nil {
					return c.unknown(strings.Join(args, " "))
				}
				return c.app.help(c.out, cmd)
			}),
		},
		{
			name: "completion", args: "bash|zsh|fish", group: groupOther, min: 1, max: 1, short: "print a completion script for your shell",
			long: `Save the script where your shell looks for it: the folder
~/.local/share/bash-completion/completions, a folder of $fpath, or
~/.config/fish/completions.`,
			example: []string{
				"kith completion bash > ~/.local/share/bash-completion/completions/kith",
				"kith completion zsh > \"${fpath[1]}/_kith\"", "kith completion fish > ~/.config/fish/completions/kith.fish",
			},
			local: true,
			prepare: plain(func(_ context.Context, c *call, args []string) error {
				script, err := c.completion(args[0])
				if err != nil {
					return err
				}
				c.out.text(0, script...)
				return nil
			}),
		},
		{
			name: "version", group: groupOther, short: "print the version",
			prepare: plain(func(_ context.Context, c *call, _ []string) error {
				c.out.show(versionRecord{c.deps.Version, c.deps.Commit, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
				return nil
			}),
		},
	}
}

// versionRecord is what this program is.
type versionRecord struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (r versionRecord) lines(view) []ui.Text {
	commit := r.Commit
	if commit == "" {
		commit = "unknown"
	}
	return []ui.Text{ui.F("kith %s, commit %s, %s, %s", r.Version, commit, r.Go, r.Platform)}
}

// cut splits name=value.
func cut(s string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(s, "=")
	name = strings.TrimSpace(name)
	return name, strings.TrimSpace(value), ok && name != ""
}
