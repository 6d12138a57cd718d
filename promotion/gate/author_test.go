package gate_test

import (
	"strings"
	"testing"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestAnApprovalOfSomebodyWhoIsReportedAsAnAuthorStopsCounting(t *testing.T) {
	d := policy.Document{Name: "of others", Approvals: []policy.Requirement{{Role: "leads", Count: 2}}, AuthorsCannotApprove: true}
	c := catalog(t, d)
	c.Identities.Addresses = map[string]promotion.PersonID{"ann@example.com": ann, "tom@example.com": "U0TOM"}
	w := newWorld(t, c)
	w.token("t1", promotion.ScopeChecks)
	report := func(authors ...string) {
		t.Helper()
		r, err := w.gate.Authors(t.Context(), gate.Call{Token: "t1"}, promotion.Authorship{App: "shop", Digest: digest("a"), Range: "aaaaaaa..bbbbbbb", Authors: authors})
		w.must(err)
		w.run()
		if r.Verb != promotion.Counted || len(r.Promotions) != 1 {
			t.Errorf("the receipt: %+v", r)
		}
	}
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.expect(1, promotion.Open) // nobody has said who wrote it
	report("Ann <ANN@example.com>")
	if v := w.newest().Verdict; len(v.Assigned) != 1 || len(v.Discounted) != 1 || !strings.Contains(v.Discounted[0].Reason, "wrote") {
		t.Errorf("assigned %+v, discounted %+v", v.Assigned, v.Discounted)
	}
	report("tom@example.com") // takes nobody out
	w.expect(1, promotion.Open)
	if log := w.log(); !strings.Contains(log, "authors") || strings.Contains(log, "@") {
		t.Errorf("the log has to tell that authors were reported, and no address:\n%s", log)
	}
	w.click(sue, promotion.Approve)
	w.expect(1, promotion.Promoted)
}
