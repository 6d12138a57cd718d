package gate

import (
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// woken settles a promotion because an instant has come that its verdict or
// its card announced; the deadline of a review can come after its end.
func (t *turn) woken(id promotion.ID) error {
	p, err := t.load(id)
	if err != nil || p.State != promotion.Open && p.State != promotion.Watching && !p.Overdue(t.now) {
		return err
	}
	p.Touch()
	_, err = t.settle(p)
	return err
}

// remind asks, in the thread of every promotion that lacks nothing but
// approvals, for those approvals; in that of what is failing, for a choice; and for
// every review of a broken glass.
func (t *turn) remind(e promotion.Effect) error {
	w, err := promotion.Work[promotion.RemindWork](e)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(t.catalog.Reminders, func(r Reminder) bool { return r.Spec == w.Schedule })
	if i < 0 {
		return nil // taken out of the configuration
	}
	waiting, err := t.query(Query{Apart: true, States: []promotion.State{promotion.Open, promotion.Failing}})
	if err != nil {
		return err
	}
	for _, p := range waiting {
		v, err := t.view(p)
		if err != nil {
			return err
		}
		if !v.OnPeople() {
			continue
		}
		if err := t.notice(p, "remind/"+w.Tick.Format(time.RFC3339), promotion.NoticeWork{Kind: promotion.NoticeReminder, Named: t.catalog.Direct != nil}); err != nil {
			return err
		}
	}
	if err := t.demand(w.Tick); err != nil {
		return err
	}
	return t.remindAt(t.catalog.Reminders[i], &w.Tick)
}
