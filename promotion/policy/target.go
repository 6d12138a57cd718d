package policy

import (
	"fmt"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

func tags(f Facts) Finding {
	p := f.Promotion
	finding := Finding{Rule: RuleTags, Outcome: Waiting}
	switch {
	case p.PlanFault != "":
		finding.Outcome, finding.Reason = Blocked, p.PlanFault
		return finding
	case p.ReadFault != "":
		finding.Reason = p.ReadFault
		return finding
	case len(p.Targets) == 0:
		finding.Reason = "the image and the tags of " + p.To + " have not been read yet"
		return finding
	case f.Target.Fault != "":
		finding.Reason = fmt.Sprintf("the tags of %s can't be read since %s: %s", p.To, instant(f.Target.Since), f.Target.Fault)
		return finding
	}
	var names []string
	for _, t := range p.Targets {
		if t.ReadAt == nil {
			finding.Reason = fmt.Sprintf("what %s points at has not been read yet", t.Tag)
			return finding
		}
		if !t.Floating && t.Now != "" && t.Now != p.Digest {
			finding.Outcome = Blocked
			finding.Reason = fmt.Sprintf("%s already points at %s, and a version tag is never moved: release this build under a version of its own", t.Tag, t.Now.Short())
			return finding
		}
		names = append(names, t.Tag)
	}
	finding.Outcome, finding.Reason = Met, "will set "+strings.Join(names, ", ")
	if p.Purpose == promotion.Adopt {
		finding.Reason = "will accept " + p.Digest.Short() + " behind " + strings.Join(names, ", ")
	}
	return finding
}

func order(f Facts) Finding {
	if f.Promotion.Purpose == promotion.Rollback {
		return Finding{Rule: RuleOrder, Outcome: Met, Reason: fmt.Sprintf("it goes back from %s on purpose", f.Promotion.Back.Bad.Short())}
	}
	if f.Newer == nil {
		return Finding{Rule: RuleOrder, Outcome: Met, Reason: "nothing newer has been promoted to " + f.Promotion.To}
	}
	return Finding{Rule: RuleOrder, Outcome: Blocked,
		Reason: fmt.Sprintf("a newer build, %s, was promoted to %s in #%d: going back to an older one is a rollback, not a promotion", f.Newer.Digest.Short(), f.Promotion.To, f.Newer.ID)}
}

func turn(f Facts) Finding {
	finding := Finding{Rule: RuleTurn, Outcome: Waiting}
	switch to, other := f.Promotion.To, f.OnTrial; {
	case f.Executing != 0:
		finding.Reason = fmt.Sprintf("#%d is being promoted to %s right now", f.Executing, to)
	case other != nil && other.State == promotion.Failing:
		finding.Reason = fmt.Sprintf("#%d is failing in %s: it has to be decided first what becomes of that", other.ID, to)
	case other != nil && other.WatchUntil != nil:
		finding.Reason = fmt.Sprintf("#%d is watched in %s until %s", other.ID, to, instant(*other.WatchUntil))
	default:
		finding.Outcome, finding.Reason = Met, "nothing else is moving "+to
	}
	return finding
}
