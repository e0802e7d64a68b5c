package api

import (
	"bufio"
	"context"
	"time"

	"connectrpc.com/connect"

	"github.com/kith-chat/kith/node"
	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// chatService answers ChatService.
type chatService struct {
	node chatPort
}

func (s chatService) ListChats(ctx context.Context, _ *connect.Request[apiv1.ListChatsRequest]) (*connect.Response[apiv1.ListChatsResponse], error) {
	all, err := s.node.Chats(ctx)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.ListChatsResponse{Chats: each(all, chat)}), nil
}

func (s chatService) GetChat(ctx context.Context, req *connect.Request[apiv1.GetChatRequest]) (*connect.Response[apiv1.GetChatResponse], error) {
	c, err := s.node.ChatInfo(ctx, req.Msg.GetChat())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.GetChatResponse{Chat: chat(c)}), nil
}

func (s chatService) Join(ctx context.Context, req *connect.Request[apiv1.JoinRequest]) (*connect.Response[apiv1.JoinResponse], error) {
	c, err := s.node.Join(ctx, req.Msg.GetName(), req.Msg.GetRaw())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.JoinResponse{Chat: chat(c)}), nil
}

func (s chatService) Leave(ctx context.Context, req *connect.Request[apiv1.LeaveRequest]) (*connect.Response[apiv1.LeaveResponse], error) {
	if err := s.node.Leave(ctx, req.Msg.GetChat(), req.Msg.GetForget()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.LeaveResponse{}), nil
}

func (s chatService) ListMembers(ctx context.Context, req *connect.Request[apiv1.ListMembersRequest]) (*connect.Response[apiv1.ListMembersResponse], error) {
	all, err := s.node.Members(ctx, req.Msg.GetChat())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.ListMembersResponse{Members: each(all, member)}), nil
}

func (s chatService) SetChat(ctx context.Context, req *connect.Request[apiv1.SetChatRequest]) (*connect.Response[apiv1.SetChatResponse], error) {
	change := node.ChatChange{
		Muted: req.Msg.Muted, Pinned: req.Msg.Pinned, RetentionDays: req.Msg.RetentionDays, Draft: req.Msg.Draft,
		MentionsOnly: req.Msg.MentionsOnly,
	}
	if req.Msg.MutedUntilMs != nil {
		until, err := moment(req.Msg.GetMutedUntilMs())
		if err != nil {
			return nil, err
		}
		change.MutedUntil = &until
	}
	c, err := s.node.SetChat(ctx, req.Msg.GetChat(), change)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.SetChatResponse{Chat: chat(c)}), nil
}

// Send answers with the message in the state that it has reached. That it was
// not delivered in the time that was waited for, or was refused by the other
// side, is no error of the call: the message is kept, and its state says so.
func (s chatService) Send(ctx context.Context, req *connect.Request[apiv1.SendRequest]) (*connect.Response[apiv1.SendResponse], error) {
	wait, err := duration(req.Msg.GetWaitMs(), maxWait)
	if err != nil {
		return nil, err
	}
	m, err := s.node.Send(ctx, req.Msg.GetChat(), req.Msg.GetText(), req.Msg.GetReplyTo(), wait)
	if !m.ID.IsZero() {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.SendResponse{Message: message(m)}), nil
}

func (s chatService) Edit(ctx context.Context, req *connect.Request[apiv1.EditRequest]) (*connect.Response[apiv1.EditResponse], error) {
	m, err := s.node.Edit(ctx, req.Msg.GetId(), req.Msg.GetText())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.EditResponse{Message: message(m)}), nil
}

func (s chatService) Retract(ctx context.Context, req *connect.Request[apiv1.RetractRequest]) (*connect.Response[apiv1.RetractResponse], error) {
	m, err := s.node.Retract(ctx, req.Msg.GetId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.RetractResponse{Message: message(m)}), nil
}

func (s chatService) React(ctx context.Context, req *connect.Request[apiv1.ReactRequest]) (*connect.Response[apiv1.ReactResponse], error) {
	m, err := s.node.React(ctx, req.Msg.GetId(), req.Msg.GetEmoji(), req.Msg.GetRemove())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.ReactResponse{Message: message(m)}), nil
}

func (s chatService) GetMessage(ctx context.Context, req *connect.Request[apiv1.GetMessageRequest]) (*connect.Response[apiv1.GetMessageResponse], error) {
	m, err := s.node.Message(ctx, req.Msg.GetId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.GetMessageResponse{Message: message(m)}), nil
}

func (s chatService) History(ctx context.Context, req *connect.Request[apiv1.HistoryRequest]) (*connect.Response[apiv1.HistoryResponse], error) {
	since, err := moment(req.Msg.GetSinceMs())
	if err != nil {
		return nil, err
	}
	until, err := moment(req.Msg.GetBeforeMs())
	if err != nil {
		return nil, err
	}
	all, more, err := s.node.History(ctx, req.Msg.GetChat(), node.Page{
		Before: req.Msg.GetBefore(), After: req.Msg.GetAfter(), Since: since, Until: until,
		Limit: pageSize(req.Msg.GetLimit()), Local: req.Msg.GetLocal(),
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.HistoryResponse{Messages: each(all, message), More: more}), nil
}

// GetCompleteness says what a chat lacks.
func (s chatService) GetCompleteness(ctx context.Context, req *connect.Request[apiv1.GetCompletenessRequest]) (*connect.Response[apiv1.GetCompletenessResponse], error) {
	c, err := s.node.Completeness(ctx, req.Msg.GetChat())
	if err != nil {
		return nil, err
	}
	out := &apiv1.GetCompletenessResponse{
		Events: c.Events, Missing: c.Missing, Asked: each(c.Asked, person), CheckedMs: millis(c.Checked),
	}
	for _, m := range c.From {
		out.From = append(out.From, &apiv1.MissingFrom{Person: person(m.Person), Device: deviceID(m.Device), Count: m.Count})
	}
	return connect.NewResponse(out), nil
}

func (s chatService) Search(ctx context.Context, req *connect.Request[apiv1.SearchRequest]) (*connect.Response[apiv1.SearchResponse], error) {
	all, more, err := s.node.Search(ctx, req.Msg.GetQuery(), req.Msg.GetChat(), pageSize(req.Msg.GetLimit()), req.Msg.GetBefore())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.SearchResponse{Messages: each(all, message), More: more}), nil
}

func (s chatService) MarkRead(ctx context.Context, req *connect.Request[apiv1.MarkReadRequest]) (*connect.Response[apiv1.MarkReadResponse], error) {
	c, err := s.node.MarkRead(ctx, req.Msg.GetChat(), req.Msg.GetUpTo())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.MarkReadResponse{Chat: chat(c)}), nil
}

func (s chatService) Export(ctx context.Context, req *connect.Request[apiv1.ExportRequest], stream *connect.ServerStream[apiv1.ExportResponse]) error {
	w := bufio.NewWriterSize(exportWriter{stream}, exportChunk)
	if err := s.node.Export(ctx, req.Msg.GetChat(), req.Msg.GetFormat(), w); err != nil {
		return err
	}
	return w.Flush()
}

// exportWriter sends what is written, in the pieces in which it comes.
type exportWriter struct {
	stream *connect.ServerStream[apiv1.ExportResponse]
}

func (w exportWriter) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), exportChunk)
		if err := w.stream.Send(&apiv1.ExportResponse{Data: rest[:n]}); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(b), nil
}

// pageSize is how many messages are answered for what was asked.
func pageSize(asked uint32) int {
	if asked == 0 {
		return defaultPage
	}
	return int(min(asked, maxPage))
}

// moment reads a time in milliseconds since 1970; 0 is no time.
func moment(ms int64) (time.Time, error) {
	if ms < 0 || ms > maxTime {
		return time.Time{}, invalid("%d is not a time in milliseconds since 1970", ms)
	}
	if ms == 0 {
		return time.Time{}, nil
	}
	return time.UnixMilli(ms), nil
}

func (s chatService) SignalTyping(ctx context.Context, req *connect.Request[apiv1.SignalTypingRequest]) (*connect.Response[apiv1.SignalTypingResponse], error) {
	if err := s.node.SignalTyping(ctx, req.Msg.GetChat(), req.Msg.GetStopped()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.SignalTypingResponse{}), nil
}

func (s chatService) ListReceipts(ctx context.Context, req *connect.Request[apiv1.ListReceiptsRequest]) (*connect.Response[apiv1.ListReceiptsResponse], error) {
	all, err := s.node.Receipts(ctx, req.Msg.GetId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&apiv1.ListReceiptsResponse{Receipts: each(all, func(r node.Receipt) *apiv1.Receipt {
		return &apiv1.Receipt{Person: person(r.Person), State: messageState(r.State)}
	})}), nil
}
