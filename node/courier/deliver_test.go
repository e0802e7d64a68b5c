package courier_test

import (
	"fmt"
	"testing"
	"time"
)

func TestDeliver(t *testing.T) {
	t.Parallel()
	inWorld(t, link{latency: 10 * time.Millisecond}, 2, func(w *world) {
		ann, bob := w.nodes[0], w.nodes[1]
		befriend(ann, bob)
		ann.start()
		bob.start()
		for i := range 50 {
			ann.say(bob, fmt.Sprint(i))
		}
		w.until("everything is delivered", 10*time.Second, func() bool { return ann.waiting() == 0 })
		got := bob.texts(ann)
		if len(got) != 50 || got[0] != "0" || got[49] != "49" {
			t.Fatalf("got %v", got)
		}
	})
}
