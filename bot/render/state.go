package render

import (
	"strings"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// state says where a promotion stands: in a word or two, and in a sentence that
// begins with them.
func state(v policy.View, c cast) (word string, sentence page.Text) {
	word, sentence = standing(v, c)
	p := &v.Facts.Promotion
	if p.Back != nil && p.State != promotion.Promoted {
		sentence = goesBack(p, c) + sentence
	}
	if p.State != promotion.Promoted {
		sentence = undone(v, c) + sentence
	}
	return word, sentence
}

// standing is that, but for what a rollback is about.
func standing(v policy.View, c cast) (word string, sentence page.Text) {
	p := &v.Facts.Promotion
	switch p.State {
	case promotion.Open:
		word, sentence = waiting(v, c)
		return word, happened(p) + sentence
	case promotion.Executing:
		if p.Purpose == promotion.Train {
			return "promoting", underWay(v)
		}
		doing := "promoting"
		if p.Purpose == promotion.Rollback {
			doing = "rolling back"
		}
		sentence = page.Writef("*%s*: exactly this digest is being tagged in %s, since %s.", strings.ToUpper(doing[:1])+doing[1:], p.To, when(p.StartedAt))
		if p.ReadFault != "" {
			sentence += page.Writef(" It has not worked so far and is tried again: %s.", because(p.ReadFault))
		}
		return doing, sentence
	case promotion.Deploying, promotion.Watching, promotion.Failing:
		return afterTags(v)
	case promotion.Promoted:
		word, sentence = strings.ToLower(string(done(p))), page.Writef("*%s* %s.", done(p), when(p.FinishedAt))+kept(p)+moves(p)
		switch {
		case v.Facts.Undone != nil:
			return "rolled back", undone(v, c) + sentence
		case p.Purpose == promotion.Rollback:
			return "rolled back", sentence + wentBack(p)
		}
		return word, sentence
	case promotion.Conflicted:
		return "conflict", page.Writef("*Conflict* %s, and not promoted: %s.", when(p.FinishedAt), because(p.Reason)) + moves(p) +
			page.Writef("\nNothing more is tried. Find out who moved the tag and put it right; then ask again with `/promote %s %s`.", again(p), p.App)
	case promotion.Failed:
		why := page.Text(".")
		if cause := p.Cause(); cause != "" {
			why = page.Writef(": %s.", because(cause))
		}
		if v.Facts.Undone != nil {
			word = "rolled back"
		} else {
			word = "failed"
		}
		return word, page.Writef("*Failed* %s", when(p.FinishedAt)) + why + moves(p) +
			page.Writef("\nNothing more is tried. When the cause is gone, ask again with `/promote %s %s`.", again(p), p.App)
	case promotion.Rejected:
		return "rejected", rejected(v, c)
	case promotion.Expired:
		return "expired", page.Writef("*Expired* %s: it was open for as long as the policy lets a request live. No tag was moved.\nWhat is still wanted can be asked for again with `/promote %s %s`.", when(p.FinishedAt), again(p), p.App)
	case promotion.Superseded:
		sentence = page.Writef("*Superseded* %s", when(p.FinishedAt))
		if p.Successor != 0 {
			sentence += " by " + successor(v)
		}
		if p.Reason != "" {
			sentence += page.Writef(": %s", because(p.Reason))
		}
		return "superseded", sentence + ". No tag was moved."
	}
	return page.Plain(string(p.State), maxName), page.Writef("*%s*", string(p.State))
}

// again is the command that asks for the same once more.
func again(p *promotion.Promotion) string {
	if p.Purpose == promotion.Rollback {
		return "rollback"
	}
	return "request"
}

// waiting is the state of an open promotion: what the policy says about it.
func waiting(v policy.View, c cast) (word string, sentence page.Text) {
	p := &v.Facts.Promotion
	unmet := func(r policy.Rule) (policy.Finding, bool) {
		for _, f := range v.Verdict.Of(r) {
			if f.Outcome != policy.Met {
				return f, true
			}
		}
		return policy.Finding{}, false
	}
	there, away := unmet(policy.RuleSource)
	if v.Verdict.Outcome == policy.Blocked {
		return "blocked", "*Blocked*: as it is, this can't go ahead. No tag was moved."
	}
	if away && v.Facts.Source.Fault == "" && p.Purpose != promotion.Train {
		return "left " + p.From, page.Writef("*Left %s*: %s. Approvals are kept.", p.From, because(there.Reason))
	}
	if soaking, unsoaked := unmet(policy.RuleSoak); unsoaked && !away {
		ends, running := v.Facts.SoakEnds(v.Document, v.At)
		if !running {
			return "soak stands still", page.Writef("*Not soaking* in %s: %s.", p.From, because(soaking.Reason))
		}
		return "soaking", page.Writef("*Soaking* in %s until %s (%s).", p.From, ends, page.Ago(ends)) + anew(v) + afterwards(v)
	}
	if f, waits := unmet(policy.RuleLine); waits && !away {
		return "waiting in line", page.Writef("*Waiting in line*: %s.", because(f.Reason))
	}
	if v.Verdict.OnlyApprovals() {
		f, _ := v.Verdict.Finding(policy.RuleApprovals)
		return "waiting for approvals", page.Writef("*Waiting for approvals*: %s so far. Nothing else is missing.", because(f.Reason))
	}
	// Why stands in lines of their own.
	if f, held := unmet(policy.RuleHold); held {
		by := page.Text("")
		if len(f.Who) > 0 {
			by = " by " + c.all(f.Who, maxPeople)
		}
		return "on hold", "*On hold*" + by + ": it goes ahead when nobody holds it any more."
	}
	if _, frozen := unmet(policy.RuleFreeze); frozen {
		return "frozen", "*Frozen*: nothing is promoted for now."
	}
	if f, closed := unmet(policy.RuleWindow); closed {
		return "waiting for a window", page.Writef("*Waiting for a window*: %s.", because(f.Reason))
	}
	if f, busy := unmet(policy.RuleTurn); busy {
		return "waiting its turn", page.Writef("*Waiting its turn*: %s.", because(f.Reason))
	}
	if f, copying := unmet(policy.RuleCopy); copying {
		return "copying", page.Writef("*Copying*: %s.", because(f.Reason)) + progress(p.Copy, v.At)
	}
	if f, looking := unmet(policy.RuleWayBack); looking {
		return "ready", page.Writef("*Ready*: %s.", because(f.Reason))
	}
	if f, checking := unmet(policy.RuleIdentity); checking || v.Verdict.Outcome == policy.Met {
		if checking {
			return "ready", page.Writef("*Ready*: %s.", because(f.Reason))
		}
		return "ready", "*Ready*: nothing is missing, it goes ahead now."
	}
	if f, lacking := unmet(policy.RuleChecks); lacking {
		return "waiting for checks", "*Waiting for checks*: " + lacks(v, f)
	}
	for _, f := range v.Verdict.Missing() {
		return "waiting", page.Writef("*Waiting*: %s.", because(f.Reason))
	}
	return "waiting", "*Waiting*."
}

// anew says why the soak ends later than people may have in mind.
func anew(v policy.View) page.Text {
	i, did := v.Facts.BeganAgain(v.Document)
	if !did {
		return ""
	}
	return page.Writef(" It began again %s, when incident #%d (%s: %s) was resolved.", *i.ResolvedAt, int64(i.ID), string(i.Severity), i.Summary)
}

// afterwards says what follows the soak.
func afterwards(v policy.View) page.Text {
	if f, _ := v.Verdict.Finding(policy.RuleLine); f.Outcome == policy.Waiting {
		return ""
	}
	if v.Document.Automatic {
		return " It goes ahead by itself then: no approval is asked for."
	}
	switch f, _ := v.Verdict.Finding(policy.RuleApprovals); f.Outcome {
	case policy.Met:
		return " All approvals are there: it goes ahead by itself then."
	case policy.Waiting:
		return " Approvals count already now."
	}
	return ""
}

// moves is what became of the tags, as it was read back from the registry.
func moves(p *promotion.Promotion) page.Text {
	var done, found, skipped []page.Text
	for _, m := range p.Moves {
		switch m.Outcome {
		case promotion.MoveDone:
			done = append(done, page.Code(m.Tag))
		case promotion.MoveAlready:
			done = append(done, page.Code(m.Tag)+" (it was before)")
		case promotion.MoveConflict:
			found = append(found, page.Writef("%s points at %s", page.Code(m.Tag), m.Found))
		default:
			skipped = append(skipped, page.Code(m.Tag))
		}
	}
	var s []string
	for _, part := range []struct {
		begins page.Text
		tags   []page.Text
		ends   page.Text
	}{
		{"Read back from the registry: ", done, page.Writef(" at %s.", p.Digest)},
		{"Found instead: ", found, "."},
		{"Left alone: ", skipped, "."},
	} {
		if len(part.tags) > 0 {
			s = append(s, string("\n"+part.begins+page.Join(part.tags, maxTags)+part.ends))
		}
	}
	return page.Text(strings.Join(s, ""))
}
