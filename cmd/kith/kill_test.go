package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/node/api/client"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// TestKilledNodes kills one of two nodes, in turn, twenty times while 2,000
// messages go from one to the other, and again while a file does. What the API
// has acknowledged arrives, once and in order, and the file arrives whole.
func TestKilledNodes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ann, bob := l.machine("ann"), l.machine("bob")
	for _, m := range []*machine{ann, bob} {
		m.serve(offline...)
	}
	eventually(t, 10*time.Second, func() error { return found(ann.lines("friends", "find"), "Bob") })
	befriend(t, ann, "Bob", bob, "Ann")

	t.Run("messages", func(t *testing.T) {
		const messages, kills = 2000, 20
		sent := make(chan struct{}, messages)
		acked := make(chan []string, 1)
		go func() { acked <- ann.keepSending(t, "@Bob", messages, sent) }()
		for i := range kills {
			for range messages / (kills + 1) {
				<-sent
			}
			victim := []*machine{ann, bob}[i%2]
			victim.kill()
			victim.serve(offline...)
		}
		ids := <-acked
		eventually(t, time.Minute, func() error { return hasOnce(t, bob, "@Ann", ids) })
		if err := hasOnce(t, ann, "@Bob", ids); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d kills, %d messages acknowledged, all there once", kills, len(ids))
	})
	t.Run("file", func(t *testing.T) {
		fileUnderKills(t, ann, bob)
	})
}

// keepSending sends n messages one after the other over the local API, whatever
// happens to the node, and returns the IDs of those that it acknowledged.
func (m *machine) keepSending(t *testing.T, chat string, n int, sent chan<- struct{}) []string {
	var ids []string
	for i := range n {
		for attempt := 0; ; attempt++ {
			id, err := m.sendOnce(t.Context(), chat, fmt.Sprintf("message %d, attempt %d", i, attempt))
			if err == nil {
				ids = append(ids, id)
				break
			}
			if t.Context().Err() != nil {
				return ids
			}
			m.waitForNode(t.Context())
		}
		sent <- struct{}{}
	}
	return ids
}

func (m *machine) sendOnce(ctx context.Context, chat, text string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c := client.Client{Home: m.home}
	answer, err := c.Chats().Send(ctx, connect.NewRequest(&apiv1.SendRequest{Chat: chat, Text: text}))
	if err != nil {
		return "", err
	}
	return answer.Msg.GetMessage().GetId(), nil
}

// waitForNode waits until the node answers again.
func (m *machine) waitForNode(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	c := client.Client{Home: m.home}
	for c.Check(ctx) != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// hasOnce checks that the history of a chat holds these messages in this order,
// each once.
func hasOnce(t *testing.T, m *machine, chat string, ids []string) error {
	t.Helper()
	place := map[string]int{}
	for i, line := range m.lines("export", chat, "--format", "jsonl") {
		id := fmt.Sprint(line["id"])
		if _, twice := place[id]; twice {
			return fmt.Errorf("%s shows %s twice", m.name, id)
		}
		place[id] = i
	}
	last := -1
	for i, id := range ids {
		at, have := place[id]
		if !have {
			return fmt.Errorf("%s lacks message %d of %d", m.name, i, len(ids))
		}
		if at < last {
			return fmt.Errorf("%s shows message %d before the one sent earlier", m.name, i)
		}
		last = at
	}
	return nil
}

func fileUnderKills(t *testing.T, ann, bob *machine) {
	path := filepath.Join(t.TempDir(), "film.bin")
	sum := randomFile(t, path, 300<<20)
	ann.kith("files", "send", "@Bob", path)
	var id string
	eventually(t, 30*time.Second, func() error {
		for _, f := range bob.lines("files", "list") {
			if f["name"] == "film.bin" {
				id = fmt.Sprint(f["id"])
				return nil
			}
		}
		return fmt.Errorf("Bob has no offer yet")
	})
	dir := t.TempDir()
	c := client.Client{Home: bob.home}
	if _, err := c.Files().Get(t.Context(), connect.NewRequest(&apiv1.GetRequest{Id: id, To: dir})); err != nil {
		t.Fatal(err)
	}
	got := filepath.Join(dir, "film.bin")
	kills := 0
	for i := range 6 {
		if _, err := os.Stat(got); err == nil {
			break
		}
		victim := []*machine{bob, ann}[i%2]
		victim.kill()
		victim.serve(offline...)
		kills++
	}
	eventually(t, 2*time.Minute, func() error {
		_, err := os.Stat(got)
		return err
	})
	if fileSum(t, got) != sum {
		t.Fatal("the file that arrived is another one")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("beside the file there are %v, %v", entries, err)
	}
	t.Logf("%d kills while 300 MiB were on their way", kills)
}
