package page_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"
	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
)

func TestForeignTextsCantAct(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"a mention of everybody", "<!channel>", "&lt;!channel&gt;"},
		{"a forged link", "<http://evil|Approve>", "&lt;http://evil|Approve&gt;"},
		{"what is escaped already is escaped again, and so shown as it was", "&lt;b&gt;", "&amp;lt;b&amp;gt;"},
		{"the end of a code span", "a`b", "a'b"},
		{"a second line", "a\nb\u2028c", "a b c"},
		{"a change of direction", "a\u202eb\u2066c\u200fd", "abcd"},
		{"bytes that are no text", "a\xff\xfeb\x00", "a\uFFFDb"},
		{"letters that are joined stay so", "👩\u200d🚀", "👩\u200d🚀"},
	} {
		if got := page.Writef("%s", row.text); string(got) != row.want {
			t.Errorf("%s: %q, not %q", row.name, got, row.want)
		}
	}
}

func TestWritefKnowsWhatIsOurs(t *testing.T) {
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name string
		arg  any
		want string
	}{
		{"text of ours stays", page.Text("*<@U1>*"), "*<@U1>*"},
		{"a person is mentioned", promotion.PersonID("U024BE7LH"), "<@U024BE7LH>"},
		{"an id that is none is shown", promotion.PersonID("!channel"), "`!channel`"},
		{"a digest is short and in code", promotion.Digest("sha256:" + strings.Repeat("0123456789abcdef", 4)), "`0123456789ab`"},
		{"no digest is nothing", promotion.Digest(""), "nothing"},
		{"an instant is in the reader's time zone", at, "<!date^1795424400^{date_short_pretty} {time}|2026-11-23 09:00 UTC>"},
		{"any other type is foreign", promotion.Repository("<x>"), "&lt;x&gt;"},
	} {
		if got := page.Writef("%v", row.arg); string(got) != row.want {
			t.Errorf("%s: %q, not %q", row.name, got, row.want)
		}
	}
}

// whole matches text in which nothing is cut through the middle.
var whole = regexp.MustCompile("^([^<>&`]|&(amp|lt|gt);|<[^<>]*>|`([^<>&`]|&(amp|lt|gt);)*`)*$")

func drawText(t *rapid.T) page.Text {
	foreign := rapid.OneOf(rapid.SampledFrom([]string{"&&&&&&&&", "<<<>>>", "a`b`c", "🚢🚢🚢", "plain words"}), rapid.String())
	var s page.Text
	for range rapid.IntRange(0, 12).Draw(t, "pieces") {
		switch rapid.IntRange(0, 3).Draw(t, "piece") {
		case 0:
			s += page.Code(foreign.Draw(t, "code"))
		case 1:
			s += page.Writef("%s", time.Unix(int64(rapid.Int32().Draw(t, "instant")), 0))
		case 2:
			s += page.Mention("U024BE7LH")
		default:
			s += page.Writef("%s", foreign.Draw(t, "foreign"))
		}
	}
	return s
}

func TestCuttingLeavesWholeWhatItLeaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawText(t)
		n := rapid.IntRange(3, 200).Draw(t, "limit")
		cut := page.Clip(s, n)
		if utf8.RuneCountInString(string(cut)) > n || !whole.MatchString(string(cut)) {
			t.Fatalf("%q cut to %d is %q", s, n, cut)
		}
		if utf8.RuneCountInString(string(s)) <= n && cut != s {
			t.Fatalf("%q was cut though it fits into %d: %q", s, n, cut)
		}
		raw := rapid.String().Draw(t, "raw")
		if f := page.Foreign(raw, n); utf8.RuneCountInString(string(f)) > n || !whole.MatchString(string(f)) {
			t.Fatalf("%q within %d is %q", raw, n, f)
		}
		if w := page.Plain(raw, n); utf8.RuneCountInString(w) > n {
			t.Fatalf("%q within %d is %q", raw, n, w)
		}
	})
}

func TestForeignTextThatJustFitsIsNotCut(t *testing.T) {
	for s, n := range map[string]int{"abc": 3, "a&": 6, "🚢🚢": 2} {
		if f := page.Foreign(s, n); strings.Contains(string(f), "…") {
			t.Errorf("%q within %d is %q", s, n, f)
		}
		if f := page.Foreign(s, n-1); !strings.HasSuffix(string(f), "…") {
			t.Errorf("%q within %d is %q", s, n-1, f)
		}
	}
}

func TestBlocksKeepSlacksLimits(t *testing.T) {
	long := page.Text(strings.Repeat("🚢", 10_000))
	var p page.Page
	p.Header(string(long))
	p.Section(long, long)
	p.Context(long)
	p.Fields(long, "", long)
	if n := utf8.RuneCountInString(p.Blocks[0].(*slack.HeaderBlock).Text.Text); n > 150 {
		t.Errorf("a header of %d", n)
	}
	if n := utf8.RuneCountInString(p.Blocks[1].(*slack.SectionBlock).Text.Text); n > 3000 || n < 2900 {
		t.Errorf("a section of %d", n)
	}
	if n := utf8.RuneCountInString(p.Blocks[2].(*slack.ContextBlock).ContextElements.Elements[0].(*slack.TextBlockObject).Text); n > 3000 {
		t.Errorf("a context of %d", n)
	}
	fields := p.Blocks[3].(*slack.SectionBlock).Fields
	if n := utf8.RuneCountInString(fields[0].Text); n > 2000 || len(fields) != 2 {
		t.Errorf("%d fields, the first of %d", len(fields), n)
	}
	if p.Section(); len(p.Blocks) != 4 {
		t.Error("a section of no lines is shown")
	}
}

func TestLinesThatDontFitAreCounted(t *testing.T) {
	lines := []page.Text{"one", "two", page.Text(strings.Repeat("x", 50)), "four", ""}
	if got, want := page.Fit(lines, 30), page.Text("one\ntwo\n… 2 more"); got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestABlockIDHoldsTheRevision(t *testing.T) {
	p := page.Page{Of: &promotion.Promotion{ID: 12, Revision: 3}}
	p.Header("x")
	p.Section("x")
	for i, want := range []string{"promotebot/12/3/0", "promotebot/12/3/1"} {
		if got := p.Blocks[i].ID(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	if id := (&page.Page{}).ID(); id != "" {
		t.Errorf("a page that is never updated has %q", id)
	}
}

// Counted in bytes of JSON: a ship is four, and what is escaped is up to six.
func TestWhatAViewHasNoRoomForIsLeftOut(t *testing.T) {
	for _, text := range []string{"🚢", "<", "a"} {
		var p page.Page
		for range 10 {
			p.Section(page.Writef("short"))
		}
		if p.Within("there is more"); len(p.Blocks) != 10 {
			t.Errorf("%q: %d blocks of ten that have room", text, len(p.Blocks))
		}
		for range 100 {
			p.Section(slices.Repeat([]page.Text{page.Writef("%s", strings.Repeat(text, 250))}, 20)...)
		}
		all := len(p.Blocks)
		p.Within("there is more")
		raw, err := json.Marshal(p.Blocks)
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) > 245_000 || len(p.Blocks) >= all || len(p.Blocks) < 15 || !strings.Contains(string(raw), "there is more") {
			t.Errorf("%q: %d of %d blocks, %d bytes", text, len(p.Blocks), all, len(raw))
		}
	}
}
