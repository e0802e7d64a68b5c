// Package wire reads and writes bounded frames on a libp2p stream: an unsigned
// varint length, then that many bytes, usually a protobuf message. Every
// protocol of kith speaks through it, so that no length that a peer states is
// ever believed before it has been compared with a limit.
//
// Attach is the ritual at the start of every stream handler: the stream gets
// its service's resource scope, a deadline, and is reset when the context
// ends. The package knows nothing of what the frames mean.
package wire
