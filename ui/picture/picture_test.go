package picture

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strconv"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// sunset is a picture with many colours.
func sunset(width, height int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.SetRGBA(x, y, color.RGBA{uint8(255 * x / width), uint8(255 * y / height), uint8(128 + x%7), 255})
		}
	}
	return img
}

// encoded gives the seeds: each format once. A WebP of one pixel, because
// there is no encoder for it here.
func encoded(tb testing.TB) map[string][]byte {
	tb.Helper()
	out := map[string][]byte{}
	for name, enc := range map[string]func(*bytes.Buffer) error{
		"png":  func(b *bytes.Buffer) error { return png.Encode(b, sunset(40, 30)) },
		"jpeg": func(b *bytes.Buffer) error { return jpeg.Encode(b, sunset(40, 30), nil) },
		"gif":  func(b *bytes.Buffer) error { return gif.Encode(b, sunset(40, 30), nil) },
	} {
		var b bytes.Buffer
		if err := enc(&b); err != nil {
			tb.Fatal(err)
		}
		out[name] = b.Bytes()
	}
	webp, err := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	if err != nil {
		tb.Fatal(err)
	}
	out["webp"] = webp
	return out
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for name, data := range encoded(t) {
		img, err := Decode(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		w, h, err := Size(data)
		if err != nil || w != img.Bounds().Dx() || h != img.Bounds().Dy() {
			t.Errorf("%s: the header says %d×%d, %v; it is %v", name, w, h, err, img.Bounds())
		}
		if _, err := Decode(data[:len(data)/2]); err == nil && name == "png" {
			t.Errorf("half a %s is taken", name)
		}
	}
	for _, bad := range []string{"", "x", "<svg/>", "RIFF1234WAVE", "GIF87", "\x89PNG\r\n\x1a\nrest", "\xff\xd8\xff\xc2"} {
		if _, err := Decode([]byte(bad)); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestHugeHeaders: a small file that claims to be large costs nothing.
func TestHugeHeaders(t *testing.T) {
	t.Parallel()
	seeds := encoded(t)
	patch := func(name string, f func([]byte)) []byte {
		d := bytes.Clone(seeds[name])
		f(d)
		return d
	}
	sof := bytes.Index(seeds["jpeg"], []byte{0xff, 0xc0})
	for name, data := range map[string][]byte{
		"gif": patch("gif", func(b []byte) { binary.LittleEndian.PutUint32(b[6:], 0xffff_ffff) }),
		"jpeg": patch("jpeg", func(b []byte) {
			binary.BigEndian.PutUint32(b[sof+5:], 0xffff_ffff)
		}),
		"progressive jpeg": patch("jpeg", func(b []byte) {
			b[sof+1] = 0xc2
			binary.BigEndian.PutUint16(b[sof+5:], 5000)
			binary.BigEndian.PutUint16(b[sof+7:], 5000)
		}),
		"long": make([]byte, MaxBytes+1),
	} {
		if _, err := Decode(data); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v, want ErrTooLarge", name, err)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8000, 6000))); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(b.Bytes()); !errors.Is(err, ErrTooLarge) {
		t.Errorf("48 megapixels: %v", err)
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ w, h, cols, rows, wantC, wantR int }{
		{800, 800, 40, 40, 40, 20},
		{800, 800, 80, 10, 20, 10},
		{16, 16, 80, 24, 2, 1},
		{4000, 10, 80, 24, 80, 1},
		{10, 4000, 80, 24, 1, 24},
		{1, 1, 0, -3, 1, 1},
		{32768, 1, 1 << 20, 1 << 20, 400, 1},
	} {
		if gotC, gotR := Fit(c.w, c.h, c.cols, c.rows, Caps{}); gotC != c.wantC || gotR != c.wantR {
			t.Errorf("%d×%d in %d×%d: %d×%d, want %d×%d", c.w, c.h, c.cols, c.rows, gotC, gotR, c.wantC, c.wantR)
		}
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	img := sunset(400, 300)
	for depth, sign := range map[Depth]string{Mono: "", Colours16: "\x1b[", Colours256: "8;5;", TrueColour: "8;2;"} {
		lines := Lines(img, 40, 20, Caps{Depth: depth})
		if len(lines) != 15 {
			t.Errorf("depth %d: %d lines", depth, len(lines))
		}
		for _, l := range lines {
			if w := ansi.StringWidth(l); w != 40 {
				t.Errorf("depth %d: %d columns in %q", depth, w, l)
			}
			if !strings.Contains(l, sign) || depth == Mono && strings.Contains(l, "\x1b") || depth != Mono && !strings.HasSuffix(l, "\x1b[m") {
				t.Errorf("depth %d: %q", depth, l)
			}
		}
	}
	two := image.NewRGBA(image.Rect(0, 0, 1, 2))
	two.SetRGBA(0, 0, color.RGBA{255, 0, 0, 255})
	two.SetRGBA(0, 1, color.RGBA{0, 0, 238, 255})
	for depth, want := range map[Depth]string{
		Mono: "▀", Colours16: "\x1b[91m\x1b[44m▀\x1b[m", Colours256: "\x1b[38;5;196m\x1b[48;5;21m▀\x1b[m", TrueColour: "\x1b[38;2;255;0;0m\x1b[48;2;0;0;238m▀\x1b[m",
	} {
		if got := Lines(two, 1, 1, Caps{Depth: depth})[0]; got != want {
			t.Errorf("depth %d: %q, want %q", depth, got, want)
		}
	}
}

// TestSixelsAreWhatWasDrawn reads the picture back.
func TestSixelsAreWhatWasDrawn(t *testing.T) {
	t.Parallel()
	img := sunset(80, 64)
	s := Render(img, 10, 4, Caps{Protocol: Sixel, Depth: TrueColour})
	body, ok := strings.CutPrefix(s, "\x1bP0;1q")
	body, end := strings.CutSuffix(body, "\x1b\\")
	if !ok || !end || strings.ContainsAny(body, "\x1b\a\n") {
		t.Fatalf("not one sequence: %.40q", s)
	}
	back := readSixels(t, body, 80, 64)
	worst := 0
	for y := range 64 {
		for x := range 80 {
			c, got := img.RGBAAt(x, y), back.RGBAAt(x, y)
			for _, d := range []int{int(got.R) - int(c.R), int(got.G) - int(c.G), int(got.B) - int(c.B)} {
				worst = max(worst, max(d, -d))
			}
		}
	}
	if worst > 56 { // one step of the palette
		t.Errorf("a colour is %d off", worst)
	}
}

// readSixels draws the body of a sequence as a terminal does.
func readSixels(t *testing.T, s string, width, height int) *image.RGBA {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	colours := map[int]color.RGBA{}
	var ink color.RGBA
	x, top := 0, 0
	numbers := func(rest string) (list []int, used int) {
		end := strings.IndexFunc(rest, func(r rune) bool { return r != ';' && (r < '0' || r > '9') })
		if end < 0 {
			end = len(rest)
		}
		for f := range strings.SplitSeq(rest[:end], ";") {
			n, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, n)
		}
		return list, end
	}
	for i := 0; i < len(s); i++ {
		run := 1
		switch s[i] {
		case '"', '#', '!':
			n, used := numbers(s[i+1:])
			sign := s[i]
			i += used
			switch {
			case sign == '#' && len(n) == 5:
				colours[n[0]] = color.RGBA{uint8(n[2] * 255 / 100), uint8(n[3] * 255 / 100), uint8(n[4] * 255 / 100), 255}
			case sign == '#':
				ink = colours[n[0]]
			case sign == '!':
				run = n[0]
				i++
			}
			if sign != '!' {
				continue
			}
		case '$':
			x = 0
			continue
		case '-':
			x, top = 0, top+6
			continue
		}
		for range run {
			for bit := range 6 {
				if (s[i]-'?')>>bit&1 == 1 {
					if x >= width || top+bit >= height {
						t.Fatalf("a dot at %d, %d", x, top+bit)
					}
					img.SetRGBA(x, top+bit, ink)
				}
			}
			x++
		}
	}
	return img
}

func TestKitty(t *testing.T) {
	t.Parallel()
	caps := Caps{Protocol: Kitty, Depth: TrueColour, Placeholders: true, CellWidth: 10, CellHeight: 20}
	for _, s := range []string{Render(sunset(800, 600), 40, 30, caps), Transmit(sunset(800, 600), 7, 40, 15, caps)} {
		if !strings.HasPrefix(s, "\x1b_Ga=T,") || !strings.Contains(s, ",s=400,v=300,c=40,r=15,") || strings.Count(s, "m=0;") != 1 {
			t.Errorf("%.80q", s)
		}
		for part := range strings.SplitSeq(strings.TrimSuffix(s, "\x1b\\"), "\x1b\\") {
			if !strings.HasPrefix(part, "\x1b_G") || len(part) > kittyChunk+80 {
				t.Errorf("a chunk of %d bytes: %.40q", len(part), part)
			}
		}
	}
	rows := Placeholder(0x010203, 3, 2)
	if len(rows) != 2 || !strings.HasPrefix(rows[0], "\x1b[38;2;1;2;3m\U0010EEEE") || strings.Count(rows[1], "\U0010EEEE") != 3 {
		t.Errorf("%q", rows)
	}
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  string
		da1  string
		want Caps
	}{
		{"", "", Caps{}},
		{"TERM=xterm", "", Caps{Depth: Colours16}},
		{"TERM=xterm-256color", "", Caps{Depth: Colours256}},
		{"TERM=xterm-256color COLORTERM=truecolor", "", Caps{Depth: TrueColour}},
		{"TERM=xterm-256color COLORTERM=truecolor NO_COLOR=1", "\x1b[?62;4c", Caps{}},
		{"TERM=xterm-kitty", "", Caps{Protocol: Kitty, Depth: TrueColour, Placeholders: true}},
		{"TERM=xterm-256color KITTY_WINDOW_ID=1", "", Caps{Protocol: Kitty, Depth: TrueColour, Placeholders: true}},
		{"TERM=tmux-256color KITTY_WINDOW_ID=1 TMUX=/tmp/x", "", Caps{Depth: Colours256}},
		{"TERM=xterm-256color TERM_PROGRAM=WezTerm", "", Caps{Protocol: Kitty, Depth: TrueColour}},
		{"TERM=xterm-256color", "\x1b[?62;4;6;22c", Caps{Protocol: Sixel, Depth: Colours256}},
		{"TERM=xterm-256color", "\x1b[?4;6c", Caps{Depth: Colours256}},
		{"TERM=xterm-256color", "4c", Caps{Depth: Colours256}},
		{"TERM=foot", "", Caps{Protocol: Sixel, Depth: Colours256}},
		{"TERM=vt220", "\x1b[?62;4c", Caps{}},
	} {
		env := map[string]string{}
		for kv := range strings.FieldsSeq(c.env) {
			k, v, _ := strings.Cut(kv, "=")
			env[k] = v
		}
		if got := Detect(func(k string) string { return env[k] }, c.da1); got != c.want {
			t.Errorf("%s %q: %+v, want %+v", c.env, c.da1, got, c.want)
		}
	}
}

// FuzzDecode: whatever comes in, what goes out is bounded.
func FuzzDecode(f *testing.F) {
	for _, data := range encoded(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if w, h, err := Size(data); err == nil && w*h > 1_000_000 {
			t.Skip("within the bounds, and slow")
		}
		img, err := Decode(data)
		if err != nil {
			return
		}
		for p := range Kitty + 1 {
			if s := Render(img, 8, 4, Caps{Protocol: p, Depth: TrueColour}); s == "" || len(s) > 200_000 {
				t.Errorf("protocol %d: %d bytes", p, len(s))
			}
		}
	})
}

func BenchmarkLines(b *testing.B) {
	img := sunset(4000, 3000)
	for b.Loop() {
		Lines(img, 80, 24, Caps{Depth: TrueColour})
	}
}
