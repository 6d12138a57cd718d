package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// broken is a promotion of which Eve, who commands incidents, has broken the
// glass. It lacks nothing else.
func broken() (policy.Document, policy.Facts) {
	d, f := ready()
	d.BreakGlass = &policy.BreakGlass{Role: "commanders", By: []string{"security"}, Within: 24 * time.Hour}
	f.Rosters["commanders"] = promotion.Roster{Role: "commanders", Members: []promotion.PersonID{"eve", "mel"}}
	f.Promotion.PolicyHash = d.Hash()
	f.Promotion.Broken = &promotion.Broken{By: "eve", Reason: "the shop is down", At: noon, Due: noon.Add(24 * time.Hour), Reviewers: []string{"security"}}
	onThese(&f)
	return d, f
}

// onThese has everybody agreed to the terms as they are.
func onThese(f *policy.Facts) {
	for i := range f.Votes {
		f.Votes[i].Terms = f.Promotion.TermsNow()
	}
	f.Promotion.Broken.Terms = f.Promotion.TermsNow()
}

func TestABrokenGlassGoesPast(t *testing.T) {
	type facts = *policy.Facts
	for _, c := range []struct {
		name   string
		change func(*policy.Document, facts)
		rule   policy.Rule
		says   string
	}{
		{"approvals that nobody gave", func(_ *policy.Document, f facts) { f.Votes = nil }, policy.RuleApprovals, "0 of 3 approvals"},
		{"a soak that has not ended", func(d *policy.Document, _ facts) { d.Soak = 72 * time.Hour }, policy.RuleSoak, "soaks 72h"},
		{"too little use", func(d *policy.Document, _ facts) { d.Exposure.Requests = 1000 }, policy.RuleExposure, "0 of 1000 requests"},
		{"a check that is missing", func(d *policy.Document, _ facts) {
			d.Since, d.Checks = policy.SinceArrival, []policy.Check{{Name: "scan"}}
		}, policy.RuleChecks, "scan"},
		{"authors that nobody knows", func(d *policy.Document, f facts) {
			d.AuthorsCannotApprove, f.Promotion.Image = true, &promotion.Image{}
		}, policy.RuleAuthors, "not known who the authors of the image are"},
		{"provenance that nobody has attached", func(d *policy.Document, f facts) {
			d.AuthorsCannotApprove, d.Provenance = true, policy.Provenance{By: "k1", Required: true}
			f.Authors, f.Promotion.Image = []string{"left@example.com"}, &promotion.Image{}
			f.Identities.Addresses = map[string]promotion.PersonID{"left@example.com": ""}
		}, policy.RuleProvenance, "is being read"},
		{"a closed window", func(d *policy.Document, _ facts) {
			w, err := policy.ParseWindow("0 3 * * *", "UTC", time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			d.Windows.Allow = []policy.Window{w}
		}, policy.RuleWindow, "outside the windows"},
		{"a freeze", func(_ *policy.Document, f facts) {
			f.Freezes = []promotion.Freeze{{ID: 1, From: noon.Add(-time.Hour), Reason: "Christmas"}}
		}, policy.RuleFreeze, "Christmas"},
		{"a hold", func(_ *policy.Document, f facts) { f.Holds = []promotion.Hold{{By: "ann", Reason: "wait for me"}} }, policy.RuleHold, "wait for me"},
		{"what is before it", func(d *policy.Document, f facts) {
			d.Supersede, f.Promotion.Purpose, f.Ahead = policy.Queue, promotion.Forward, &promotion.Promotion{ID: 3}
		}, policy.RuleLine, "#3"},
		{"a plan that nobody wrote", func(d *policy.Document, _ facts) { d.Plan = true }, policy.RulePlan, "rollback plan"},
		{"the end of the request", func(d *policy.Document, f facts) {
			d.Expires.Request, f.Promotion.OpenedAt = time.Hour, noon.Add(-2*time.Hour)
		}, policy.RuleExpiry, "expired"},
		{"a channel that others see", func(d *policy.Document, f facts) {
			d.RefuseShared, f.Channel = true, &promotion.Channel{Shared: true, ReadAt: &noon}
		}, policy.RuleChannel, "another organisation"},
		{"a way back that is gone", func(_ *policy.Document, f facts) { f.Promotion.WayBack.Proof.Missing = "the manifest is gone" }, policy.RuleWayBack, "is gone"},
		{"a way back that was not looked for", func(_ *policy.Document, f facts) { f.Promotion.WayBack = nil }, policy.RuleWayBack, "is being read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, f := broken()
			c.change(&d, &f)
			f.Promotion.PolicyHash = d.Hash()
			onThese(&f)
			v := policy.Evaluate(d, f, noon)
			finding, _ := v.Finding(c.rule)
			if v.Outcome != policy.Met || !finding.Skipped || !strings.HasPrefix(finding.Reason, "skipped by break-glass: ") || !strings.Contains(finding.Reason, c.says) {
				t.Errorf("%s, and the rule says %+v; missing %+v", v.Outcome, finding, v.Missing())
			}
			if skipped := v.Skipped(); !slices.Equal(skipped, []policy.Rule{c.rule}) || len(v.Prove) != 0 {
				t.Errorf("skipped %v, to be proved %v", skipped, v.Prove)
			}
			f.Promotion.Broken = nil
			if v := policy.Evaluate(d, f, noon); v.Outcome == policy.Met || len(v.Skipped()) > 0 {
				t.Errorf("without it: %s, skipped %v", v.Outcome, v.Skipped())
			}
		})
	}
}

func TestABrokenGlassNeverGoesPast(t *testing.T) {
	type facts = *policy.Facts
	left := noon.Add(-time.Hour)
	for _, c := range []struct {
		name   string
		change func(facts)
		rule   policy.Rule
	}{
		{"a digest that has left", func(f facts) { f.Presence[0].Until = &left }, policy.RuleSource},
		{"a digest that was never there", func(f facts) { f.Presence = nil }, policy.RuleSource},
		{"an environment that can't be read", func(f facts) { f.Source.Fault = "down" }, policy.RuleSource},
		{"tags that can't be read", func(f facts) { f.Target.Fault = "down" }, policy.RuleTags},
		{"tags that have not been read", func(f facts) { f.Promotion.Targets[1].ReadAt = nil }, policy.RuleTags},
		{"a version tag that is taken", func(f facts) { f.Promotion.Targets[0].Now = before }, policy.RuleTags},
		{"a newer build", func(f facts) { f.Newer = &promotion.Promotion{ID: 9, Digest: before} }, policy.RuleOrder},
		{"another that is moving the target", func(f facts) { f.Executing = 6 }, policy.RuleTurn},
		{"a digest that has not come to its destination", func(f facts) { f.Promotion.Destination = "production.example.com/shop" }, policy.RuleCopy},
		{"a breaker who was not looked up just now", func(f facts) {
			f.People["eve"] = promotion.Person{ID: "eve", Standing: promotion.Member, ReadAt: left}
		}, policy.RuleIdentity},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, f := broken()
			f.Votes = nil
			c.change(&f)
			onThese(&f)
			v := policy.Evaluate(d, f, noon)
			finding, _ := v.Finding(c.rule)
			if v.Outcome == policy.Met || finding.Outcome == policy.Met || finding.Skipped || len(v.Missing()) != 1 {
				t.Errorf("%s: %+v", v.Outcome, v.Missing())
			}
		})
	}
}

func TestABrokenGlassCountsOnlyForWhatWasSeen(t *testing.T) {
	type facts = *policy.Facts
	for _, c := range []struct {
		name   string
		change func(*policy.Document, facts)
		says   string
	}{
		{"the policy has changed", func(_ *policy.Document, f facts) { f.Promotion.PolicyHash = "another" }, "the policy has changed"},
		{"the digest is another", func(_ *policy.Document, f facts) { f.Promotion.Digest = before }, "it was given for digest"},
		{"production has moved", func(_ *policy.Document, f facts) { f.Promotion.Targets[1].Now = app }, "pointed at"},
		{"other tags are set", func(_ *policy.Document, f facts) { f.Promotion.Targets = f.Promotion.Targets[1:] }, "the tags to set have changed"},
		{"the plan is another", func(_ *policy.Document, f facts) { f.Promotion.Plan = "hope" }, "the rollback plan has changed"},
		{"the policy has no glass any more", func(d *policy.Document, _ facts) { d.BreakGlass = nil }, "no glass to break"},
		{"it was reviewed, and is open again", func(_ *policy.Document, f facts) { f.Promotion.Broken.Review = &promotion.Review{By: "mel"} }, "broken anew"},
		{"the breaker has left", func(_ *policy.Document, f facts) { standing(f, "eve", promotion.Deactivated) }, "deactivated"},
		{"the breaker has lost the role", func(_ *policy.Document, f facts) { f.Rosters["commanders"] = promotion.Roster{} }, "a role that the person does not hold"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, f := broken()
			f.Votes = nil
			c.change(&d, &f)
			v := policy.Evaluate(d, f, noon)
			finding, _ := v.Finding(policy.RuleGlass)
			if v.Outcome == policy.Met || len(v.Skipped()) > 0 || !strings.Contains(finding.Reason, "does not count any more: ") || !strings.Contains(finding.Reason, c.says) {
				t.Errorf("%s: %+v", v.Outcome, finding)
			}
		})
	}
}

func TestWhoMayBreakTheGlassAndWhoReviewsIt(t *testing.T) {
	d, f := broken()
	f.Promotion.Requester, f.Promotion.State = "eve", promotion.Promoted
	standing(&f, "gus", promotion.Guest)
	standing(&f, "bot", promotion.Bot)
	f.Rosters["commanders"] = promotion.Roster{Members: []promotion.PersonID{"eve", "mel", "gus", "bot"}}
	for id, want := range map[promotion.PersonID]string{"eve": "", "mel": "", "ann": "role", "gus": "guests", "bot": "bots", "tom": "does not know"} {
		if refusal := policy.MayBreak(d, f, id); (want == "") != (refusal == "") || !strings.Contains(refusal, want) {
			t.Errorf("%s breaks: %q", id, refusal)
		}
	}
	f.Rosters["security"] = promotion.Roster{Role: "security", Members: []promotion.PersonID{"eve", "eve2", "mel"}}
	standing(&f, "eve2", promotion.Member)
	f.Identities.Accounts = map[promotion.PersonID]promotion.PersonID{"eve": "eve", "eve2": "eve"}
	for id, want := range map[promotion.PersonID]string{"mel": "", "eve": "whoever broke", "eve2": "whoever broke", "ann": "role"} {
		if refusal := policy.MayReview(d, f, id); (want == "") != (refusal == "") || !strings.Contains(refusal, want) {
			t.Errorf("%s reviews: %q", id, refusal)
		}
	}
	d.BreakGlass = nil // those who were named when it was broken still can
	if refusal := policy.MayReview(d, f, "mel"); refusal != "" {
		t.Errorf("after the policy has changed: %q", refusal)
	}
	f.Promotion.Broken.Review = &promotion.Review{By: "mel"}
	if refusal := policy.MayReview(d, f, "mel"); !strings.Contains(refusal, "already") {
		t.Errorf("twice: %q", refusal)
	}
	d, f = broken()
	if refusal := policy.MayReview(d, f, "mel"); !strings.Contains(refusal, "not gone ahead") {
		t.Errorf("before it has gone ahead: %q", refusal)
	}
	d.BreakGlass = nil
	if refusal := policy.MayBreak(d, f, "eve"); !strings.Contains(refusal, "no glass") {
		t.Errorf("where there is none: %q", refusal)
	}
}

func TestWhatWouldBeSkippedIsKnownAgain(t *testing.T) {
	d, f := broken()
	f.Votes, f.Promotion.Broken, f.Promotion.WayBack = nil, nil, nil
	skips := policy.Skips(d, f, noon)
	var says []string
	for _, s := range skips {
		says = append(says, s.Reason)
	}
	if text := strings.Join(says, "; "); !strings.Contains(text, "0 of 2 from leads; 0 of 1 from security") || !strings.Contains(text, "is being read") {
		t.Fatalf("skips %q", text)
	}
	was := policy.HashOf(skips)
	for _, c := range []struct {
		name   string
		change func(*policy.Facts)
		same   bool
	}{
		{"nothing", func(*policy.Facts) {}, true},
		{"one lead has approved", func(f *policy.Facts) { approve(f, "ann", 0) }, true},
		{"the way back was read", func(f *policy.Facts) {
			f.Promotion.WayBack = &promotion.WayBack{Digests: []promotion.Digest{before}, ReadAt: &noon}
		}, true},
		{"somebody holds it", func(f *policy.Facts) { f.Holds = []promotion.Hold{{By: "ann", Reason: "wait"}} }, false},
		{"it is frozen", func(f *policy.Facts) { f.Freezes = []promotion.Freeze{{ID: 1, From: noon, Reason: "stop"}} }, false},
	} {
		g := f
		c.change(&g)
		if is := policy.HashOf(policy.Skips(d, g, noon)); (is == was) != c.same {
			t.Errorf("%s has changed: the list is the same: %v", c.name, is == was)
		}
	}
}

// What was found of the way back grows old without a word, so it is no reason to
// offer the glass unless it is asked for in its turn, whose time the verdict tells.
func TestTheGlassIsOfferedWhenSomethingStandsInTheWay(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*policy.Document, *policy.Facts)
		want   bool
	}{
		{"an approval is missing", func(_ *policy.Document, f *policy.Facts) { f.Votes = f.Votes[1:] }, true},
		{"nothing is missing", func(*policy.Document, *policy.Facts) {}, false},
		{"only the way back is missing", func(_ *policy.Document, f *policy.Facts) { f.Promotion.WayBack = nil }, true},
		{"something that can't be skipped is missing, and the way back was not read", func(_ *policy.Document, f *policy.Facts) {
			f.Executing, f.Promotion.WayBack = 6, nil
		}, false},
		{"there is no glass", func(d *policy.Document, f *policy.Facts) { d.BreakGlass, f.Votes = nil, nil }, false},
	} {
		d, f := broken()
		f.Promotion.Broken = nil
		c.change(&d, &f)
		if got := policy.Breakable(d, f, noon); got != c.want {
			t.Errorf("%s: breakable %v", c.name, got)
		}
	}
	d, f := broken()
	f.Votes = nil
	if policy.Breakable(d, f, noon) {
		t.Error("what is broken can be broken")
	}
}

func TestAPastBehindBrokenGlassIsReplayedAsThePolicySays(t *testing.T) {
	d, f := broken()
	f.Votes = nil
	if _, ok, last := policy.Replay(d, f, noon.Add(-48*time.Hour), noon); ok || len(last.Skipped()) > 0 {
		t.Errorf("it would have been let through: %+v", last)
	}
}
