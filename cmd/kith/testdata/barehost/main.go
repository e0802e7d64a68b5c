// The command barehost is a libp2p host with a DHT and gossipsub and nothing
// else: what kith's start, idle memory and idle work are measured against. It
// prints a line when it is ready and ends with its input.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"))
	if err != nil {
		return err
	}
	defer h.Close()
	d, err := dht.New(h, dht.ProtocolPrefix("/kith"), dht.Mode(dht.ModeAutoServer))
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Bootstrap(ctx); err != nil {
		return err
	}
	g, err := pubsub.NewGossipSub(ctx, h)
	if err != nil {
		return err
	}
	t, err := g.Join("lobby")
	if err != nil {
		return err
	}
	if _, err := t.Subscribe(); err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
