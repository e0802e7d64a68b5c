package pubsub

import (
	"time"

	"github.com/kith-chat/kith/identity/event"
)

// TopicPrefix is what a public group's topic starts with; the group's clean
// name follows.
const TopicPrefix = "/kith/1/group/"

// The limits of public groups and raw topics.
const (
	// MaxTopics is how many groups and raw topics a node can be in at once.
	// It is also how many topics of one peer are kept in mind, so a peer that
	// obeys it is understood whole.
	MaxTopics = 64
	// MaxBatch is the most events that a gossip message may carry.
	MaxBatch = 256
	// MaxPayload is the most bytes that a raw topic's message may have.
	MaxPayload = 64 << 10
	// MaxRawTopic is the most bytes that a raw topic's name may have.
	MaxRawTopic = 256

	// SendRate and SendBurst pace our own events in each group: events a
	// second, and events that may go out at once after a rest. A person needs
	// a tenth of it; the rest is for programs, and lets a group of 20 carry
	// what gossipsub can (500 a second on two processors).
	SendRate  = 25
	SendBurst = 50
	// TakeRate and TakeBurst are what is accepted from one author in each
	// group. A receiver that allowed just what a sender may send would lose
	// honest events whenever the network compresses their spacing: with delay
	// varying by j seconds, SendBurst + SendRate*j events can arrive at once.
	// The numbers leave room for 15 seconds of that, or for two devices of one
	// person that burst at the same moment and 5 seconds.
	TakeRate  = 50
	TakeBurst = 425

	// packBytes is how much of a gossip message a burst fills; an event that
	// is larger goes alone.
	packBytes = 60 << 10
	// packPaced is how many events wait for each other when more are queued
	// than the pace allows: half a second's worth.
	packPaced = SendRate / 2
	// maxData bounds the payload of a gossip message of a group: one event of
	// the largest size, or packBytes of smaller ones, with their framing.
	maxData = event.MaxEvent + 64
	// maxRPC bounds a frame of the gossip protocol: the largest payload with
	// topic, author, number, a foreign RSA key and its signature.
	maxRPC = 64<<10 + 2<<10

	// liveWindow separates what an author says now from what was said before
	// and comes late. Each has an allowance of its own, so that old messages,
	// which anybody can record and play again to a newcomer, never use up the
	// allowance of the author's new ones.
	liveWindow = time.Minute

	maxTopicName = 640 // bytes; the prefix and the longest clean group name fit

	maxAuthors = 4096 // authors whose allowance is kept per group
	maxMembers = 4096 // members kept in mind per group
	maxLinks   = 1024 // neighbours whose conduct is kept in mind
	maxReplays = 8192 // message IDs kept per raw topic beyond gossipsub's two minutes
)
