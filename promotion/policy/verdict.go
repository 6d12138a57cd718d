package policy

import (
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Outcome is what a rule says.
type Outcome string

// The outcomes, from best to worst.
const (
	Met     Outcome = "met"
	Waiting Outcome = "waiting" // time, a person or a reading can still meet it
	Blocked Outcome = "blocked" // nothing that is on its way will meet it
)

func worse(a, b Outcome) Outcome {
	if b == Blocked || b == Waiting && a != Blocked {
		return b
	}
	return a
}

// Finding is what one rule says, and why.
type Finding struct {
	Rule      Rule
	App       string // of a ride, whose Children it has
	Outcome   Outcome
	Skipped   bool                 // it is met only because the glass was broken
	Reason    string               // a sentence for people, without markup
	Who       []promotion.PersonID // could satisfy it
	By        []promotion.PersonID // whose approvals it has
	ChangesAt *time.Time           // when it changes by itself
	Children  []Finding
}

// Rule names a rule.
type Rule string

// The rules.
const (
	RuleSource     Rule = "source"     // the digest is in the environment it comes from
	RuleSoak       Rule = "soak"       // it has been there long enough
	RuleExposure   Rule = "exposure"   // it has been used enough there
	RuleTags       Rule = "tags"       // the tags to set are known and free
	RuleOrder      Rule = "order"      // nothing newer has been promoted
	RuleLine       Rule = "line"       // nothing is before it, where one goes after the other
	RuleHold       Rule = "hold"       // nobody holds it
	RuleFreeze     Rule = "freeze"     // nothing is frozen
	RuleWindow     Rule = "window"     // it is a time at which the policy lets things go ahead
	RuleApprovals  Rule = "approvals"  // enough people have approved
	RuleRole       Rule = "role"       // one requirement of the approvals
	RuleAll        Rule = "all"        // several of them, all of which are needed
	RuleChoice     Rule = "choice"     // several of them, of which some are enough
	RuleAuthors    Rule = "authors"    // it is known who wrote what is in the image
	RuleProvenance Rule = "provenance" // it is known whom provenance of the image names
	RuleExpiry     Rule = "expiry"     // the request has not expired
	RuleTurn       Rule = "turn"       // nothing else is moving the target
	RuleCopy       Rule = "copy"       // the digest is where its tags will be, with all that is attached to it
	RuleWayBack    Rule = "way-back"   // what a rollback would go back to is whole
	RulePlan       Rule = "plan"       // it is written how it would be taken back
	RuleIdentity   Rule = "identity"   // who the approvers are was read just now
	RuleChecks     Rule = "checks"     // the evidence that is asked for is there
	RuleCheck      Rule = "check"      // one piece of it
	RuleGlass      Rule = "glass"      // whether broken glass counts; it is never in the way itself
	RuleChannel    Rule = "channel"    // no other organisation sees the card
	RuleWatch      Rule = "watch"      // nothing has gone wrong since it runs
	RuleRide       Rule = "ride"       // one part of a train has all that a promotion by itself would need
	RuleWithdrawn  Rule = "withdrawn"  // the digest is not known to be bad
)

// Rules are all of them: what a scenario can name.
var Rules = []Rule{
	RuleSource, RuleSoak, RuleExposure, RuleTags, RuleOrder, RuleLine, RuleHold, RuleFreeze, RuleWindow, RuleApprovals, RuleRole, RuleAll, RuleChoice,
	RuleAuthors, RuleProvenance, RuleExpiry, RuleTurn, RuleCopy, RuleWayBack, RulePlan, RuleIdentity, RuleChecks, RuleCheck, RuleGlass, RuleChannel, RuleWatch, RuleRide,
	RuleWithdrawn,
}

// Verdict is the answer to "may this go ahead, and if not, why not?".
type Verdict struct {
	Outcome    Outcome
	Findings   []Finding
	Assigned   []Assignment   // whose approval fills which role
	Discounted []Discount     // approvals that don't count, and why
	Attest     []promotion.ID // whose provenance has to be looked for
	Bring      []promotion.ID // whose digest has to be brought to its destination before it can go ahead
	Prove      []promotion.ID // the way back from which has to be looked for before it can go ahead
	Lookups    []Subject      // what has to be read before it can go ahead
	NextChange *time.Time     // the earliest instant at which a finding changes by itself
}

// Assignment is an approval that counts.
type Assignment struct {
	Person promotion.PersonID
	Role   string
	At     time.Time
	For    promotion.PersonID // who has lent the role; empty when it is their own
}

// Discount is an approval that does not count.
type Discount struct {
	Person promotion.PersonID
	Reason string
	Of     promotion.PersonID // who stands in the way; empty when nobody does
}

// Finding returns what the rule says at the top of the tree.
func (v Verdict) Finding(rule Rule) (Finding, bool) {
	for _, f := range v.Findings {
		if f.Rule == rule {
			return f, true
		}
	}
	return Finding{}, false
}

// Missing are the reasons of all rules that are not met, in order; where a
// finding has children, theirs, except where it speaks for them.
func (v Verdict) Missing() []Finding {
	var missing []Finding
	for _, f := range v.Findings {
		missing = append(missing, f.missing()...)
	}
	return missing
}

func (f Finding) missing() []Finding {
	if f.Outcome == Met {
		return nil
	}
	if len(f.Children) == 0 || f.Rule == RuleRide || f.Rule == RuleChoice {
		return []Finding{f}
	}
	var missing []Finding
	for _, c := range f.Children {
		missing = append(missing, c.missing()...)
	}
	return missing
}

// OnlyApprovals tells whether approvals are all that is missing.
func (v Verdict) OnlyApprovals() bool {
	for _, f := range v.Findings {
		if f.Outcome != Met && f.Rule != RuleApprovals {
			return false
		}
	}
	return v.Outcome != Met
}

func (v *Verdict) sum() {
	v.Outcome, v.NextChange = Met, nil
	for _, f := range v.Findings {
		v.Outcome = worse(v.Outcome, f.Outcome)
		if f.ChangesAt != nil && (v.NextChange == nil || f.ChangesAt.Before(*v.NextChange)) {
			v.NextChange = f.ChangesAt
		}
	}
}
