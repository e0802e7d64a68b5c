package ui

import (
	"strings"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
)

// maxName is how many columns a name gets; identity bounds names to 64
// graphemes, but the screen does not rely on it.
const maxName = 64

// You is how the person before the screen is called.
const You Literal = "you"

// Name writes a person's name: "you", the name, or the name with the
// fingerprint where somebody else could be meant. What separates names from
// texts on a line is replaced in the name itself, so that a person called
// "ann: yes" cannot answer for ann. Right-to-left names need no isolation
// marks: a line starts with its time, and what follows a name is a colon.
func Name(p *apiv1.Person) Text {
	if p == nil {
		return F("somebody")
	}
	if p.GetSelf() {
		return F(You)
	}
	return Stranger(p)
}

// Stranger is Name for any person, the one before the screen included.
func Stranger(p *apiv1.Person) Text {
	name := Truncate(Text{strings.TrimSpace(nameSigns().Replace(Line(p.GetName()).s))}, maxName)
	mark := fingerprint(p)
	switch {
	case name.Empty():
		return mark
	case p.GetAmbiguous() || reserved(name.s):
		return F("%s (%s)", name, mark)
	}
	return name
}

// fingerprint is the short form of an account; its characters come from the
// node, but a screen trusts nobody.
func fingerprint(p *apiv1.Person) Text {
	s := p.GetFingerprint()
	if s == "" {
		s = strings.TrimPrefix(p.GetAccount(), "kith1")
		s = s[:min(len(s), 8)]
	}
	if s == "" {
		return F("unknown")
	}
	return Truncate(Line(s), 12)
}

// nameSigns replaces the signs that the screen itself puts around names.
func nameSigns() *strings.Replacer {
	return strings.NewReplacer(
		":", "_", "：", "_", "∶", "_", "꞉", "_", "﹕", "_", "׃", "_",
		"(", "[", "（", "[", "﹙", "[", "❨", "[",
		")", "]", "）", "]", "﹚", "]", "❩", "]",
	)
}

// reserved reports whether a name would pass for a word of the screen.
func reserved(name string) bool {
	switch strings.ToLower(strings.Trim(name, " *-—.")) {
	case "", string(You), "kith", "somebody", "system":
		return true
	}
	return strings.HasPrefix(name, "*") || strings.HasPrefix(name, "—")
}

// Chat writes a chat's name as a person would type it: "#name", "raw:topic",
// or "@" and the name of the person.
func Chat(c *apiv1.Chat) Text {
	if p := c.GetPeer(); p != nil && c.GetKind() == apiv1.ChatKind_CHAT_KIND_DIRECT {
		return F("@%s", Stranger(p))
	}
	return Truncate(Line(c.GetRef()), maxName)
}
