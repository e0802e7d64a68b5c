package tui

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
	"github.com/kith-chat/kith/ui/words"
)

var update = flag.Bool("update", false, "write the golden screens again")

// goldenScreens are the screens and states that are held, each with what leads
// to it from a screen with three chats.
func goldenScreens() map[string]func(w *world) {
	tell := func(w *world, l ...*apiv1.WatchResponse) { w.take(news{l}) }
	return map[string]func(w *world){
		"chat":     func(*world) {},
		"selected": func(w *world) { w.press("<alt+s>", "<up>") },
		"switcher": func(w *world) { w.press("<ctrl+k>"); w.typeText("chat1") },
		"search":   func(w *world) { w.press("<ctrl+f>"); w.typeText("fox") },
		"help":     func(w *world) { w.typeText("/help"); w.press("<enter>") },
		"log":      func(w *world) { w.typeText("/log"); w.press("<enter>") },
		"commands": func(w *world) { w.typeText("/se") },
		"members":  func(w *world) { w.typeText("/members"); w.press("<enter>") },
		"composer": func(w *world) { w.typeText("first"); w.press("<alt+enter>"); w.typeText("second 你好") },
		"reply":    func(w *world) { w.press("<alt+s>", "<up>", "r"); w.typeText("yes") },
		"react":    func(w *world) { w.press("<alt+s>", "<up>", "+") },
		"scrolled": func(w *world) { w.press("<pgup>", "<pgup>") },
		"lost":     func(w *world) { w.take(lostMsg{ui.NoNode}) },
		"offline": func(w *world) {
			w.m.status = &apiv1.GetStatusResponse{Storage: "ok", Queued: 2}
		},
		"full": func(w *world) {
			w.m.status = &apiv1.GetStatusResponse{Storage: "full", Peers: 1}
			tell(w, &apiv1.WatchResponse{News: &apiv1.WatchResponse_Storage{Storage: &apiv1.StorageNews{State: "full", Detail: "3 MiB left"}}})
		},
		"syncing": func(w *world) {
			tell(w, &apiv1.WatchResponse{News: &apiv1.WatchResponse_Sync{Sync: &apiv1.SyncNews{Chat: "#chat0", Missing: 120, Fetched: 40}}})
		},
		"typing": func(w *world) {
			tell(w, &apiv1.WatchResponse{News: &apiv1.WatchResponse_Typing{Typing: &apiv1.Typing{Chat: "#chat0", Person: person(1)}}})
		},
		"request": func(w *world) {
			tell(w, &apiv1.WatchResponse{News: &apiv1.WatchResponse_Friend{Friend: &apiv1.Friend{
				Person: &apiv1.Person{Account: "kith1stranger", Name: "Finn", Fingerprint: "stranger"}, Note: "we met at the lake",
				State: apiv1.FriendState_FRIEND_STATE_INCOMING, SafetyNumber: strings.Repeat("12345 ", 12), SafetyEmoji: "🐟🌊",
			}}})
			w.press("<alt+r>")
		},
		"refused": func(w *world) { w.chats.err = ui.NotAllowed; w.typeText("hello"); w.press("<enter>") },
		"paste":   func(w *world) { w.take(tea.PasteMsg{Content: "one\ntwo\nthree\nfour\nfive\nsix"}) },
	}
}

// TestGoldenScreens compares every screen in both languages and three sizes
// with what it looked like before. It does not run beside others: the local
// zone is that of the process.
func TestGoldenScreens(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
	for name, lead := range goldenScreens() {
		for _, lang := range words.Languages() {
			for _, size := range [][2]int{{40, 12}, {80, 24}, {160, 48}} {
				file := fmt.Sprintf("%s-%s-%dx%d", name, lang, size[0], size[1])
				t.Run(file, func(t *testing.T) {
					w := newWorld(t, size[0], size[1], 3, 40)
					w.m.opts.Words = words.Pick(lang)
					w.m.t = w.m.opts.Words
					w.m.look++
					lead(w)
					checkSize(t, w)
					checkScreen(t, w.m.View().Content)
					compare(t, file, w.m.View().Content)
				})
			}
		}
	}
	for _, lang := range words.Languages() {
		for _, size := range [][2]int{{40, 12}, {80, 24}, {160, 48}} {
			file := fmt.Sprintf("empty-%s-%dx%d", lang, size[0], size[1])
			t.Run(file, func(t *testing.T) {
				w := newWorld(t, size[0], size[1], 0, 0)
				w.m.t = words.Pick(lang)
				w.m.look++
				checkSize(t, w)
				compare(t, file, w.m.View().Content)
			})
		}
	}
}

// compare holds a screen against its file.
func compare(t *testing.T, name, screen string) {
	t.Helper()
	lines := strings.Split(stripColour(screen), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	got := strings.Join(lines, "\n") + "\n"
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the screen is not what it was; -update takes it over\n--- is\n%s--- was\n%s", got, want)
	}
}
