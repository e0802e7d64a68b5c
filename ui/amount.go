package ui

import (
	"math"
	"time"
)

// Size writes a number of bytes with a binary unit, three digits at most
// before the point: "200 MiB", "1.5 GiB".
func Size(n uint64) Text {
	const step = 1024
	if n < step {
		return F("%d B", n)
	}
	units := []Literal{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	v, i := float64(n)/step, 0
	for v >= step-0.5 && i < len(units)-1 {
		v /= step
		i++
	}
	unit := Text{string(units[i])}
	if tenths := math.Round(v * 10); v < 10 && math.Mod(tenths, 10) != 0 {
		return F("%.1f %s", v, unit)
	}
	return F("%.0f %s", v, unit)
}

// Span writes a length of time roughly: "now", "5 s", "3 min", "2 h", "4 days".
func Span(d time.Duration) Text {
	switch {
	case d < time.Second:
		return F("now")
	case d < time.Minute:
		return F("%d s", int(d/time.Second))
	case d < time.Hour:
		return F("%d min", int(d/time.Minute))
	case d < 48*time.Hour:
		return F("%d h", int(d/time.Hour))
	}
	return F("%d days", int(d/(24*time.Hour)))
}
