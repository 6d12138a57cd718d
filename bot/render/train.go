package render

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// How much of a train stands in one section: no ten lines of this length exceed
// what a section takes.
const (
	ridesTogether = 10
	maxRide       = 290
)

// carried is what a train carries, a line for each app; nothing for what is no
// train.
func carried(v policy.View) []page.Text {
	var lines []page.Text
	for i := range v.Facts.Rides {
		r := &v.Facts.Rides[i].Promotion
		line := page.Writef("• *%s* %s", r.App, r.Digest) + shift(r)
		if r.Abroad() {
			line += ", in " + page.Code(string(r.Destination))
		}
		lines = append(lines, page.Clip(line+": "+stands(r)+progressOf(r, v), maxRide))
	}
	return lines
}

// carriage puts those lines on a page.
func carriage(p *page.Page, v policy.View) {
	if v.Facts.Promotion.Purpose != promotion.Train {
		return
	}
	begins := page.Text("*What goes together*, and what the tags point at now")
	if v.Facts.Promotion.State != promotion.Open {
		begins = "*What goes together*"
	}
	for some := range slices.Chunk(carried(v), ridesTogether) {
		p.Section(append([]page.Text{begins}, some...)...)
		begins = ""
	}
}

func progressOf(r *promotion.Promotion, v policy.View) page.Text {
	if r.State != promotion.Open || r.Copy == nil || r.Copy.DoneAt != nil {
		return ""
	}
	return "." + progress(r.Copy, v.At)
}

// stands is where one ride stands: what its tags point at, or what became of
// them.
func stands(r *promotion.Promotion) page.Text {
	switch r.State {
	case promotion.Executing:
		switch {
		case len(r.Moves) > 0 && r.ReadFault != "":
			return page.Writef("not promoted, %s; what was set is taken back", because(r.ReadFault))
		case len(r.Moves) > 0:
			return "its tags are set; they stay when the others are set too"
		case r.ReadFault != "":
			return page.Writef("not promoted so far, and tried again: %s", because(r.ReadFault))
		}
		return "being promoted"
	case promotion.Promoted:
		if r.Reason != "" {
			return page.Writef("promoted; %s", because(r.Reason))
		}
		return "promoted"
	case promotion.Conflicted:
		return page.Writef("conflict: %s", because(r.Reason))
	case promotion.Failed:
		return page.Writef("not promoted: %s", because(r.Reason))
	}
	switch {
	case len(r.Targets) > 0:
	case r.PlanFault != "":
		return because(r.PlanFault)
	default:
		return page.Writef("the image and the tags of %s have not been read yet", r.To)
	}
	var now []page.Text
	for _, t := range r.Targets {
		now = append(now, held(t, r.Digest))
	}
	return page.Join(now, maxTags)
}

// together are the facts about a train as a whole.
func together(p *promotion.Promotion, c cast) []page.Text {
	all := []page.Text{page.Writef("*Opened*\n%s", p.OpenedAt), page.Writef("*Digest of all of it*\n%s", p.Digest)}
	if p.Requester != "" {
		all = append(all, page.Writef("*Requested by*\n%s", c.call(p.Requester)))
	}
	return all
}

// underWay is the sentence for a train that is being executed.
func underWay(v policy.View) page.Text {
	p := &v.Facts.Promotion
	s := page.Writef("*Promoting*: exactly these %d digests are being tagged in %s, since %s.", len(v.Facts.Rides), p.To, when(p.StartedAt))
	if p.ReadFault != "" {
		s += page.Writef(" Taking back has not worked so far and is tried again: %s.", because(p.ReadFault))
	}
	return s
}

// agreed names the digests of a train, in so many characters.
func agreed(v policy.View, room int) string {
	p := &v.Facts.Promotion
	s := fmt.Sprintf("Exactly %d digests go from %s to %s together when the policy is met: ", len(v.Facts.Rides), page.Plain(p.From, 20), page.Plain(p.To, 20))
	var each []string
	for i := range v.Facts.Rides {
		r := &v.Facts.Rides[i].Promotion
		each = append(each, page.Plain(r.App, 40)+" "+page.Plain(r.Digest.Short(), 12))
	}
	return s + within(each, room-utf8.RuneCountInString(s))
}

// rules puts the whole verdict on a page. What is said of one ride stands
// together, apart from the others.
func rules(p *page.Page, title page.Text, findings []policy.Finding) {
	lines := []page.Text{title}
	for _, f := range findings {
		if f.Rule == policy.RuleRide {
			p.Section(append(lines, tree([]policy.Finding{f}, "")...)...)
			lines = nil
			continue
		}
		lines = append(lines, tree([]policy.Finding{f}, "")...)
	}
	p.Section(lines...)
}

// whyTrain is every rule of an open train.
func whyTrain(begins page.Text, v policy.View) Message {
	var p page.Page
	rules(&p, begins, v.Verdict.Findings)
	p.Section(discounted(v, nil)...)
	text := append([]page.Text{begins}, tree(v.Verdict.Findings, "")...)
	return Message{Text: string(page.Fit(append(text, discounted(v, nil)...), page.MaxText)), Blocks: p.Blocks}
}

// withTrain is what a list says of a promotion that is a part of another.
func withTrain(p *promotion.Promotion) page.Text {
	if p.Train == 0 {
		return ""
	}
	return page.Writef(", with train #%d", p.Train)
}
