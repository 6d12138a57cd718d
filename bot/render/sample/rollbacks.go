package sample

import (
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Backward has Ann ask to go back from another build to this one, which was promoted
// before.
func Backward(d *policy.Document, f *policy.Facts) {
	*d = d.Returning()
	p := &f.Promotion
	p.Purpose, p.SourceTag, p.Requester, f.Presence = promotion.Rollback, "", Ann, nil
	p.Targets = []promotion.Target{{Tag: "production", Floating: true, Now: Other, ReadAt: At(Later)}}
	p.OpenedAt = *At(49 * time.Hour)
	p.Back = &promotion.Back{Bad: Other, Of: 9, Since: *At(30 * time.Hour), Reason: "the checkout fails <!here>"}
}

// earlier are builds that could be gone back to, and one that could not.
func earlier(f *policy.Facts) {
	is := func(id promotion.ID, d promotion.Digest, version string) promotion.Promotion {
		return promotion.Promotion{ID: id, Digest: d, State: promotion.Promoted, FinishedAt: At(-24 * time.Hour), Image: &promotion.Image{Labels: map[string]string{promotion.LabelVersion: version}}}
	}
	former := is(8, "sha256:"+promotion.Digest(strings.Repeat("77", 32)), "1.3.0")
	former.UndoneBy = 9
	f.Back = []policy.Earlier{
		{Promotion: former}, {Promotion: is(7, Former, "1.4.1 `<x>`")}, {Promotion: is(6, Other, "1.2.0"), Against: "it is withdrawn: it leaks keys"},
	}
}

// undone is what Ann has had rolled back, so long after monday.
func undone(d time.Duration) func(*policy.Facts) {
	return func(f *policy.Facts) {
		f.Promotion.UndoneBy = 14
		f.Undone = &promotion.Promotion{ID: 14, Digest: Former, Requester: Ann, FinishedAt: At(d), Back: &promotion.Back{Reason: "the checkout fails <!here>"}}
	}
}

// Rollbacks are the states of what goes back to what was there before, and of what
// was taken back.
func Rollbacks() []State {
	condemned := func(f *policy.Facts) {
		f.Withdrawn = &promotion.Withdrawal{App: "shop", Digest: f.Promotion.Digest, By: Eve, Reason: "it leaks <keys>", At: *At(40 * time.Hour)}
	}
	return []State{
		{"rollback waiting for approvals", Shop(Later, Backward, Approved(Ann))},
		{"rollback asked for by nobody", Shop(Later, Backward, automatic, With(func(f *policy.Facts) {
			f.Promotion.Requester = ""
			f.Promotion.WayBack = &promotion.WayBack{Repository: f.Promotion.Destination, Digests: f.Promotion.WaysBack()}
		}))},
		{"rollback executing", Shop(Later, Backward, Approved(Ann, Bob, Sam), With(func(f *policy.Facts) { f.Promotion.State, f.Promotion.StartedAt = promotion.Executing, At(Later) }))},
		{"rolled back", Shop(Later, Backward, Approved(Ann, Bob, Sam), Ended(promotion.Promoted, ""), With(func(f *policy.Facts) {
			f.Promotion.Moves = []promotion.Move{{Tag: "production", Outcome: promotion.MoveDone, Found: Build}}
		}))},
		{"rollback in conflict", Shop(Later, Backward, Approved(Ann, Bob, Sam), Ended(promotion.Conflicted, "production points at 0badcafe0bad, which nobody expected"))},
		{"rollback rejected", Shop(Later, Backward, Ended(promotion.Rejected, "a fix is on its way"), With(func(f *policy.Facts) { f.Promotion.EndedBy = Bob }))},
		{"rollback not needed any more", Shop(Later, Backward, Ended(promotion.Superseded, "#15 has brought 4f1c2a9b4f1c to production since"), With(func(f *policy.Facts) { f.Promotion.Successor = 15 }))},
		{"promoted, and can be rolled back", Shop(Later, Approved(Ann, Bob, Sam), Ended(promotion.Promoted, ""), With(earlier))},
		{"promoted, and rolled back", Shop(72*time.Hour, Approved(Ann, Bob, Sam), Ended(promotion.Promoted, ""), With(undone(70*time.Hour)))},
		{"held after a rollback", Shop(Later, Approved(Ann, Bob, Sam), With(func(f *policy.Facts) {
			f.Holds = []promotion.Hold{{App: "shop", Digest: Build, By: Ann, Rollback: 14, Reason: "the checkout fails <!here>", At: *At(30 * time.Hour)}, {App: "shop", Digest: Build, Rollback: 11, Reason: "5 of 5 pods crash", At: *At(20 * time.Hour)}}
		}))},
		{"withdrawn", Shop(Later, Approved(Ann, Bob, Sam), With(condemned))},
		{"promoted, and withdrawn", Shop(Later, Approved(Ann, Bob, Sam), Ended(promotion.Promoted, ""), With(condemned), With(earlier))},
	}
}
