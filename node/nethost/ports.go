package nethost

import (
	"context"
	"net"
	"strings"
)

// freePorts replaces the ports that are taken by zero. libp2p would not notice:
// it listens on TCP in a way in which two programs of one user share a port and
// get each other's connections.
func freePorts(ctx context.Context, listen []string) []string {
	out := make([]string, len(listen))
	for i, a := range listen {
		out[i] = a
		if taken(ctx, a) {
			out[i] = anyPort(a)
		}
	}
	return out
}

// taken reports whether somebody listens at an address with a fixed port.
func taken(ctx context.Context, a string) bool {
	var ip, port, proto string
	parts := strings.Split(a, "/")
	for i := 1; i+1 < len(parts); i++ {
		switch parts[i] {
		case "ip4", "ip6":
			ip, proto = parts[i+1], parts[i][2:]
		case "tcp", "udp":
			port, proto = parts[i+1], parts[i]+proto
		}
	}
	if ip == "" || port == "" || port == "0" {
		return false
	}
	var l net.ListenConfig
	at := net.JoinHostPort(ip, port)
	if strings.HasPrefix(proto, "tcp") {
		c, err := l.Listen(ctx, proto, at)
		if err != nil {
			return portTaken(err)
		}
		_ = c.Close()
		return false
	}
	c, err := l.ListenPacket(ctx, proto, at)
	if err != nil {
		return portTaken(err)
	}
	_ = c.Close()
	return false
}

// anyPorts replaces all fixed ports by zero.
func anyPorts(listen []string) []string {
	out := make([]string, len(listen))
	for i, a := range listen {
		out[i] = anyPort(a)
	}
	return out
}

func anyPort(a string) string {
	parts := strings.Split(a, "/")
	for i := 1; i < len(parts); i++ {
		if parts[i-1] == "tcp" || parts[i-1] == "udp" {
			parts[i] = "0"
		}
	}
	return strings.Join(parts, "/")
}
