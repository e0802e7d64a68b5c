// Package api is the local API: how screens, commands and scripts on this
// machine speak to a node. It answers the four services of kith.proto on the
// unix socket of the home and, if asked to, on a loopback address.
//
// A call goes through three steps, each in files of its own: who calls
// (guard.go, and package local for the socket), what is said in the terms of
// package node (*_service.go), and back (towire.go, errors.go). The package
// must not know how anything is done, and keeps nothing between two calls.
//
// The invariant: nobody but the owner of the home gets past the guard. It is
// defended as if the whole world could reach it, because web pages can: on the
// loopback address every request, whatever its method, needs the token, one of
// three exact Host values and, if there is an Origin, that of the address
// itself. There are no cookies and no CORS headers.
//
// Read server.go next.
package api
