package api

import (
	"context"
	"strings"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/node"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// deviceService answers DeviceService.
type deviceService struct {
	node    devicePort
	closing <-chan struct{}
}

func (s deviceService) ListDevices(ctx context.Context, _ *connect.Request[apiv1.ListDevicesRequest]) (*connect.Response[apiv1.ListDevicesResponse], error) {
	all, err := s.node.Devices(ctx)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.ListDevicesResponse{Devices: each(all, device)}), nil
}

func (s deviceService) LinkDevice(ctx context.Context, _ *connect.Request[apiv1.LinkDeviceRequest], stream *connect.ServerStream[apiv1.LinkDeviceResponse]) error {
	ctx, cancel := untilClosing(ctx, s.closing)
	defer cancel()
	return s.node.LinkDevice(ctx, func(step node.LinkStep) error {
		return stream.Send(&apiv1.LinkDeviceResponse{
			LinkId: step.ID, Code: step.Code, ExpiresMs: millis(step.Expires),
			CheckWords: strings.Join(step.Words, " "), Name: text(step.Name), Linked: step.Linked,
		})
	})
}

func (s deviceService) ConfirmDevice(ctx context.Context, req *connect.Request[apiv1.ConfirmDeviceRequest]) (*connect.Response[apiv1.ConfirmDeviceResponse], error) {
	if err := s.node.ConfirmDevice(ctx, req.Msg.GetLinkId(), req.Msg.GetAgree()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.ConfirmDeviceResponse{}), nil
}

func (s deviceService) RenameDevice(ctx context.Context, req *connect.Request[apiv1.RenameDeviceRequest]) (*connect.Response[apiv1.RenameDeviceResponse], error) {
	d, err := s.node.RenameDevice(ctx, req.Msg.GetDevice(), req.Msg.GetName())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.RenameDeviceResponse{Device: device(d)}), nil
}

func (s deviceService) RevokeDevice(ctx context.Context, req *connect.Request[apiv1.RevokeDeviceRequest]) (*connect.Response[apiv1.RevokeDeviceResponse], error) {
	if err := s.node.RevokeDevice(ctx, req.Msg.GetDevice()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.RevokeDeviceResponse{}), nil
}
