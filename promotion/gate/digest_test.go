package gate_test

import (
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// summed has the channel of the shop told every day at nine in Berlin.
func summed(t *testing.T, channel string) *gate.Catalog {
	t.Helper()
	comes, err := policy.ParseWindow("0 9 * * *", "Europe/Berlin", 0)
	if err != nil {
		t.Fatal(err)
	}
	d := careful()
	d.Soak = 2 * time.Hour
	c := catalog(t, d)
	c.Reminders, c.Digests = nil, []gate.Digest{{Channel: channel, Spec: comes.Spec, Comes: comes}}
	return c
}

func TestAChannelIsToldOnceADayWhatHappenedSinceTheLastTime(t *testing.T) {
	w := newWorld(t, summed(t, "C0SHOP"))
	w.stage("a")
	w.wait(22 * time.Hour)
	w.stage("b")
	w.wait(2 * time.Hour)
	w.wants("what gave way is no news", "2026-03-03 08:00:00 digest: 0 waiting, 1 soaking, 0 promoted, 0 ended, 0 overdue")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(time.Hour)
	w.expect(2, promotion.Promoted)
	w.stage("c")
	w.wait(3 * time.Hour)
	w.wait(20 * time.Hour)
	w.wants("the next day", "2026-03-04 08:00:00 digest: 1 waiting, 0 soaking, 1 promoted, 0 ended, 0 overdue; 1 in figures, 0s waited")
	w.clickOn(ann, promotion.Reject, w.get(3))
	w.wait(24 * time.Hour)
	w.wants("each once", "2026-03-05 08:00:00 digest: 0 waiting, 0 soaking, 0 promoted, 1 ended, 0 overdue")
}

func TestADigestThatWasMissedComesOnceAndTellsOfAllThatTime(t *testing.T) {
	w := newWorld(t, summed(t, "C0SHOP"))
	w.stage("a")
	w.wait(3 * time.Hour)
	w.clickOn(ann, promotion.Reject, w.get(1))
	w.restart()
	w.look()
	w.now = w.now.Add(50 * time.Hour) // down over two of them
	w.restart()
	w.run()
	w.wants("before it has looked around")
	w.look()
	w.wait(time.Minute)
	w.wants("once", "2026-03-04 14:01:00 digest: 0 waiting, 0 soaking, 0 promoted, 1 ended, 0 overdue")
	w.restart()
	w.look()
	w.wait(24 * time.Hour)
	w.wants("and on its day again", "2026-03-05 08:00:00 digest: 0 waiting, 0 soaking, 0 promoted, 0 ended, 0 overdue")
}

func TestADigestIsAboutItsOwnChannel(t *testing.T) {
	w := newWorld(t, summed(t, "C0OTHER"))
	w.stage("a")
	w.wait(3 * time.Hour)
	w.clickOn(ann, promotion.Reject, w.get(1))
	w.stage("b")
	w.wait(3 * time.Hour)
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.expect(2, promotion.Promoted)
	w.wait(18 * time.Hour)
	w.wants("another channel", "2026-03-03 08:00:00 digest: 0 waiting, 0 soaking, 0 promoted, 0 ended, 0 overdue")
}
