//go:build linux || freebsd || netbsd || openbsd

package notify

import (
	"context"
	"fmt"
	"os"

	"github.com/godbus/dbus/v5"
)

// showMillis is how long the desktop shows a note.
const showMillis = 8000

// showDesktop speaks to org.freedesktop.Notifications on the session's bus.
// Without a session there is no bus, and none is started.
func showDesktop(ctx context.Context, title, body string) error {
	address := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	if address == "" {
		return ErrUnsupported
	}
	conn, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("reaching the desktop: %w", err)
	}
	defer conn.Close()
	call := conn.Object("org.freedesktop.Notifications", "/org/freedesktop/Notifications").CallWithContext(
		ctx, "org.freedesktop.Notifications.Notify", 0,
		"kith", uint32(0), "", title, body, []string{},
		map[string]dbus.Variant{"category": dbus.MakeVariant("im.received")}, int32(showMillis))
	if call.Err != nil {
		return fmt.Errorf("showing it on the desktop: %w", call.Err)
	}
	return nil
}
