package api

import "time"

// The limits of a call.
const (
	// maxMessage is the largest message that is read, in bytes, after any
	// encoding was undone. The largest that makes sense is a draft of 16 KiB.
	maxMessage = 1 << 20
	// maxBody is the largest request body: a message and its frame.
	maxBody = maxMessage + 64
	// maxHeader bounds the head of a request, in bytes.
	maxHeader = 16 << 10
	// headTime and bodyTime are what a client has to send a request's head and
	// its body.
	headTime = 5 * time.Second
	bodyTime = 10 * time.Second
	// idleTime is for how long an unused connection is kept.
	idleTime = 2 * time.Minute
	// graceTime is what running calls have to finish when the server ends.
	graceTime = 3 * time.Second
	// maxConnections bounds the connections to the loopback address, where
	// anybody on the machine can knock.
	maxConnections = 128

	// defaultPage and maxPage are how many messages one answer holds.
	defaultPage = 50
	maxPage     = 1000
	// maxWait is the longest wait for a delivery.
	maxWait = time.Hour
	// maxValid is the longest time for which an invite is valid.
	maxValid = 10 * 365 * 24 * time.Hour
	// maxTime is the last moment that is taken, in milliseconds: year 9999.
	maxTime = 253402300799999
	// exportChunk is the size of the pieces of an export, in bytes.
	exportChunk = 64 << 10
)
