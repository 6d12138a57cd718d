package policy_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func report(name string, status promotion.CheckStatus, age time.Duration) promotion.Check {
	return promotion.Check{ID: 1, App: "shop", Digest: app, Name: name, Status: status, Token: "ci", At: noon.Add(-age)}
}

// signed is a check that a person of security has signed off a minute ago.
func signed(by promotion.PersonID) promotion.Check {
	c := report("review", promotion.CheckPassed, time.Minute)
	c.Person, c.Token = by, ""
	return c
}

func asking(checks ...policy.Check) (policy.Document, policy.Facts) {
	d, f := ready()
	d.Checks = checks
	f.Promotion.PolicyHash = d.Hash()
	for i := range f.Votes {
		f.Votes[i].Terms = f.Promotion.TermsNow()
	}
	return d, f
}

func TestChecks(t *testing.T) {
	perf := policy.Check{Name: "perf", MaxAge: 24 * time.Hour, Numbers: []policy.Threshold{{Number: "p99_ms", Is: policy.AtMost, Limit: 250}}}
	review := policy.Check{Name: "review", ReviewedBy: "security"}
	measured := func(n float64) promotion.Check {
		c := report("perf", promotion.CheckPassed, time.Hour)
		c.Numbers = map[string]float64{"p99_ms": n}
		return c
	}
	old := measured(200)
	old.At = noon.Add(-24 * time.Hour)
	broke := report("e2e", promotion.CheckFailed, time.Hour)
	broke.Summary = "3 of 40 failed."
	refused := signed("mel")
	refused.Status = promotion.CheckFailed
	for _, c := range []struct {
		name    string
		asks    policy.Check
		has     []promotion.Check
		change  func(*policy.Document, *policy.Facts)
		outcome policy.Outcome
		says    string
	}{
		{"nothing was reported", perf, nil, nil, policy.Waiting, "perf has not been reported for aaaaaaaaaaaa"},
		{"another check was reported", perf, []promotion.Check{report("scan", promotion.CheckPassed, 0)}, nil, policy.Waiting, "perf has not been reported"},
		{"it is running", perf, []promotion.Check{report("perf", promotion.CheckRunning, time.Hour)}, nil, policy.Waiting, "running since 2026-03-02 11:00:00 UTC"},
		{"it failed", policy.Check{Name: "e2e"}, []promotion.Check{broke}, nil, policy.Blocked, "3 of 40 failed; a newer report that passes changes that"},
		{"it says something that nobody knows", policy.Check{Name: "e2e"}, []promotion.Check{report("e2e", "skipped", 0)}, nil, policy.Blocked, "e2e failed"},
		{"it passed with the number at the limit", perf, []promotion.Check{measured(250)}, nil, policy.Met, "perf passed"},
		{"the number is beyond the limit", perf, []promotion.Check{measured(250.5)}, nil, policy.Blocked, "p99_ms is 250.5 and has to be <= 250"},
		{"the number is missing", perf, []promotion.Check{report("perf", promotion.CheckPassed, time.Hour)}, nil, policy.Blocked, "does not say p99_ms, which has to be <= 250"},
		{"it is a day old to the instant", perf, []promotion.Check{old}, nil, policy.Waiting, "too old from 2026-03-02 12:00:00 UTC on"},
		{"any age will do", policy.Check{Name: "e2e"}, []promotion.Check{report("e2e", promotion.CheckPassed, 9999*time.Hour)}, nil, policy.Met, "e2e passed"},
		{"it failed, and is advisory", policy.Check{Name: "e2e", Advisory: true}, []promotion.Check{broke}, nil, policy.Met, "advisory: e2e failed"},
		{"it was not reported, and is advisory", policy.Check{Name: "e2e", Advisory: true}, nil, nil, policy.Met, "advisory: e2e has not been reported"},
		{"nobody has signed it off", review, nil, nil, policy.Waiting, "waits for somebody of security to look"},
		{"security has signed it off", review, []promotion.Check{signed("mel")}, nil, policy.Met, "review passed"},
		{"security has found something", review, []promotion.Check{refused}, nil, policy.Blocked, "somebody of security can sign it off after all"},
		{"a machine has signed it off", review, []promotion.Check{report("review", promotion.CheckPassed, 0)}, nil, policy.Waiting, "by a machine, ci, does not do"},
		{"somebody else has signed it off", review, []promotion.Check{signed("ann")}, nil, policy.Waiting, "it takes the role security"},
		{"whoever signed it off is not of security any more", review, []promotion.Check{signed("mel")}, func(_ *policy.Document, f *policy.Facts) {
			f.Rosters["security"] = promotion.Roster{Role: "security", Members: []promotion.PersonID{"sue"}}
		}, policy.Waiting, "it takes the role security"},
		{"whoever signed it off has left", review, []promotion.Check{signed("mel")}, func(_ *policy.Document, f *policy.Facts) { standing(f, "mel", promotion.Deactivated) }, policy.Waiting, "the account is deactivated"},
		{"whoever requested it signed it off", review, []promotion.Check{signed("mel")}, func(_ *policy.Document, f *policy.Facts) { f.Promotion.Requester = "mel" }, policy.Waiting, "whoever requested"},
		{"whoever found something is not of security any more", review, []promotion.Check{refused}, func(_ *policy.Document, f *policy.Facts) { standing(f, "mel", promotion.Guest) }, policy.Waiting, "guests"},
		{"it can't be read who is of security", review, []promotion.Check{signed("mel")}, func(_ *policy.Document, f *policy.Facts) {
			f.Rosters["security"] = promotion.Roster{Role: "security", Members: []promotion.PersonID{"mel"}, Groups: []promotion.GroupID{"S1"}, Fault: "Slack says no"}
		}, policy.Waiting, "can't be read: Slack says no"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			d, f := asking(c.asks)
			f.Checks = c.has
			if c.change != nil {
				c.change(&d, &f)
			}
			v := policy.Evaluate(d, f, noon)
			top, _ := v.Finding(policy.RuleChecks)
			if len(top.Children) != 1 || top.Children[0].Outcome != c.outcome || top.Outcome != c.outcome || !strings.Contains(top.Children[0].Reason, c.says) {
				t.Fatalf("it is %+v, want %s because %q", top, c.outcome, c.says)
			}
			if c.outcome != policy.Met && v.Outcome != c.outcome {
				t.Errorf("the verdict is %s", v.Outcome)
			}
		})
	}
}

func TestAPolicyThatAsksForNoEvidenceHasTheHashItHad(t *testing.T) {
	d, f := ready()
	was := d.Hash()
	d.Checks = []policy.Check{}
	if d.Hash() != was {
		t.Error("an empty list of checks is another policy")
	}
	if _, said := policy.Evaluate(d, f, noon).Finding(policy.RuleChecks); said {
		t.Error("it speaks of checks that nobody asks for")
	}
	seen := map[string]bool{was: true}
	for _, c := range []policy.Check{
		{Name: "perf"}, {Name: "scan"}, {Name: "perf", Advisory: true}, {Name: "perf", MaxAge: time.Hour}, {Name: "perf", ReviewedBy: "leads"},
		{Name: "perf", Numbers: []policy.Threshold{{Number: "n", Is: policy.AtMost, Limit: 1}}},
		{Name: "perf", Numbers: []policy.Threshold{{Number: "n", Is: policy.AtMost, Limit: 2}}},
	} {
		d.Checks = []policy.Check{c}
		if seen[d.Hash()] {
			t.Errorf("%+v is no other policy", c)
		}
		seen[d.Hash()] = true
	}
}

func TestASignOffIsReadAgainBeforeItGoesAhead(t *testing.T) {
	d, f := asking(policy.Check{Name: "review", ReviewedBy: "leads"})
	f.Checks = []promotion.Check{signed("sue")} // who has approved nothing
	p := f.People["sue"]
	p.ReadAt = noon.Add(-2 * time.Minute)
	f.People["sue"] = p
	v := policy.Evaluate(d, f, noon)
	if want := []policy.Subject{{Person: "sue"}}; v.Outcome != policy.Waiting || !reflect.DeepEqual(v.Lookups, want) {
		t.Errorf("%s, lookups %+v", v.Outcome, v.Lookups)
	}
	p.ReadAt = noon
	f.People["sue"] = p
	if v := policy.Evaluate(d, f, noon); v.Outcome != policy.Met {
		t.Errorf("read just now: %+v", v.Missing())
	}
}

func TestWhoCouldSignOff(t *testing.T) {
	d, f := asking(policy.Check{Name: "review", ReviewedBy: "security"}, policy.Check{Name: "scan"})
	f.Promotion.Requester = "sue"
	top, _ := policy.Evaluate(d, f, noon).Finding(policy.RuleChecks)
	if got := top.Children[0].Who; !slices.Equal(got, []promotion.PersonID{"mel"}) {
		t.Errorf("could sign off: %v", got)
	}
	if missing := policy.Unsigned(d, f, noon); len(missing) != 1 || missing[0].Promotion != 7 || missing[0].Check.Name != "review" {
		t.Errorf("unsigned: %+v", missing)
	}
	if _, refusal := policy.MaySign(d, f, "scan", "mel"); !strings.Contains(refusal, "machines") {
		t.Errorf("what machines report: %q", refusal)
	}
	if _, refusal := policy.MaySign(d, f, "other", "mel"); !strings.Contains(refusal, "no check") {
		t.Errorf("what nobody asks for: %q", refusal)
	}
	d.RequesterMayApprove = true
	if role, refusal := policy.MaySign(d, f, "review", "sue"); role != "security" {
		t.Errorf("where the requester may: %q", refusal)
	}
}

func TestEveryRideOfATrainNeedsItsOwnEvidence(t *testing.T) {
	d, f := asking(policy.Check{Name: "scan"}, policy.Check{Name: "review", ReviewedBy: "security"})
	d.Since = policy.SinceArrival // only the evidence is at stake here
	f.Promotion.PolicyHash = d.Hash()
	for i := range f.Votes {
		f.Votes[i].Terms = f.Promotion.TermsNow()
	}
	one, two := f, f
	one.Votes, two.Votes = nil, nil
	one.Rosters, two.Rosters, one.People, two.People = nil, nil, nil, nil
	one.Promotion.ID, two.Promotion.ID, two.Promotion.App = 8, 9, "cart"
	one.Checks = []promotion.Check{report("scan", promotion.CheckPassed, 0), signed("mel")}
	two.Checks = []promotion.Check{signed("mel")}
	f.Promotion.Purpose, f.Rides = promotion.Train, []policy.Facts{one, two}
	v := policy.Evaluate(d, f, noon)
	missing := v.Missing()
	if len(missing) != 1 || !strings.Contains(missing[0].Reason, "cart: scan has not been reported") {
		t.Errorf("missing: %+v", missing)
	}
	f.Rides[1].Checks = one.Checks
	if v := policy.Evaluate(d, f, noon); v.Outcome != policy.Met {
		t.Errorf("with everything there: %+v", v.Missing())
	}
	f.Rides[1].Checks = one.Checks[:1]
	if u := policy.Unsigned(d, f, noon); len(u) != 1 || u[0].Promotion != 9 || u[0].App != "cart" {
		t.Errorf("unsigned: %+v", u)
	}
}

func TestEvidenceChangesAVerdictByAgeOnlyWhenItSaidSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, f := asking()
		for _, name := range []string{"a", "b", "c"} {
			c := policy.Check{Name: name, Advisory: rapid.Bool().Draw(t, "advisory"), MaxAge: time.Duration(rapid.IntRange(0, 3).Draw(t, "age")) * time.Hour}
			if rapid.Bool().Draw(t, "reviewed") {
				c.ReviewedBy = "security"
			}
			d.Checks = append(d.Checks, c)
			r := report(name, rapid.SampledFrom([]promotion.CheckStatus{promotion.CheckPassed, promotion.CheckPassed, promotion.CheckFailed, promotion.CheckRunning}).Draw(t, "status"),
				time.Duration(rapid.IntRange(-60, 240).Draw(t, "minutes"))*time.Minute)
			r.Person = rapid.SampledFrom([]promotion.PersonID{"", "mel", "ann"}).Draw(t, "by")
			if rapid.Bool().Draw(t, "reported") {
				f.Checks = append(f.Checks, r)
			}
		}
		for _, p := range f.People {
			p.ReadAt = noon.Add(1000 * time.Hour)
			f.People[p.ID] = p
		}
		read := noon.Add(1000 * time.Hour)
		security := f.Rosters["security"]
		security.ReadAt = &read
		f.Rosters["security"] = security
		v := policy.Evaluate(d, f, noon)
		then := noon.Add(time.Duration(rapid.Int64Range(0, int64(6*time.Hour)).Draw(t, "later")))
		if v.NextChange != nil && !then.Before(*v.NextChange) {
			then = v.NextChange.Add(-time.Microsecond)
		}
		if then.Before(noon) {
			return
		}
		if later := policy.Evaluate(d, f, then); !reflect.DeepEqual(v, later) {
			t.Fatalf("between %v and %v it changed without notice:\n%+v\n%+v", noon, then, v, later)
		}
	})
}

func TestThresholds(t *testing.T) {
	for text, holds := range map[string][3]bool{ // for 1, 2 and 3
		"n <= 2": {true, true, false}, "n<2": {true, false, false}, "n >= 2": {false, true, true}, "n > 2.0": {false, false, true}, " n == 2 ": {false, true, false},
	} {
		th, err := policy.ParseThreshold(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		for i, want := range holds {
			if th.Holds(float64(i+1)) != want {
				t.Errorf("%q of %d", text, i+1)
			}
		}
		if th.Holds(math.NaN()) {
			t.Errorf("%q holds for no number", text)
		}
		if again, err := policy.ParseThreshold(th.String()); err != nil || again != th {
			t.Errorf("%q is written %q, which is %+v, %v", text, th, again, err)
		}
	}
	for _, text := range []string{"", "n", "n 2", "<= 2", "n <= ", "n <= two", "n <= NaN", "n <= Inf", "n <= 1e999", "n = 2", "n != 2", "a b <= 2", "2 <= n", "n <= 2 <= 3"} {
		if th, err := policy.ParseThreshold(text); err == nil {
			t.Errorf("%q is %+v", text, th)
		}
	}
}

func TestAReplayKnowsOnlyTheReportsOfItsTime(t *testing.T) {
	d, f := asking(policy.Check{Name: "scan", MaxAge: time.Hour})
	d.Since = policy.SinceArrival
	f.Presence[0].From = noon.Add(-48 * time.Hour)
	failed, passed, late := report("scan", promotion.CheckFailed, 0), report("scan", promotion.CheckPassed, 0), report("scan", promotion.CheckFailed, 0)
	failed.At, passed.At, late.At = noon, noon.Add(2*time.Hour), noon.Add(5*time.Hour)
	f.Checks = []promotion.Check{failed, passed, late}
	met, ok, last := policy.Replay(d, f, noon.Add(-time.Hour), noon.Add(10*time.Hour))
	if !ok || !met.Equal(passed.At) {
		t.Errorf("it would have gone ahead at %v, %v: %+v", met, ok, last.Missing())
	}
}

func TestASecondAccountSignsOffNothingOfItsOwn(t *testing.T) {
	d, f := asking(policy.Check{Name: "review", ReviewedBy: "security"})
	f.Promotion.Requester = "eve"
	f.Identities = promotion.Identities{Accounts: map[promotion.PersonID]promotion.PersonID{"mel": "eve", "eve": "eve"}}
	if _, refusal := policy.MaySign(d, f, "review", "mel"); !strings.Contains(refusal, "requested") {
		t.Errorf("the other account of whoever requested it: %q", refusal)
	}
}

// Where authors can't approve, they don't sign off what they wrote either.
func TestAnAuthorSignsOffNothingOfTheirOwn(t *testing.T) {
	d, f := ready()
	d.Checks = []policy.Check{{Name: "look", ReviewedBy: "security"}}
	f.Identities.Addresses = map[string]promotion.PersonID{"mel@example.com": "mel"}
	f.Authors = []string{"Mel <mel@example.com>"}
	f.Checks = []promotion.Check{{Name: "look", Status: promotion.CheckPassed, Person: "mel", At: noon}}
	who := func() (outcome policy.Outcome, could []promotion.PersonID) {
		of := policy.Evaluate(d, f, noon).Of(policy.RuleChecks)[0]
		for _, c := range of.Children {
			could = append(could, c.Who...)
		}
		return of.Outcome, append(could, of.Who...)
	}
	if _, refusal := policy.MaySign(d, f, "look", "mel"); refusal != "" {
		t.Errorf("where authors may approve: %s", refusal)
	}
	if outcome, _ := who(); outcome != policy.Met {
		t.Errorf("where authors may approve, hers is %s", outcome)
	}
	d.AuthorsCannotApprove = true
	if _, refusal := policy.MaySign(d, f, "look", "mel"); !strings.Contains(refusal, "wrote") {
		t.Errorf("who wrote it may sign: %q", refusal)
	}
	if role, refusal := policy.MaySign(d, f, "look", "sue"); role != "security" {
		t.Errorf("somebody else: %s", refusal)
	}
	if outcome, could := who(); outcome == policy.Met || slices.Contains(could, "mel") || !slices.Contains(could, "sue") {
		t.Errorf("hers is %s; could sign: %v", outcome, could)
	}
	delete(f.People, "mel")
	delete(f.People, "sue")
	f.Checks = nil
	if _, could := who(); slices.Contains(could, "mel") || !slices.Contains(could, "sue") {
		t.Errorf("before anybody was read, could sign: %v", could)
	}
}

func TestAVerdictNamesWhenAReportWillBeTooOldAndWhoCouldLookAgain(t *testing.T) {
	d, f := ready()
	d.Checks = []policy.Check{{Name: "look", ReviewedBy: "security", MaxAge: 3 * time.Hour}}
	f.Checks = []promotion.Check{{Name: "look", Status: promotion.CheckPassed, Person: "mel", At: *ago(time.Hour)}}
	if all := policy.Evaluate(d, f, noon).Of(policy.RuleChecks)[0]; all.Outcome != policy.Met || all.Children[0].ChangesAt == nil || !all.Children[0].ChangesAt.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("%+v", all)
	}
	old := policy.Evaluate(d, f, noon.Add(2*time.Hour)).Of(policy.RuleChecks)[0]
	if said := old.Children[0]; said.Outcome != policy.Waiting || !slices.Equal(said.Who, []promotion.PersonID{"mel", "sue"}) {
		t.Errorf("%+v", said)
	}
}
