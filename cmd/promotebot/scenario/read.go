package scenario

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	example           = "scenarios: [{name: two leads, app: shop, given: {stayed: 25h, votes: [{by: U0ANN}]}, expect: {outcome: waiting}}]"
	exampleScenario   = "{name: two leads, app: shop, given: {stayed: 25h}, expect: {outcome: waiting}}"
	exampleGiven      = "{stayed: 25h, votes: [{by: U0ANN}]}"
	exampleDelegation = "{by: U0ANN, to: U0DAN, ago: 3h, lasts: 24h}"
	exampleExpect     = "{outcome: waiting, missing: [approvals], says: [1 of 2 from leads]}"
)

// noon is when a scenario plays that does not say so: a Wednesday.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

type reader struct {
	*strict.Reader
	catalog *gate.Catalog
}

func (r *reader) document(root *yaml.Node) []Scenario {
	in, ok := r.Fields(root, "the scenarios", example, "scenarios")
	if !ok {
		return nil
	}
	at, ok := r.Required(root, in, "scenarios", "the document", "begin with "+example)
	if !ok {
		return nil
	}
	items, ok := r.List(at, "scenarios", "["+exampleScenario+"]")
	if ok && len(items) == 0 {
		r.Fault(at, "scenarios is empty", "write one: "+exampleScenario)
	}
	var all []Scenario
	for _, n := range items {
		all = append(all, r.scenario(n))
	}
	return all
}

func (r *reader) scenario(n *yaml.Node) Scenario {
	s := Scenario{Line: n.Line, At: noon}
	in, ok := r.Fields(n, "a scenario", exampleScenario, "name", "app", "to", "at", "given", "expect")
	if !ok {
		return s
	}
	if at, ok := r.Required(n, in, "name", "the scenario", "say in a few words what it is about"); ok {
		s.Name, _ = r.Text(at, "the name of the scenario")
	}
	if at, ok := r.Required(n, in, "app", "the scenario", "name an app of the configuration"); ok {
		s.App = r.app(at)
	}
	s.From, s.To = r.step(n, in)
	if p, ok := in["at"]; ok {
		s.At = r.instant(p.Value)
	}
	if p, ok := in["given"]; ok {
		s.given = r.given(p.Value, &s)
	}
	if at, ok := r.Required(n, in, "expect", "the scenario", "say what has to follow: "+exampleExpect); ok {
		s.expect = r.expect(at)
	}
	return s
}

func (r *reader) app(at *yaml.Node) string {
	name, ok := r.Text(at, "the app")
	if _, known := r.catalog.App(name); ok && !known {
		r.Fault(at, fmt.Sprintf("the configuration has no app %q", strict.Clip(name)), "there are "+strings.Join(r.catalog.Names(), ", "))
	}
	return name
}

// step is the step of the chain: the last one unless the scenario names another.
func (r *reader) step(n *yaml.Node, in map[string]strict.Pair) (from, to string) {
	chain := r.catalog.Environments
	last := len(chain) - 1
	p, ok := in["to"]
	if !ok {
		return chain[last-1].Name, chain[last].Name
	}
	name, ok := r.Text(p.Value, "to")
	for i := 1; i <= last; i++ {
		if chain[i].Name == name {
			return chain[i-1].Name, name
		}
	}
	if ok {
		r.Fault(p.Value, fmt.Sprintf("nothing is promoted to %q", strict.Clip(name)), "name an environment of the configuration, but not the first, or take to out: the last is meant")
	}
	return "", name
}

// instant reads a time as RFC 3339 has it; YAML takes it for a time of its own.
func (r *reader) instant(n *yaml.Node) time.Time {
	t, err := time.Parse(time.RFC3339, n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		r.Fault(n, fmt.Sprintf("%q is not an instant", strict.Clip(n.Value)), "write it as 2026-03-04T12:00:00+01:00")
		return noon
	}
	return t.UTC()
}

func (r *reader) given(n *yaml.Node, s *Scenario) given {
	g := given{standings: map[promotion.PersonID]promotion.Standing{}, groups: map[promotion.GroupID]promotion.Group{}}
	in, ok := r.Fields(n, "what is given", exampleGiven, "stayed", "requester", "votes", "delegations", "people", "groups", "newer", "checks", "used", "incidents", "held", "frozen", "rollback", "withdrawn", "authors", "unattested", "watched", "measured")
	if !ok {
		return g
	}
	if p, ok := in["stayed"]; ok {
		if d, ok := r.ago(p.Value, "stayed"); ok {
			g.stayed = &d
		}
	}
	if p, ok := in["requester"]; ok {
		g.requester = r.person(p.Value)
	}
	if p, ok := in["votes"]; ok {
		items, _ := r.List(p.Value, "votes", "[{by: U0ANN, ago: 1h}]")
		for _, item := range items {
			g.votes = append(g.votes, r.vote(item))
		}
	}
	if p, ok := in["delegations"]; ok {
		items, _ := r.List(p.Value, "delegations", "["+exampleDelegation+"]")
		for _, item := range items {
			g.delegations = append(g.delegations, r.delegation(item, s, int64(len(g.delegations)+1)))
		}
	}
	if p, ok := in["people"]; ok {
		r.standings(p.Value, &g)
	}
	if p, ok := in["groups"]; ok {
		r.groups(p.Value, &g)
	}
	for key, said := range map[string]*bool{"newer": &g.newer, "held": &g.held, "frozen": &g.frozen, "rollback": &g.rollback, "withdrawn": &g.withdrawn, "unattested": &g.unattested} {
		if p, ok := in[key]; ok {
			*said = r.truth(p.Value, key)
		}
	}
	if p, ok := in["authors"]; ok {
		g.authors = []string{}
		items, _ := r.Texts(p.Value, "authors", "[ann@example.com]")
		for _, item := range items {
			if text, ok := r.Text(item, "an author"); ok {
				g.authors = append(g.authors, text)
			}
		}
	}
	app, _ := r.catalog.App(s.App)
	if p, ok := in["watched"]; ok {
		g.watched = r.watched(p.Value, in, app.Policies[s.To])
	}
	if p, ok := in["checks"]; ok {
		g.checks = r.checks(p.Value, app.Policies[s.To], g.watched != nil)
	}
	if p, ok := in["incidents"]; ok {
		g.incidents = r.incidents(p.Value, s)
	}
	if p, ok := in["used"]; ok {
		g.used = r.used(p.Value)
	}
	if p, ok := in["measured"]; ok {
		g.measured = r.measured(p, g.watched != nil, app.Policies[s.To])
	}
	return g
}

var statuses = []promotion.CheckStatus{promotion.CheckPassed, promotion.CheckFailed, promotion.CheckRunning, missing}

// checks are those that the policy asks for or, of what is watched, those that count then.
func (r *reader) checks(n *yaml.Node, d policy.Document, watched bool) map[string]report {
	all := map[string]report{}
	pairs, _ := r.Pairs(n, "checks", "{perf: failed}")
	for _, p := range pairs {
		_, asked := d.Check(p.Key)
		if watched {
			asked = d.After != nil && slices.Contains(d.After.Checks, p.Key)
		}
		if !asked {
			r.Fault(p.At, fmt.Sprintf("the policy asks for no check %q", strict.Clip(p.Key)), "name one that it asks for, or take it out: it would change nothing")
		}
		if r.IsText(p.Value) {
			all[p.Key] = report{status: r.status(p.Value)}
			continue
		}
		in, ok := r.Fields(p.Value, "a check", "{status: passed, ago: 1h, numbers: {p99_ms: 250}}", "status", "ago", "by", "numbers")
		if !ok {
			continue
		}
		one := report{status: promotion.CheckPassed}
		if at, ok := in["status"]; ok {
			one.status = r.status(at.Value)
		}
		if at, ok := in["ago"]; ok {
			one.ago, _ = r.ago(at.Value, "ago")
		}
		if at, ok := in["by"]; ok {
			one.by = r.person(at.Value)
		}
		if at, ok := in["numbers"]; ok {
			one.numbers = r.numbers(at.Value)
		}
		all[p.Key] = one
	}
	return all
}

func (r *reader) status(n *yaml.Node) promotion.CheckStatus {
	text, ok := r.Text(n, "the status of a check")
	if ok && !slices.Contains(statuses, promotion.CheckStatus(text)) {
		r.Fault(n, fmt.Sprintf("no check is %q", strict.Clip(text)), "write one of "+join(statuses))
	}
	return promotion.CheckStatus(text)
}

func (r *reader) numbers(n *yaml.Node) map[string]float64 {
	all := map[string]float64{}
	pairs, _ := r.Pairs(n, "numbers", "{p99_ms: 250}")
	for _, p := range pairs {
		all[p.Key] = r.number(p.Value)
	}
	return all
}

func (r *reader) number(n *yaml.Node) float64 {
	f, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		r.Fault(n, fmt.Sprintf("%q is no number", strict.Clip(n.Value)), "write it as 250 or 0.5")
	}
	return f
}

// used is how much the digest has been used.
func (r *reader) used(n *yaml.Node) *promotion.Exposure {
	in, _ := r.Fields(n, "used", "{requests: 1000}", "requests", "pod_hours")
	var e promotion.Exposure
	const most = 1_000_000_000
	if p, ok := in["requests"]; ok {
		count, _ := r.Count(p.Value, "requests", most)
		e.Requests = int64(count)
	}
	if p, ok := in["pod_hours"]; ok {
		hours, _ := r.Count(p.Value, "pod_hours", most/1000)
		e.PodTime = time.Duration(hours) * time.Hour
	}
	return &e
}

// incidents are those of the app, in the environment that the digest comes from.
func (r *reader) incidents(n *yaml.Node, s *Scenario) (all []promotion.Incident) {
	items, _ := r.List(n, "incidents", "[{severity: critical, ago: 2h, lasted: 1h}]")
	for i, item := range items {
		in, ok := r.Fields(item, "an incident", "{severity: critical, ago: 2h, lasted: 1h}", "severity", "ago", "lasted")
		if !ok {
			continue
		}
		one := promotion.Incident{ID: promotion.IncidentID(i + 1), App: s.App, Environment: s.From, Summary: "the scenario says so"}
		if at, ok := r.Required(item, in, "severity", "the incident", "add severity: critical"); ok {
			text, _ := r.Text(at, "severity")
			one.Severity = promotion.Severity(text)
		}
		var ago time.Duration
		if at, ok := in["ago"]; ok {
			ago, _ = r.ago(at.Value, "ago")
		}
		one.From, one.ReportedAt = s.At.Add(-ago), s.At.Add(-ago)
		if at, ok := in["lasted"]; ok {
			lasted, _ := r.ago(at.Value, "lasted")
			over := one.From.Add(min(lasted, ago))
			one.ResolvedAt = &over
		}
		all = append(all, one)
	}
	return all
}

func (r *reader) ago(n *yaml.Node, what string) (time.Duration, bool) {
	d, ok := r.Duration(n, what, "25h")
	if ok && d < 0 {
		r.Fault(n, what+" is negative", "write how long ago, such as 25h")
		return 0, false
	}
	return d, ok
}

func (r *reader) person(n *yaml.Node) promotion.PersonID {
	id, _ := r.Text(n, "a person")
	return promotion.PersonID(id)
}

func (r *reader) vote(n *yaml.Node) vote {
	v := vote{decision: promotion.Approve}
	in, ok := r.Fields(n, "a vote", "{by: U0ANN, ago: 1h}", "by", "ago", "decision")
	if !ok {
		return v
	}
	if at, ok := r.Required(n, in, "by", "the vote", "add by: U0ANN, Slack's id of a person"); ok {
		v.by = r.person(at)
	}
	if p, ok := in["ago"]; ok {
		v.ago, _ = r.ago(p.Value, "ago")
	}
	if p, ok := in["decision"]; ok {
		text, ok := r.Text(p.Value, "decision")
		switch v.decision = promotion.Decision(text); {
		case !ok, v.decision == promotion.Approve, v.decision == promotion.Reject:
		default:
			r.Fault(p.Value, fmt.Sprintf("%q is no decision", strict.Clip(text)), "write approve, which is the default, or reject")
		}
	}
	return v
}

// delegation is one of the app. What the scenario does not say of it is that it began
// before anything was said, and is not over.
func (r *reader) delegation(n *yaml.Node, s *Scenario, id int64) promotion.Delegation {
	const ever = 365 * 24 * time.Hour
	g := promotion.Delegation{ID: id, App: s.App, From: s.At.Add(-ever), Until: s.At.Add(ever)}
	in, ok := r.Fields(n, "a delegation", exampleDelegation, "by", "to", "ago", "lasts")
	if !ok {
		return g
	}
	if at, ok := r.Required(n, in, "by", "the delegation", "say who has delegated: by: U0ANN"); ok {
		g.By = r.person(at)
	}
	if at, ok := r.Required(n, in, "to", "the delegation", "say who approves in their place: to: U0DAN"); ok {
		g.To = r.person(at)
	}
	if p, ok := in["ago"]; ok {
		ago, _ := r.ago(p.Value, "ago")
		g.From = s.At.Add(-ago)
	}
	if p, ok := in["lasts"]; ok {
		lasts, _ := r.ago(p.Value, "lasts")
		g.Until = g.From.Add(lasts)
	}
	return g
}

var standings = []promotion.Standing{promotion.Member, promotion.Guest, promotion.External, promotion.Bot, promotion.Deactivated, promotion.Unknown}

func (r *reader) standings(n *yaml.Node, g *given) {
	pairs, _ := r.Pairs(n, "people", "{U0EVE: guest}")
	for _, p := range pairs {
		text, ok := r.Text(p.Value, "what "+p.Key+" is")
		g.standings[promotion.PersonID(p.Key)] = promotion.Standing(text)
		if ok && !slices.Contains(standings, promotion.Standing(text)) {
			r.Fault(p.Value, fmt.Sprintf("nobody is %q", strict.Clip(text)), "write one of "+join(standings))
		}
	}
}

func (r *reader) groups(n *yaml.Node, g *given) {
	pairs, _ := r.Pairs(n, "groups", "{S0SEC: [U0ANN]}")
	for _, p := range pairs {
		items, _ := r.Texts(p.Value, "the group "+p.Key, "[U0ANN]")
		group := promotion.Group{ID: promotion.GroupID(p.Key)}
		for _, item := range items {
			group.Members = append(group.Members, r.person(item))
		}
		g.groups[group.ID] = group
	}
}

func (r *reader) truth(n *yaml.Node, what string) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		r.Fault(n, what+" must be true or false", "write true, or take the line out")
	}
	return n.Value == "true"
}

var outcomes = []policy.Outcome{policy.Met, policy.Waiting, policy.Blocked}

func (r *reader) expect(n *yaml.Node) expect {
	e := expect{}
	in, ok := r.Fields(n, "what is expected", exampleExpect, "outcome", "missing", "says")
	if !ok {
		return e
	}
	if len(in) == 0 {
		r.Fault(n, "nothing is expected", "write "+exampleExpect)
	}
	if p, ok := in["outcome"]; ok {
		text, ok := r.Text(p.Value, "outcome")
		e.outcome = policy.Outcome(text)
		if ok && !slices.Contains(outcomes, e.outcome) {
			r.Fault(p.Value, fmt.Sprintf("%q is no outcome", strict.Clip(text)), "write one of "+join(outcomes))
		}
	}
	if p, ok := in["missing"]; ok {
		items, _ := r.Texts(p.Value, "missing", "[soak, approvals]")
		e.missing = []policy.Rule{}
		for _, item := range items {
			text, ok := r.Text(item, "a rule")
			e.missing = append(e.missing, policy.Rule(text))
			if ok && !slices.Contains(policy.Rules, policy.Rule(text)) {
				r.Fault(item, fmt.Sprintf("there is no rule %q", strict.Clip(text)), "write one of "+join(policy.Rules))
			}
		}
	}
	if p, ok := in["says"]; ok {
		items, _ := r.Texts(p.Value, "says", "[1 of 2 from leads]")
		for _, item := range items {
			if text, ok := r.Text(item, "a part of a reason"); ok {
				e.says = append(e.says, text)
			}
		}
	}
	return e
}

func join[T ~string](all []T) string {
	var texts []string
	for _, a := range all {
		texts = append(texts, string(a))
	}
	return strings.Join(texts, ", ")
}
