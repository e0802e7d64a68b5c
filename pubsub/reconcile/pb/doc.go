// Package pb holds the generated protobuf types of /kith/sync/1. It must not
// know what they mean: pubsub/reconcile checks every field and turns them into
// its own types.
package pb
