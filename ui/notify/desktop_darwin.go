package notify

import (
	"context"
	"fmt"
	"os/exec"
)

// script takes the texts as arguments, so that no text is ever part of a
// program.
const script = `on run argv
display notification (item 2 of argv) with title (item 1 of argv)
end run`

func showDesktop(ctx context.Context, title, body string) error {
	if err := exec.CommandContext(ctx, "/usr/bin/osascript", "-e", script, "--", title, body).Run(); err != nil {
		return fmt.Errorf("showing it on the desktop: %w", err)
	}
	return nil
}
