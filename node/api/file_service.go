package api

import (
	"context"
	"path/filepath"
	"strings"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/node"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// fileService answers FileService.
type fileService struct {
	node filePort
}

func (s fileService) Offer(ctx context.Context, req *connect.Request[apiv1.OfferRequest]) (*connect.Response[apiv1.OfferResponse], error) {
	if err := absolute(req.Msg.GetPath()); err != nil {
		return nil, err
	}
	m, t, err := s.node.OfferFile(ctx, req.Msg.GetChat(), req.Msg.GetPath(), req.Msg.GetCaption(), req.Msg.GetReplyTo(), req.Msg.GetName())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.OfferResponse{Message: message(m), Transfer: transfer(t)}), nil
}

func (s fileService) ListFiles(ctx context.Context, req *connect.Request[apiv1.ListFilesRequest]) (*connect.Response[apiv1.ListFilesResponse], error) {
	all, err := s.node.Files(ctx, req.Msg.GetChat())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.ListFilesResponse{Files: each(all, transfer)}), nil
}

func (s fileService) Get(ctx context.Context, req *connect.Request[apiv1.GetRequest]) (*connect.Response[apiv1.GetResponse], error) {
	if to := req.Msg.GetTo(); to != "" {
		if err := absolute(to); err != nil {
			return nil, err
		}
	}
	t, err := s.node.GetFile(ctx, req.Msg.GetId(), req.Msg.GetTo())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.GetResponse{Transfer: transfer(t)}), nil
}

func (s fileService) Cancel(ctx context.Context, req *connect.Request[apiv1.CancelRequest]) (*connect.Response[apiv1.CancelResponse], error) {
	t, err := s.node.CancelFile(ctx, req.Msg.GetId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.CancelResponse{Transfer: transfer(t)}), nil
}

func (s fileService) Read(ctx context.Context, req *connect.Request[apiv1.ReadRequest], stream *connect.ServerStream[apiv1.ReadResponse]) error {
	first := true
	return s.node.ReadFile(ctx, req.Msg.GetId(), req.Msg.GetOffset(), req.Msg.GetLimit(), func(t node.Transfer, data []byte) error {
		r := &apiv1.ReadResponse{Data: data}
		if first {
			r.Size, r.MediaType, first = t.Size, t.MediaType, false
		}
		return stream.Send(r)
	})
}

// absolute refuses a path that would mean something else in the node's folder
// than in the caller's.
func absolute(path string) error {
	if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
		return invalid("%q is not an absolute path", path)
	}
	return nil
}
