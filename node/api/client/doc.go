// Package client speaks to a node over its local API. The zero value of Client
// finds the node of the usual home:
//
//	c := &client.Client{}
//	defer c.Close()
//	res, err := c.Chats().Send(ctx, connect.NewRequest(&apiv1.SendRequest{Chat: "#lobby", Text: "hello"}))
//	if errors.Is(err, client.ErrNotRunning) {
//		// says how to start one
//	}
//
// Every error of a call is an *Error, which says why by a Reason.
// Watch follows what happens, over restarts of the node and without a gap.
//
// The package must not know the node, only how to reach it; commands, screens,
// bots and tests all use it alike. Read client.go next.
package client
