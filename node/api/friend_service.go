package api

import (
	"context"

	"connectrpc.com/connect"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// friendService answers FriendService.
type friendService struct {
	node friendPort
}

func (s friendService) ListFriends(ctx context.Context, _ *connect.Request[apiv1.ListFriendsRequest]) (*connect.Response[apiv1.ListFriendsResponse], error) {
	all, err := s.node.Friends(ctx)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.ListFriendsResponse{Friends: each(all, friend)}), nil
}

func (s friendService) AddFriend(ctx context.Context, req *connect.Request[apiv1.AddFriendRequest]) (*connect.Response[apiv1.AddFriendResponse], error) {
	f, err := s.node.AddFriend(ctx, req.Msg.GetWho(), req.Msg.GetNote())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.AddFriendResponse{Friend: friend(f)}), nil
}

func (s friendService) AcceptFriend(ctx context.Context, req *connect.Request[apiv1.AcceptFriendRequest]) (*connect.Response[apiv1.AcceptFriendResponse], error) {
	f, err := s.node.AcceptFriend(ctx, req.Msg.GetWho())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.AcceptFriendResponse{Friend: friend(f)}), nil
}

func (s friendService) DeclineFriend(ctx context.Context, req *connect.Request[apiv1.DeclineFriendRequest]) (*connect.Response[apiv1.DeclineFriendResponse], error) {
	if err := s.node.DeclineFriend(ctx, req.Msg.GetWho()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.DeclineFriendResponse{}), nil
}

func (s friendService) RemoveFriend(ctx context.Context, req *connect.Request[apiv1.RemoveFriendRequest]) (*connect.Response[apiv1.RemoveFriendResponse], error) {
	if err := s.node.RemoveFriend(ctx, req.Msg.GetWho()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.RemoveFriendResponse{}), nil
}

func (s friendService) BlockFriend(ctx context.Context, req *connect.Request[apiv1.BlockFriendRequest]) (*connect.Response[apiv1.BlockFriendResponse], error) {
	f, err := s.node.BlockFriend(ctx, req.Msg.GetWho())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.BlockFriendResponse{Friend: friend(f)}), nil
}

func (s friendService) UnblockFriend(ctx context.Context, req *connect.Request[apiv1.UnblockFriendRequest]) (*connect.Response[apiv1.UnblockFriendResponse], error) {
	if err := s.node.UnblockFriend(ctx, req.Msg.GetWho()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.UnblockFriendResponse{}), nil
}

func (s friendService) RenameFriend(ctx context.Context, req *connect.Request[apiv1.RenameFriendRequest]) (*connect.Response[apiv1.RenameFriendResponse], error) {
	f, err := s.node.RenameFriend(ctx, req.Msg.GetWho(), req.Msg.GetName())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.RenameFriendResponse{Friend: friend(f)}), nil
}

func (s friendService) VerifyFriend(ctx context.Context, req *connect.Request[apiv1.VerifyFriendRequest]) (*connect.Response[apiv1.VerifyFriendResponse], error) {
	f, err := s.node.VerifyFriend(ctx, req.Msg.GetWho(), req.Msg.GetVerified(), req.Msg.GetShowOnly())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.VerifyFriendResponse{Friend: friend(f)}), nil
}

func (s friendService) FindPeople(ctx context.Context, req *connect.Request[apiv1.FindPeopleRequest]) (*connect.Response[apiv1.FindPeopleResponse], error) {
	all, err := s.node.FindPeople(ctx, req.Msg.GetName())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.FindPeopleResponse{People: each(all, found)}), nil
}

func (s friendService) Ignore(ctx context.Context, req *connect.Request[apiv1.IgnoreRequest]) (*connect.Response[apiv1.IgnoreResponse], error) {
	if err := s.node.Ignore(ctx, req.Msg.GetWho(), req.Msg.GetRemove()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.IgnoreResponse{}), nil
}

func (s friendService) ListIgnored(ctx context.Context, _ *connect.Request[apiv1.ListIgnoredRequest]) (*connect.Response[apiv1.ListIgnoredResponse], error) {
	people, words, err := s.node.Ignored(ctx)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.ListIgnoredResponse{People: each(people, person), Words: texts(words)}), nil
}

func (s friendService) SetHiddenWords(ctx context.Context, req *connect.Request[apiv1.SetHiddenWordsRequest]) (*connect.Response[apiv1.SetHiddenWordsResponse], error) {
	words, err := s.node.SetHiddenWords(ctx, req.Msg.GetWords())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.SetHiddenWordsResponse{Words: texts(words)}), nil
}
