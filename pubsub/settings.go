package pubsub

import (
	"log/slog"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// The thresholds of a neighbour's score, which is zero or a little more for an
// honest one. Below notGossiped nothing is asked of it or offered to it, below
// notPublished our own messages do not go to it, below ignored nothing that it
// sends is looked at, and its connections are closed.
const (
	notGossiped  = -10
	notPublished = -50
	ignored      = -100
)

// The weights of the score. One invalid message (P4, squared) costs 20: no
// honest peer sends one, because it checks before it passes on, but another
// version may once disagree about a rule, so it takes three within ten minutes
// to be ignored. A strike costs 10, so ten at a time do the same.
const (
	invalidWeight = -20
	strikeWeight  = -10
	scoreFade     = 10 * time.Minute
	penaltyFade   = time.Minute
	scoreMemory   = time.Hour // so that reconnecting does not wash a peer clean
	scoreReview   = 5 * time.Second
)

// gossipOptions returns everything that gossipsub is told.
func gossipOptions(s *Service, o Options) []gossip.Option {
	score, thresholds := scoreParams(s.inspector.strikes)
	options := []gossip.Option{
		// Signed by its author and checked, whatever the topic: an unsigned
		// message has no author that could be held to anything.
		gossip.WithMessageSignaturePolicy(gossip.StrictSign),
		gossip.WithMaxMessageSize(maxRPC),
		gossip.WithMaxControlMessageSize(maxRPC),
		gossip.WithSubscriptionFilter(s.subscriptions),
		gossip.WithAppSpecificRpcInspector(s.inspector.inspect),
		gossip.WithGossipSubParams(routerParams()),
		gossip.WithGossipSubProtocols(protocols(), gossip.GossipSubDefaultFeatures),
		gossip.WithPeerScore(score, thresholds),
		gossip.WithPeerScoreInspect(s.review, scoreReview),
		// Default parameters: it wakes only when the validation queue overflows
		// and then thins out the neighbours that bring the least of use.
		gossip.WithPeerGater(gossip.DefaultPeerGaterParams()),
		// The defaults of 32 lose a quarter of the messages of a busy group.
		// What can wait in the validation queue is bounded before it, by the
		// byte rate of each link (inspect.go); what can wait for a slow
		// neighbour is shared among neighbours and times out with the stream.
		gossip.WithPeerOutboundQueueSize(8192),
		gossip.WithValidateQueueSize(8192),
		// One worker, in which the validators run: messages keep the order in
		// which a neighbour sent them, and a flood never takes more than one
		// processor. It checks some thousands of messages a second, far more
		// than the links may bring.
		gossip.WithValidateWorkers(1),
		// No validator is asynchronous, so nothing needs this many.
		gossip.WithValidateThrottle(64),
		// Our own messages go to everybody in the topic that we are connected
		// to and not only to the mesh: the first message after somebody appears
		// arrives although the mesh is made once a second, and no neighbour can
		// hold it back. A node has at most a few hundred connections.
		gossip.WithFloodPublish(true),
		gossip.WithRawTracer(&tracer{s: s}),
		// gossipsub's own log lines carry the beginnings of payloads.
		gossip.WithLogger(slog.New(slog.DiscardHandler)),
		gossip.WithRPCLogger(slog.New(slog.DiscardHandler)),
	}
	if o.Discovery != nil {
		options = append(options, gossip.WithDiscovery(o.Discovery))
	}
	return options
}

// routerParams changes the defaults of the mesh where they help a flood.
func routerParams() gossip.GossipSubParams {
	p := gossip.DefaultGossipSubParams()
	// IDONTWANT goes out before a message is validated, so a forged copy of a
	// message, sent quickly, would make the mesh hold back the real one.
	// Larger than anything that can arrive means: never send it.
	p.IDontWantMessageThreshold = maxRPC
	// A smaller mesh than the default of 6 to 12. Authors send to everybody
	// that they are connected to, so the mesh carries on what has further to
	// go, and what it misses is advertised each second; every link of it
	// brings each message once more, at the price of half a signature check.
	p.D, p.Dlo, p.Dhi, p.Dscore, p.Dout = 4, 3, 6, 3, 1
	// What neighbours may tell us of it is kept for three heartbeats each.
	p.IDontWantMessageTTL = 3
	p.MaxIDontWantMessages = 256
	// A full group says some 500 messages a second, many of which share one of
	// gossip, and three seconds of them are advertised; each advertised ID may
	// cost us a request.
	p.MaxIHaveLength = 2000
	return p
}

// protocols are those of gossipsub alone: a floodsub peer would be sent
// everything without ever being part of the mesh.
func protocols() []protocol.ID {
	return []protocol.ID{gossip.GossipSubID_v13, gossip.GossipSubID_v12, gossip.GossipSubID_v11, gossip.GossipSubID_v10}
}

// scoreParams are the parts of the score that do not belong to a topic.
func scoreParams(strikes func(peer.ID) float64) (*gossip.PeerScoreParams, *gossip.PeerScoreThresholds) {
	params := &gossip.PeerScoreParams{
		Topics: make(map[string]*gossip.TopicScoreParams),
		// What 64 topics can earn together stays below what one invalid
		// message costs twice.
		TopicScoreCap:     32,
		AppSpecificScore:  func(p peer.ID) float64 { return strikeWeight * strikes(p) },
		AppSpecificWeight: 1,
		// Not by address: households, offices and mobile networks share one,
		// and the resource manager already limits connections from one.
		IPColocationFactorWeight: 0,
		// Grafting during a back-off, and messages advertised but not sent.
		// An honest peer on an overloaded machine breaks such a promise about
		// once a heartbeat, which settles at 13; a flood passes that at once.
		BehaviourPenaltyWeight:    -10,
		BehaviourPenaltyThreshold: 15,
		BehaviourPenaltyDecay:     gossip.ScoreParameterDecay(penaltyFade),
		DecayInterval:             gossip.DefaultDecayInterval,
		DecayToZero:               gossip.DefaultDecayToZero,
		RetainScore:               scoreMemory,
	}
	return params, &gossip.PeerScoreThresholds{
		GossipThreshold:   notGossiped,
		PublishThreshold:  notPublished,
		GraylistThreshold: ignored,
		// Out of reach: no neighbour can make us dial addresses that it names.
		AcceptPXThreshold:           1e9,
		OpportunisticGraftThreshold: 2,
	}
}

// topicScore is the part of the score that belongs to one topic. Parameters
// for the rate of delivery in the mesh are off: most groups are quiet, and
// silence is no offence.
func topicScore() *gossip.TopicScoreParams {
	return &gossip.TopicScoreParams{
		TopicWeight: 1,
		// Staying earns up to 3 in five minutes, bringing news first up to 10:
		// enough to prefer a proven neighbour, too little to save up for an
		// attack.
		TimeInMeshWeight:               0.01,
		TimeInMeshQuantum:              time.Second,
		TimeInMeshCap:                  300,
		FirstMessageDeliveriesWeight:   0.5,
		FirstMessageDeliveriesDecay:    gossip.ScoreParameterDecay(scoreFade),
		FirstMessageDeliveriesCap:      20,
		InvalidMessageDeliveriesWeight: invalidWeight,
		InvalidMessageDeliveriesDecay:  gossip.ScoreParameterDecay(scoreFade),
		// Required to be in range even where the weight is zero.
		MeshMessageDeliveriesDecay:      0.5,
		MeshMessageDeliveriesCap:        1,
		MeshMessageDeliveriesThreshold:  1,
		MeshMessageDeliveriesActivation: time.Minute,
		MeshFailurePenaltyDecay:         0.5,
	}
}
