package tui

import (
	"context"
	"image"
	"strings"

	tea "charm.land/bubbletea/v2"
	"connectrpc.com/connect"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/node/api/v1/apiv1connect"
	"github.com/kith-chat/kith/ui/picture"
)

const (
	// picturePreference says whether pictures are shown: "on", "off", or, if
	// nobody has decided yet, "".
	picturePreference = "pictures"
	// pictureColumns and pictureRows bound a picture in a conversation.
	pictureColumns, pictureRows = 60, 16
	// maxPicture is the largest file that is read for the screen, in bytes.
	maxPicture = 8 << 20
	// maxPictures is how many are held.
	maxPictures = 64
)

// shown is a picture as it stands on the screen.
type shown struct {
	columns int
	whole   bool // made from the file, not from its preview
	rows    []string
	send    string // what the terminal has to be given first; "" if nothing
}

// isPicture reports whether an offer is a picture that can be shown.
func isPicture(f *apiv1.FileOffer) bool {
	return f != nil && (strings.HasPrefix(f.GetMediaType(), "image/") || len(f.GetPreview()) > 0)
}

// pictureLines are the rows of a picture, or how to have it shown.
func (m *Model) pictureLines(msg *apiv1.Message, columns int) []line {
	if !isPicture(msg.GetFile()) {
		return nil
	}
	switch m.prefs[picturePreference] {
	case "off":
		return nil
	case "on":
	default:
		return []line{line{sp(warn, m.t.Get("picture.ask")), gap(1), sp(faint, m.t.Get("picture.keys"))}.fit(columns)}
	}
	p := m.pictures[msg.GetId()]
	if p == nil {
		return nil
	}
	var out []line
	for _, r := range p.rows {
		if width(r) <= columns {
			out = append(out, line{{r, pixels}})
		}
	}
	return out
}

// wantPictures asks for the pictures of the messages in sight.
func (m *Model) wantPictures(t *talk) tea.Cmd {
	if m.prefs[picturePreference] != "on" {
		return nil
	}
	columns := min(m.panes().main-4, pictureColumns)
	var cmds []tea.Cmd
	last := -1
	for _, p := range m.viewport(t).rows() {
		if p.index < 0 || p.index == last {
			continue
		}
		last = p.index
		if msg := t.msgs[p.index]; isPicture(msg.GetFile()) && !msg.GetRetracted() {
			cmds = append(cmds, m.wantPicture(msg, columns))
		}
	}
	return tea.Batch(cmds...)
}

func (m *Model) wantPicture(msg *apiv1.Message, columns int) tea.Cmd {
	here := m.transfers[msg.GetId()].GetState()
	whole := (here == apiv1.TransferState_TRANSFER_STATE_DONE || here == apiv1.TransferState_TRANSFER_STATE_SHARED) &&
		msg.GetFile().GetSize() <= maxPicture && strings.HasPrefix(msg.GetFile().GetMediaType(), "image/")
	if p := m.pictures[msg.GetId()]; p != nil && p.columns == columns && p.whole == whole {
		return nil
	}
	if len(m.pictures) >= maxPictures {
		clear(m.pictures)
	}
	wanted := &shown{columns: columns, whole: whole}
	m.pictures[msg.GetId()] = wanted
	run, files, caps := m.run, m.api.Files, m.opts.Caps
	m.serial++
	id := uint32(m.serial)
	return func() tea.Msg {
		img, err := loadPicture(run, files, msg, whole)
		if err != nil {
			return nil // the file has a line of its own; its picture is an extra
		}
		c, r := picture.Fit(img.Bounds().Dx(), img.Bounds().Dy(), columns, pictureRows, caps)
		made := shown{columns: columns, whole: whole}
		if caps.Protocol == picture.Kitty && caps.Placeholders {
			made.rows, made.send = picture.Placeholder(id, c, r), picture.Transmit(img, id, c, r, caps)
		} else {
			made.rows = picture.Lines(img, columns, pictureRows, caps)
		}
		return answer{func(m *Model) tea.Cmd {
			*wanted = made
			m.look++
			if made.send != "" {
				return tea.Raw(made.send)
			}
			return nil
		}}
	}
}

// loadPicture decodes the file that is here, or else the preview of the offer.
func loadPicture(ctx context.Context, files apiv1connect.FileServiceClient, msg *apiv1.Message, whole bool) (image.Image, error) {
	data := msg.GetFile().GetPreview()
	if whole {
		if b, err := readFile(ctx, files, msg.GetId()); err == nil {
			data = b
		}
	}
	return picture.Decode(data)
}

func readFile(ctx context.Context, files apiv1connect.FileServiceClient, id string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := files.Read(ctx, connect.NewRequest(&apiv1.ReadRequest{Id: id, Limit: maxPicture}))
	if err != nil {
		return nil, err
	}
	var out []byte
	for s.Receive() && len(out) <= maxPicture {
		out = append(out, s.Msg().GetData()...)
	}
	err = s.Err()
	cancel()
	if cerr := s.Close(); err == nil && cerr != nil && connect.CodeOf(cerr) != connect.CodeCanceled {
		err = cerr
	}
	return out, err
}

// allowPictures decides once that pictures are shown, or not.
func (m *Model) allowPictures(yes bool) tea.Cmd {
	value := "off"
	if yes {
		value = "on"
	}
	m.look++
	return m.setPreference(picturePreference, value)
}
