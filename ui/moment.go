package ui

import (
	"strconv"
	"strings"
	"time"
)

// The times that can be shown: a peer may claim any number, and JSON has no
// year beyond 9999.
const (
	minMoment = 0
	maxMoment = 253402300799_999 // the last millisecond of the year 9999
)

// Moment turns milliseconds of the API into a time; claims beyond the years
// 1970 to 9999 are bounded.
func Moment(ms int64) time.Time { return time.UnixMilli(min(max(ms, minMoment), maxMoment)) }

// Clock writes the time of day, local: "15:04".
func Clock(ms int64) Text { return Text{Moment(ms).Local().Format("15:04")} }

// Day writes the date, local: "Mon 2 Jan 2006".
func Day(ms int64) Text { return Text{Moment(ms).Local().Format("Mon 2 Jan 2006")} }

// Stamp writes date and time, local: "2006-01-02 15:04".
func Stamp(ms int64) Text { return Text{Moment(ms).Local().Format("2006-01-02 15:04")} }

// RFC3339 writes a time for JSON: UTC, with milliseconds.
func RFC3339(ms int64) string { return Moment(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// ParseMoment reads a time as a person writes it: RFC 3339, a date, a date and
// a time, a time of today, "now", "today", "yesterday", a weekday (the last
// one before today), or how long ago: "30s", "15m", "2h", "3d", "1w". Times
// without a zone are in now's.
func ParseMoment(s string, now time.Time) (time.Time, bool) {
	s = strings.TrimSpace(s)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch word := strings.ToLower(s); word {
	case "now":
		return now, true
	case "today":
		return midnight, true
	case "yesterday":
		return midnight.AddDate(0, 0, -1), true
	default:
		for back := 1; back <= 7; back++ {
			day := midnight.AddDate(0, 0, -back)
			if name := strings.ToLower(day.Weekday().String()); word == name || word == name[:3] {
				return day, true
			}
		}
	}
	if d, ok := parseAgo(s); ok {
		return now.Add(-d), true
	}
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02",
	} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, true
		}
	}
	if t, err := time.ParseInLocation("15:04", s, now.Location()); err == nil {
		return midnight.Add(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute), true
	}
	return time.Time{}, false
}

// parseAgo reads a number of up to four digits and a unit.
func parseAgo(s string) (time.Duration, bool) {
	if len(s) < 2 || len(s) > 5 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 16)
	if err != nil {
		return 0, false
	}
	unit, ok := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
	}[s[len(s)-1]]
	return time.Duration(n) * unit, ok
}
