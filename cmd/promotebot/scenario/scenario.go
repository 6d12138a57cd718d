// Package scenario lets a team test its own policies: a file says what is given
// and which verdict is expected, and each scenario is put to the same
// policy.Evaluate that decides for real.
//
// What a scenario does not mention is in order: the registry can be read, the
// tags are free, nothing newer has been promoted, nothing else is moving, nothing
// is frozen or held, every check has passed, it has been used enough, and what is
// measured is as it has to be. So each says only what it is about.
package scenario

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Scenario is one case: what is given, and what has to follow.
type Scenario struct {
	Name   string
	Line   int // where it begins, from 1
	App    string
	From   string
	To     string
	At     time.Time
	given  given
	expect expect
}

// given is what differs from everything being in order.
type given struct {
	stayed      *time.Duration // how long the digest has been in From; nil: it is not there
	requester   promotion.PersonID
	votes       []vote
	standings   map[promotion.PersonID]promotion.Standing
	groups      map[promotion.GroupID]promotion.Group
	newer       bool
	checks      map[string]report
	used        *promotion.Exposure // nil: enough
	incidents   []promotion.Incident
	held        bool
	frozen      bool
	rollback    bool // it goes back to what was there before
	withdrawn   bool
	delegations []promotion.Delegation
	authors     []string // nil: somebody who is none of the people of the scenario
	unattested  bool     // there is no provenance that a key has signed

	watched  *time.Duration // how long it has run; nil: it is to be promoted
	measured map[string]answer
}

// report is what is known of a check. One that is missing has not been reported.
type report struct {
	status  promotion.CheckStatus
	ago     time.Duration
	by      promotion.PersonID
	numbers map[string]float64
}

const missing promotion.CheckStatus = "missing"

type vote struct {
	by       promotion.PersonID
	ago      time.Duration
	decision promotion.Decision
}

// expect is what is compared; what is nil is not.
type expect struct {
	outcome policy.Outcome
	missing []policy.Rule // exactly these rules are not met; nil: not compared
	says    []string      // each is part of some reason
}

// Load reads a file of scenarios for the catalog. When the document is at fault
// the error is *strict.Problems, with everything that is wrong with it.
func Load(path string, c *gate.Catalog) ([]Scenario, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, promotion.Errorf(promotion.NotFound, "the scenarios can't be opened: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	doc, err := io.ReadAll(io.LimitReader(f, strict.MaxDocument))
	if err != nil {
		return nil, promotion.Errorf(promotion.Unavailable, "the scenarios can't be read: %w", err)
	}
	return Parse(path, doc, c)
}

// Parse reads a document; name is what its problems are reported under.
func Parse(name string, doc []byte, c *gate.Catalog) ([]Scenario, error) {
	decoder, root := strict.Parse(doc, "begin with "+example)
	r := &reader{Reader: decoder, catalog: c}
	var all []Scenario
	if root != nil {
		all = r.document(root)
	}
	if err := r.Problems(name); err != nil {
		return nil, err
	}
	return all, nil
}

// Verdict puts the scenario to the policy that the catalog has for it: whether it may
// be promoted or, of what runs and is watched, how that goes.
func (s Scenario) Verdict(c *gate.Catalog) policy.Verdict {
	app, _ := c.App(s.App)
	d := app.Policies[s.To]
	if s.given.rollback {
		d = d.Returning()
	}
	if s.given.watched != nil {
		return s.watch(d, s.facts(c, d))
	}
	return policy.Evaluate(d, s.facts(c, d), s.At)
}

// Differs says in what the verdict is not what was expected: nothing when it is.
func (s Scenario) Differs(v policy.Verdict) []string {
	var all []string
	if s.expect.outcome != "" && v.Outcome != s.expect.outcome {
		all = append(all, fmt.Sprintf("it is %s, and %s was expected", v.Outcome, s.expect.outcome))
	}
	var lacks []policy.Rule
	var reasons []string
	for _, f := range v.Findings {
		if f.Outcome != policy.Met {
			lacks = append(lacks, f.Rule)
		}
		reasons = append(reasons, told(f)...)
	}
	if s.expect.missing != nil && !slices.Equal(sorted(lacks), sorted(s.expect.missing)) {
		all = append(all, fmt.Sprintf("not met: %s; expected: %s", list(lacks), list(s.expect.missing)))
	}
	for _, text := range s.expect.says {
		if !slices.ContainsFunc(reasons, func(r string) bool { return strings.Contains(r, text) }) {
			all = append(all, fmt.Sprintf("no reason says %q", text))
		}
	}
	return all
}

// Reasons are everything that the verdict says, a line each.
func Reasons(v policy.Verdict) []string {
	var all []string
	for _, f := range v.Findings {
		all = append(all, told(f)...)
	}
	for _, d := range v.Discounted {
		all = append(all, fmt.Sprintf("not counted: the approval of %s: %s", d.Person, d.Reason))
	}
	return all
}

func told(f policy.Finding) []string {
	all := []string{fmt.Sprintf("%s %s: %s", f.Rule, f.Outcome, f.Reason)}
	for _, c := range f.Children {
		for _, line := range told(c) {
			all = append(all, "  "+line)
		}
	}
	return all
}

func sorted(rules []policy.Rule) []policy.Rule { return slices.Sorted(slices.Values(rules)) }

func list(rules []policy.Rule) string {
	if len(rules) == 0 {
		return "nothing"
	}
	var names []string
	for _, r := range rules {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// The digests of a scenario are made up: what it is about is not which they are.
var (
	candidate = promotion.Digest("sha256:" + strings.Repeat("c", 64))
	running   = promotion.Digest("sha256:" + strings.Repeat("a", 64))
)

func (s Scenario) facts(c *gate.Catalog, d policy.Document) policy.Facts {
	app, _ := c.App(s.App)
	env, _ := c.Environment(s.To)
	p := promotion.Promotion{
		ID: 1, Purpose: promotion.Forward, App: s.App, From: s.From, To: s.To, Repository: app.In(s.From), Destination: app.In(s.From),
		Digest: candidate, Requester: s.given.requester, State: promotion.Open, PolicyHash: d.Hash(), ObservedAt: s.At, OpenedAt: s.At,
	}
	if s.given.rollback {
		p.Purpose, p.Back = promotion.Rollback, &promotion.Back{Bad: running}
	}
	for _, t := range env.Tags {
		if s.given.rollback && !t.Floating() {
			continue
		}
		target := promotion.Target{Tag: string(t), Floating: t.Floating(), ReadAt: &s.At}
		if target.Floating {
			target.Now = running
		}
		p.Targets = append(p.Targets, target)
	}
	f := policy.Facts{Identities: c.Identities, Rosters: map[string]promotion.Roster{}, People: map[promotion.PersonID]promotion.Person{}}
	if s.given.stayed != nil {
		p.ObservedAt = s.At.Add(-*s.given.stayed)
		f.Presence = []promotion.Interval{{From: p.ObservedAt}}
	}
	p.OpenedAt = p.ObservedAt
	p.WayBack = &promotion.WayBack{Repository: p.Destination, Digests: p.WaysBack(), ReadAt: &s.At}
	if d.Plan {
		p.Plan = "the scenario says nothing about it"
	}
	f.Promotion = p
	f.Channel = &promotion.Channel{ReadAt: &s.At} // nobody else is in it
	for _, v := range s.given.votes {
		f.Votes = append(f.Votes, promotion.Vote{Promotion: p.ID, Person: v.by, Decision: v.decision, Terms: p.TermsNow(), At: s.At.Add(-v.ago)})
	}
	f.Delegations = s.given.delegations
	slices.SortStableFunc(f.Votes, func(a, b promotion.Vote) int { return a.At.Compare(b.At) })
	if s.given.newer {
		f.Newer = &promotion.Promotion{ID: 2, Digest: running, To: s.To}
	}
	s.authorship(d, &f)
	s.people(c, d, &f)
	s.evidence(d, &f)
	s.stops(&f)
	return f
}

// stranger is who wrote what is in an image where the scenario does not say.
const stranger = "somebody@else.invalid"

// authorship is who wrote what is in the image, as a verified provenance has it.
func (s Scenario) authorship(d policy.Document, f *policy.Facts) {
	f.Promotion.Image = &promotion.Image{}
	f.Identities.Addresses = maps.Clone(f.Identities.Addresses)
	if f.Authors = s.given.authors; f.Authors == nil && f.Identities.Addresses != nil {
		f.Authors, f.Identities.Addresses[stranger] = []string{stranger}, ""
	}
	f.Promotion.Provenance = &promotion.Provenance{Repository: f.Promotion.Repository, By: d.Provenance.By, ReadAt: &s.At}
	if !s.given.unattested {
		f.Promotion.Provenance.Found = promotion.Attested{Verified: 1, Named: len(f.Authors)}
	}
}

// evidence is that of the checks that the scenario mentions; the others have
// passed, signed off by somebody who may.
func (s Scenario) evidence(d policy.Document, f *policy.Facts) {
	f.Exposure = d.Exposure
	if s.given.used != nil {
		f.Exposure = *s.given.used
	}
	for _, c := range d.Checks {
		r, mentioned := s.given.checks[c.Name]
		if r.status == missing {
			continue
		}
		check := promotion.Check{App: s.App, Digest: candidate, Name: c.Name, Status: r.status, At: s.At.Add(-r.ago), Numbers: r.numbers, Person: r.by, Token: "ci"}
		if !mentioned {
			check = s.passed(c, f)
		}
		if c.ReviewedBy != "" {
			check.Token = ""
		}
		f.Checks = append(f.Checks, check)
	}
	for _, check := range f.Checks {
		if check.Person != "" {
			f.People[check.Person] = promotion.Person{ID: check.Person, Standing: s.standing(check.Person), ReadAt: s.At}
		}
	}
	slices.SortFunc(f.Checks, func(a, b promotion.Check) int { return strings.Compare(a.Name, b.Name) })
}

// passed is a report that leaves nothing to be desired: as old as the digest is
// in its environment, or new where that would be too old.
func (s Scenario) passed(c policy.Check, f *policy.Facts) promotion.Check {
	check := promotion.Check{App: s.App, Digest: candidate, Name: c.Name, Status: promotion.CheckPassed, At: f.Promotion.ObservedAt, Token: "ci", Numbers: map[string]float64{}}
	if c.MaxAge > 0 && s.At.Sub(check.At) >= c.MaxAge {
		check.At = s.At
	}
	for _, t := range c.Numbers {
		check.Numbers[t.Number] = t.Within()
	}
	for _, id := range f.Rosters[c.ReviewedBy].Members {
		if id != s.given.requester && s.standing(id) == promotion.Member {
			check.Person = id
			break
		}
	}
	return check
}

func (s Scenario) standing(id promotion.PersonID) promotion.Standing {
	if other, ok := s.given.standings[id]; ok {
		return other
	}
	return promotion.Member
}

func (s Scenario) stops(f *policy.Facts) {
	f.Incidents = s.given.incidents
	if s.given.held {
		f.Holds = []promotion.Hold{{ID: 1, App: s.App, By: "U0SOMEBODY", Reason: "the scenario says so", At: s.At}}
	}
	if s.given.withdrawn {
		f.Withdrawn = &promotion.Withdrawal{ID: 1, App: s.App, Digest: candidate, By: "U0SOMEBODY", Reason: "the scenario says so", At: s.At}
	}
	if s.given.frozen {
		f.Freezes = []promotion.Freeze{{ID: 1, App: s.App, From: s.At, By: "U0SOMEBODY", Reason: "the scenario says so"}}
	}
}

// people are all who are named anywhere: members of the workspace, read just
// now, unless the scenario says otherwise.
func (s Scenario) people(c *gate.Catalog, d policy.Document, f *policy.Facts) {
	know := func(id promotion.PersonID) {
		f.People[id] = promotion.Person{ID: id, Standing: s.standing(id), ReadAt: s.At}
	}
	for _, role := range d.Roles() {
		roster := c.Roster(role, s.given.groups)
		if roster.ReadAt != nil {
			roster.ReadAt = &s.At
		}
		f.Rosters[role] = roster
		for _, id := range roster.Members {
			know(id)
		}
	}
	for _, v := range s.given.votes {
		know(v.by)
	}
	for _, g := range s.given.delegations {
		know(g.By)
		know(g.To)
	}
}
