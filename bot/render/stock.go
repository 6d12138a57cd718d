package render

import (
	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// maxRunning is how much is told of what runs in one target.
const maxRunning = 5

// running is what was found somewhere that was not ordered.
func running(all []promotion.Running) page.Text {
	var each []page.Text
	for _, r := range all {
		s := page.Foreign(r.Where, maxSaidIn)
		switch {
		case r.Set != "":
			s += " is set to " + page.Code(r.Set)
		default:
			s += page.Writef(" runs %s (%d)", r.Digest, r.Count)
		}
		each = append(each, s)
	}
	return page.Join(each, maxRunning)
}

// stray is a target that runs something else than it was told, or of which that is
// not known.
func stray(s promotion.Stock) page.Text {
	var t page.Text
	if len(s.Others) > 0 {
		t = page.Writef("*%s does not run what was promoted* since %s: ", s.Target, when(s.Since)) + running(s.Others)
	}
	if s.Fault == "" {
		return t
	}
	if t != "" {
		t += ". "
	}
	return t + page.Writef("*What runs in %s is not known* since %s: %s", s.Target, when(s.Blind), because(s.Fault))
}

// strays are all those of a promotion.
func strays(v policy.View) (lines []page.Text) {
	for _, s := range v.Facts.Stocks {
		if s.Strays() {
			lines = append(lines, stray(s)+".")
		}
	}
	return lines
}

// strayed is told once, when it is found and when it is over.
func strayed(w promotion.NoticeWork, v policy.View) page.Text {
	p := &v.Facts.Promotion
	if len(w.Running) == 0 {
		return page.Writef("*%s* runs %s of *%s* again, and nothing else.", w.Target, p.Digest, p.App)
	}
	return page.Writef("*%s does not run what was promoted* to %s, which is %s of *%s*: ", w.Target, p.To, p.Digest, p.App) + running(w.Running) +
		". Somebody has changed it there, and promotebot leaves it: put it right there, or promote what is wanted."
}
