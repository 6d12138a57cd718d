package config

import (
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	keyChecks     = "checks"
	keyMaxAge     = "max_age"
	keyNumbers    = "numbers"
	keyAdvisory   = "advisory"
	keyReviewedBy = "reviewed_by"
)

const exampleChecks = `[{name: perf, max_age: 24h, numbers: ["p99_ms <= 250"]}]`

// maxChecks is what a card still shows.
const maxChecks = 20

// maxAge is that of a result that nobody would call one any more.
const maxAge = 365 * 24 * time.Hour

func (r *reader) checks(n *yaml.Node, roles roles) []policy.Check {
	items, ok := r.List(n, keyChecks, exampleChecks)
	if !ok {
		return nil
	}
	if len(items) > maxChecks {
		r.Fault(n, fmt.Sprintf("there are %d checks, and a card shows %d", len(items), maxChecks), "have several reported as one")
	}
	var all []policy.Check
	for _, item := range items {
		c, at, ok := r.check(item, roles)
		if !ok {
			continue
		}
		if slices.ContainsFunc(all, func(had policy.Check) bool { return had.Name == c.Name }) {
			r.Fault(at, fmt.Sprintf("the check %q is asked for already", c.Name), "put everything about it into one item")
			continue
		}
		r.eitherWay(at, c)
		all = append(all, c)
	}
	return all
}

// check reads one; at is where its name stands.
func (r *reader) check(n *yaml.Node, roles roles) (c policy.Check, at *yaml.Node, ok bool) {
	if r.IsText(n) {
		return policy.Check{Name: n.Value}, n, r.name(n, n.Value)
	}
	in, ok := r.Fields(n, "a check", exampleChecks[1:len(exampleChecks)-1], keyName, keyMaxAge, keyNumbers, keyAdvisory, keyReviewedBy)
	if !ok {
		return c, n, false
	}
	at, ok = r.Required(n, in, keyName, "the check", "add name: perf, the name under which it is reported")
	if ok {
		if c.Name, ok = r.Text(at, "the name of a check"); ok {
			ok = r.name(at, c.Name)
		}
	}
	if p, there := in[keyMaxAge]; there {
		c.MaxAge = r.age(p.Value)
	}
	if p, there := in[keyNumbers]; there {
		c.Numbers = r.thresholds(p.Value)
	}
	if p, there := in[keyAdvisory]; there {
		c.Advisory, _ = r.Bool(p.Value, keyAdvisory)
	}
	if p, there := in[keyReviewedBy]; there {
		c.ReviewedBy = r.reviewers(p.Value, roles)
		if len(c.Numbers) > 0 {
			r.Fault(in[keyNumbers].At, "people who sign something off report no numbers", "take numbers out, or ask for them in a check of its own")
		}
	}
	return c, at, ok
}

func (r *reader) age(n *yaml.Node) time.Duration {
	d, ok := r.Duration(n, keyMaxAge, "24h")
	switch {
	case !ok:
	case d <= 0:
		r.Fault(n, "a result is never younger than that", "write how old it may be, such as 24h, or take the key out for any age")
	case d > maxAge:
		r.Fault(n, fmt.Sprintf("a max_age of %s is longer than 365d", n.Value), "take the key out: without it a result counts however old it is")
	}
	return d
}

func (r *reader) thresholds(n *yaml.Node) []policy.Threshold {
	items, ok := r.Texts(n, keyNumbers, `["p99_ms <= 250"]`)
	if !ok {
		return nil
	}
	var all []policy.Threshold
	for _, item := range items {
		text, ok := r.Text(item, "a threshold")
		if !ok {
			continue
		}
		t, err := policy.ParseThreshold(text)
		if err != nil {
			r.Refuse(item, err, `write it as "p99_ms <= 250"`)
			continue
		}
		if with, never := contradicts(all, t); never {
			r.Fault(item, fmt.Sprintf("no number is both %s and %s", with, t), "change one of the two")
			continue
		}
		all = append(all, t)
	}
	return all
}

// contradicts finds a threshold that no number can fulfil together with t.
func contradicts(had []policy.Threshold, t policy.Threshold) (with policy.Threshold, never bool) {
	for _, h := range had {
		if h.Number != t.Number {
			continue
		}
		// A number that fulfils both is one of the limits, or lies between them.
		between := h.Limit + (t.Limit-h.Limit)/2
		both := func(n float64) bool { return h.Holds(n) && t.Holds(n) }
		beyond := 1 + max(h.Limit, t.Limit)
		below := min(h.Limit, t.Limit) - 1
		if !slices.ContainsFunc([]float64{h.Limit, t.Limit, between, beyond, below}, both) {
			return h, true
		}
	}
	return with, false
}

func (r *reader) reviewers(n *yaml.Node, roles roles) string {
	role, ok := r.Text(n, keyReviewedBy)
	if !ok || !r.asked(n, role, roles) {
		return ""
	}
	if people, known := roles.people(role); known && len(people) == 0 {
		r.Fault(n, fmt.Sprintf("nobody holds %s, so nobody could sign it off", role), "add people to the role")
	}
	return role
}

// eitherWay keeps a name to one meaning in the whole file: what people sign
// off, no machine can report, and whatever it reports would hide what they
// signed.
func (r *reader) eitherWay(at *yaml.Node, c policy.Check) {
	reviewed := c.ReviewedBy != ""
	had, known := r.kinds[c.Name]
	if !known {
		r.kinds[c.Name] = checkKind{at.Line, reviewed}
		return
	}
	if had.reviewed != reviewed {
		is, was := "reported by machines", "signed off by people"
		if reviewed {
			is, was = was, is
		}
		r.Fault(at, fmt.Sprintf("the check %q is %s here and %s on line %d", c.Name, is, was, had.line), "give one of the two another name")
	}
}

// checkKind is how a check is done, and where that stands first.
type checkKind struct {
	line     int
	reviewed bool
}
