package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-chat/kith/node/api/local"
)

const statusPath = "/kith.node.api.v1.NodeService/GetStatus"

// webServer runs a server on a loopback address and returns its port and
// token.
func webServer(t *testing.T, fake *fakeNode) (s *Server, port string, token local.Token) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	s = serve(t, Config{Node: fake, Web: "127.0.0.1:0", TokenFile: file, Version: "1.2"})
	token, err := local.ReadToken(file)
	if err != nil {
		t.Fatal(err)
	}
	_, port, err = net.SplitHostPort(s.Web())
	if err != nil {
		t.Fatal(err)
	}
	return s, port, token
}

// raw writes a request as it stands to the address and returns the status.
func raw(t *testing.T, address, request string) int {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// post is a whole request with this Host line.
func post(path, host, token string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\n%sAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", path, host, token)
}

// TestHostHeader: a page whose name was pointed at this machine reaches the
// port, but under its own name. Only the exact names of the machine itself are
// served, even to who has the token.
func TestHostHeader(t *testing.T) {
	t.Parallel()
	fake := newFake()
	s, port, token := webServer(t, fake)
	for host, want := range map[string]int{
		"Host: 127.0.0.1:PORT\r\n": 200,
		"Host: [::1]:PORT\r\n":     200,
		"Host: localhost:PORT\r\n": 200,

		"Host: 127.0.0.1\r\n":                                     403,
		"Host: 127.0.0.1:1\r\n":                                   403,
		"Host: 127.0.0.1:PORT0\r\n":                               403,
		"Host: 127.0.0.1.:PORT\r\n":                               403,
		"Host: 127.1:PORT\r\n":                                    403,
		"Host: 2130706433:PORT\r\n":                               403,
		"Host: 0.0.0.0:PORT\r\n":                                  403,
		"Host: [::ffff:127.0.0.1]:PORT\r\n":                       403,
		"Host: [0:0:0:0:0:0:0:1]:PORT\r\n":                        403,
		"Host: LOCALHOST:PORT\r\n":                                403,
		"Host: localhost.:PORT\r\n":                               403,
		"Host: localhost\r\n":                                     403,
		"Host: x.localhost:PORT\r\n":                              403,
		"Host: evil.test\r\n":                                     403,
		"Host: evil.test:PORT\r\n":                                403,
		"Host: localhost:PORT.evil.test\r\n":                      403,
		"Host: user@127.0.0.1:PORT\r\n":                           400,
		"Host: \r\n":                                              403,
		"":                                                        400,
		"Host: 127.0.0.1:PORT\r\nHost: evil.test\r\n":             400,
		"Host: evil.test\r\nX-Forwarded-Host: 127.0.0.1:PORT\r\n": 403,
	} {
		before := fake.count()
		got := raw(t, s.Web(), post(statusPath, strings.ReplaceAll(host, "PORT", port), token.Reveal()))
		if want == 400 && got == 403 {
			want = 403 // refused by us or by the parser before us
		}
		if got != want {
			t.Errorf("%q: status %d, want %d", host, got, want)
		}
		if reached := fake.count() != before; reached != (want == 200) {
			t.Errorf("%q: reached the node: %t", host, reached)
		}
	}
	// A name in the request line stands above the header.
	if got := raw(t, s.Web(), post("http://evil.test"+statusPath, "Host: 127.0.0.1:"+port+"\r\n", token.Reveal())); got != 403 {
		t.Errorf("a foreign name in the request line: status %d", got)
	}
}

// TestCSRFMatrix sends every combination of what a page can and cannot set,
// 15,120 requests, and lets only those pass that the owner's own client or page
// makes.
func TestCSRFMatrix(t *testing.T) {
	t.Parallel()
	fake := newFake()
	token := local.NewToken()
	const port = 4178
	s := &Server{closing: make(chan struct{})}
	h := guard{s.services(Config{Node: fake, Log: quiet()}), "1.2", newWebRules(netAddr(port), token)}

	hosts := []string{
		"127.0.0.1:4178", "[::1]:4178", "localhost:4178",
		"127.0.0.1", "127.0.0.1:80", "localhost", "localhost:41780", "LOCALHOST:4178", "x.localhost:4178",
		"0.0.0.0:4178", "192.168.1.7:4178", "evil.test", "evil.test:4178", "",
	}
	origins := []string{
		"", "http://127.0.0.1:4178", "http://localhost:4178", "http://[::1]:4178",
		"https://127.0.0.1:4178", "http://127.0.0.1:4179", "http://evil.test", "http://127.0.0.1:4178.evil.test", "null",
	}
	sites := []string{"", "same-origin", "same-site", "cross-site", "none"}
	methods := []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}
	tokens := []string{"", "Bearer " + local.NewToken().Reveal(), "Bearer " + token.Reveal(), "Basic " + token.Reveal()}

	sent, passed := 0, 0
	for _, host := range hosts {
		for _, origin := range origins {
			for _, site := range sites {
				for _, method := range methods {
					for _, auth := range tokens {
						// Where a page may put a token by itself it counts for nothing.
						r := httptest.NewRequest(method, statusPath+"?token="+token.Reveal()+"&access_token="+token.Reveal(), strings.NewReader("{}"))
						r.Host = host
						r.Header.Set("Content-Type", "application/json")
						r.Header.Set("Cookie", "token="+token.Reveal())
						for name, value := range map[string]string{"Origin": origin, "Sec-Fetch-Site": site, "Authorization": auth} {
							if value != "" {
								r.Header.Set(name, value)
							}
						}
						w := httptest.NewRecorder()
						before := fake.count()
						h.ServeHTTP(w, r)
						sent++
						own := host == "127.0.0.1:4178" || host == "[::1]:4178" || host == "localhost:4178"
						in := own && (origin == "" || origin == "http://"+host) && (site == "" || site == "same-origin") && auth == "Bearer "+token.Reveal()
						name := fmt.Sprintf("%s host=%q origin=%q site=%q auth=%.8q", method, host, origin, site, auth)
						checkAnswer(t, name, w, in, method, fake.count() != before)
						if w.Code == http.StatusOK {
							passed++
						}
					}
				}
			}
		}
	}
	// 3 hosts × (no origin, own origin) × (no site, same-origin) × POST × token.
	if sent != 15_120 || passed != 12 {
		t.Errorf("%d requests were sent and %d passed, want 15120 and 12", sent, passed)
	}
}

// checkAnswer checks one cell of the matrix.
func checkAnswer(t *testing.T, name string, w *httptest.ResponseRecorder, in bool, method string, reached bool) {
	t.Helper()
	if want := in && method == "POST"; reached != want || (w.Code == http.StatusOK) != want {
		t.Errorf("%s: status %d, reached the node: %t, want %t", name, w.Code, reached, want)
	}
	h := w.Result().Header
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") || name == "Set-Cookie" {
			t.Errorf("%s: the answer has %s", name, name)
		}
	}
	if told := h.Get(VersionHeader) != ""; told != in {
		t.Errorf("%s: told the version: %t", name, told)
	}
	for _, must := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy", "Cache-Control"} {
		if h.Get(must) == "" {
			t.Errorf("%s: the answer has no %s", name, must)
		}
	}
}

func TestRepeatedHeaders(t *testing.T) {
	t.Parallel()
	token := local.NewToken()
	rules := newWebRules(netAddr(4178), token)
	for name, twice := range map[string][]string{
		"Origin":         {"http://127.0.0.1:4178", "http://evil.test"},
		"Sec-Fetch-Site": {"same-origin", "cross-site"},
		"Authorization":  {"Bearer " + token.Reveal(), "Bearer x"},
	} {
		r := httptest.NewRequest("POST", statusPath, nil)
		r.Host = "127.0.0.1:4178"
		r.Header.Set("Authorization", "Bearer "+token.Reveal())
		if status, why := rules.refuses(r); status != 0 {
			t.Fatal(why)
		}
		r.Header[name] = twice
		if status, _ := rules.refuses(r); status == 0 {
			t.Errorf("%s twice is taken", name)
		}
	}
}

// TestSocketRefusesPages: a page that came through some forwarder is refused.
func TestSocketRefusesPages(t *testing.T) {
	t.Parallel()
	s := &Server{closing: make(chan struct{})}
	fake := newFake()
	h := guard{s.services(Config{Node: fake, Log: quiet()}), "1.2", nil}
	for _, header := range []string{"Origin", "Sec-Fetch-Site"} {
		r := httptest.NewRequest("POST", statusPath, strings.NewReader("{}"))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(header, "http://localhost")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden || fake.count() != 0 {
			t.Errorf("%s: status %d", header, w.Code)
		}
	}
}

func TestBodyIsBounded(t *testing.T) {
	t.Parallel()
	s, port, token := webServer(t, newFake())
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nConnection: close\r\n", statusPath, port, token.Reveal())
	if got := raw(t, s.Web(), head+fmt.Sprintf("Content-Length: %d\r\n\r\n", maxBody+1)+strings.Repeat("x", maxBody+1)); got != http.StatusRequestEntityTooLarge {
		t.Errorf("too long a body: status %d", got)
	}
	if got := raw(t, s.Web(), strings.Replace(head, "Connection", "X: "+strings.Repeat("x", 2*maxHeader)+"\r\nConnection", 1)+"\r\n"); got != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("too long a head: status %d", got)
	}
	// A packed body is not unpacked: a few bytes could become very many.
	if got := raw(t, s.Web(), head+"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"); got == http.StatusOK {
		t.Error("a packed body was taken")
	}
}

func TestWebMustBeLoopback(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.org:0", "nonsense"} {
		s, err := Open(Config{Node: newFake(), Web: address, TokenFile: filepath.Join(t.TempDir(), "token")})
		if err == nil {
			_ = s.Close()
			t.Errorf("%s was opened", address)
		}
	}
}

// TestTokenIsNotTold: the token is in its file and nowhere else.
func TestTokenIsNotTold(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{Node: newFake(), Web: "127.0.0.1:0", TokenFile: file, Log: textLog(&log)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	token, err := local.ReadToken(file)
	if err != nil {
		t.Fatal(err)
	}
	if all := log.String() + fmt.Sprintf("%v %+v %#v", token, token, token); strings.Contains(all, token.Reveal()) {
		t.Error("the token is told")
	}
	if !strings.Contains(log.String(), "other users could read") {
		t.Errorf("that the token was open is not logged: %s", log.String())
	}
}

// TestSlowClients: half a request holds nothing but its own connection.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	s, port, token := webServer(t, newFake())
	for range 20 {
		c, err := net.Dial("tcp", s.Web())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", statusPath, port, token.Reveal()); err != nil {
			t.Fatal(err)
		}
	}
	if got := raw(t, s.Web(), post(statusPath, "Host: 127.0.0.1:"+port+"\r\n", token.Reveal())); got != http.StatusOK {
		t.Errorf("another client: status %d", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Close() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Error("half a request holds up the end")
	}
}
