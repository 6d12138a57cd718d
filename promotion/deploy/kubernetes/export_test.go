package kubernetes

import "time"

// Hurry has observers answer soon, also when nothing changes, watches end soon
// after the last look at them, and lost rights be lost sooner.
func (c *Cluster) Hurry(spell, linger, grace time.Duration) {
	c.spell, c.linger, c.grace = spell, linger, grace
}
