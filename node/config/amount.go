package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxDays is the longest retention, a hundred years.
const maxDays = 36500

// ParseSize reads an amount of bytes: "32MiB", "500 kB", "1.5GiB", "1048576".
// K, M, G and T alone are powers of 1024; "none" and "off" are 0.
func ParseSize(s string) (uint64, error) {
	bad := fmt.Errorf("%q is not a size: write it like 32MiB, 500kB or 0", s)
	number, unit := splitAmount(s)
	if number == "" {
		if unit == none || unit == "off" {
			return 0, nil
		}
		return 0, bad
	}
	factors := map[string]float64{
		"": 1, "b": 1,
		"k": 1 << 10, "kib": 1 << 10, "kb": 1e3,
		"m": 1 << 20, "mib": 1 << 20, "mb": 1e6,
		"g": 1 << 30, "gib": 1 << 30, "gb": 1e9,
		"t": 1 << 40, "tib": 1 << 40, "tb": 1e12,
	}
	factor, known := factors[unit]
	if !known {
		return 0, bad
	}
	if factor == 1 {
		n, err := strconv.ParseUint(number, 10, 63)
		if err != nil {
			return 0, bad
		}
		return n, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f < 0 || f*factor >= math.MaxInt64 {
		return 0, bad
	}
	return uint64(f * factor), nil
}

// FormatSize writes an amount of bytes so that ParseSize reads the same back.
func FormatSize(n uint64) string {
	for _, u := range []struct {
		name  string
		shift uint
	}{{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}} {
		if n != 0 && n%(1<<u.shift) == 0 {
			return strconv.FormatUint(n>>u.shift, 10) + u.name
		}
	}
	return strconv.FormatUint(n, 10)
}

// ParseDays reads a length of time in whole days: "90", "90d", "12 weeks",
// "6 months" (of 30 days), "1y" (of 365); "0", "forever" and "off" are 0,
// which is without end.
func ParseDays(s string) (uint32, error) {
	bad := fmt.Errorf("%q is not a number of days: write it like 90, 12w, 1y or forever", s)
	number, unit := splitAmount(s)
	if number == "" {
		switch unit {
		case "forever", "never", "off", none:
			return 0, nil
		}
		return 0, bad
	}
	factors := map[string]uint64{
		"": 1, "d": 1, "day": 1, "days": 1, "w": 7, "week": 7, "weeks": 7,
		"mo": 30, "month": 30, "months": 30, "y": 365, "year": 365, "years": 365,
	}
	factor, known := factors[unit]
	n, err := strconv.ParseUint(number, 10, 32)
	if !known || err != nil {
		return 0, bad
	}
	if n*factor > maxDays {
		return 0, fmt.Errorf("%q is longer than %d days: write forever", s, maxDays)
	}
	return uint32(n * factor), nil
}

// splitAmount parts a number from its unit, which it returns in lower case.
func splitAmount(s string) (number, unit string) {
	s = strings.TrimSpace(s)
	i := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if i < 0 {
		i = len(s)
	}
	return s[:i], strings.ToLower(strings.TrimSpace(s[i:]))
}
