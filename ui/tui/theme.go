package tui

import (
	"strconv"
	"strings"
)

// role says what a piece of text is; the theme says how it looks.
type role uint8

const (
	plain    role = iota
	faint         // times, hints, rules
	strong        // titles
	accent        // what is chosen, our own name
	alert         // errors, refusals
	good          // online, done
	warn          // waiting
	mention       // we are meant
	code          // code spans and blocks
	link          // addresses
	emphasis      // *text*
	heavy         // **text**
	struck        // ~~text~~
	quote         // quoted lines
	chosen        // the row under the cursor
	badge         // numbers of unread messages
	badgeMe       // numbers of mentions
	bar           // header and status line
	pixels        // rows of a picture, which bring colours of their own
	person0       // first of the colours of people
	roles    = person0 + people
)

// people is how many colours names are told apart by.
const people = 6

// theme is one look: the SGR parameters of each role. Colours never tell
// anything that a sign or a word does not tell too.
type theme struct {
	name string
	sgr  [roles]string
}

// themeNames lists the looks that the preference "theme" can have.
func themeNames() []string { return []string{"auto", "dark", "light", "16", "contrast", "mono"} }

// newTheme returns the look of that name. "auto" follows the background of the
// terminal. An unknown name is auto.
func newTheme(name string, dark bool) *theme {
	switch name {
	case "dark", "light", "16", "contrast", "mono":
	default:
		name = "light"
		if dark {
			name = "dark"
		}
	}
	t := &theme{name: name}
	var s map[role]string
	switch name {
	case "dark":
		s = darkLook()
	case "light":
		s = lightLook()
	case "16":
		s = basicLook()
	case "contrast":
		s = contrastLook()
	default:
		s = monoLook()
	}
	for r := range roles {
		if p, ok := s[r]; ok {
			t.sgr[r] = "\x1b[" + p + "m"
		}
	}
	return t
}

// fg and bg write a colour of 24 bits; the renderer turns it into what the
// terminal has.
func fg(rgb uint32) string { return "38;2;" + triple(rgb) }

func bg(rgb uint32) string { return "48;2;" + triple(rgb) }

func triple(rgb uint32) string {
	parts := []string{
		strconv.Itoa(int(rgb >> 16 & 0xff)), strconv.Itoa(int(rgb >> 8 & 0xff)), strconv.Itoa(int(rgb & 0xff)),
	}
	return strings.Join(parts, ";")
}

func darkLook() map[role]string {
	return map[role]string{
		faint: fg(0x7c8593), strong: "1", accent: "1;" + fg(0x7ab7ff), alert: "1;" + fg(0xff7b72), good: fg(0x7ee787),
		warn: fg(0xe3b341), mention: "1;" + fg(0xffd580), code: fg(0xd2a8ff) + ";" + bg(0x22272e), link: "4;" + fg(0x79c0ff),
		emphasis: "3", heavy: "1", struck: "9", quote: fg(0x9aa4b2), chosen: bg(0x2d3643), badge: "1;" + fg(0xc9d1d9) + ";" + bg(0x3d4654),
		badgeMe: "1;" + fg(0x1b1f24) + ";" + bg(0xffd580), bar: fg(0xc9d1d9) + ";" + bg(0x22272e),
		person0: "1;" + fg(0x6cb6ff), person0 + 1: "1;" + fg(0x8ddb8c), person0 + 2: "1;" + fg(0xf69d50),
		person0 + 3: "1;" + fg(0xdcbdfb), person0 + 4: "1;" + fg(0xfc8dc7), person0 + 5: "1;" + fg(0x56d4dd),
	}
}

func lightLook() map[role]string {
	return map[role]string{
		faint: fg(0x6a737d), strong: "1", accent: "1;" + fg(0x0550ae), alert: "1;" + fg(0xb31d28), good: fg(0x176f2c),
		warn: fg(0x7d4e00), mention: "1;" + fg(0x8a4600), code: fg(0x6f42c1) + ";" + bg(0xeef0f3), link: "4;" + fg(0x0969da),
		emphasis: "3", heavy: "1", struck: "9", quote: fg(0x57606a), chosen: bg(0xdbe6f5), badge: "1;" + fg(0x24292f) + ";" + bg(0xd0d7de),
		badgeMe: "1;" + fg(0xffffff) + ";" + bg(0x8a4600), bar: fg(0x24292f) + ";" + bg(0xe6e9ed),
		person0: "1;" + fg(0x0550ae), person0 + 1: "1;" + fg(0x116329), person0 + 2: "1;" + fg(0x953800),
		person0 + 3: "1;" + fg(0x6639ba), person0 + 4: "1;" + fg(0x99286e), person0 + 5: "1;" + fg(0x1b6d74),
	}
}

// basicLook has the 16 colours that every terminal lets its owner choose.
func basicLook() map[role]string {
	return map[role]string{
		faint: "2", strong: "1", accent: "1;36", alert: "1;31", good: "32", warn: "33", mention: "1;33", code: "35",
		link: "4;36", emphasis: "3", heavy: "1", struck: "9", quote: "2", chosen: "7", badge: "1;7", badgeMe: "1;7;33", bar: "7",
		person0: "1;34", person0 + 1: "1;32", person0 + 2: "1;33", person0 + 3: "1;35", person0 + 4: "1;31", person0 + 5: "1;36",
	}
}

func contrastLook() map[role]string {
	s := monoLook()
	s[faint], s[quote] = "", ""
	s[alert], s[mention], s[badgeMe], s[bar] = "1;7", "1;4;7", "1;5;7", "1;7"
	for i := range role(people) {
		s[person0+i] = "1"
	}
	return s
}

// monoLook does without colour.
func monoLook() map[role]string {
	s := map[role]string{
		faint: "2", strong: "1", accent: "1;4", alert: "1;7", good: "1", warn: "1", mention: "1;4", code: "1", link: "4",
		emphasis: "3", heavy: "1", struck: "9", quote: "2", chosen: "7", badge: "1", badgeMe: "1;7", bar: "7",
	}
	for i := range role(people) {
		s[person0+i] = "1"
	}
	return s
}

// personRole gives a person always the same colour.
func personRole(account string) role {
	var h uint32 = 2166136261
	for i := range len(account) {
		h = (h ^ uint32(account[i])) * 16777619
	}
	return person0 + role(h%people)
}
