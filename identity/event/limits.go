package event

import "time"

// The limits of events. Beyond one of them Sign fails and Parse refuses.
const (
	MaxEvent        = 64 << 10 // bytes of an encoded event
	MaxHeader       = 1 << 10  // bytes of an encoded header
	MaxText         = 16 << 10 // bytes of UTF-8 of a text or a caption
	MaxNote         = 512      // bytes of UTF-8 of a friend request's note
	MaxName         = 256      // bytes of UTF-8 of a person's name; identity.CleanName bounds its graphemes
	MaxFileName     = 255      // bytes of UTF-8 of an offered file's name
	MaxMediaType    = 127      // bytes of a media type
	MaxEmoji        = 64       // bytes of UTF-8 of a reaction
	MaxPreview      = 32 << 10 // bytes of a preview picture
	MaxWaveform     = 256      // bytes of a voice message's waveform
	MaxMentions     = 64       // accounts mentioned by a text
	MaxParents      = 4        // heads that a header names
	MaxAddresses    = 16       // addresses in a contact step
	MaxAddressBytes = 256      // bytes of one address in a contact step
	MaxRequest      = 2 << 10  // bytes of a whole friend request, with its header and certificate
	MaxFileSize     = 1 << 44  // bytes of an offered file (16 TiB)

	// MaxAhead is how far ahead of the local clock an event may be dated;
	// one that is further ahead is kept aside until it is due.
	MaxAhead = 10 * time.Minute
	// MaxFollow is how far ahead of the wall clock a peer's events can push
	// the time of our own.
	MaxFollow = 2 * time.Minute
	// LateAfter is the age on arrival from which an event is marked late.
	LateAfter = 24 * time.Hour
)
