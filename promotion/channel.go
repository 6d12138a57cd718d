package promotion

import "time"

// Channel is what Slack said about a channel in which cards are posted, and
// when.
type Channel struct {
	ID     string
	Shared bool       // with another organisation; means something when ReadAt does
	ReadAt *time.Time // when Slack said whether it is; nil: it never has
	Fault  string     // why no card can be posted there; empty when one can
	Since  *time.Time // when that began to be known
}
