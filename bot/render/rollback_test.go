package render_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestWhatGoesBackSaysSo(t *testing.T) {
	all := map[string]policy.View{}
	for _, s := range sample.Rollbacks() {
		all[s.Name] = s.View
		t.Run(s.Name, func(t *testing.T) { checkAll(t, s.View) })
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
	planned := all["promoted, and rolled back"].Facts.Promotion
	planned.Plan = "put <1.4.1> back\nand call Ann"
	golden(t, "history with a rollback", render.History(
		[]promotion.Promotion{all["rolled back"].Facts.Promotion, planned, all["rollback rejected"].Facts.Promotion},
		[]promotion.Withdrawal{{App: "shop", Digest: sample.Other, By: sample.Eve, Reason: "it leaks <keys>", At: *sample.At(49 * time.Hour)}, {App: "shop", Digest: sample.Former, By: sample.Eve, Reason: "slow", At: *sample.At(1 * time.Hour), ReinstatedAt: sample.At(60 * time.Hour), ReinstatedBy: sample.Bob}}, render.Pages{}))
	golden(t, "status of what is held and withdrawn", render.Status([]policy.AppStatus{{
		App: "shop", Repository: "registry.example.com/team/shop", Holds: all["held after a rollback"].Facts.Holds, Withdrawn: []promotion.Withdrawal{*all["withdrawn"].Facts.Withdrawn},
		Environments: []policy.EnvironmentStatus{{Name: "staging", Watch: "passed", Holds: []policy.Holding{{Digest: sample.Build, Since: sample.Monday}}}, {Name: "production", Watch: "production", Target: true, Holds: []policy.Holding{{Digest: sample.Build, Tag: "production", Since: sample.Monday}}}},
	}}, sample.Monday, render.Pages{}))
	golden(t, "figures", render.Figures("shop",
		promotion.Figures{Environment: "production", From: sample.Monday, Until: *sample.At(7 * 24 * time.Hour)},
		promotion.Figures{Environment: "production", From: sample.Monday, Until: *sample.At(30 * 24 * time.Hour), Promoted: 12, TakenBack: 1, Rollbacks: 1,
			Lead: promotion.Spread{Count: 12, Median: 51 * time.Hour, Worst: 300 * time.Hour}, Wait: promotion.Spread{Count: 12, Median: 42 * time.Minute, Worst: 17 * time.Hour}, Restore: promotion.Spread{Count: 1, Median: 59 * time.Second, Worst: 59 * time.Second}}))
}

func TestWhatIsAnsweredAboutARollback(t *testing.T) {
	for _, c := range []struct {
		a    promotion.Answer
		want string
	}{
		{promotion.Answer{Deed: promotion.GestureRollback, Verb: promotion.Requested, App: "shop", Promotion: 14, Digest: sample.Former, Bad: sample.Build, In: []string{"production"}, Reason: "it fails", Role: "leads"},
			"Rolling *shop* back in production, from `4f1c2a9b4f1c` to `9e8d7c6b9e8d`: #14, it fails. Asking counts as the approval of one of leads."},
		{promotion.Answer{Deed: promotion.GestureRollback, Verb: promotion.Requested, App: "shop", Promotion: 14, Digest: sample.Former, Bad: sample.Build, In: []string{"production"}, Reason: "it fails", Missing: []string{"0 of 1 from leads"}},
			"it fails. Still missing: 0 of 1 from leads."},
		{promotion.Answer{Deed: promotion.GestureRollback, Verb: promotion.Existing, App: "shop", Promotion: 14, Digest: sample.Former, Bad: sample.Build}, "#14 is about rolling *shop* back already, from `4f1c2a9b4f1c` to `9e8d7c6b9e8d`"},
		{promotion.Answer{Deed: promotion.GestureRollback, Verb: promotion.Outdated, App: "shop", Reason: "something else is in production by now"}, "Nothing was rolled back: something else is in production by now."},
		{promotion.Answer{Deed: promotion.GestureRollback, Verb: promotion.Refused, App: "shop", Reason: "it is withdrawn"}, "It was not done: it is withdrawn. Nothing was changed."},
		{promotion.Answer{Deed: promotion.GestureWithdraw, Verb: promotion.Counted, App: "shop", Digest: sample.Build, Reason: "it leaks", In: []string{"production"}}, "*It is in production now*: `/promote rollback shop &lt;reason&gt;` goes back."},
		{promotion.Answer{Deed: promotion.GestureWithdraw, Verb: promotion.Counted, App: "shop", Digest: sample.Build, Reason: "it leaks", Targets: []string{"eu of production", "us of production"}}, "*It was last seen to run in eu of production, us of production*, where something else was promoted."},
		{promotion.Answer{Deed: promotion.GestureWithdraw, Verb: promotion.Counted, App: "shop", Digest: sample.Build, Reason: "it leaks"}, "`/promote restore-digest shop@4f1c2a9b4f1c`."},
		{promotion.Answer{Deed: promotion.GestureWithdraw, Verb: promotion.Repeated, App: "shop", Digest: sample.Build}, "is withdrawn already"},
		{promotion.Answer{Deed: promotion.GestureReinstate, Verb: promotion.Counted, App: "shop", Digest: sample.Build, Reason: "another build"}, "Not withdrawn any more: *shop* `4f1c2a9b4f1c`: another build."},
		{promotion.Answer{Deed: promotion.GestureUnhold, Verb: promotion.Counted, App: "shop", Digest: sample.Build}, "Not held any more: *shop* `4f1c2a9b4f1c`. Nobody holds it now."},
	} {
		if m := render.Answer(c.a); !strings.Contains(m.Text, c.want) {
			t.Errorf("%q is not in %q", c.want, m.Text)
		}
	}
}

func TestWhatIsToldAboutARollback(t *testing.T) {
	open, promoted := sample.Shop(sample.Later, sample.Backward), sample.Shop(sample.Later, sample.Approved(sample.Ann, sample.Bob, sample.Sam), sample.Ended(promotion.Promoted, ""))
	ends := sample.Shop(sample.Later, sample.Backward, sample.Ended(promotion.Superseded, "#15 has brought 4f1c2a9b4f1c to production since"))
	for _, c := range []struct {
		w    promotion.NoticeWork
		v    policy.View
		want string
	}{
		{promotion.NoticeWork{Kind: promotion.NoticeRolledBack, Person: sample.Ann, Rollback: 14, Reason: "it fails"}, promoted, "Ann has rolled *shop* `4f1c2a9b4f1c` back in production (#14): it fails."},
		{promotion.NoticeWork{Kind: promotion.NoticeRolledBack, Rollback: 14, Reason: "it fails"}, promoted, "promotebot, as the policy says, has rolled"},
		{promotion.NoticeWork{Kind: promotion.NoticeWithdrawn, Person: sample.Ann, Reason: "it leaks"}, promoted, "Ann has withdrawn *shop* `4f1c2a9b4f1c`: it leaks. It is not promoted any more, and not gone back to. *It is in production now.*"},
		{promotion.NoticeWork{Kind: promotion.NoticeReinstated, Person: sample.Bob, Reason: "another build"}, promoted, "Bob says that *shop* `4f1c2a9b4f1c` can be promoted after all: another build."},
		{promotion.NoticeWork{Kind: promotion.NoticeHeld, Rollback: 14, Reason: "it fails"}, open, "is held, because it was rolled back in #14: it fails."},
		{promotion.NoticeWork{Kind: promotion.NoticeUnheld, Person: sample.Bob}, open, "Bob has lifted the hold on *shop*"},
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
		p.Purpose, p.Back = promotion.Rollback, &promotion.Back{Bad: sample.Former, Of: 3, Since: moment.Draw(t, "since"), Reason: text.Draw(t, "why")}
	}
	if rapid.Bool().Draw(t, "undone") {
		by := promotion.Promotion{ID: 9, Requester: person.Draw(t, "by"), Digest: sample.Former, FinishedAt: p.FinishedAt, Back: &promotion.Back{Reason: text.Draw(t, "why")}}
		p.UndoneBy, f.Undone = by.ID, &by
	}
	if rapid.Bool().Draw(t, "withdrawn") {
		f.Withdrawn = &promotion.Withdrawal{Digest: sample.Build, By: person.Draw(t, "by"), At: moment.Draw(t, "withdrawn at"), Reason: text.Draw(t, "why")}
	}
	for range rapid.SampledFrom([]int{1, 2, 100}).Draw(t, "earlier") {
		is := promotion.Promotion{Digest: sample.Former, FinishedAt: p.FinishedAt, Image: &promotion.Image{Labels: map[string]string{promotion.LabelVersion: text.Draw(t, "version")}}}
		f.Back = append(f.Back, policy.Earlier{Promotion: is})
	}
}

// A card is drawn again when a freeze ends only where the promotion waits for that.
func TestWhatGoesBackInAFreezeDoesNotSayThatItIsFrozen(t *testing.T) {
	frozen := sample.With(func(f *policy.Facts) {
		f.Freezes = []promotion.Freeze{{From: sample.Monday, Until: sample.At(72 * time.Hour), Reason: "holidays", By: sample.Bob}}
	})
	heeds := func(d *policy.Document, _ *policy.Facts) {
		d.Rollback = &policy.Return{Heed: []policy.Rule{policy.RuleFreeze}}
	}
	if m := render.Card(sample.Shop(sample.Later, sample.Backward, frozen)); strings.Contains(m.Text, "*Frozen*") {
		t.Errorf("it does not wait for a freeze, and says: %s", m.Text)
	}
	if m := render.Card(sample.Shop(sample.Later, heeds, sample.Backward, frozen)); !strings.Contains(m.Text, "*Frozen* until") {
		t.Errorf("it waits for a freeze, and says: %s", m.Text)
	}
}

// What a card says of itself it says once: its title, its sentence and what follows
// are read together.
func TestThatItWasRolledBackIsSaidOnce(t *testing.T) {
	for _, state := range []string{"rolled back", "promoted, and rolled back", "failed, and rolled back", "rolled back while it was watched", "rollback executing", "restored"} {
		m := render.Card(view(t, state))
		header := m.Blocks[0].(*slack.HeaderBlock).Text.Text
		all := strings.ToLower(blocks(t, m))
		if strings.Contains(header, "roll back") && strings.Contains(header, "rolled back") || strings.Contains(header, "rolling back") || strings.Contains(header, "restored") {
			t.Errorf("%s: the title is %q", state, header)
		}
		if n := strings.Count(all, "*rolled back*") + strings.Count(all, "it was rolled back"); state != "rollback executing" && state != "restored" && n != 1 {
			t.Errorf("%s: said %d times: %s", state, n, all)
		}
	}
	row := render.History([]promotion.Promotion{view(t, "failed, and rolled back").Facts.Promotion}, nil, render.Pages{}).Text
	if strings.Count(row, "rolled back") != 1 || !strings.Contains(row, "CrashLoopBackOff") {
		t.Errorf("in the history: %s", row)
	}
}

// The details have the digest in full; the short one is for cards.
func TestTheDetailsHaveTheDigestOnce(t *testing.T) {
	for _, state := range []string{"rejected", "rollback waiting for approvals", "soaking", "restored"} {
		b, err := json.Marshal(render.Details(view(t, state)).Blocks)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), "*Digest*"); n != 1 || !strings.Contains(string(b), "*Digest*\\n`sha256:") {
			t.Errorf("%s: %d times: %s", state, n, b)
		}
	}
}
