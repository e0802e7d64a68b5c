package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/kith-chat/kith/node/api/local"
)

// VersionHeader carries the version of the node in every answer to somebody
// who was let in.
const VersionHeader = "Kith-Version"

// contentPolicy lets an answer of the API do nothing at all if a browser
// should ever take it for a page.
const contentPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; sandbox"

// guard lets requests through to the services, or answers why not.
type guard struct {
	next    http.Handler
	version string
	// web is nil on the unix socket, where the kernel has said who calls.
	web *webRules
}

// webRules are what a request on a loopback address has to satisfy.
type webRules struct {
	hosts map[string]bool // exact values of Host
	token local.Token
}

// newWebRules returns the rules for a listener on this address.
func newWebRules(at netip.AddrPort, token local.Token) *webRules {
	port := strconv.Itoa(int(at.Port()))
	return &webRules{token: token, hosts: map[string]bool{
		"127.0.0.1:" + port: true, "[::1]:" + port: true, "localhost:" + port: true,
	}}
}

// ServeHTTP checks who calls before anything that they sent is read.
func (g guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if status, why := g.refuses(r); status != 0 {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		http.Error(w, why, status)
		return
	}
	w.Header().Set(VersionHeader, g.version)
	switch r.Method {
	case http.MethodHead: // is there a node, and of which version?
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPost:
		if g.slurp(w, r) {
			g.next.ServeHTTP(w, r)
		}
	default:
		w.Header().Set("Allow", "HEAD, POST")
		http.Error(w, "calls are made with POST", http.StatusMethodNotAllowed)
	}
}

// refuses returns the status and words of a refusal, or 0.
func (g guard) refuses(r *http.Request) (status int, why string) {
	if g.web == nil {
		// No page can reach the socket; what looks like one came through
		// something that should not forward it.
		if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
			return http.StatusForbidden, "pages are not served here"
		}
		return 0, ""
	}
	return g.web.refuses(r)
}

// refuses holds against pages of other origins (Origin, Sec-Fetch-Site), pages
// whose name was pointed at this machine (Host) and other users of it (token).
func (rules *webRules) refuses(r *http.Request) (status int, why string) {
	if !rules.hosts[r.Host] {
		return http.StatusForbidden, "this address is served under 127.0.0.1, [::1] and localhost only"
	}
	// An origin is compared as a whole: scheme, host and port.
	if origins := r.Header.Values("Origin"); len(origins) > 1 || len(origins) == 1 && origins[0] != "http://"+r.Host {
		return http.StatusForbidden, "other origins are not served"
	}
	if sites := r.Header.Values("Sec-Fetch-Site"); len(sites) > 1 || len(sites) == 1 && sites[0] != "same-origin" {
		return http.StatusForbidden, "other sites are not served"
	}
	scheme, sent, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if len(r.Header.Values("Authorization")) != 1 || !strings.EqualFold(scheme, "Bearer") || !rules.token.Matches(sent) {
		return http.StatusUnauthorized, "the token is missing or wrong"
	}
	return 0, ""
}

// slurp reads the whole body in bounded time and space. Every call has one
// request message, so nothing is gained by reading it in pieces, and a client
// that sends slowly holds nothing but its own connection.
func (g guard) slurp(w http.ResponseWriter, r *http.Request) bool {
	control := http.NewResponseController(w)
	// What cannot set a deadline has none to fear: it is no network.
	_ = control.SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
		return false
	case err != nil:
		http.Error(w, "the request did not come whole", http.StatusRequestTimeout)
		return false
	}
	_ = control.SetReadDeadline(time.Time{})
	r.Body = io.NopCloser(bytes.NewReader(body))
	return true
}

// secure sets what a browser needs to know about every answer.
func secure(h http.Header) {
	for name, value := range map[string]string{
		"Content-Security-Policy":      contentPolicy,
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Cache-Control":                "no-store",
	} {
		h.Set(name, value)
	}
}
