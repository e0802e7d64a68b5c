package words

import (
	"errors"
	"testing"
	"time"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

func TestFromEnv(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{nil, "en"},
		{map[string]string{"LANG": "zh_CN.UTF-8"}, "zh"},
		{map[string]string{"LANG": "zh-Hans"}, "zh"},
		{map[string]string{"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN"}, "zh"},
		{map[string]string{"LC_ALL": "C", "LANG": "zh_CN"}, "en"},
		{map[string]string{"LANG": "de_DE.UTF-8"}, "en"},
		{map[string]string{"LANG": "../../etc/passwd"}, "en"},
	} {
		if got := FromEnv(func(k string) string { return c.env[k] }).Language(); got != c.want {
			t.Errorf("%v gives %s, want %s", c.env, got, c.want)
		}
	}
	if _, err := Load("de"); !errors.Is(err, ui.Invalid) {
		t.Errorf("Load(de) = %v", err)
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	w := &Words{lang: "en", forms: map[string]forms{
		"a.plain": {other: parse("hello")},
		"a.two":   {other: parse("{1} before {0}.")},
		"a.many":  {one: parse("a message of {1}"), other: parse("{0} messages of {1}")},
		"a.odd":   {other: parse("{ {x} {} }{0}")},
	}}
	for _, c := range []struct {
		key  string
		args []any
		want string
	}{
		{"a.plain", nil, "hello"},
		{"a.two", []any{"x", ui.F("y")}, "y before x."},
		{"a.two", []any{"only"}, " before only."},
		{"a.many", []any{1, "bob"}, "a message of bob"},
		{"a.many", []any{uint64(1), "bob"}, "a message of bob"},
		{"a.many", []any{2, "bob"}, "2 messages of bob"},
		{"a.many", []any{0, "bob\x1b[2J\n"}, "0 messages of bob␛[2J "},
		{"a.odd", []any{1}, "{ {x} {} }{0}"},
		{"no.such\x1bkey", nil, "no.such␛key"},
	} {
		if got := w.Get(c.key, c.args...).String(); got != c.want {
			t.Errorf("Get(%q, %v) = %q, want %q", c.key, c.args, got, c.want)
		}
	}
}

func TestCommonWords(t *testing.T) {
	t.Parallel()
	en, zh := Pick("en"), Pick("zh_CN")
	now := time.Date(2026, 11, 23, 0, 30, 0, 0, time.FixedZone("here", 8*3600))
	day := func(back int) int64 { return now.AddDate(0, 0, -back).UnixMilli() }
	for _, c := range []struct{ got, want string }{
		{en.Day(day(0), now).String(), "Today"},
		{zh.Day(day(1), now).String(), "昨天"},
		{en.Day(now.Add(-time.Hour).UnixMilli(), now).String(), "Yesterday"},
		{en.Day(day(5), now).String(), "Wednesday, 18 November"},
		{zh.Day(day(5), now).String(), "11月18日 星期三"},
		{en.Day(day(400), now).String(), "Sunday, 19 October 2025"},
		{zh.Day(day(400), now).String(), "2025年10月19日 星期日"},
		{en.Ago(time.Second).String(), "just now"},
		{en.Ago(time.Hour).String(), "an hour ago"},
		{zh.Ago(3 * time.Hour).String(), "3 小时前"},
		{en.Ago(72 * time.Hour).String(), "3 days ago"},
		{en.Name(&apiv1.Person{Self: true, Name: "ann"}).String(), "you"},
		{zh.Name(nil).String(), "某人"},
		{zh.Name(&apiv1.Person{Name: "bob"}).String(), "bob"},
		{en.State(apiv1.State_STATE_READ).String(), "read"},
		{zh.State(apiv1.State_STATE_RECEIVED).String(), ""},
		{en.Explain(ui.Timeout).String(), ui.Explain(ui.Timeout).Text.String()},
		{zh.Explain(ui.Timeout.Because("after 5 s")).String(), "等待超时（after 5 s）"},
		{zh.Explain(ui.Timeout).String(), "等待超时"},
		{zh.Explain(errors.New("boom")).String(), "boom"},
		{zh.Explain(nil).String(), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// TestEveryReasonHasWords keeps the catalogue as complete as the table of
// errors.
func TestEveryReasonHasWords(t *testing.T) {
	t.Parallel()
	for _, row := range ui.Table() {
		if row.Reason != ui.Failed && reasons()[row.Reason] == "" {
			t.Errorf("%s has no words", row.Reason)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	w := Pick("en")
	for b.Loop() {
		w.Get("day.date", "Monday", "May", 3)
	}
}
