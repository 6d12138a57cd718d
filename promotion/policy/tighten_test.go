package policy_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestWhatATightenedPolicyAsks(t *testing.T) {
	leads := func(n int) []policy.Requirement { return []policy.Requirement{{Role: "leads", Count: n}} }
	one := policy.Document{Soak: 24 * time.Hour, Approvals: leads(1), RequesterMayApprove: true, Since: policy.SinceArrival}
	for _, c := range []struct {
		name             string
		base, more, want policy.Document
	}{
		{"nothing more", one, policy.Document{RequesterMayApprove: true}, one},
		{"a longer soak", one, policy.Document{Soak: 48 * time.Hour, Since: policy.SinceArrival, RequesterMayApprove: true}, policy.Document{Soak: 48 * time.Hour, Approvals: leads(1), RequesterMayApprove: true, Since: policy.SinceArrival}},
		{"a shorter soak changes nothing", one, policy.Document{Soak: time.Hour, Since: policy.SinceArrival, RequesterMayApprove: true}, one},
		{"more of a role, and another", one, policy.Document{RequesterMayApprove: true, Approvals: []policy.Requirement{{Role: "security", Count: 1}, {Role: "leads", Count: 2}}},
			policy.Document{Soak: 24 * time.Hour, RequesterMayApprove: true, Since: policy.SinceArrival, Approvals: []policy.Requirement{{Role: "leads", Count: 2}, {Role: "security", Count: 1}}}},
		{"somebody where nobody was asked", policy.Document{Automatic: true}, policy.Document{Approvals: leads(1)}, policy.Document{Approvals: leads(1)}},
		{"a choice beside a list", policy.Document{Approvals: leads(1)}, policy.Document{Tree: &policy.Tree{Count: 1, Of: []policy.Tree{{Role: "sre", Count: 1}, {Role: "security", Count: 1}}}},
			policy.Document{Tree: &policy.Tree{Count: 2, Of: []policy.Tree{
				{Count: 1, Of: []policy.Tree{{Role: "leads", Count: 1}}}, {Count: 1, Of: []policy.Tree{{Role: "sre", Count: 1}, {Role: "security", Count: 1}}},
			}}}},
		{"deadlines and checks", policy.Document{Approvals: leads(1), Expires: policy.Expiry{Request: time.Hour}, Checks: []policy.Check{{Name: "scan", Advisory: true}}},
			policy.Document{Expires: policy.Expiry{Request: 2 * time.Hour, Approval: time.Hour}, Checks: []policy.Check{{Name: "scan", MaxAge: time.Hour}, {Name: "perf"}}},
			policy.Document{Approvals: leads(1), Expires: policy.Expiry{Request: time.Hour, Approval: time.Hour}, Checks: []policy.Check{{Name: "scan", MaxAge: time.Hour}, {Name: "perf"}}}},
		{"provenance", policy.Document{Approvals: leads(1), RequesterMayApprove: true, Provenance: policy.Provenance{By: "k1"}}, policy.Document{RequesterMayApprove: true, Provenance: policy.Provenance{By: "k1", Required: true}},
			policy.Document{Approvals: leads(1), RequesterMayApprove: true, Provenance: policy.Provenance{By: "k1", Required: true}}},
	} {
		got, fault := policy.Tighten(c.base, c.more)
		if fault != "" || got.Hash() != c.want.Hash() {
			t.Errorf("%s: %q\n is %+v\nnot %+v", c.name, fault, got, c.want)
		}
	}
	for _, c := range []struct{ base, more policy.Document }{
		{policy.Document{Checks: []policy.Check{{Name: "scan", ReviewedBy: "security"}}}, policy.Document{Checks: []policy.Check{{Name: "scan"}}}},
		{policy.Document{Exposure: promotion.Exposure{Requests: 1}}, policy.Document{Exposure: promotion.Exposure{PodTime: 1}}},
		{policy.Document{Windows: policy.Windows{Allow: make([]policy.Window, 1)}}, policy.Document{Windows: policy.Windows{Allow: make([]policy.Window, 1)}}},
	} {
		if got, fault := policy.Tighten(c.base, c.more); fault == "" {
			t.Errorf("%+v and %+v make %+v", c.base, c.more, got)
		}
	}
}

// Each thing that can be asked for on top is asked for in what comes of it, and what
// was asked for before is too.
func TestNothingThatIsAskedOnTopIsLost(t *testing.T) {
	opens := func(spec string) []policy.Window { return []policy.Window{{Spec: spec, For: time.Hour}} }
	frozen := func(reason string) []promotion.Freeze { return []promotion.Freeze{{From: noon, Reason: reason}} }
	severities := func(all ...promotion.Severity) []promotion.Severity { return all }
	type documents struct{ base, more, want policy.Document }
	leads := []policy.Requirement{{Role: "leads", Count: 1}}
	under50, over2 := policy.Threshold{Number: "p99", Is: policy.Below, Limit: 50}, policy.Threshold{Number: "rps", Is: policy.Above, Limit: 2}
	for name, c := range map[string]documents{
		"incidents that pause": {
			policy.Document{Incidents: policy.Interruptions{Pause: severities("major")}}, policy.Document{Incidents: policy.Interruptions{Pause: severities("minor", "major")}},
			policy.Document{Incidents: policy.Interruptions{Pause: severities("major", "minor")}},
		},
		"incidents that reset": {
			policy.Document{Incidents: policy.Interruptions{Reset: severities("major")}}, policy.Document{Incidents: policy.Interruptions{Reset: severities("critical")}},
			policy.Document{Incidents: policy.Interruptions{Reset: severities("critical", "major")}},
		},
		"incidents that freeze": {policy.Document{FreezeOn: severities("major")}, policy.Document{FreezeOn: severities("critical")}, policy.Document{FreezeOn: severities("critical", "major")}},
		"windows that are open": {policy.Document{}, policy.Document{Windows: policy.Windows{Allow: opens("x")}}, policy.Document{Windows: policy.Windows{Allow: opens("x")}}},
		"windows that are open, before": {
			policy.Document{Windows: policy.Windows{Allow: opens("x")}}, policy.Document{Windows: policy.Windows{Deny: opens("y")}},
			policy.Document{Windows: policy.Windows{Allow: opens("x"), Deny: opens("y")}},
		},
		"windows that are closed": {
			policy.Document{Windows: policy.Windows{Deny: opens("x")}}, policy.Document{Windows: policy.Windows{Deny: opens("y")}},
			policy.Document{Windows: policy.Windows{Deny: append(opens("x"), opens("y")...)}},
		},
		"freezes":            {policy.Document{Freezes: frozen("a")}, policy.Document{Freezes: frozen("b")}, policy.Document{Freezes: append(frozen("a"), frozen("b")...)}},
		"requests":           {policy.Document{Exposure: promotion.Exposure{Requests: 5}}, policy.Document{Exposure: promotion.Exposure{Requests: 9}}, policy.Document{Exposure: promotion.Exposure{Requests: 9}}},
		"fewer requests":     {policy.Document{Exposure: promotion.Exposure{Requests: 5}}, policy.Document{Exposure: promotion.Exposure{Requests: 2}}, policy.Document{Exposure: promotion.Exposure{Requests: 5}}},
		"hours":              {policy.Document{}, policy.Document{Exposure: promotion.Exposure{PodTime: 9}}, policy.Document{Exposure: promotion.Exposure{PodTime: 9}}},
		"either":             {policy.Document{Exposure: promotion.Exposure{Requests: 5, PodTime: 9}}, policy.Document{Exposure: promotion.Exposure{Requests: 9, PodTime: 5}}, policy.Document{Exposure: promotion.Exposure{Requests: 9, PodTime: 9}}},
		"an earlier end":     {policy.Document{Expires: policy.Expiry{Request: 5}}, policy.Document{Expires: policy.Expiry{Request: 2}}, policy.Document{Expires: policy.Expiry{Request: 2}}},
		"an end":             {policy.Document{}, policy.Document{Expires: policy.Expiry{Request: 2}}, policy.Document{Expires: policy.Expiry{Request: 2}}},
		"authors":            {policy.Document{}, policy.Document{AuthorsCannotApprove: true}, policy.Document{AuthorsCannotApprove: true}},
		"authors, before":    {policy.Document{AuthorsCannotApprove: true}, policy.Document{}, policy.Document{AuthorsCannotApprove: true}},
		"the requester":      {policy.Document{RequesterMayApprove: true}, policy.Document{}, policy.Document{}},
		"a plan":             {policy.Document{}, policy.Document{Plan: true}, policy.Document{Plan: true}},
		"a way back":         {policy.Document{NoWayBack: true}, policy.Document{}, policy.Document{}},
		"no stranger":        {policy.Document{}, policy.Document{RefuseShared: true}, policy.Document{RefuseShared: true}},
		"a soak from checks": {policy.Document{Soak: 5, Since: policy.SinceArrival}, policy.Document{Soak: 5}, policy.Document{Soak: 5}},
		"a soak, and nothing of what it counts from": {policy.Document{Soak: 5, Since: policy.SinceArrival}, policy.Document{}, policy.Document{Soak: 5, Since: policy.SinceArrival}},
		"a soak from checks, before":                 {policy.Document{Soak: 5}, policy.Document{Soak: 9, Since: policy.SinceArrival}, policy.Document{Soak: 9}},
		"numbers": {
			policy.Document{Checks: []policy.Check{{Name: "perf", Numbers: []policy.Threshold{under50}}}}, policy.Document{Checks: []policy.Check{{Name: "perf", Numbers: []policy.Threshold{over2}}}},
			policy.Document{Checks: []policy.Check{{Name: "perf", Numbers: []policy.Threshold{under50, over2}}}},
		},
		"what was required stays so": {policy.Document{Checks: []policy.Check{{Name: "perf"}}}, policy.Document{Checks: []policy.Check{{Name: "perf", Advisory: true}}}, policy.Document{Checks: []policy.Check{{Name: "perf"}}}},
		"what is advice in both is":  {policy.Document{Checks: []policy.Check{{Name: "perf", Advisory: true}}}, policy.Document{Checks: []policy.Check{{Name: "perf", Advisory: true}}}, policy.Document{Checks: []policy.Check{{Name: "perf", Advisory: true}}}},
	} {
		c.base.Approvals, c.want.Approvals = leads, leads
		if got, fault := policy.Tighten(c.base, c.more); fault != "" || got.Hash() != c.want.Hash() {
			t.Errorf("%s: %q\n is %+v\nnot %+v", name, fault, got, c.want)
		}
	}
	for name, c := range map[string]documents{
		"one of two beside either": {base: policy.Document{Exposure: promotion.Exposure{Requests: 1, PodTime: 1}}, more: policy.Document{Exposure: promotion.Exposure{Requests: 1}}},
		"either beside one of two": {base: policy.Document{Exposure: promotion.Exposure{PodTime: 1}}, more: policy.Document{Exposure: promotion.Exposure{Requests: 1, PodTime: 1}}},
	} {
		if got, fault := policy.Tighten(c.base, c.more); fault == "" {
			t.Errorf("%s: %+v", name, got.Exposure)
		}
	}
}

// Whatever is asked for on top, the base still has to be met.
func TestATightenedPolicyIsNeverLooser(t *testing.T) {
	document := func(t *rapid.T, name string) policy.Document {
		d := policy.Document{
			Soak:                time.Duration(rapid.IntRange(0, 72).Draw(t, name+" soak")) * time.Hour,
			RequesterMayApprove: rapid.Bool().Draw(t, name+" requester"),
			NoWayBack:           true,
			Expires:             policy.Expiry{Approval: time.Duration(rapid.IntRange(0, 2).Draw(t, name+" approval")) * time.Hour},
		}
		for _, role := range []string{"leads", "security"} {
			if n := rapid.IntRange(0, 2).Draw(t, name+" "+role); n > 0 {
				d.Approvals = append(d.Approvals, policy.Requirement{Role: role, Count: n})
			}
		}
		switch {
		case len(d.Approvals) == 0:
			d.Automatic = true
		case rapid.Bool().Draw(t, name+" any"):
			tree := d.Asks()
			tree.Count, d.Tree, d.Approvals = 1, &tree, nil
		}
		for _, check := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"perf", "scan"}), 0, 2, rapid.ID).Draw(t, name+" checks") {
			d.Checks = append(d.Checks, policy.Check{Name: check, Advisory: rapid.Bool().Draw(t, name+" advisory"), MaxAge: time.Duration(rapid.IntRange(0, 3).Draw(t, name+" age")) * time.Hour})
		}
		d.RefuseShared = rapid.Bool().Draw(t, name+" shared")
		return d
	}
	rapid.Check(t, func(t *rapid.T) {
		base, more := document(t, "base"), document(t, "more")
		_, f := ready()
		f.Votes = nil
		f.Promotion.Requester = rapid.SampledFrom([]promotion.PersonID{"", "ann", "eve"}).Draw(t, "requester")
		voters := rapid.SliceOfNDistinct(rapid.SampledFrom([]promotion.PersonID{"ann", "bob", "sue", "mel", "eve"}), 0, 5, rapid.ID[promotion.PersonID]).Draw(t, "voters")
		for _, check := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"perf", "scan"}), 0, 2, rapid.ID).Draw(t, "reports") {
			f.Checks = append(f.Checks, promotion.Check{Name: check, Status: promotion.CheckPassed, Token: "ci", At: noon.Add(-time.Duration(rapid.IntRange(0, 4).Draw(t, "ago")) * time.Hour)})
		}
		if rapid.Bool().Draw(t, "channel") {
			f.Channel = &promotion.Channel{ID: "C0SHOP", Shared: rapid.Bool().Draw(t, "is shared"), ReadAt: &noon}
		}
		under := func(d policy.Document) policy.Outcome {
			f := f
			f.Promotion.PolicyHash = d.Hash()
			for i, id := range voters {
				approve(&f, id, time.Duration(i)*time.Minute)
			}
			return policy.Evaluate(d, f, noon).Outcome
		}
		both, fault := policy.Tighten(base, more)
		if fault != "" {
			t.Fatalf("%s", fault)
		}
		if under(both) == policy.Met && under(base) != policy.Met {
			t.Fatalf("%+v\nand %+v\nmake %+v, which is met when the first is not", base, more, both)
		}
		if again, _ := policy.Tighten(base, base); again.Hash() != base.Hash() && base.Tree == nil && len(base.Checks) == 0 {
			t.Fatalf("tightened by itself, it is another: %+v, %+v", base, again)
		}
	})
}
