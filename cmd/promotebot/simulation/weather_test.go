package simulation

import "time"

// trouble is how much goes wrong in a schedule.
type trouble struct {
	percent int          // of calls that go wrong
	slow    int          // of calls that take their time
	crashes int          // that may still come
	out     [6]time.Time // until when each kind of outsider does not answer at all
	drags   [6]time.Time // until when it takes its time with nearly everything
}

// weather draws the fate of a call.
func (w *world) weather(c *call) fate {
	t := &w.trouble
	switch {
	case w.run.crashAt == w.step && w.run.after:
		return crashAfter
	case w.run.crashAt == w.step && w.run.crashAt > 0:
		return crashBefore
	case w.run.calm, c.sure:
		return fine
	case time.Now().Before(t.out[c.what]):
		return failBefore
	case !w.chance(t.percent):
		return fine
	}
	fates := []fate{failBefore, failBefore, failAfter, failAfter}
	if c.land != nil {
		fates = append(fates, hang, slowDown)
	}
	if c.lies {
		fates = append(fates, lie, lie)
	}
	if t.crashes > 0 {
		fates = append(fates, crashBefore, crashAfter)
	}
	f := fates[w.draw(len(fates))]
	if f == crashBefore || f == crashAfter {
		t.crashes--
	}
	return f
}

// slow puts a call off once, and tells whether it did.
func (w *world) slow(c *call) bool {
	if w.run.calm || c.sure || !c.held.IsZero() {
		return false
	}
	percent, longest := w.trouble.slow, []time.Duration{time.Second, 10 * time.Second, 100 * time.Second}[w.draw(3)]
	if time.Now().Before(w.trouble.drags[c.what]) {
		percent, longest = 80, 5*time.Second
	}
	if !w.chance(percent) {
		return false
	}
	c.held = time.Now().Add(time.Duration(w.draw(int(longest/time.Millisecond))) * time.Millisecond)
	return true
}
