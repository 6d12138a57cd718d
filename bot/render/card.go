package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Card is the message that stands for a promotion from its beginning to its
// end. It is redrawn whenever something on it changes.
func Card(v policy.View) Message {
	promoted := &v.Facts.Promotion
	c := cast(nil)
	if promoted.Card.TS == "" { // the first post would notify
		c = v.Facts.People
	}
	p := page.Page{Of: promoted}
	word, sentence := state(v, c)
	p.Header(title(promoted, word))
	if promoted.State == promotion.Open {
		// On a phone the facts fill a screen: what holds it up, what changes and who
		// has agreed stand before them.
		p.Section(slices.Concat([]page.Text{sentence}, glass(v, c), []page.Text{soak(v)}, pauses(v), []page.Text{ends(v)}, withdrawn(v.Facts.Withdrawn, c), hindrances(v, sentence), stopped(v, c))...)
		carriage(&p, v)
		p.Section(changes(promoted)...)
		p.Section(evidence(v)...)
		p.Section(approvals(v, c)...)
		p.Context(discounted(v, c)...)
		p.Section(planned(promoted)...)
		p.Section(following(v))
		p.Fields(facts(promoted, c)...)
		p.Context(becomes(v)...)
	} else {
		p.Section(slices.Concat([]page.Text{sentence}, withdrawn(v.Facts.Withdrawn, c), glass(v, c))...)
		p.Section(deployments(v)...)
		p.Section(strays(v)...)
		p.Section(measured(v)...)
		carriage(&p, v)
		p.Section(changes(promoted)...)
		p.Fields(facts(promoted, c)...)
		p.Section(planned(promoted)...)
		p.Section(approvers(v, c))
	}
	p.Context(page.Writef("Promotion #%d", promoted.ID) + named(" · policy ", v.Document.Name) + page.Writef(" · card revision %d", promoted.Revision))
	p.Add(slack.NewActionBlock(p.ID(), buttons(v)...))
	return Message{Text: summary(v), Blocks: p.Blocks}
}

// title says what it is about and where that stands. Where the way names what is
// done, as in "roll back production", the state does not say it again.
func title(p *promotion.Promotion, word string) string {
	switch back := p.Purpose == promotion.Rollback; {
	case back && p.State == promotion.Executing:
		word = "under way"
	case back && p.State == promotion.Promoted && !p.Undone():
		word = "back at " + page.Plain(p.Digest.Short(), 12)
	case p.Repairs() && p.State == promotion.Promoted && !p.Undone():
		word = "done"
	}
	return fmt.Sprintf("%s: %s, %s", page.Plain(p.App, 40), page.Plain(way(p), 63), word)
}

// named is nothing for what has no name.
func named(what page.Text, name string) page.Text {
	if name == "" {
		return ""
	}
	return what + page.Writef("%s", name)
}

// summary is the card for whoever hears it or sees only its beginning.
func summary(v policy.View) string {
	p := &v.Facts.Promotion
	c := cast(v.Facts.People)
	_, sentence := state(v, c)
	s := []page.Text{page.Writef("%s %s, %s: ", p.App, p.Digest.Short(), way(p)) + sentence}
	s = append(append(s, withdrawn(v.Facts.Withdrawn, c)...), glass(v, c)...)
	if p.State == promotion.Open {
		s = slices.Concat(s, pauses(v), []page.Text{ends(v)}, hindrances(v, sentence))
		s = append(s, changes(p)...)
		s = append(s, evidence(v)...)
		s = append(s, stopped(v, c)...)
		s = append(s, approvals(v, c)...)
		s = append(s, discounted(v, c)...)
		s = append(s, following(v))
	} else {
		s = slices.Concat(s, deployments(v), strays(v), measured(v), []page.Text{approvers(v, c)})
	}
	s = append(s, carried(v)...)
	return string(page.Fit(s, page.MaxText))
}

// facts are what is known of the image and of the tags.
func facts(p *promotion.Promotion, c cast) []page.Text {
	if p.Purpose == promotion.Train || tells(p) {
		return besides(p, c)
	}
	return append([]page.Text{page.Writef("*Digest*\n%s", p.Digest)}, besides(p, c)...)
}

// besides are the facts without the digest.
func besides(p *promotion.Promotion, c cast) []page.Text {
	if p.Purpose == promotion.Train {
		return together(p, c)
	}
	noticed := page.Writef("*Noticed in %s*\n%s", p.From, p.ObservedAt)
	if p.Repairs() {
		noticed = page.Writef("*Noticed in %s*\n%s", p.To, p.OpenedAt)
	}
	if p.Purpose == promotion.Rollback {
		noticed = page.Writef("*Asked for*\n%s", p.OpenedAt)
	}
	if p.SourceTag != "" {
		noticed += ", behind " + page.Code(p.SourceTag)
	}
	all := []page.Text{noticed}
	if p.Requester != "" {
		all = append(all, page.Writef("*Requested by*\n%s", c.call(p.Requester)))
	}
	if !tells(p) {
		all = append(all, image(p.Image)...)
	}
	if len(p.Targets) == 0 {
		return append(all, page.Writef("*Tags of %s*\nnot known yet", p.To))
	}
	var now, set []page.Text
	for _, t := range p.Targets {
		set, now = append(set, page.Code(t.Tag)), append(now, held(t, p.Digest))
	}
	// What was read is kept when it ends: it is what a rollback would go back to.
	since := "now"
	if p.State.Final() || p.MovedAt != nil {
		since = "before"
	}
	to := page.Join(set, maxTags)
	if p.Abroad() {
		to += " in " + page.Code(string(p.Destination))
	}
	all = append(all, attached(p)...)
	return append(all, page.Writef("*Tags to set*\n%s", to), page.Writef("*In %s %s*\n%s", p.To, since, page.Join(now, maxTags)))
}

// held is what a target tag was when it was last read.
func held(t promotion.Target, d promotion.Digest) page.Text {
	switch {
	case t.ReadAt == nil:
		return page.Code(t.Tag) + ": not read yet"
	case t.Now == d:
		return page.Code(t.Tag) + ": this digest"
	case t.Now != "":
		return page.Writef("%s: %s", page.Code(t.Tag), t.Now)
	}
	return page.Code(t.Tag) + ": no such tag"
}

// image is what the image says of itself.
func image(i *promotion.Image) []page.Text {
	if i == nil {
		return []page.Text{"*Image*\nnot read yet"}
	}
	var built []page.Text
	if i.Created != nil {
		built = append(built, page.Date(*i.Created))
	}
	if version := i.Labels[promotion.LabelVersion]; version != "" {
		built = append(built, "version "+page.Code(version))
	}
	if revision := i.Labels[promotion.LabelRevision]; revision != "" {
		built = append(built, "commit "+commit(i.Labels[promotion.LabelSource], revision))
	}
	var all []page.Text
	if len(built) > 0 {
		all = append(all, "*Built*\n"+page.Join(built, len(built)))
	}
	var platforms []page.Text
	for _, name := range i.Platforms {
		platforms = append(platforms, page.Foreign(name, maxName))
	}
	if len(platforms) > 0 {
		all = append(all, "*Platforms*\n"+page.Join(platforms, maxTags))
	}
	return all
}

// soak is a picture and the words for it. The share is that of the moment of
// drawing, and says so.
func soak(v policy.View) page.Text {
	f, alone := v.Verdict.Finding(policy.RuleSoak)
	if !alone || v.Document.Soak <= 0 || f.Outcome == policy.Met {
		return ""
	}
	const cells = 10
	share := min(1, float64(v.Facts.Soaked(v.Document, v.At))/float64(v.Document.Soak))
	done := int(share * cells)
	bar := strings.Repeat("▓", done) + strings.Repeat("░", cells-done)
	return page.Writef("%s %d %% of %s, as of %s", page.Text(bar), int(100*share), span(v.Document.Soak), v.At)
}

func approvals(v policy.View, c cast) []page.Text {
	if v.Document.Automatic {
		return byItself(v)
	}
	top, _ := v.Verdict.Finding(policy.RuleApprovals)
	lines := []page.Text{page.Writef("*Approvals*: %s", strings.TrimSuffix(top.Reason, " approvals"))}
	for _, f := range top.Children {
		lines = append(lines, required(v, f, "", c)...)
	}
	lines = append(lines, standIns(v, c)...)
	if top.ChangesAt != nil && !slices.ContainsFunc(v.Facts.Delegations, func(d promotion.Delegation) bool { return d.Until.Equal(*top.ChangesAt) }) {
		lines = append(lines, page.Writef("The first of these approvals expires %s.", *top.ChangesAt))
	}
	return lines
}

// required is one requirement, or several with what is enough of them. Of a
// choice that has been made, only what was chosen is told.
func required(v policy.View, f policy.Finding, indent page.Text, c cast) []page.Text {
	made := f.Rule == policy.RuleChoice && f.Outcome == policy.Met
	if len(f.Children) > 0 {
		var lines []page.Text
		below := indent
		if !made {
			below += "      "
			lines = append(lines, indent+"• "+gist(f)+":")
		}
		for _, child := range f.Children {
			if !made || child.Outcome == policy.Met {
				lines = append(lines, required(v, child, below, c)...)
			}
		}
		return lines
	}
	line := indent + "• " + because(f.Reason)
	if f.Outcome == policy.Blocked {
		line = indent + "• *Blocked*: " + because(f.Reason)
	}
	if len(f.By) > 0 {
		line += ": " + page.Join(voices(v, f.By, c), maxPeople)
	}
	if len(f.Who) > 0 && f.Outcome != policy.Met {
		line += ". Could approve: " + c.all(f.Who, maxPeople)
	}
	return []page.Text{line}
}

// gist is what a finding says, without what the findings below it say.
func gist(f policy.Finding) page.Text {
	switch head, _, cut := strings.Cut(f.Reason, ": "); {
	case f.Rule == policy.RuleAll:
		return "all of these"
	case f.Rule == policy.RuleChoice && f.Outcome != policy.Met && cut:
		return because(head)
	}
	return because(f.Reason)
}

// approvers are those who had approved when it ended, whatever has become of
// their roles since.
func approvers(v policy.View, c cast) page.Text {
	as := map[promotion.PersonID]string{}
	for _, a := range v.Verdict.Assigned {
		as[a.Person] = a.Role
	}
	said := map[promotion.PersonID]bool{}
	for _, vote := range v.Facts.Votes {
		said[vote.Person] = vote.Decision == promotion.Approve
	}
	var by []page.Text
	for _, vote := range v.Facts.Votes {
		if !said[vote.Person] {
			continue
		}
		said[vote.Person] = false
		who := voice(v, vote.Person, c)
		if role := as[vote.Person]; role != "" {
			who += page.Writef(" (%s)", role)
		}
		by = append(by, who)
	}
	if len(by) == 0 {
		return ""
	}
	return "*Approved by* " + page.Join(by, 2*maxPeople)
}

func discounted(v policy.View, c cast) []page.Text {
	var lines []page.Text
	for i, d := range v.Verdict.Discounted {
		if i == maxPeople {
			lines = append(lines, page.Writef("%d more approvals don't count; the details say why.", len(v.Verdict.Discounted)-i))
			break
		}
		lines = append(lines, page.Writef("Not counted: the approval of %s: %s.", c.call(d.Person), against(d, c)))
	}
	return lines
}

// hindrances are the rules that are not met, have no place of their own on the
// card, and have not been said already. Nor is the state said again that what
// was said begins with.
func hindrances(v policy.View, said page.Text) []page.Text {
	var lines []page.Text
	for _, f := range v.Verdict.Findings {
		own := f.Rule == policy.RuleSoak || f.Rule == policy.RuleChecks || f.Rule == policy.RuleWithdrawn || f.Rule == policy.RuleHold || f.Rule == policy.RuleFreeze || f.Rule == policy.RuleApprovals && (f.Outcome != policy.Blocked || len(f.Children) > 0)
		if why := because(f.Reason); f.Outcome != policy.Met && !own && !strings.Contains(string(said), string(why)) {
			begins := page.Writef("*%s*: ", outcome(f))
			if strings.HasPrefix(string(said), string(begins)) {
				begins = "• "
			}
			lines = append(lines, begins+why+".")
		}
	}
	return lines
}

func outcome(f policy.Finding) page.Text {
	if f.Skipped {
		return "Skipped"
	}
	switch f.Outcome {
	case policy.Met:
		return "Met"
	case policy.Waiting:
		return "Waiting"
	}
	return "Blocked"
}
