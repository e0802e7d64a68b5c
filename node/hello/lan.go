package hello

import (
	"net"
	"net/netip"

	"github.com/libp2p/go-libp2p/core/network"
	manet "github.com/multiformats/go-multiaddr/net"
)

// onLAN reports whether a connection is direct and with the local network.
func onLAN(c network.Conn) bool {
	if c.Stat().Limited {
		return false
	}
	ip, err := manet.ToIP(c.RemoteMultiaddr())
	if err != nil {
		return false
	}
	a, ok := netip.AddrFromSlice(ip)
	return ok && local(a.Unmap(), ownPrefixes)
}

// local reports whether an address belongs to a local network: a private one,
// or an IPv6 address under the same prefix as one of ours, since a home whose
// provider gives it IPv6 talks over those. The addresses that carriers share
// out to their customers (100.64.0.0/10) are not local: strangers have them.
func local(a netip.Addr, own func() []netip.Prefix) bool {
	if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return true
	}
	if !a.Is6() {
		return false
	}
	for _, p := range own() {
		if p.Contains(a.WithZone("")) {
			return true
		}
	}
	return false
}

// ownPrefixes returns the IPv6 prefixes of /64 that this machine has.
func ownPrefixes() []netip.Prefix {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Prefix
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is6() && !p.Addr().Is4In6() && p.Addr().IsGlobalUnicast() {
			if p, err = p.Addr().Prefix(64); err == nil {
				out = append(out, p)
			}
		}
	}
	return out
}
