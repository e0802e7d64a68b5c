package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kith-chat/kith/node"
)

// dial connects two people.
func dial(t testing.TB, a, b *person) {
	t.Helper()
	s, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Connect(t.Context(), s.Addresses[0]); err != nil {
		t.Fatal(err)
	}
}

func join(t testing.TB, group string, all ...*person) {
	t.Helper()
	for _, p := range all {
		if _, err := p.Join(t.Context(), group, false); err != nil {
			t.Fatal(err)
		}
	}
}

// says publishes messages in a group, each sent before the next.
func (p *person) says(group string, texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if _, err := p.Send(p.t.Context(), group, text, "", 20*time.Second); err != nil {
			p.t.Fatalf("%s says %q: %v", p.name, text, err)
		}
	}
}

// texts returns what a chat shows, in its order.
func (p *person) texts(chat string) string {
	p.t.Helper()
	page, _, err := p.History(p.t.Context(), chat, node.Page{Limit: 500, Local: true})
	if err != nil {
		p.t.Fatal(err)
	}
	var out []string
	for _, m := range page {
		out = append(out, m.Text)
	}
	return strings.Join(out, "\n")
}

// reads waits until a chat shows as many messages.
func (p *person) reads(chat string, n int) {
	p.t.Helper()
	have := func() bool {
		page, _, err := p.History(p.t.Context(), chat, node.Page{Limit: 500, Local: true})
		return err == nil && len(page) >= n
	}
	if !have() {
		p.until(1, fmt.Sprintf("%d messages", n), func(node.News) bool { return have() })
	}
}

func TestSyncAfterAnAbsence(t *testing.T) {
	t.Parallel()
	ann, bob, cy := newPerson(t, "Ann"), newPerson(t, "Bob"), newPerson(t, "Cy")
	join(t, "#lobby", ann, bob, cy)
	dial(t, ann, bob)
	dial(t, ann, cy)
	ann.says("#lobby", "all here")
	bob.reads("#lobby", 1)
	cy.reads("#lobby", 1)
	if err := bob.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		ann.says("#lobby", fmt.Sprint("Ann ", i))
		cy.says("#lobby", fmt.Sprint("Cy ", i))
	}
	ann.reads("#lobby", 41)
	bob.open()
	dial(t, bob, ann)
	bob.reads("#lobby", 41)
	if a, b := ann.texts("#lobby"), bob.texts("#lobby"); a != b {
		t.Fatalf("Ann reads\n%s\nand Bob\n%s", a, b)
	}
}

func TestSyncLateJoiner(t *testing.T) {
	t.Parallel()
	ann, bob := newPerson(t, "Ann"), newPerson(t, "Bob")
	join(t, "#lobby", ann, bob)
	dial(t, ann, bob)
	for i := range 60 {
		ann.says("#lobby", fmt.Sprint("message ", i))
	}
	cy := newPerson(t, "Cy")
	join(t, "#lobby", cy)
	began := time.Now()
	dial(t, cy, bob)
	cy.reads("#lobby", 60)
	t.Logf("the newest page was there after %v", time.Since(began))
	if a, b := ann.texts("#lobby"), cy.texts("#lobby"); a != b {
		t.Fatalf("Ann reads\n%s\nand Cy\n%s", a, b)
	}
}

func TestSyncHealsAPartition(t *testing.T) {
	t.Parallel()
	var all []*person
	for _, name := range []string{"Ann", "Bob", "Cy", "Dee", "Eve"} {
		all = append(all, newPerson(t, name))
	}
	join(t, "#lobby", all...)
	dial(t, all[0], all[1])
	dial(t, all[2], all[3])
	dial(t, all[3], all[4])
	for i := range 10 {
		all[0].says("#lobby", fmt.Sprint("Ann ", i))
		all[2].says("#lobby", fmt.Sprint("Cy ", i))
		all[1].says("#lobby", fmt.Sprint("Bob ", i))
		all[4].says("#lobby", fmt.Sprint("Eve ", i))
	}
	dial(t, all[1], all[2])
	for _, p := range all {
		p.reads("#lobby", 40)
	}
	want := all[0].texts("#lobby")
	for _, p := range all[1:] {
		if got := p.texts("#lobby"); got != want {
			t.Errorf("%s reads another conversation than Ann", p.name)
		}
	}
}

func TestSyncDirect(t *testing.T) {
	t.Parallel()
	ann, bob, eve := newPerson(t, "Ann"), newPerson(t, "Bob"), newPerson(t, "Eve")
	befriend(t, ann, bob)
	befriend(t, ann, eve)
	ann.says("@Bob", "one", "two")
	if err := bob.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Send(t.Context(), "@Bob", "three", "", 0); err != nil {
		t.Fatal(err)
	}
	bob.open()
	dial(t, bob, ann)
	bob.reads("@Ann", 3)
	if a, b := ann.texts("@Bob"), bob.texts("@Ann"); a != b {
		t.Fatalf("Ann reads\n%s\nand Bob\n%s", a, b)
	}
	ann.until(1, "the delivery", func(n node.News) bool {
		return n.Message != nil && n.Message.Text == "three" && (n.Message.State == node.StateDelivered || n.Message.State == node.StateRead)
	})
}
