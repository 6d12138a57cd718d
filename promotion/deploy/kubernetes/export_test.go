package kubernetes

import "time"

// Hurry has observers answer soon, also when nothing changes, and watches end
// soon after the last look at them.
func (c *Cluster) Hurry(spell, linger time.Duration) { c.spell, c.linger = spell, linger }
