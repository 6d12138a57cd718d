package render_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// backward has Ann ask to go back from another build to this one, which was promoted
// before.
func backward(d *policy.Document, f *policy.Facts) {
	*d = d.Returning()
	p := &f.Promotion
	p.Purpose, p.SourceTag, p.Requester, f.Presence = promotion.Rollback, "", ann, nil
	p.Targets = []promotion.Target{{Tag: "production", Floating: true, Now: other, ReadAt: at(later)}}
	p.OpenedAt = *at(49 * time.Hour)
	p.Back = &promotion.Back{Bad: other, Of: 9, Since: *at(30 * time.Hour), Reason: "the checkout fails <!here>"}
}

// earlier are builds that could be gone back to, and one that could not.
func earlier(f *policy.Facts) {
	is := func(id promotion.ID, d promotion.Digest, version string) promotion.Promotion {
		return promotion.Promotion{ID: id, Digest: d, State: promotion.Promoted, FinishedAt: at(-24 * time.Hour), Image: &promotion.Image{Labels: map[string]string{promotion.LabelVersion: version}}}
	}
	undone := is(8, "sha256:"+promotion.Digest(strings.Repeat("77", 32)), "1.3.0")
	undone.UndoneBy = 9
	f.Back = []policy.Earlier{
		{Promotion: undone}, {Promotion: is(7, former, "1.4.1 `<x>`")}, {Promotion: is(6, other, "1.2.0"), Against: "it is withdrawn: it leaks keys"},
	}
}

func rollbacks() []named {
	rolledBack := func(f *policy.Facts) {
		f.Promotion.UndoneBy = 14
		f.Undone = &promotion.Promotion{ID: 14, Digest: former, Requester: ann, FinishedAt: at(70 * time.Hour), Back: &promotion.Back{Reason: "the checkout fails <!here>"}}
	}
	condemned := func(f *policy.Facts) {
		f.Withdrawn = &promotion.Withdrawal{App: "shop", Digest: f.Promotion.Digest, By: eve, Reason: "it leaks <keys>", At: *at(40 * time.Hour)}
	}
	return []named{
		{"rollback waiting for approvals", shop(later, backward, approved(ann))},
		{"rollback asked for by nobody", shop(later, backward, automatic, with(func(f *policy.Facts) {
			f.Promotion.Requester = ""
			f.Promotion.WayBack = &promotion.WayBack{Repository: f.Promotion.Destination, Digests: f.Promotion.WaysBack()}
		}))},
		{"rollback executing", shop(later, backward, approved(ann, bob, sam), with(func(f *policy.Facts) { f.Promotion.State, f.Promotion.StartedAt = promotion.Executing, at(later) }))},
		{"rolled back", shop(later, backward, approved(ann, bob, sam), ended(promotion.Promoted, ""), with(func(f *policy.Facts) {
			f.Promotion.Moves = []promotion.Move{{Tag: "production", Outcome: promotion.MoveDone, Found: build}}
		}))},
		{"rollback in conflict", shop(later, backward, approved(ann, bob, sam), ended(promotion.Conflicted, "production points at 0badcafe0bad, which nobody expected"))},
		{"rollback rejected", shop(later, backward, ended(promotion.Rejected, "a fix is on its way"), with(func(f *policy.Facts) { f.Promotion.EndedBy = bob }))},
		{"rollback not needed any more", shop(later, backward, ended(promotion.Superseded, "#15 has brought 4f1c2a9b4f1c to production since"), with(func(f *policy.Facts) { f.Promotion.Successor = 15 }))},
		{"promoted, and can be rolled back", shop(later, approved(ann, bob, sam), ended(promotion.Promoted, ""), with(earlier))},
		{"promoted, and rolled back", shop(72*time.Hour, approved(ann, bob, sam), ended(promotion.Promoted, ""), with(rolledBack))},
		{"held after a rollback", shop(later, approved(ann, bob, sam), with(func(f *policy.Facts) {
			f.Holds = []promotion.Hold{{App: "shop", Digest: build, By: ann, Rollback: 14, Reason: "the checkout fails <!here>", At: *at(30 * time.Hour)}, {App: "shop", Digest: build, Rollback: 11, Reason: "5 of 5 pods crash", At: *at(20 * time.Hour)}}
		}))},
		{"withdrawn", shop(later, approved(ann, bob, sam), with(condemned))},
		{"promoted, and withdrawn", shop(later, approved(ann, bob, sam), ended(promotion.Promoted, ""), with(condemned), with(earlier))},
	}
}

func TestWhatGoesBackSaysSo(t *testing.T) {
	all := map[string]policy.View{}
	for _, s := range rollbacks() {
		all[s.name] = s.view
		t.Run(s.name, func(t *testing.T) {
			golden(t, "card "+s.name, render.Card(s.view))
			checkAll(t, s.view)
		})
	}
	for state, words := range map[string][]string{
		"rollback waiting for approvals":   {"roll back production", "*Rollback* of production from `0badcafe0bad` (#9, there since", "asked for by Ann: the checkout fails &lt;!here&gt;", "1 of 3"},
		"rollback asked for by nobody":     {"asked for by promotebot, as the policy says"},
		"rollback executing":               {"*Rolling back*: exactly this digest"},
		"rolled back":                      {"*Rolled back*", "Taken back: `0badcafe0bad` (#9), 20h0m3s after it came. It is held", "/promote unhold shop@0badcafe0bad"},
		"rollback in conflict":             {"/promote rollback shop", "from `0badcafe0bad`"},
		"rollback rejected":                {"the checkout fails", "a fix is on its way"},
		"promoted, and rolled back":        {"*Rolled back* <!date", "by Ann to `9e8d7c6b9e8d`, in #14: the checkout fails &lt;!here&gt;"},
		"held after a rollback":            {"*Held* by Ann since <!date", "when it was rolled back in #14: the checkout fails", "when it was rolled back in #11: 5 of 5 pods crash"},
		"withdrawn":                        {"*Blocked*", "*Withdrawn* by Eve <!date", "it leaks &lt;keys&gt;. It is not promoted any more"},
		"promoted, and withdrawn":          {"*Withdrawn* by Eve"},
		"rollback not needed any more":     {"*Superseded*", "#15 has brought"},
		"promoted, and can be rolled back": {"*Promoted*"},
	} {
		for _, word := range words {
			if m := render.Card(all[state]); !strings.Contains(m.Text, word) {
				t.Errorf("%s: %q is not in %q", state, word, m.Text)
			}
		}
	}
	for state, there := range map[string]bool{"promoted, and can be rolled back": true, "promoted, and withdrawn": true, "promoted, and rolled back": false, "rolled back": false, "rollback rejected": false} {
		raw, err := json.Marshal(render.Card(all[state]))
		if err != nil || strings.Contains(string(raw), render.ActionRollback) != there || strings.Contains(string(raw), render.ActionLift) {
			t.Errorf("%s has other buttons: %s", state, raw)
		}
	}
	golden(t, "roll back", render.RollbackModal(all["promoted, and can be rolled back"], "C1", "1.1"))
	golden(t, "details of a rollback", render.Details(all["rollback waiting for approvals"]))
	golden(t, "details of what is withdrawn", render.Details(all["withdrawn"]))
	golden(t, "history with a rollback", render.History(
		[]promotion.Promotion{all["rolled back"].Facts.Promotion, all["promoted, and rolled back"].Facts.Promotion, all["rollback rejected"].Facts.Promotion},
		[]promotion.Withdrawal{{App: "shop", Digest: other, By: eve, Reason: "it leaks <keys>", At: *at(49 * time.Hour)}, {App: "shop", Digest: former, By: eve, Reason: "slow", At: *at(1 * time.Hour), ReinstatedAt: at(60 * time.Hour), ReinstatedBy: bob}}))
	golden(t, "status of what is held and withdrawn", render.Status([]policy.AppStatus{{
		App: "shop", Repository: "registry.example.com/team/shop", Holds: all["held after a rollback"].Facts.Holds, Withdrawn: []promotion.Withdrawal{*all["withdrawn"].Facts.Withdrawn},
		Environments: []policy.EnvironmentStatus{{Name: "staging", Watch: "passed", Holds: []policy.Holding{{Digest: build, Since: monday}}}, {Name: "production", Watch: "production", Target: true, Holds: []policy.Holding{{Digest: build, Tag: "production", Since: monday}}}},
	}}, monday))
	golden(t, "figures", render.Figures("shop",
		promotion.Figures{Environment: "production", From: monday, Until: *at(7 * 24 * time.Hour)},
		promotion.Figures{Environment: "production", From: monday, Until: *at(30 * 24 * time.Hour), Promoted: 12, TakenBack: 1, Rollbacks: 1,
			Lead: promotion.Spread{Count: 12, Median: 51 * time.Hour, Worst: 300 * time.Hour}, Wait: promotion.Spread{Count: 12, Median: 42 * time.Minute, Worst: 17 * time.Hour}, Restore: promotion.Spread{Count: 1, Median: 59 * time.Second, Worst: 59 * time.Second}}))
}

func TestWhatIsAnsweredAboutARollback(t *testing.T) {
	for _, c := range []struct {
		a    promotion.Answer
		want string
	}{
		{promotion.Answer{Deed: promotion.GestureRollback, Verb: promotion.Requested, App: "shop", Promotion: 14, Digest: former, Bad: build, In: []string{"production"}, Reason: "it fails", Role: "leads"},
			"Rolling *shop* back in production, from `4f1c2a9b4f1c` to `9e8d7c6b9e8d`: #14, it fails. Asking counts as the approval of one of leads."},
		{promotion.Answer{Deed: promotion.GestureRollback, Verb: promotion.Requested, App: "shop", Promotion: 14, Digest: former, Bad: build, In: []string{"production"}, Reason: "it fails", Missing: []string{"0 of 1 from leads"}},
			"it fails. Still missing: 0 of 1 from leads."},
		{promotion.Answer{Deed: promotion.GestureRollback, Verb: promotion.Existing, App: "shop", Promotion: 14, Digest: former, Bad: build}, "#14 is about rolling *shop* back already, from `4f1c2a9b4f1c` to `9e8d7c6b9e8d`"},
		{promotion.Answer{Deed: promotion.GestureRollback, Verb: promotion.Outdated, App: "shop", Reason: "something else is in production by now"}, "Nothing was rolled back: something else is in production by now."},
		{promotion.Answer{Deed: promotion.GestureRollback, Verb: promotion.Refused, App: "shop", Reason: "it is withdrawn"}, "It was not done: it is withdrawn. Nothing was changed."},
		{promotion.Answer{Deed: promotion.GestureWithdraw, Verb: promotion.Counted, App: "shop", Digest: build, Reason: "it leaks", In: []string{"production"}}, "*It is in production now*: `/promote rollback shop` goes back."},
		{promotion.Answer{Deed: promotion.GestureWithdraw, Verb: promotion.Counted, App: "shop", Digest: build, Reason: "it leaks"}, "`/promote restore-digest shop@4f1c2a9b4f1c`."},
		{promotion.Answer{Deed: promotion.GestureWithdraw, Verb: promotion.Repeated, App: "shop", Digest: build}, "is withdrawn already"},
		{promotion.Answer{Deed: promotion.GestureReinstate, Verb: promotion.Counted, App: "shop", Digest: build, Reason: "another build"}, "Not withdrawn any more: *shop* `4f1c2a9b4f1c`: another build."},
		{promotion.Answer{Deed: promotion.GestureUnhold, Verb: promotion.Counted, App: "shop", Digest: build}, "Not held any more: *shop* `4f1c2a9b4f1c`. Nobody holds it now."},
	} {
		if m := render.Answer(c.a); !strings.Contains(m.Text, c.want) {
			t.Errorf("%q is not in %q", c.want, m.Text)
		}
	}
}

func TestWhatIsToldAboutARollback(t *testing.T) {
	open, promoted := shop(later, backward), shop(later, approved(ann, bob, sam), ended(promotion.Promoted, ""))
	ends := shop(later, backward, ended(promotion.Superseded, "#15 has brought 4f1c2a9b4f1c to production since"))
	for _, c := range []struct {
		w    promotion.NoticeWork
		v    policy.View
		want string
	}{
		{promotion.NoticeWork{Kind: promotion.NoticeRolledBack, Person: ann, Rollback: 14, Reason: "it fails"}, promoted, "Ann has rolled *shop* `4f1c2a9b4f1c` back in production (#14): it fails."},
		{promotion.NoticeWork{Kind: promotion.NoticeRolledBack, Rollback: 14, Reason: "it fails"}, promoted, "promotebot, as the policy says, has rolled"},
		{promotion.NoticeWork{Kind: promotion.NoticeWithdrawn, Person: ann, Reason: "it leaks"}, promoted, "Ann has withdrawn *shop* `4f1c2a9b4f1c`: it leaks. It is not promoted any more, and not gone back to. *It is in production now.*"},
		{promotion.NoticeWork{Kind: promotion.NoticeReinstated, Person: bob, Reason: "another build"}, promoted, "Bob says that *shop* `4f1c2a9b4f1c` can be promoted after all: another build."},
		{promotion.NoticeWork{Kind: promotion.NoticeHeld, Rollback: 14, Reason: "it fails"}, open, "is held, because it was rolled back in #14: it fails."},
		{promotion.NoticeWork{Kind: promotion.NoticeUnheld, Person: bob}, open, "Bob has lifted the hold on *shop*"},
		{promotion.NoticeWork{Kind: promotion.NoticeExecuting}, open, "The policy is met: the tags of production are set to exactly *shop* `4f1c2a9b4f1c`."},
		{promotion.NoticeWork{Kind: promotion.NoticeReminder}, open, "Reminder: it is asked for that production goes back to *shop*"},
		{promotion.NoticeWork{Kind: promotion.NoticeSuperseded}, ends, "is not needed any more: #15 has brought"},
	} {
		if m := render.Notice(c.w, c.v); !strings.Contains(m.Text, c.want) {
			t.Errorf("%q is not in %q", c.want, m.Text)
		}
	}
}

// drawBack draws what a promotion has to do with going back.
func drawBack(t *rapid.T, text *rapid.Generator[string], person *rapid.Generator[promotion.PersonID], moment *rapid.Generator[time.Time], f *policy.Facts) {
	p := &f.Promotion
	if rapid.Bool().Draw(t, "rollback") {
		p.Purpose, p.Back = promotion.Rollback, &promotion.Back{Bad: former, Of: 3, Since: moment.Draw(t, "since"), Reason: text.Draw(t, "why")}
	}
	if rapid.Bool().Draw(t, "undone") {
		by := promotion.Promotion{ID: 9, Requester: person.Draw(t, "by"), Digest: former, FinishedAt: p.FinishedAt, Back: &promotion.Back{Reason: text.Draw(t, "why")}}
		p.UndoneBy, f.Undone = by.ID, &by
	}
	if rapid.Bool().Draw(t, "withdrawn") {
		f.Withdrawn = &promotion.Withdrawal{Digest: build, By: person.Draw(t, "by"), At: moment.Draw(t, "withdrawn at"), Reason: text.Draw(t, "why")}
	}
	for range rapid.SampledFrom([]int{1, 2, 100}).Draw(t, "earlier") {
		is := promotion.Promotion{Digest: former, FinishedAt: p.FinishedAt, Image: &promotion.Image{Labels: map[string]string{promotion.LabelVersion: text.Draw(t, "version")}}}
		f.Back = append(f.Back, policy.Earlier{Promotion: is})
	}
}
