package notify

import (
	"context"
	"strings"

	"github.com/kith-chat/kith/ui"
)

// Desktop is the notifications of the desktop. Show answers ErrUnsupported
// where there are none.
type Desktop struct{}

// Show hands a note to the desktop.
func (Desktop) Show(ctx context.Context, n Note) error {
	return showDesktop(ctx, plain(n.Title), plain(n.Body))
}

// plain is a text without the signs of markup: some desktops read tags in a
// notification, and whether they do cannot be told for sure.
func plain(t ui.Text) string {
	return strings.NewReplacer("<", "‹", ">", "›", "&", "＆").Replace(t.String())
}
