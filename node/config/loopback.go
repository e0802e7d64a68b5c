package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// Loopback reads the address of a listener that only this machine reaches:
// 127.0.0.1:PORT, [::1]:PORT or localhost:PORT. Port 0 takes one that is free.
// Nothing else is taken: whoever reaches the local API can do everything that
// its owner can.
func Loopback(address string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address: write 127.0.0.1:PORT, or off", address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q has no port from 0 to 65535: write 127.0.0.1:PORT, or off", address)
	}
	switch host {
	case "127.0.0.1", "localhost":
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(n)), nil
	case "::1":
		return netip.AddrPortFrom(netip.IPv6Loopback(), uint16(n)), nil
	}
	return netip.AddrPort{}, fmt.Errorf("%q would be reachable from elsewhere: only 127.0.0.1, [::1] and localhost are taken; reach it from afar through ssh -L", address)
}
