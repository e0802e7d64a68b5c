package api

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/node"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// procedures are all calls of the API, found in its schema.
func procedures() []string {
	var out []string
	services := apiv1.File_node_api_v1_kith_proto.Services()
	for i := range services.Len() {
		methods := services.Get(i).Methods()
		for j := range methods.Len() {
			out = append(out, "/"+string(services.Get(i).FullName())+"/"+string(methods.Get(j).Name()))
		}
	}
	return out
}

// FuzzAPI: whatever is sent to whichever call, in whichever encoding, the
// server answers something and no handler panics.
func FuzzAPI(f *testing.F) {
	all := procedures()
	if len(all) < 40 {
		f.Fatalf("only %d calls found", len(all))
	}
	kinds := []string{
		"application/json", "application/proto", "application/connect+json", "application/connect+proto",
		"application/grpc+proto", "application/grpc-web+json", "text/plain", "",
	}
	for i, m := range []proto.Message{
		&apiv1.SendRequest{Chat: "#lobby", Text: "hello 🎉", ReplyTo: "abcd", WaitMs: 1000},
		&apiv1.HistoryRequest{Chat: "@bob", Limit: 10, Before: "abcd", SinceMs: 1, BeforeMs: 2},
		&apiv1.SetChatRequest{Chat: "x", Muted: proto.Bool(true), RetentionDays: proto.Uint32(1), Draft: proto.String("d")},
		&apiv1.OfferRequest{Chat: "x", Path: "/tmp/f", Name: "../f"}, &apiv1.WatchRequest{Cursor: 1 << 63, Ephemeral: true},
		&apiv1.CreateInviteRequest{ValidMs: -1}, &apiv1.AddFriendRequest{Who: "kith:" + strings.Repeat("x", 100), Note: "\u202e"},
	} {
		asJSON, err := protojson.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		asProto, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		for _, p := range []int{3 * i, 7*i + 1, len(all) - 1 - i} {
			f.Add(uint8(p), uint8(0), asJSON)
			f.Add(uint8(p), uint8(1), asProto)
			f.Add(uint8(p), uint8(2), append([]byte{0, 0, 0, 0, byte(len(asJSON))}, asJSON...))
			f.Add(uint8(p), uint8(3), append([]byte{0, 0, 0, 0, byte(len(asProto))}, asProto...))
		}
	}
	f.Add(uint8(0), uint8(2), []byte{1, 0xff, 0xff, 0xff, 0xff})
	f.Add(uint8(1), uint8(4), []byte{0, 0, 0, 0, 0})
	f.Add(uint8(2), uint8(7), []byte(strings.Repeat("[", 20_000)))

	f.Fuzz(func(t *testing.T, procedure, kind uint8, body []byte) {
		var log strings.Builder
		fake := newFake()
		close(fake.done) // streams end by themselves
		s := &Server{closing: make(chan struct{})}
		h := guard{s.services(Config{Node: fake, Stop: func() {}, Log: textLog(&log)}), "1.2", nil}
		r := httptest.NewRequest(http.MethodPost, all[int(procedure)%len(all)], bytes.NewReader(body))
		if k := kinds[int(kind)%len(kinds)]; k != "" {
			r.Header.Set("Content-Type", k)
		}
		r.ProtoMajor, r.ProtoMinor = 2, 0
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if strings.Contains(log.String(), "panicked") {
			t.Fatalf("%s: %s", r.URL.Path, log.String())
		}
		if w.Code < 200 || w.Code > 599 || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: status %d", r.URL.Path, w.Code)
		}
	})
}

// TestFuzzReachesTheNode: the fuzz target is not refused before its handlers.
func TestFuzzReachesTheNode(t *testing.T) {
	t.Parallel()
	fake := newFake()
	fake.err = node.ErrInvalid
	s := &Server{closing: make(chan struct{})}
	h := guard{s.services(Config{Node: fake, Stop: func() {}, Log: quiet()}), "1.2", nil}
	for _, p := range procedures() {
		body := "{}"
		if strings.HasSuffix(p, "/Offer") {
			body = `{"path":"/tmp/x"}`
		}
		for kind, body := range map[string]string{ // a call takes one of the two
			"application/json": body, "application/connect+json": "\x00\x00\x00\x00" + string(rune(len(body))) + body,
		} {
			r := httptest.NewRequest(http.MethodPost, p, strings.NewReader(body))
			r.Header.Set("Content-Type", kind)
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	// Stop alone does not ask the node.
	if want := len(procedures()) - 1; fake.count() != want {
		t.Errorf("%d calls reached the node, want %d", fake.count(), want)
	}
}
