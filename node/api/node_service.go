package api

import (
	"context"
	"errors"
	"os"
	"time"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/node"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// nodeService answers NodeService.
type nodeService struct {
	node selfPort
	web  string // address of the web listener
	stop func() // asks the process to end
	// closing is closed when the server is about to end: streams end with it.
	closing <-chan struct{}
}

func (s nodeService) GetStatus(ctx context.Context, _ *connect.Request[apiv1.GetStatusRequest]) (*connect.Response[apiv1.GetStatusResponse], error) {
	st, err := s.node.Status(ctx)
	if err != nil {
		return nil, err
	}
	res := status(st)
	res.Pid, res.Web = uint32(os.Getpid()), s.web //nolint:gosec // a PID is not negative
	return connect.NewResponse(res), nil
}

func (s nodeService) GetIdentity(ctx context.Context, _ *connect.Request[apiv1.GetIdentityRequest]) (*connect.Response[apiv1.GetIdentityResponse], error) {
	self, err := s.node.Self(ctx)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.GetIdentityResponse{
		Account: self.Account.String(), Device: self.Device.String(), Name: self.Name, Invite: self.Invite,
		Devices: each(self.Devices, device),
	}), nil
}

func (s nodeService) SetName(ctx context.Context, req *connect.Request[apiv1.SetNameRequest]) (*connect.Response[apiv1.SetNameResponse], error) {
	name, err := s.node.SetName(ctx, req.Msg.GetName())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.SetNameResponse{Name: name}), nil
}

func (s nodeService) CreateInvite(ctx context.Context, req *connect.Request[apiv1.CreateInviteRequest]) (*connect.Response[apiv1.CreateInviteResponse], error) {
	valid, err := duration(req.Msg.GetValidMs(), maxValid)
	if err != nil {
		return nil, err
	}
	link, token, err := s.node.CreateInvite(ctx, valid)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.CreateInviteResponse{Invite: link, Token: token, Qr: s.node.InviteQR(link)}), nil
}

func (s nodeService) ListInvites(ctx context.Context, _ *connect.Request[apiv1.ListInvitesRequest]) (*connect.Response[apiv1.ListInvitesResponse], error) {
	all, err := s.node.Invites(ctx)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.ListInvitesResponse{Invites: each(all, invite)}), nil
}

func (s nodeService) RevokeInvite(ctx context.Context, req *connect.Request[apiv1.RevokeInviteRequest]) (*connect.Response[apiv1.RevokeInviteResponse], error) {
	if err := s.node.RevokeInvite(ctx, req.Msg.GetToken()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.RevokeInviteResponse{}), nil
}

func (s nodeService) ListPeers(ctx context.Context, _ *connect.Request[apiv1.ListPeersRequest]) (*connect.Response[apiv1.ListPeersResponse], error) {
	all, err := s.node.Peers(ctx)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.ListPeersResponse{Peers: each(all, peer)}), nil
}

func (s nodeService) Connect(ctx context.Context, req *connect.Request[apiv1.ConnectRequest]) (*connect.Response[apiv1.ConnectResponse], error) {
	p, err := s.node.Connect(ctx, req.Msg.GetAddress())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.ConnectResponse{Peer: peer(p)}), nil
}

func (s nodeService) Diagnose(ctx context.Context, req *connect.Request[apiv1.DiagnoseRequest], stream *connect.ServerStream[apiv1.DiagnoseResponse]) error {
	ctx, cancel := untilClosing(ctx, s.closing)
	defer cancel()
	err := s.node.Diagnose(ctx, req.Msg.GetWho(), func(step node.Step) error {
		return stream.Send(&apiv1.DiagnoseResponse{Step: step.What, Ok: step.OK, Detail: step.Detail})
	})
	if err != nil {
		return err
	}
	return stream.Send(&apiv1.DiagnoseResponse{Done: true, Ok: true})
}

// Stop answers first: the process ends when its calls are through.
func (s nodeService) Stop(context.Context, *connect.Request[apiv1.StopRequest]) (*connect.Response[apiv1.StopResponse], error) {
	if s.stop == nil {
		return nil, notAllowed("this node is part of another program and ends with it")
	}
	s.stop()
	return connect.NewResponse(&apiv1.StopResponse{}), nil
}

// Watch ends without an error when the node stops, so that a client can tell
// that from a fault: it waits for the node and goes on from its cursor.
func (s nodeService) Watch(ctx context.Context, req *connect.Request[apiv1.WatchRequest], stream *connect.ServerStream[apiv1.WatchResponse]) error {
	ctx, cancel := untilClosing(ctx, s.closing)
	defer cancel()
	err := s.node.Watch(ctx, req.Msg.GetCursor(), req.Msg.GetEphemeral(), func(n node.News) error {
		return stream.Send(news(n))
	})
	if errors.Is(err, node.ErrClosed) || s.isClosing() {
		return nil
	}
	return err
}

// untilClosing returns a context that ends with the server too, before the
// calls that may still finish are cut off.
func untilClosing(ctx context.Context, closing <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func (s nodeService) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// duration reads a length of time in milliseconds that may not be negative nor
// longer than most.
func duration(ms int64, most time.Duration) (time.Duration, error) {
	if ms < 0 || ms > most.Milliseconds() {
		return 0, invalid("%d milliseconds are not between 0 and %d", ms, most.Milliseconds())
	}
	return time.Duration(ms) * time.Millisecond, nil
}

func (s nodeService) GetPreferences(ctx context.Context, _ *connect.Request[apiv1.GetPreferencesRequest]) (*connect.Response[apiv1.GetPreferencesResponse], error) {
	all, err := s.node.Preferences(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(all))
	for name, value := range all {
		out[text(name)] = text(value)
	}
	return connect.NewResponse(&apiv1.GetPreferencesResponse{Preferences: out}), nil
}

func (s nodeService) SetPreference(ctx context.Context, req *connect.Request[apiv1.SetPreferenceRequest]) (*connect.Response[apiv1.SetPreferenceResponse], error) {
	if err := s.node.SetPreference(ctx, req.Msg.GetName(), req.Msg.GetValue()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.SetPreferenceResponse{}), nil
}
