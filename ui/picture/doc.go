// Package picture shows pictures in a terminal: by the graphics protocol of
// kitty, as sixels, or as half blocks in whatever colours there are.
//
//	img, err := picture.Decode(data)
//	io.WriteString(w, picture.Render(img, 60, 20, picture.Detect(os.Getenv, "")))
//
// A screen that is drawn cell by cell cannot hold the sequences of sixels or of
// kitty: it draws the rows that Lines or Placeholder return.
//
// The package must not know where a picture comes from; every byte of it is
// foreign. It reads no file and writes to no terminal.
//
// Invariant: nothing is decoded before its header has been read and its size
// found within bounds, and what is written is bounded by the cells that were
// asked for. Colours are numbers when they reach an escape sequence.
//
// Read decode.go first, then render.go.
package picture
