package identity

import (
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Skeleton returns what is left of a name when everything that looks alike is
// made the same: two names with one skeleton can be taken for each other. It
// follows the idea of UTS #39 (Unicode Security Mechanisms) with tables of the
// letters that people meet, not the whole of its data, and goes further than
// it in passing over case, accents, spaces and punctuation. It errs towards
// alike: the price is a fingerprint beside a name that did not need one.
//
// Skeletons are compared, never shown, and never stored: the tables grow.
func Skeleton(name string) string {
	t := skeletonTables()
	runes := []rune(norm.NFD.String(CleanName(name)))
	var b strings.Builder
	for i, r := range runes {
		if s, ok := t.stands[r]; ok && i+1 < len(runes) && (unicode.IsLetter(runes[i+1]) || unicode.IsNumber(runes[i+1])) {
			b.WriteString(s) // a sign that is used as a letter
			continue
		}
		if s, ok := t.lookup(r); ok {
			b.WriteString(s)
			continue
		}
		for _, r := range norm.NFKD.String(string(r)) {
			if s, ok := t.lookup(r); ok {
				b.WriteString(s)
			} else if !unicode.IsMark(r) && !unicode.IsSpace(r) && !unicode.IsPunct(r) {
				b.WriteRune(unicode.ToLower(r))
			}
		}
	}
	s := norm.NFC.String(b.String())
	return strings.ReplaceAll(strings.ReplaceAll(s, "rn", "m"), "vv", "w")
}

// Confusable reports whether two names can be taken for each other.
func Confusable(a, b string) bool { return Skeleton(a) == Skeleton(b) }

// The tables. In each group the first character is the one that all the others
// are drawn like; groups are apart by a space.
const (
	// lookalikesCased are told by their capital: Greek Η is drawn like H, and
	// its small letter η like n.
	lookalikesCased = "aАΑᎪꓮ bВΒᏴꓐ cСϹᏟꓚ dᎠꓓ eЕΕᎬꓰ fϜꓝ gԌᏀꓖ hНΗᎻꓧ iІΙӀᛁꓲ jЈᎫꓙ kКΚᏦꓗ lᏞꓡ mМΜᎷꓟϺ " +
		"nΝꓠИ oОΟՕꓳ pРΡᏢꓑ qԚ rᎡꓣᏒЯ sЅՏᏚꓢ tТΤᎢꓔ uՍꓴ vᏙꓦѴ wᎳꓪԜШ xХΧꓫ yҮΥУꓬ zΖᏃꓜ 3ЗƷӠ 4Ч 6Б"
	// lookalikesLower are met after lower-casing: Latin, Cyrillic, Greek,
	// Armenian, Cherokee, Arabic and Hebrew letters, digits of several
	// scripts, and Han beside Kana.
	lookalikesLower = "aаαɑ⍺ꭺ bьъƅßβвꮟ cсϲᴄꮯ dԁđɖꓒ eеҽєε℮ꭼɛ fϝքꬵƒſ gɡցƍԍ9 hһհʜнħ i1lіɩıιӏ|ǀ∣ɪוןا١۱ł jјϳյȷ kкκᴋқ mмʍ nпոռηиŋ " +
		"oоοσ0օᴏഠ੦०০୦௦๐໐০ہ٥ⲟøө pрρϱ⍴ⲣ qԛգզ rгᴦⲅя sѕꜱƽ5ʂ tтτᴛŧ uυսʋцᴜ vνѵᴠ∨ wѡԝաɯωш xхχ× yуγүყʏ zᴢʐ2 3зʒӡэɜ 4ч 6б 8ȣ " +
		"工エ 力カ 夕タ 卜ト 二ニ 八ハ 口ロ囗 一ー─ヘへ 日曰 已己巳 土士 未末 千干 يىی كک هھەة"
)

// table pairs a character with what stands for it in a skeleton.
type table map[rune]string

type tables struct{ cased, lower, stands table }

func (t tables) lookup(r rune) (string, bool) {
	if s, ok := t.cased[r]; ok {
		return s, true
	}
	s, ok := t.lower[unicode.ToLower(r)]
	return s, ok
}

var skeletonTables = sync.OnceValue(func() tables {
	t := tables{
		cased: newTable(lookalikesCased), lower: newTable(lookalikesLower),
		stands: table{'!': "i", '@': "a", '$': "s"},
	}
	t.lower['æ'], t.lower['œ'] = "ae", "oe"
	return t
})

func newTable(groups string) table {
	t := table{}
	for group := range strings.FieldsSeq(groups) {
		all := []rune(group)
		for _, r := range all[1:] {
			t[r] = string(all[0])
		}
	}
	return t
}
