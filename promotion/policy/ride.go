package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// A train is approved once, and each of its rides has to fulfil everything else
// that a promotion by itself would have to: nobody gets anything through by
// putting it beside something that is in order. A broken glass is broken once for
// all of them, and skips of each what could be skipped of it by itself.

// needs is what is asked of a promotion besides approvals, in the order in
// which it is told.
func needs(d Document, f Facts, now time.Time) []Finding {
	if f.Promotion.Purpose != promotion.Train {
		return slices.Concat(condemned(f), origin(d, f, now), authors(d, f), attested(d, f), checks(d, f, now), []Finding{tags(f), order(f)}, line(d, f), stops(d, f, now))
	}
	if len(f.Rides) == 0 {
		return []Finding{{Rule: RuleRide, Outcome: Blocked, Reason: "it carries nothing"}}
	}
	var all []Finding
	for _, r := range f.Rides {
		r.Rosters, r.People = f.Rosters, f.People
		all = append(all, gather(RuleRide, r.Promotion.App, append(needs(d, r, now), turn(r))))
	}
	return append(all, stops(d, f, now)...)
}

// gather makes one finding of several: it is met when all of them are, says
// what the others lack, and can change when the first of them can. app is the ride
// that they are about, or empty.
func gather(rule Rule, app string, children []Finding) Finding {
	f := Finding{Rule: rule, App: app, Outcome: Met, Children: children}
	var lacks []string
	for _, c := range children {
		f.Outcome = worse(f.Outcome, c.Outcome)
		if c.Outcome != Met {
			lacks = append(lacks, c.Reason)
		}
		if c.ChangesAt != nil && (f.ChangesAt == nil || c.ChangesAt.Before(*f.ChangesAt)) {
			f.ChangesAt = c.ChangesAt
		}
	}
	f.Reason = strings.Join(lacks, "; ")
	if len(lacks) == 0 {
		f.Reason = "nothing is missing"
	}
	if app != "" {
		f.Reason = app + ": " + f.Reason
	}
	return f
}

// there tells what has come to where its tags will be, and which promotions
// have to be brought there. It is nothing where nothing goes abroad.
func there(f Facts, now time.Time) (findings []Finding, bring []promotion.ID) {
	if f.Promotion.Purpose != promotion.Train {
		if !f.Promotion.Abroad() {
			return nil, nil
		}
		finding := copied(f.Promotion, now)
		if finding.Outcome != Met {
			bring = append(bring, f.Promotion.ID)
		}
		return []Finding{finding}, bring
	}
	var all []Finding
	for _, r := range f.Rides {
		finding, ids := there(r, now)
		for _, one := range finding {
			one.Reason = r.Promotion.App + ": " + one.Reason
			all = append(all, one)
		}
		bring = append(bring, ids...)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return []Finding{gather(RuleCopy, "", all)}, bring
}

// Soaked tells whether everything that the verdict is about has soaked and is
// still where it did.
func (v Verdict) Soaked() bool {
	soaks := v.Of(RuleSoak)
	unmet := func(f Finding) bool { return f.Outcome != Met || f.Skipped }
	return len(soaks) > 0 && !slices.ContainsFunc(slices.Concat(soaks, v.Of(RuleExposure), v.Of(RuleSource)), unmet)
}

// Unsoaked tells whether something that the verdict is about has not soaked,
// wherever it is now.
func (v Verdict) Unsoaked() bool {
	return slices.ContainsFunc(append(v.Of(RuleSoak), v.Of(RuleExposure)...), func(f Finding) bool { return f.Outcome != Met || f.Skipped })
}

// Of returns what the rule says, of the promotion or of each of its rides.
func (v Verdict) Of(rule Rule) []Finding {
	var of []Finding
	for _, f := range v.Findings {
		if f.Rule == rule {
			of = append(of, f)
		}
		if f.Rule != RuleRide {
			continue
		}
		for _, c := range f.Children {
			if c.Rule == rule {
				of = append(of, c)
			}
		}
	}
	return of
}
