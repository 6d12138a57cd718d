package policy

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Check is a piece of evidence that is asked for. It is reported by machines,
// or signed off by people when ReviewedBy names their role.
type Check struct {
	Name       string
	MaxAge     time.Duration `json:",omitempty"` // a result that is older does not count; 0 for any age
	Numbers    []Threshold   `json:",omitempty"`
	Advisory   bool          `json:",omitempty"` // shown, and never in the way
	ReviewedBy string        `json:",omitempty"`
}

// Threshold is what a number of a report has to be.
type Threshold struct {
	Number string
	Is     Comparison
	Limit  float64
}

// Comparison compares a number with a limit.
type Comparison string

// The comparisons.
const (
	AtMost  Comparison = "<="
	Below   Comparison = "<"
	AtLeast Comparison = ">="
	Above   Comparison = ">"
	Equals  Comparison = "=="
)

func (t Threshold) String() string {
	return t.Number + " " + string(t.Is) + " " + figure(t.Limit)
}

// Holds tells whether the number is what it has to be.
func (t Threshold) Holds(n float64) bool {
	switch t.Is {
	case AtMost:
		return n <= t.Limit
	case Below:
		return n < t.Limit
	case AtLeast:
		return n >= t.Limit
	case Above:
		return n > t.Limit
	}
	return t.Is == Equals && n == t.Limit
}

// Within is a number that holds.
func (t Threshold) Within() float64 {
	switch t.Is {
	case Below:
		return math.Nextafter(t.Limit, math.Inf(-1))
	case Above:
		return math.Nextafter(t.Limit, math.Inf(1))
	}
	return t.Limit
}

// ParseThreshold reads what String writes: "p99_ms <= 250". Its error is
// Invalid.
func ParseThreshold(s string) (Threshold, error) {
	for _, is := range []Comparison{AtMost, AtLeast, Equals, Below, Above} { // the longer ones first
		name, limit, found := strings.Cut(s, string(is))
		if !found {
			continue
		}
		name, err := promotion.ParseNumberName(strings.TrimSpace(name))
		if err != nil {
			return Threshold{}, err
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(limit), 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return Threshold{}, promotion.Errorf(promotion.Invalid, "%q is not compared with a number", s)
		}
		return Threshold{Number: name, Is: is, Limit: n}, nil
	}
	return Threshold{}, promotion.Errorf(promotion.Invalid, "%q compares nothing: write the name of a number, one of <=, <, >=, > or ==, and a limit", s)
}

func figure(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// Reviewers are the roles that are asked to sign something off.
func (d Document) Reviewers() []string {
	var roles []string
	for _, c := range d.Checks {
		if c.ReviewedBy != "" && !slices.Contains(roles, c.ReviewedBy) {
			roles = append(roles, c.ReviewedBy)
		}
	}
	return roles
}

// Check finds the check of the name.
func (d Document) Check(name string) (Check, bool) {
	i := slices.IndexFunc(d.Checks, func(c Check) bool { return c.Name == name })
	if i < 0 {
		return Check{}, false
	}
	return d.Checks[i], true
}

// Report finds the newest report of a check.
func (f Facts) Report(name string) (promotion.Check, bool) {
	for _, c := range slices.Backward(f.Checks) {
		if c.Name == name {
			return c, true
		}
	}
	return promotion.Check{}, false
}

// checks is nothing where no evidence is asked for.
func checks(d Document, f Facts, now time.Time) []Finding {
	var all []Finding
	for _, c := range d.Checks {
		finding := evidence(d, c, f, now)
		if c.Advisory && finding.Outcome != Met {
			finding.Outcome, finding.Who = Met, nil
		}
		if c.Advisory {
			finding.Reason = "advisory: " + finding.Reason
		}
		all = append(all, finding)
	}
	if len(all) == 0 {
		return nil
	}
	top := gather(RuleChecks, "", all)
	if top.Outcome == Met {
		top.Reason = "no check that is required is missing"
	}
	return []Finding{top}
}

// evidence is what one check says. Whatever it says of a report holds for as
// long as there is no newer one, except that reports grow too old.
func evidence(d Document, c Check, f Facts, now time.Time) Finding {
	finding := Finding{Rule: RuleCheck, Outcome: Waiting}
	r, ok := f.Report(c.Name)
	if c.ReviewedBy != "" {
		if missing := unsigned(d, c, f, r, ok); missing != "" {
			finding.Reason, finding.Who = missing, signers(d, c, f)
			return finding
		}
	}
	short := f.Promotion.Digest.Short()
	switch {
	case !ok:
		finding.Reason = fmt.Sprintf("%s has not been reported for %s", c.Name, short)
		return finding
	case r.Status == promotion.CheckRunning:
		finding.Reason = fmt.Sprintf("%s is running since %s", c.Name, instant(r.At))
		return finding
	case r.Status != promotion.CheckPassed:
		finding.Outcome = Blocked
		finding.Reason = fmt.Sprintf("%s failed at %s%s; %s", c.Name, instant(r.At), told(r.Summary), remedy(c))
		return finding
	}
	if wrong := outOfBounds(c, r); wrong != "" {
		finding.Outcome = Blocked
		finding.Reason = fmt.Sprintf("%s passed at %s, but %s; %s", c.Name, instant(r.At), wrong, remedy(c))
		return finding
	}
	if c.MaxAge > 0 {
		until := r.At.Add(c.MaxAge)
		if !now.Before(until) {
			finding.Reason = fmt.Sprintf("%s passed at %s, which was too old from %s on: it may be %s old and has to be reported again", c.Name, instant(r.At), instant(until), span(c.MaxAge))
			if c.ReviewedBy != "" {
				finding.Who = signers(d, c, f)
			}
			return finding
		}
		finding.ChangesAt = &until
	}
	finding.Outcome = Met
	finding.Reason = c.Name + " passed at " + instant(r.At) + measured(c, r) + told(r.Summary)
	return finding
}

// passedBy tells whether the report is of a success whose numbers are as they
// have to be. Who may have made it is another question.
func (c Check) passedBy(r promotion.Check) bool {
	return r.Status == promotion.CheckPassed && outOfBounds(c, r) == ""
}

func told(summary string) string {
	if summary == "" {
		return ""
	}
	return ": " + strings.TrimRight(summary, ". ")
}

// measured are the numbers that the policy has a threshold for.
func measured(c Check, r promotion.Check) string {
	var all string
	for _, t := range c.Numbers {
		all += ", " + t.Number + " is " + figure(r.Numbers[t.Number])
	}
	return all
}

func remedy(c Check) string {
	if c.ReviewedBy != "" {
		return fmt.Sprintf("somebody of %s can sign it off after all, or another build has to take its place", c.ReviewedBy)
	}
	return "a newer report that passes changes that, or another build"
}

func outOfBounds(c Check, r promotion.Check) string {
	var wrong []string
	for _, t := range c.Numbers {
		n, ok := r.Numbers[t.Number]
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("it does not say %s, which has to be %s %s", t.Number, t.Is, figure(t.Limit)))
		case !t.Holds(n):
			wrong = append(wrong, fmt.Sprintf("%s is %s and has to be %s %s", t.Number, figure(n), t.Is, figure(t.Limit)))
		}
	}
	return strings.Join(wrong, " and ")
}

// unsigned says why nobody of the role has signed the check off so far, or "".
// Who has signed it is asked now: a role that somebody has lost does not sign.
func unsigned(d Document, c Check, f Facts, r promotion.Check, reported bool) string {
	roster := f.Rosters[c.ReviewedBy]
	asked := fmt.Sprintf("%s waits for somebody of %s to look and to sign it off", c.Name, c.ReviewedBy)
	if roster.Fault != "" {
		return fmt.Sprintf("%s; the members of %s can't be read: %s", asked, c.ReviewedBy, roster.Fault)
	}
	if !reported {
		return asked
	}
	if r.Person == "" {
		return fmt.Sprintf("%s: the report by a machine, %s, does not do", asked, r.Token)
	}
	if _, refusal := MaySign(d, f, c.Name, r.Person); refusal != "" {
		return fmt.Sprintf("%s: that of %s does not count, because %s", asked, instant(r.At), refusal)
	}
	return ""
}

// MaySign finds the role in which the person can sign the check off, or says
// why they can't. Whoever asked for the promotion can't, where they can't
// approve it.
func MaySign(d Document, f Facts, name string, id promotion.PersonID) (role, refusal string) {
	c, ok := d.Check(name)
	switch {
	case !ok:
		return "", "the policy asks for no check of this name"
	case c.ReviewedBy == "":
		return "", "this check is reported by machines and not signed off by people"
	}
	if refusal := notAMember(&f, id); refusal != "" {
		return "", refusal
	}
	if refusal := cantSign(d, f, id); refusal != "" {
		return "", refusal
	}
	roster := f.Rosters[c.ReviewedBy]
	switch {
	case roster.Has(id):
		return c.ReviewedBy, ""
	case roster.Fault != "":
		return "", fmt.Sprintf("the members of %s can't be read: %s", c.ReviewedBy, roster.Fault)
	}
	return "", fmt.Sprintf("it takes the role %s", c.ReviewedBy)
}

// cantSign says why the person can't sign anything off, whatever roles they
// hold: what they asked for or wrote themselves, others have to look at.
func cantSign(d Document, f Facts, id promotion.PersonID) string {
	if !d.RequesterMayApprove && f.requested(id) {
		return "whoever requested a promotion can't sign off its checks"
	}
	if d.AuthorsCannotApprove && wrote(f, id) {
		return "whoever wrote what is in an image can't sign off its checks"
	}
	return ""
}

// signers are those who could sign the check off. Somebody about whom nothing
// has been read yet is given the benefit of the doubt.
func signers(d Document, c Check, f Facts) []promotion.PersonID {
	var could []promotion.PersonID
	for _, id := range f.Rosters[c.ReviewedBy].Members {
		if _, known := f.People[id]; known {
			if _, refusal := MaySign(d, f, c.Name, id); refusal != "" {
				continue
			}
		} else if cantSign(d, f, id) != "" {
			continue
		}
		could = append(could, id)
	}
	return could
}

// Signature is a check that somebody could sign off.
type Signature struct {
	Promotion promotion.ID // or the ride whose digest it is about
	App       string
	Check     Check
}

// Unsigned are the checks that are not signed off now.
func Unsigned(d Document, f Facts, now time.Time) []Signature {
	var missing []Signature
	for _, r := range f.Rides {
		r.Rosters, r.People = f.Rosters, f.People
		missing = append(missing, Unsigned(d, r, now)...)
	}
	if f.Promotion.Purpose == promotion.Train {
		return missing
	}
	for _, c := range d.Checks {
		if c.ReviewedBy != "" && evidence(d, c, f, now).Outcome != Met {
			missing = append(missing, Signature{f.Promotion.ID, f.Promotion.App, c})
		}
	}
	return missing
}

// StaleSigner lists what has to be read before it can be said who the person
// is and whether they can sign the check off.
func StaleSigner(d Document, f Facts, name string, id promotion.PersonID, maxAge time.Duration, now time.Time) []Subject {
	c, _ := d.Check(name)
	var stale []Subject
	if known, ok := f.People[id]; !ok || now.Sub(known.ReadAt) > maxAge {
		stale = append(stale, Subject{Person: id})
	}
	roster := f.Rosters[c.ReviewedBy]
	if roster.ReadAt == nil || now.Sub(*roster.ReadAt) > maxAge {
		for _, g := range roster.Groups {
			stale = append(stale, Subject{Group: g})
		}
	}
	return stale
}

// staleSigners lists what has to be read once more of those whose word the
// verdict rests on.
func staleSigners(d Document, f Facts, now time.Time) []Subject {
	var stale []Subject
	for _, of := range append(slices.Clone(f.Rides), f) {
		for _, c := range d.Checks {
			r, ok := of.Report(c.Name)
			if !ok || c.ReviewedBy == "" || c.Advisory || r.Person == "" {
				continue
			}
			for _, s := range StaleSigner(d, f, r.Name, r.Person, SureFor, now) {
				if !slices.Contains(stale, s) {
					stale = append(stale, s)
				}
			}
		}
	}
	return stale
}
