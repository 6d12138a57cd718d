package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// BreakGlass is who can have a promotion go ahead that lacks something, and who
// says afterwards whether that was right. What it is about is never skipped: that
// the digest is where it comes from, where it goes, and that nothing newer is
// there.
type BreakGlass struct {
	Role   string
	By     []string // roles, of which another person reviews it
	Within time.Duration
}

// skippable are the rules that a broken glass goes past.
var skippable = []Rule{
	RuleApprovals, RuleSoak, RuleExposure, RuleChecks, RuleAuthors, RuleProvenance, RuleWindow, RuleFreeze, RuleHold, RuleLine, RulePlan, RuleExpiry, RuleWayBack, RuleChannel,
}

func (b *BreakGlass) breakers() []string {
	if b == nil {
		return nil
	}
	return []string{b.Role}
}

func (b *BreakGlass) roles() []string {
	if b == nil {
		return nil
	}
	return append([]string{b.Role}, b.By...)
}

// MayBreak says why the person can't break the glass, or "". Whoever requested it
// can: a review by another person follows.
func MayBreak(d Document, f Facts, id promotion.PersonID) (refusal string) {
	if d.BreakGlass == nil {
		return "there is no glass to break here: the policy names nobody who could go past it"
	}
	if refusal := notAMember(&f, id); refusal != "" {
		return refusal
	}
	if !f.Rosters[d.BreakGlass.Role].Has(id) {
		return noRole(f, d.BreakGlass.breakers())
	}
	return ""
}

// Breaks tells whether a broken glass has the promotion go past its policy: it was
// broken on these terms, by somebody who could break it now.
func Breaks(d Document, f Facts) bool {
	return f.Promotion.Broken != nil && void(d, f) == ""
}

// void says why a broken glass does not count, or "". One that was reviewed has
// served: what is opened again after that is not what was reviewed.
func void(d Document, f Facts) string {
	b := f.Promotion.Broken
	if b.Review != nil && f.Promotion.State == promotion.Open {
		return "it has been reviewed since, and has to be broken anew"
	}
	if why := b.Differs(&f.Promotion); why != "" {
		return why
	}
	return MayBreak(d, f, b.By)
}

// glass says whether a broken glass counts. It is met in any case: what the
// promotion lacks without it is said by the other rules.
func glass(d Document, f Facts) Finding {
	b := f.Promotion.Broken
	finding := Finding{Rule: RuleGlass, Outcome: Met, By: []promotion.PersonID{b.By}}
	if why := void(d, f); why != "" {
		finding.Reason = "the broken glass does not count any more: " + why
		return finding
	}
	finding.Reason = fmt.Sprintf("the glass was broken %s: %s", instant(b.At), b.Reason)
	return finding
}

// skip has what can be skipped not stand in the way. Of a train's rides each keeps
// what can't be.
func skip(findings []Finding) {
	for i := range findings {
		switch f := &findings[i]; {
		case f.Outcome == Met:
		case slices.Contains(skippable, f.Rule):
			f.Outcome, f.Skipped, f.Reason = Met, true, "skipped by break-glass: "+f.Reason
		case f.Rule == RuleRide:
			skip(f.Children)
			*f = gather(RuleRide, f.App, f.Children)
		}
	}
}

// breaker asks who broke the glass once more, in place of the approvers: nobody
// goes past a policy on the word of somebody who may have left.
func breaker(d Document, f Facts, now time.Time) ([]Finding, []Subject) {
	lookups := stale(f, d.BreakGlass.breakers(), f.Promotion.Broken.By, SureFor, now)
	if len(lookups) > 0 {
		return []Finding{{Rule: RuleIdentity, Outcome: Waiting, Reason: "reading in Slack who broke the glass, once more"}}, lookups
	}
	return []Finding{{Rule: RuleIdentity, Outcome: Met, Reason: "who broke the glass was read just now"}}, nil
}

// Breakable tells whether something stands in the way that breaking the glass
// would skip. The way back does once nothing else is missing: before, nobody looks
// for it, and what was found of it grows old without a word.
func Breakable(d Document, f Facts, now time.Time) bool {
	return d.BreakGlass != nil && !Breaks(d, f) && len(skips(f, unbroken(d, f, now))) > 0
}

// Skips are what breaking the glass would skip, and also a way back that was not
// looked for yet.
func Skips(d Document, f Facts, now time.Time) []Finding {
	if d.BreakGlass == nil {
		return nil
	}
	back, _ := wayBack(d, f, now) // else it is asked last, when nothing is missing
	asked := slices.DeleteFunc(unbroken(d, f, now), func(f Finding) bool { return f.Rule == RuleWayBack })
	return skips(f, append(asked, back...))
}

// unbroken is what is found when the glass is whole.
func unbroken(d Document, f Facts, now time.Time) []Finding {
	f.Promotion.Broken = nil
	return Evaluate(d, f, now).Findings
}

// skips are what is missing of the findings and can be skipped: of each of a
// train's rides, too, and of a rollback never where it goes.
func skips(f Facts, findings []Finding) (all []Finding) {
	for _, f := range findings {
		if f.Rule == RuleRide {
			for _, c := range skipped(f.Children) {
				c.Reason = f.App + ": " + c.Reason
				all = append(all, c)
			}
		}
	}
	if f.Promotion.Purpose == promotion.Rollback {
		findings = slices.DeleteFunc(findings, func(f Finding) bool { return f.Rule == RuleWayBack })
	}
	return append(all, skipped(findings)...)
}

// skipped are what is missing of the findings and can be skipped.
func skipped(findings []Finding) (skips []Finding) {
	for _, f := range findings {
		if slices.Contains(skippable, f.Rule) {
			skips = append(skips, f.missing()...)
		}
	}
	return skips
}

// HashOf identifies what would be skipped, as it was shown: whoever confirms
// something else confirms nothing. How much use is lacking changes all the time,
// fewer approvals are no surprise, and the way back is not looked for before it
// is needed.
func HashOf(skips []Finding) string {
	var lines []string
	for _, f := range skips {
		line := string(f.Rule)
		switch f.Rule {
		case RuleWayBack:
			continue
		case RuleRole, RuleAll, RuleChoice, RuleApprovals, RuleExposure:
		default:
			line += ": " + f.Reason
		}
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

// Skipped are the rules that were not met and are skipped.
func (v Verdict) Skipped() (rules []Rule) {
	for _, rule := range Rules {
		if slices.ContainsFunc(v.Of(rule), func(f Finding) bool { return f.Skipped }) {
			rules = append(rules, rule)
		}
	}
	return rules
}

// glassReviewers are the roles that review a broken glass: those that were named
// when it was broken, and those that are named now.
func (f Facts) glassReviewers(d Document) (roles []string) {
	if b := f.Promotion.Broken; b != nil {
		roles = append(roles, b.Reviewers...)
	}
	if d.BreakGlass != nil {
		for _, role := range d.BreakGlass.By {
			if !slices.Contains(roles, role) {
				roles = append(roles, role)
			}
		}
	}
	return roles
}

// MayReview says why the person can't say whether it was right to break the glass,
// or "". Whoever broke it can't, from whichever account.
func MayReview(d Document, f Facts, id promotion.PersonID) (refusal string) {
	b := f.Promotion.Broken
	switch {
	case b == nil:
		return "nobody broke the glass here, so there is nothing to review"
	case b.Review != nil:
		return "it has been reviewed already"
	case f.Promotion.State == promotion.Open && Breaks(d, f):
		return "it has not gone ahead yet: what comes of it can be reviewed then"
	}
	if refusal := notAMember(&f, id); refusal != "" {
		return refusal
	}
	if f.Identities.Same(id, b.By) {
		return "whoever broke the glass can't review that: somebody else has to"
	}
	if roles := f.glassReviewers(d); !holdsOne(f, roles, id) {
		return noRole(f, roles)
	}
	return ""
}

func (b *BreakGlass) sentences() []string {
	if b == nil {
		return nil
	}
	return []string{fmt.Sprintf("Who holds %s can break the glass and have it go ahead all the same, with a reason; within %s another person of %s has to say whether that was right.", b.Role, span(b.Within), strings.Join(b.By, " or "))}
}
