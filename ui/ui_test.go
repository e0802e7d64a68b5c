package ui

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in    string
		first int
		rest  int
		want  string
	}{
		{"short", 20, 20, "short"},
		{"the quick brown fox jumps", 10, 14, "the quick|brown fox|jumps"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaa", 10, 10, "aaaaaaaaaa|aaaaaaaaaa|aaaaa"},
		{"你好世界你好世界", 10, 10, "你好世界你|好世界"},
		{"one\ntwo", 10, 10, "one|two"},
		{"spoof" + strings.Repeat(" ", 30) + "09:00 ann: yes", 20, 20, ""},
		{"no limit at all, whatever the length of it may be", 0, 0, "no limit at all, whatever the length of it may be"},
	} {
		var got []string
		for _, l := range Wrap(c.in, c.first, c.rest) {
			if c.rest > 0 && Width(l) > max(c.first, c.rest) {
				t.Errorf("%q is wider than %d", l, c.rest)
			}
			got = append(got, l.String())
		}
		if s := strings.Join(got, "|"); c.want != "" && s != c.want {
			t.Errorf("Wrap(%q) = %q, want %q", c.in, s, c.want)
		}
	}
}

func TestTruncate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"hello", 5, "hello"},
		{"hello", 4, "hel…"},
		{"你好世界", 5, "你好…"},
		{"你好世界", 4, "你…"},
		{"👨\u200d👩\u200d👧👨\u200d👩\u200d👧", 3, "👨\u200d👩\u200d👧…"},
		{"hello", 0, ""},
	} {
		if got := Truncate(Line(c.in), c.n).String(); got != c.want {
			t.Errorf("Truncate(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p    *apiv1.Person
		want string
	}{
		{nil, "somebody"},
		{&apiv1.Person{Name: "ann", Self: true}, "you"},
		{&apiv1.Person{Name: "bob", Fingerprint: "x7k2q9aa"}, "bob"},
		{&apiv1.Person{Name: "bob", Fingerprint: "x7k2q9aa", Ambiguous: true}, "bob (x7k2q9aa)"},
		{&apiv1.Person{Account: "kith1qqqqqqqqzzzz"}, "qqqqqqqq"},
		{&apiv1.Person{Name: "You", Fingerprint: "x7k2q9aa"}, "You (x7k2q9aa)"},
		{&apiv1.Person{Name: "* kith", Fingerprint: "x7k2q9aa"}, "* kith (x7k2q9aa)"},
		{&apiv1.Person{Name: "ann: yes\nbob", Fingerprint: "x7k2q9aa"}, "ann_ yes bob"},
		{&apiv1.Person{Name: "ann (22222222)", Fingerprint: "x7k2q9aa"}, "ann [22222222]"},
		{&apiv1.Person{Name: "\u202e\u200b", Fingerprint: "x7k2q9aa"}, "x7k2q9aa"},
	} {
		if got := Name(c.p).String(); got != c.want {
			t.Errorf("Name(%v) = %q, want %q", c.p, got, c.want)
		}
	}
}

func TestEmojize(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"hi :tada:":                   "hi 🎉",
		":tada::tada:":                "🎉🎉",
		"(:wave:)":                    "(👋)",
		":+1:":                        "👍",
		`\:tada:`:                     ":tada:",
		":no-such-thing:":             ":no-such-thing:",
		"12:100:30":                   "12:100:30",
		"a:b:c":                       "a:b:c",
		"`:tada:` :tada:":             "`:tada:` 🎉",
		"```\n:tada:\n``` :wave:":     "```\n:tada:\n``` 👋",
		"http://a.b/:tada: :tada:":    "http://a.b/:tada: 🎉",
		"kith:x :tada:":               "kith:x 🎉",
		"::":                          "::",
		":":                           ":",
		"`unended :tada:":             "`unended 🎉",
		":tada:s":                     ":tada:s",
		"你好:tada:":                    "你好:tada:",
		"std::vector<int> x; y::tada": "std::vector<int> x; y::tada",
	} {
		if got := Emojize(in); got != want {
			t.Errorf("Emojize(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{":+1:": "👍", "+1": "👍", "👍": "👍", "tada": "🎉"} {
		if got := Emoji(in); got != want {
			t.Errorf("Emoji(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestParseMoment(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 15, 30, 0, 0, time.FixedZone("here", 3600)) // a Monday
	for in, want := range map[string]string{
		"now":                  "2026-11-23T15:30:00+01:00",
		"today":                "2026-11-23T00:00:00+01:00",
		"yesterday":            "2026-11-22T00:00:00+01:00",
		"friday":               "2026-11-20T00:00:00+01:00",
		"Mon":                  "2026-11-16T00:00:00+01:00",
		"2h":                   "2026-11-23T13:30:00+01:00",
		"90m":                  "2026-11-23T14:00:00+01:00",
		"3d":                   "2026-11-20T15:30:00+01:00",
		"1w":                   "2026-11-16T15:30:00+01:00",
		"09:15":                "2026-11-23T09:15:00+01:00",
		"2026-01-02":           "2026-01-02T00:00:00+01:00",
		"2026-01-02 03:04":     "2026-01-02T03:04:00+01:00",
		"2026-01-02T03:04:05Z": "2026-01-02T03:04:05Z",
	} {
		got, ok := ParseMoment(in, now)
		if !ok || got.Format(time.RFC3339) != want {
			t.Errorf("ParseMoment(%q) = %s, %v, want %s", in, got.Format(time.RFC3339), ok, want)
		}
	}
	for _, in := range []string{"", "3f2a91c0", "abcd", "2h3", "-2h", "99999h", "noon", "25:00"} {
		if got, ok := ParseMoment(in, now); ok {
			t.Errorf("ParseMoment(%q) = %s, want none", in, got)
		}
	}
}

func TestTimesAreBounded(t *testing.T) {
	t.Parallel()
	for ms, want := range map[int64]string{
		math.MinInt64: "1970-01-01T00:00:00.000Z",
		math.MaxInt64: "9999-12-31T23:59:59.999Z",
		1:             "1970-01-01T00:00:00.001Z",
	} {
		if got := RFC3339(ms); got != want {
			t.Errorf("RFC3339(%d) = %s, want %s", ms, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 200 << 20: "200 MiB", 1<<20 - 1: "1 MiB", math.MaxUint64: "16 EiB",
	} {
		if got := Size(n).String(); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		-time.Hour: "now", 5 * time.Second: "5 s", 90 * time.Second: "1 min", 47 * time.Hour: "47 h", 73 * time.Hour: "3 days",
	} {
		if got := Span(d).String(); got != want {
			t.Errorf("Span(%s) = %s, want %s", d, got, want)
		}
	}
}

// TestExitCodes is the documented list: a script may rely on it.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	want := map[Reason]int{
		Failed: 1, Usage: 2, Invalid: 2, NotFound: 4, Ambiguous: 4, NotAllowed: 5, Exists: 1, Timeout: 6, Offline: 1,
		TooLarge: 2, DiskFull: 1, Unauthenticated: 5, Internal: 1, NoNode: 3, NoProfile: 4, ProfileExists: 1, Passphrase: 5,
		OtherVersion: 1, Interrupted: 1,
	}
	seen := map[Reason]bool{}
	for _, row := range Table() {
		if seen[row.Reason] {
			t.Errorf("%s stands twice in the table", row.Reason)
		}
		seen[row.Reason] = true
		if code, ok := want[row.Reason]; !ok || code != row.Exit {
			t.Errorf("%s exits with %d, want %d (%v)", row.Reason, row.Exit, code, ok)
		}
		for _, words := range []Literal{row.Words, row.Hint} {
			if strings.HasSuffix(string(words), ".") || strings.ContainsAny(string(words), "\n") {
				t.Errorf("%s: %q has a full stop or a line break", row.Reason, words)
			}
		}
	}
	if len(seen) != len(want) {
		t.Errorf("the table has %d reasons, want %d", len(seen), len(want))
	}
}

// TestReasonsCoverTheAPI makes sure that no reason of the API falls through.
func TestReasonsCoverTheAPI(t *testing.T) {
	t.Parallel()
	for n, name := range apiv1.Reason_name {
		r := apiv1.Reason(n)
		if r != apiv1.Reason_REASON_UNSPECIFIED && reasonOf(r) == Failed {
			t.Errorf("%s has no words", name)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	api := func(code connect.Code, reason apiv1.Reason, text string) error {
		err := connect.NewError(code, errors.New(text))
		if d, detailErr := connect.NewErrorDetail(&apiv1.ErrorDetail{Reason: reason}); detailErr == nil {
			err.AddDetail(d)
		}
		return err
	}
	for _, c := range []struct {
		err  error
		exit int
		want string
	}{
		{nil, 0, ""},
		{errors.New("disk on fire"), 1, "disk on fire"},
		{NoNode, 3, "no kith node is running here; start one with 'kith serve', or just 'kith'"},
		{fmt.Errorf("opening: %w", Passphrase), 5, "opening: the passphrase does not open the vault; type it again, or give it with --passphrase-file or KITH_PASSPHRASE"},
		{Usage.Because("--x is wrong; write --y"), 2, "--x is wrong; write --y"},
		{api(connect.CodeNotFound, apiv1.Reason_REASON_NOT_FOUND, "there is no chat #x"), 4, "there is no chat #x; 'kith chats' and 'kith friends' list what there is"},
		{fmt.Errorf("a: %w", api(connect.CodeUnknown, apiv1.Reason_REASON_NOT_ALLOWED, "bob\x1b[2J said no")), 5, "bob␛[2J said no; only friends can write to each other; 'kith friends' shows where you stand"},
		{connect.NewError(connect.CodeUnavailable, errors.New("")), 3, "no kith node is running here; start one with 'kith serve', or just 'kith'"},
		{connect.NewError(connect.CodeUnimplemented, errors.New("404")), 1, "the node that runs is of another version and does not know this; stop it with 'kith stop' and start it again"},
		{context.DeadlineExceeded, 6, "it took too long; 'kith doctor WHO' says why somebody cannot be reached"},
		{context.Canceled, 1, "interrupted"},
		{errors.New("a\nb"), 1, "a b"},
	} {
		if p := Explain(c.err); p.Exit != c.exit || p.Text.String() != c.want {
			t.Errorf("Explain(%v) = %d %q, want %d %q", c.err, p.Exit, p.Text, c.exit, c.want)
		}
	}
}

func TestStatesAreWords(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for n := range apiv1.State_name {
		s := apiv1.State(n)
		if code := StateCode(s); seen[code] {
			t.Errorf("two states are called %s", code)
		}
		seen[StateCode(s)] = true
		if text := State(s).String(); text != "" && !strings.Contains(text, " ") {
			t.Errorf("%s is shown as %q, without a word", s, text)
		}
	}
}
