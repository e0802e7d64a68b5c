package notify

import (
	"strings"
	"time"
)

// The preferences of notifications, and their defaults.
const (
	// PreferMeans lists how to tell: "bell", "terminal", "desktop", separated
	// by commas, or "off". Default: all of them.
	PreferMeans = "notify"
	// PreferFor lists what is told: "direct", "mentions", "requests", "groups".
	// Default: all but groups.
	PreferFor = "notify.for"
	// PreferQuiet is a range of local time such as "22:00-07:30". Default: none.
	PreferQuiet = "notify.quiet"
	// PreferHide is "true" where neither names nor texts shall be shown.
	PreferHide = "notify.hide"
)

// Settings says what is told, when and how.
type Settings struct {
	Bell, Terminal, Desktop bool
	// Direct messages, mentions of us, requests of strangers, and every
	// message of groups.
	Direct, Mentions, Requests, Groups bool
	Quiet                              Quiet
	Hide                               bool
}

// Defaults returns what holds where nothing is set.
func Defaults() Settings {
	return Settings{Bell: true, Terminal: true, Desktop: true, Direct: true, Mentions: true, Requests: true}
}

// ReadSettings reads the preferences. What has no meaning is as if not set.
func ReadSettings(preferences map[string]string) Settings {
	s := Defaults()
	if v := preferences[PreferMeans]; v != "" {
		on := list(v)
		s.Bell, s.Terminal, s.Desktop = on["bell"], on["terminal"], on["desktop"]
	}
	if v := preferences[PreferFor]; v != "" {
		on := list(v)
		s.Direct, s.Mentions, s.Requests, s.Groups = on["direct"], on["mentions"], on["requests"], on["groups"]
	}
	if q, ok := ParseQuiet(preferences[PreferQuiet]); ok {
		s.Quiet = q
	}
	s.Hide = preferences[PreferHide] == "true"
	return s
}

func list(v string) map[string]bool {
	out := map[string]bool{}
	for word := range strings.FieldsFuncSeq(strings.ToLower(v), func(r rune) bool { return r == ',' || r == ' ' }) {
		out[word] = true
	}
	return out
}

// Quiet is a range of local time of day, which may go over midnight. The zero
// value is never.
type Quiet struct{ from, to int } // minutes since midnight

// ParseQuiet reads "22:00-07:30"; "" and "off" are never.
func ParseQuiet(s string) (Quiet, bool) {
	s = strings.TrimSpace(s)
	if s == "" || s == "off" {
		return Quiet{}, true
	}
	a, b, ok := strings.Cut(s, "-")
	from, err1 := time.Parse("15:04", strings.TrimSpace(a))
	to, err2 := time.Parse("15:04", strings.TrimSpace(b))
	if !ok || err1 != nil || err2 != nil {
		return Quiet{}, false
	}
	return Quiet{minutes(from), minutes(to)}, true
}

// Holds reports whether t, in its own zone, lies in the range. The end is no
// part of it.
func (q Quiet) Holds(t time.Time) bool {
	now := minutes(t)
	if q.from <= q.to {
		return q.from <= now && now < q.to
	}
	return now >= q.from || now < q.to
}

func minutes(t time.Time) int { return t.Hour()*60 + t.Minute() }
