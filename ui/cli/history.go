package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/pflag"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

func prepareHistory(fs *pflag.FlagSet) action {
	limit := fs.IntP("number", "n", historyLines, "show at most so many")
	before := fs.String("before", "", "only what is older than this ID or time")
	local := fs.Bool("local", false, "only what is here: do not ask others for older messages")
	since := fs.String("since", "", "only what is newer than this ID or time; without -n, all of it")
	return func(ctx context.Context, c *call, args []string) error {
		n := *limit
		if *since != "" && !fs.Changed("number") {
			n = 0
		} else if n < 1 {
			return ui.Usage.Because("-n must be at least 1")
		}
		req := &apiv1.HistoryRequest{Chat: args[0], Local: *local}
		if err := bounds(req, *before, *since, time.Now()); err != nil {
			return err
		}
		v := view{ids: true, states: true}
		if n == 0 && req.GetAfter() != "" && req.GetBefore() == "" && req.GetBeforeMs() == 0 {
			return c.forward(ctx, req, func(page []*apiv1.Message) { showMessages(c.out, page, v) })
		}
		messages, err := c.backward(ctx, req, n)
		if err != nil {
			return err
		}
		showMessages(c.out, messages, v)
		return nil
	}
}

// bounds reads what a person gave as the ends of a stretch of history.
func bounds(req *apiv1.HistoryRequest, before, since string, now time.Time) error {
	for _, b := range []struct {
		flag, value string
		id          *string
		ms          *int64
	}{
		{"--before", before, &req.Before, &req.BeforeMs},
		{"--since", since, &req.After, &req.SinceMs},
	} {
		if b.value == "" {
			continue
		}
		if t, ok := ui.ParseMoment(b.value, now); ok {
			*b.ms = t.UnixMilli()
		} else if looksLikeID(b.value) {
			*b.id = b.value
		} else {
			return ui.Usage.Because("%s wants a message ID or a time such as '2h', 'yesterday' or '2026-11-23 15:04', not %q", b.flag, b.value)
		}
	}
	return nil
}

// looksLikeID reports whether s can be the beginning of a message ID: at least
// four small letters and digits. Whether there is such a message, the node says.
func looksLikeID(s string) bool {
	if len(s) < 4 || len(s) > 64 {
		return false
	}
	return !slices.ContainsFunc([]byte(s), func(b byte) bool {
		return (b < '0' || b > '9') && (b < 'a' || b > 'z')
	})
}

// backward collects the newest n messages of a stretch, oldest first; n of 0
// means all.
func (c *call) backward(ctx context.Context, req *apiv1.HistoryRequest, n int) ([]*apiv1.Message, error) {
	var pages [][]*apiv1.Message
	for got := 0; ; {
		req.Limit = pageSize
		if n > 0 {
			req.Limit = uint32(min(n-got, pageSize))
		}
		r, err := invoke(ctx, c.api.Chats.History, req)
		if err != nil {
			return nil, err
		}
		page := r.GetMessages()
		if len(page) == 0 {
			break
		}
		pages = append(pages, page)
		got += len(page)
		if !r.GetMore() || n > 0 && got >= n {
			break
		}
		req.Before, req.BeforeMs = page[0].GetId(), 0
	}
	slices.Reverse(pages)
	return slices.Concat(pages...), nil
}

// forward hands over everything after a message, page by page.
func (c *call) forward(ctx context.Context, req *apiv1.HistoryRequest, show func([]*apiv1.Message)) error {
	req.Limit = pageSize
	for {
		r, err := invoke(ctx, c.api.Chats.History, req)
		if err != nil {
			return err
		}
		page := r.GetMessages()
		show(page)
		if !r.GetMore() || len(page) == 0 {
			return nil
		}
		req.After = page[len(page)-1].GetId()
	}
}
