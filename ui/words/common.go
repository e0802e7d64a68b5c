package words

import (
	"strings"
	"time"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// Name is ui.Name in this language: "you", or the person's name.
func (w *Words) Name(p *apiv1.Person) ui.Text {
	switch {
	case p == nil:
		return w.Get("person.somebody")
	case p.GetSelf():
		return w.Get("person.you")
	}
	return ui.Stranger(p)
}

// State says how far a message has come; empty for one of somebody else.
func (w *Words) State(s apiv1.State) ui.Text {
	switch s {
	case apiv1.State_STATE_QUEUED:
		return w.Get("state.queued")
	case apiv1.State_STATE_SENT:
		return w.Get("state.sent")
	case apiv1.State_STATE_STORED:
		return w.Get("state.stored")
	case apiv1.State_STATE_DELIVERED:
		return w.Get("state.delivered")
	case apiv1.State_STATE_READ:
		return w.Get("state.read")
	case apiv1.State_STATE_REFUSED:
		return w.Get("state.refused")
	}
	return ui.Text{}
}

// Ago says roughly how long ago something was.
func (w *Words) Ago(d time.Duration) ui.Text {
	switch {
	case d < time.Minute:
		return w.Get("ago.now")
	case d < time.Hour:
		return w.Get("ago.minutes", int(d/time.Minute))
	case d < 48*time.Hour:
		return w.Get("ago.hours", int(d/time.Hour))
	}
	return w.Get("ago.days", int(d/(24*time.Hour)))
}

// Day says a day as seen from now, in now's zone: "Today", "Yesterday",
// "Monday, 23 November", with the year where it is another one.
func (w *Words) Day(ms int64, now time.Time) ui.Text {
	t := ui.Moment(ms).In(now.Location())
	y, m, d := t.Date()
	day := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
	}
	switch day(now).Sub(day(t)) / (24 * time.Hour) {
	case 0:
		return w.Get("day.today")
	case 1:
		return w.Get("day.yesterday")
	}
	weekday := w.Get(weekdays()[t.Weekday()])
	month := w.Get(months()[m-1])
	if y == now.Year() {
		return w.Get("day.date", weekday, month, d)
	}
	return w.Get("day.date_year", weekday, month, d, y)
}

func weekdays() [7]string {
	return [7]string{
		"day.sunday", "day.monday", "day.tuesday", "day.wednesday", "day.thursday", "day.friday", "day.saturday",
	}
}

func months() [12]string {
	return [12]string{
		"month.1", "month.2", "month.3", "month.4", "month.5", "month.6",
		"month.7", "month.8", "month.9", "month.10", "month.11", "month.12",
	}
}

// Explain says what went wrong and what to do. English has the words of
// ui.Explain; another language says the reason in its own words, and what the
// node said about it behind.
func (w *Words) Explain(err error) ui.Text {
	p := ui.Explain(err)
	if w.lang == fallback || p.Text.Empty() {
		return p.Text
	}
	key, known := reasons()[p.Reason]
	if !known || p.Reason == ui.Failed {
		return p.Text
	}
	detail := p.Text.String()
	for _, row := range ui.Table() {
		if row.Reason == p.Reason {
			detail = strings.TrimSuffix(strings.TrimSuffix(detail, string(row.Hint)), "; ")
			if detail == string(row.Words) {
				return w.Get(key)
			}
		}
	}
	return w.Get("reason.with_detail", w.Get(key), detail)
}

func reasons() map[ui.Reason]string {
	return map[ui.Reason]string{
		ui.Usage: "reason.usage", ui.Invalid: "reason.invalid", ui.NotFound: "reason.not_found",
		ui.Ambiguous: "reason.ambiguous", ui.NotAllowed: "reason.not_allowed", ui.Exists: "reason.exists",
		ui.Timeout: "reason.timeout", ui.Offline: "reason.offline", ui.TooLarge: "reason.too_large",
		ui.DiskFull: "reason.disk_full", ui.Unauthenticated: "reason.unauthenticated", ui.Internal: "reason.internal",
		ui.NoNode: "reason.no_node", ui.NoProfile: "reason.no_profile", ui.ProfileExists: "reason.profile_exists",
		ui.Passphrase: "reason.passphrase", ui.OtherVersion: "reason.other_version", ui.Interrupted: "reason.interrupted",
	}
}
