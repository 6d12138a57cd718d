package gate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestAWithdrawnDigestGoesNowhere(t *testing.T) {
	w := twice(t, one())
	withdraw := promotion.Gesture{Kind: promotion.GestureWithdraw, Ref: "aaaaaa", Reason: "it leaks keys"}
	if a := w.says(eve, withdraw); a.Verb != promotion.Refused {
		t.Fatalf("Eve: %+v", a)
	}
	if a := w.says(ann, withdraw); a.Verb != promotion.Counted || a.Digest != digest("a") || len(a.In) != 0 {
		t.Fatalf("Ann: %+v", a)
	}
	if a := w.says(bob, withdraw); a.Verb != promotion.Repeated {
		t.Errorf("again: %+v", a)
	}
	for _, ref := range []string{"", "aaaaaa"} {
		if a := w.rollback(ann, ref); a.Verb != promotion.Refused {
			t.Errorf("back to it: %+v", a)
		}
	}
	w.stage("a")
	if w.all() != 2 {
		t.Errorf("%d promotions", w.all())
	}
	if a := w.request(ann, ""); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "it leaks keys") {
		t.Errorf("asked for: %+v", a)
	}
	restore := promotion.Gesture{Kind: promotion.GestureReinstate, Ref: "aaaaaa", Reason: "it was another build"}
	if a := w.says(ann, restore); a.Verb != promotion.Refused {
		t.Errorf("reinstated by whoever withdrew it: %+v", a)
	}
	if a := w.says(bob, restore); a.Verb != promotion.Counted {
		t.Errorf("reinstated: %+v", a)
	}
	if a := w.says(bob, restore); a.Verb != promotion.Refused {
		t.Errorf("reinstated twice: %+v", a)
	}
	w.rollback(ann, "aaaaaa")
	w.production("a")
}

func TestWhatRunsIsSaidWhenItIsWithdrawn(t *testing.T) {
	w := twice(t, one())
	a := w.says(ann, promotion.Gesture{Kind: promotion.GestureWithdraw, Ref: "bbbbbb"})
	if !slices.Equal(a.In, []string{"production"}) || w.count("withdrawn") != 1 || w.view(2).Facts.Withdrawn == nil || w.drawn[2] != w.get(2).Revision {
		t.Errorf("%+v, told %q", a, w.said)
	}
	w.rollback(ann, "")
	w.production("a")
}

// What runs in a target that was told something else is no less bad: by its digest,
// or by the manifest of its platform.
func TestWhatRunsBesideWhatWasPromotedIsSaidWhenItIsWithdrawn(t *testing.T) {
	for name, c := range map[string]struct {
		seen promotion.Digest
		want []string
	}{
		"the digest":   {digest("a"), []string{"eu of production"}},
		"its manifest": {digest("9"), []string{"eu of production"}},
		"another":      {digest("8"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := readable(t)
			w.platform = digest("9")
			w.promote("a")
			w.wait(time.Hour)
			w.platform = digest("7")
			w.found(promotion.Running{Where: "Deployment old", Digest: c.seen, Count: 1})
			w.promote("b")
			w.wait(time.Hour)
			a := w.says(ann, promotion.Gesture{Kind: promotion.GestureWithdraw, Ref: "aaaaaa"})
			if a.Verb != promotion.Counted || len(a.In) != 0 || !slices.Equal(a.Targets, c.want) {
				t.Errorf("%+v", a)
			}
		})
	}
}

func TestWhatIsOpenWhenItIsWithdrawnStops(t *testing.T) {
	d := one()
	d.BreakGlass = &policy.BreakGlass{Role: "leads", By: []string{"leads"}, Within: time.Hour}
	w := newWorld(t, catalog(t, d))
	w.stage("a")
	w.says(ann, promotion.Gesture{Kind: promotion.GestureWithdraw, Ref: "aaaaaa"})
	w.click(bob, promotion.Approve)
	w.wait(time.Hour)
	w.expect(1, promotion.Open)
	f, _ := w.newest().Verdict.Finding(policy.RuleWithdrawn)
	if f.Outcome != policy.Blocked || !slices.Equal(f.By, []promotion.PersonID{ann}) || !strings.Contains(f.Reason, "the checkout fails") {
		t.Errorf("%+v", f)
	}
	if !slices.Contains(w.said, "withdrawn") {
		t.Errorf("told: %q", w.said)
	}
}

func TestARollbackToWhatIsWithdrawnMeanwhileStops(t *testing.T) {
	w := twice(t, func() policy.Document { d := one(); d.Approvals[0].Count = 2; return d }())
	w.rollback(ann, "")
	w.says(bob, promotion.Gesture{Kind: promotion.GestureWithdraw, Ref: "aaaaaa"})
	w.click(bob, promotion.Approve)
	w.wait(time.Hour)
	w.expect(3, promotion.Open)
	w.production("b")
}

func TestWhatIsWithdrawnIsNotOfferedWhenItComes(t *testing.T) {
	w := newWorld(t, catalog(t, one()))
	if a := w.says(ann, promotion.Gesture{Kind: promotion.GestureWithdraw, Ref: "aaaaaa"}); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "write out the whole digest") {
		t.Errorf("a build that nobody knows: %+v", a)
	}
	if a := w.says(ann, promotion.Gesture{Kind: promotion.GestureWithdraw, Ref: string(digest("a")[7:])}); a.Verb != promotion.Counted {
		t.Errorf("written out: %+v", a)
	}
	w.stage("a")
	if w.all() != 0 {
		t.Errorf("%d promotions", w.all())
	}
	w.stage("b")
	w.expect(1, promotion.Open)
}
