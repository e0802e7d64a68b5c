package cli

import (
	"bytes"
	"fmt"
	"io"

	"github.com/kith-chat/kith/ui"
)

// maxExportLine is the longest line that is held back to be cleaned whole, in
// bytes. It is far above what one message can be.
const maxExportLine = 4 << 20

// cleanWriter makes an export safe to look at: characters that act on a
// terminal are escaped in JSON, where that loses nothing, and made visible in
// Markdown.
type cleanWriter struct {
	w    io.Writer
	json bool
	line []byte // the beginning of a line that is not whole yet
}

func newCleanWriter(w io.Writer, json bool) *cleanWriter { return &cleanWriter{w: w, json: json} }

func (c *cleanWriter) write(data []byte) error {
	c.line = append(c.line, data...)
	for {
		end := bytes.IndexByte(c.line, '\n')
		if end < 0 {
			break
		}
		if err := c.put(c.line[:end]); err != nil {
			return err
		}
		c.line = c.line[end+1:]
	}
	if len(c.line) > maxExportLine {
		return fmt.Errorf("exporting: a line is longer than %d bytes", maxExportLine)
	}
	return nil
}

// flush writes what is left of a last line without an end.
func (c *cleanWriter) flush() error {
	if len(c.line) == 0 {
		return nil
	}
	rest := c.line
	c.line = nil
	return c.put(rest)
}

func (c *cleanWriter) put(line []byte) error {
	out := append([]byte(ui.Line(string(line)).String()), '\n')
	if c.json {
		out = append(escape(line), '\n')
	}
	if _, err := c.w.Write(out); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	return nil
}
