//go:build !linux && !freebsd && !netbsd && !openbsd && !darwin

package notify

import "context"

func showDesktop(context.Context, string, string) error { return ErrUnsupported }
