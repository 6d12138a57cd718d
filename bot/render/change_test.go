package render_test

import (
	"strings"
	"testing"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/promotion"
)

func TestWhatChangedIsComparedOnTheForgeThatTheLabelsName(t *testing.T) {
	const from, to = "89abcdef0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef01234567"
	short := "from `89abcdef0123` to `0123456789ab`"
	for _, row := range []struct{ name, was, is, from, to, want string }{
		{"GitHub", "https://github.com/a/b", "https://github.com/a/b", from, to, short + ": <https://github.com/a/b/compare/" + from + "..." + to + "|compare> on github.com"},
		{"GitHub of a company", "https://github.example.com/a/b.git", "https://github.example.com/a/b.git", from, to, short + ": <https://github.example.com/a/b/compare/" + from + "..." + to + "|compare> on github.example.com"},
		{"GitLab", "https://gitlab.com/a/b/c", "https://gitlab.com/a/b/c", from, to, short + ": <https://gitlab.com/a/b/c/-/compare/" + from + "..." + to + "|compare> on gitlab.com"},
		{"Codeberg", "https://codeberg.org/a/b", "https://codeberg.org/a/b", from, to, short + ": <https://codeberg.org/a/b/compare/" + from + "..." + to + "|compare> on codeberg.org"},
		{"a Forgejo", "https://forgejo.example.com/a/b", "https://forgejo.example.com/a/b", from, to, short + ": <https://forgejo.example.com/a/b/compare/" + from + "..." + to + "|compare> on forgejo.example.com"},
		{"Bitbucket, the newer first", "https://bitbucket.org/a/b", "https://bitbucket.org/a/b", from, to, short + ": <https://bitbucket.org/a/b/branches/compare/" + to + "%0D" + from + "|compare> on bitbucket.org"},
		{"a host that only looks like one", "https://github.com.evil.example/a/b", "https://github.com.evil.example/a/b", from, to, short + ": <https://github.com.evil.example/a/b/compare/" + from + "..." + to + "|compare> on github.com.evil.example"},
		{"another forge", "https://git.example.com/a/b", "https://git.example.com/a/b", from, to, "from `89abcdef0123` to <https://git.example.com/a/b/commit/" + to + "|0123456789ab> on git.example.com"},
		{"no address", "shop", "shop", from, to, short + "\\n"},
		{"revisions that are no commits", "https://github.com/a/b", "https://github.com/a/b", "r17", "r18", "from `r17` to `r18`\\n"},
		{"another repository", "https://github.com/a/b", "https://github.com/evil/b", from, to, short + ", of another repository than before: `https://github.com/evil/b` instead of `https://github.com/a/b`\\n"},
		{"the same commit", "https://github.com/a/b", "https://github.com/a/b", to, to, "the same, <https://github.com/a/b/commit/" + to + "|0123456789ab> on github.com"},
		{"no commit before", "https://github.com/a/b", "https://github.com/a/b", "", to, "<https://github.com/a/b/commit/" + to + "|0123456789ab> on github.com; the one before does not tell"},
		{"no commit now", "https://github.com/a/b", "https://github.com/a/b", from, "", "not told by this image\\n"},
	} {
		v := view(t, "soaking")
		v.Facts.Promotion.Former.Image.Labels = map[string]string{promotion.LabelSource: row.was, promotion.LabelRevision: row.from}
		v.Facts.Promotion.Image.Labels = map[string]string{promotion.LabelSource: row.is, promotion.LabelRevision: row.to}
		if s := blocks(t, render.Card(v)); !strings.Contains(s, "• Commits: "+row.want) {
			t.Errorf("%s: %s", row.name, s)
		}
	}
}

func TestTheBaseImageIsComparedAsFarAsItIsKnown(t *testing.T) {
	const debian, alpine = "docker.io/library/debian:12", "docker.io/library/alpine:3"
	for _, row := range []struct {
		name             string
		was, is          string
		then, now        promotion.Digest
		layers           []promotion.Layer
		want, mustNotSay string
	}{
		{name: "the same", was: debian, is: debian, then: sample.Other, now: sample.Other, want: "the same, `" + debian + "` at `0badcafe0bad`"},
		{name: "another build of it", was: debian, is: debian, then: sample.Other, now: sample.Build, want: "another build of `" + debian + "`, from `0badcafe0bad` to `4f1c2a9b4f1c`"},
		{name: "another one", was: debian, is: alpine, then: sample.Other, now: sample.Build, want: "from `" + debian + "` at `0badcafe0bad` to `" + alpine + "` at `4f1c2a9b4f1c`"},
		{name: "names without digests prove nothing", was: debian, is: debian, now: sample.Build, want: "from `" + debian + "` to `" + debian + "` at `4f1c2a9b4f1c`", mustNotSay: "the same"},
		{name: "nor does the same name", was: debian, is: debian, want: "`" + debian + "`, a name that was there before; which build of it is not told", mustNotSay: "the same"},
		{name: "only now", is: debian, want: "`" + debian + "`; the one before does not tell"},
		{name: "not told", layers: sample.Stack("a", "b", "x"), want: "not told by this image; the first 2 layers are the same as before"},
		{name: "not told, and all is new", layers: sample.Stack("x"), want: "not told by this image; not even the first layer is the same"},
	} {
		v := view(t, "soaking")
		is, was := v.Facts.Promotion.Image, v.Facts.Promotion.Former.Image
		is.Labels = map[string]string{promotion.LabelBaseName: row.is, promotion.LabelBaseDigest: string(row.now)}
		was.Labels = map[string]string{promotion.LabelBaseName: row.was, promotion.LabelBaseDigest: string(row.then)}
		if row.layers != nil {
			is.Layers = row.layers
		}
		s := blocks(t, render.Card(v))
		if !strings.Contains(s, "• Base image: "+row.want+`\n`) || row.mustNotSay != "" && strings.Contains(s, row.mustNotSay) {
			t.Errorf("%s: %s", row.name, s)
		}
	}
}

// Whoever only hears the card, or sees only its notification, hears of it too.
func TestALostPlatformIsAWarningInWords(t *testing.T) {
	m := render.Card(view(t, "loses a platform"))
	const warning = "*Warning*: there is no image for linux/arm64 any more."
	if !strings.Contains(m.Text, warning) || !strings.Contains(blocks(t, m), warning) {
		t.Error(m.Text)
	}
}
