package identity_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"

	"github.com/kith-chat/kith/identity"
)

func TestCleanName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Ann":                                    "Ann",
		"  Ann \t of\r\nGreen ":                  "Ann of Green",
		"Jose\u0301":                             "Jos\u00e9",
		"":                                       "",
		"\u200b\u2060\ufeff":                     "",
		"photo\u202egpj.exe":                     "photogpj.exe",
		"\u2066a\u2069":                          "a",
		"a\u200db":                               "ab",
		"a\x00b\x1b[2Jc\x9bd\x7f":                "ab[2Jcd",
		"a\u0085b\u2028c":                        "a b c",
		"\xff\xfeAnn\xc3":                        "Ann",
		"\u3164\u115f\u2800":                     "",
		"\u00a0\u3000Ann\u2003B":                 "Ann B",
		"李\u200f明":                               "李明",
		"\u0301a":                                "a",
		"a " + "\u0301":                          "a",
		"\U000e0041\U000e0042x":                  "x",
		"e" + strings.Repeat("\u0323\u0301", 40): norm.NFC.String("e\u0323\u0323\u0323\u0301"),
		"x\ue000y\U0010ffffz":                    "xyz",
		"x\ufffdy":                               "xy",
		strings.Repeat("é", 100):                 strings.Repeat("é", 64),
		strings.Repeat("漢", 100):                 strings.Repeat("漢", 64),
		strings.Repeat("👍🏽", 100):                strings.Repeat("👍🏽", 32),
		"ann\u2067\u202c\u202d":                  "ann",
	} {
		if got := identity.CleanName(in); got != want && !strings.HasPrefix(in, "e\u0323") {
			t.Errorf("%+q gives %+q, not %+q", in, got, want)
		}
	}
	if got := identity.CleanName("e" + strings.Repeat("\u0323\u0301", 40)); utf8.RuneCountInString(got) > 5 {
		t.Errorf("a tower of marks stays: %+q", got)
	}
	checkClean(t, strings.Repeat("a\u0301\u0323", 3000))
	checkClean(t, strings.Repeat("\U0001f468\u200d\U0001f469\u200d", 3000))
}

// checkClean states what a clean name is.
func checkClean(t *testing.T, in string) {
	t.Helper()
	got := identity.CleanName(in)
	if again := identity.CleanName(got); again != got {
		t.Errorf("%+q: cleaned again %+q becomes %+q", in, got, again)
	}
	if len(got) > identity.MaxNameBytes || uniseg.GraphemeClusterCount(got) > identity.MaxNameGraphemes || !utf8.ValidString(got) || !norm.NFC.IsNormalString(got) {
		t.Errorf("%+q gives %+q: too long or not normal", in, got)
	}
	if strings.TrimSpace(got) != got || strings.Contains(got, "  ") {
		t.Errorf("%+q gives %+q: space", in, got)
	}
	for _, r := range got {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Bidi_Control, unicode.Variation_Selector) || r != ' ' && unicode.IsSpace(r) {
			t.Errorf("%+q gives %+q with %U", in, got, r)
		}
	}
}

// Every character, alone, behind a letter and before a mark.
func TestCleanName_EveryCharacter(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune && !t.Failed(); r++ {
		if r == 0x20000 {
			r = 0xe0000 // two planes of Han and one of nothing are all alike
		}
		if !unicode.IsPrint(r) && !unicode.IsMark(r) && !unicode.In(r, unicode.Cf, unicode.Zs, unicode.Cc) {
			continue
		}
		checkClean(t, "a"+string(r)+"\u0301\u0345")
		checkClean(t, string(r))
	}
}

func FuzzCleanName(f *testing.F) {
	for _, seed := range []string{
		"Ann", " A\tB ", "Jose\u0301", "a\u202eb", "\u1100\u1161\u11a8", "👨‍👩‍👧 family", "नमस्ते", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢", "\xff", "ﷺ", "ᾳ\u0345\u0345",
		"\u0f71\u0f72\u0f74\u0f80", "ǅ", "İı", "\u2126\u212b", "e\u0301 \u0301",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		checkClean(t, in)
		if s := identity.Skeleton(in); s != identity.Skeleton(identity.CleanName(in)) {
			t.Errorf("%+q: the skeleton is not that of the clean name", in)
		}
	})
}

// Names that can be taken for each other must be seen to be so, whatever
// script they borrow their letters from.
func TestDisplayName_Confusables(t *testing.T) {
	t.Parallel()
	pairs := 0
	for line := range strings.Lines(confusablePairs) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		for _, other := range fields[1:] {
			pairs++
			if fields[0] == other {
				t.Errorf("%q is compared with itself", other)
			}
			if !identity.Confusable(fields[0], other) {
				t.Errorf("%q and %+q are told apart: %q, %q", fields[0], other, identity.Skeleton(fields[0]), identity.Skeleton(other))
			}
		}
	}
	for _, p := range [][2]string{
		{"Alice", "Alice\u200b"},
		{"Alice", "\u202eAlice"},
		{"Alice", "Al\u00adice"},
		{"Alice", " A lice"},
		{"Alice", "Al\u2062ice"},
		{"Jos\u00e9", "Jose\u0301"},
		{"Alice", "A\u034flice"},
		{"Alice", "Alice\ufe0f"},
		{"Alice", "Alice\u3164"},
		{"Ann Lee", "Ann\u00a0Lee"},
		{"Alice", "Alice!"},
		{"Alice", "\"Alice\""},
		{"Alice", "-Alice-"},
		{"ann_lee", "ann-lee"},
		{"Ann Lee", "Ann.Lee"},
	} {
		pairs++
		if !identity.Confusable(p[0], p[1]) {
			t.Errorf("%+q and %+q are told apart", p[0], p[1])
		}
	}
	if pairs < 200 {
		t.Errorf("only %d pairs", pairs)
	}
	t.Logf("%d pairs", pairs)
}

func TestNamesThatDiffer(t *testing.T) {
	t.Parallel()
	names := strings.Fields("Alice Bob Carol Dave Eve Frank Grace Heidi Ivan Judy Mallory Niaj Olivia Peggy Rupert Sybil Trent Victor Wendy Zoe " +
		"Иван Ольга Пётр Мария Дмитрий Юлия Γιώργος Ελένη Νίκος 李明 王伟 张伟 刘洋 さくら たろう ハナコ 김민수 이지은 محمد فاطمة דוד שרה")
	for i, a := range names {
		for _, b := range names[:i] {
			if identity.Confusable(a, b) {
				t.Errorf("%q and %q are taken for each other: %q", a, b, identity.Skeleton(a))
			}
		}
	}
}

// confusablePairs: the first name of a line is confusable with each other one.
const confusablePairs = `
Alice Аlice Αlice ALICE alice ａｌｉｃｅ Ａｌｉｃｅ 𝐀𝐥𝐢𝐜𝐞 𝓐𝓵𝓲𝓬𝓮 𝔸𝕝𝕚𝕔𝕖 Aⅼice Alіce Aliсe Alicе Alıce A1ice A|ice Alιce Ꭺlice Ａliсe ⓐⓛⓘⓒⓔ Álice Àlicè @lice Al!ce Aӏice Aliϲe
Bob Вob Βob Bоb Bοb B0b Bօb BОB ВОВ ΒΟΒ Ꮟob Ьob Ｂｏｂ 𝗕𝗼𝗯 Bób Bøb b०b ВоЬ
Carol Сarol Ϲarol Cаrol Carоl Carοl Caгol Caro1 Carοӏ ⅭaroⅠ Ꮯarol Саrоl
Dave Ꭰave ⅾave Dаve Davе Daνe Daѵe Ḋave ⅅave Đave
Eve Еve Εve Evе Eνe ℮ve Ꭼve Éve EVE ΕVΕ ЕѴЕ
Frank Ϝrank Fraпk Franк Frαnk Fгank ꓝrank ＦＲＡＮＫ
Grace Ԍrace Gгace Graсe Gracе Ꮐrace ɡrace
Heidi Нeidi Ηeidi һeidi Hеidi Heіdi Heidі He1d1 Heidı Ꮋeidi
Ivan Іvan Ιvan lvan 1van Ӏvan |van Ivаn Iѵan Ⅰvan
Judy Јudy Juԁy Judу Judγ Jυdy Juⅾy Ꭻudy Jսdy
Kate Κate Кate Kаte Kaтe Katе Ꮶate κate кate
Mallory Μallory Маllory Ⅿallory Ma11ory MaIIory Mallоry Malloгy Mallorу rnallory Ϻallory
Nina Νina Niпa Ninа Nιna ηina Иina
Olivia Оlivia Οlivia 0livia Oliνia Olіvia ОӀivia Øliviа
Peggy Рeggy Ρeggy рeggy ρeggy Pеggy Peɡɡy Pe99y
Quinn Ԛuinn Qυinn Quiпn ԛuinn
Rupert Ruреrt Rυpert Ꭱupert яupert
Sybil Ѕybil ѕybil Sуbil Sybi1 5ybil $ybil Տybil Ｓybil
Trent Тrent Τrent Trепt тrent Tгent Treпτ
Ursula Uгsula Ursυla Սrsula Ursu1a
Victor Ⅴictor ѵictor νictor Viсtor Victоr Victοг ∨ictor
Wendy Ԝendy ѡendy Wеndy vvendy VVendy Шendy
Xavier Хavier Χavier хavier χavier ⅹavier Xаvier
Yves Υves Үves уves γves Yνes Yvеs
Zoe Ζoe Zoе Zое 2oe ᴢoe Zoë Zöe
Michael Мichael Мichаel rnichael Micһael Michae1
paypal раypal pаypal paypa1 рaураl paypaI ｐａｙｐａｌ
admin аdmin adrnin admіn аdmіn adm1n ädmin
`

func BenchmarkSkeleton(b *testing.B) {
	for b.Loop() {
		identity.Skeleton("Аlice of Wonderland")
	}
}
