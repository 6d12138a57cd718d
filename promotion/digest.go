package promotion

import "time"

// SumWork names the schedule of a digest whose instant has come, and since when
// the next one tells.
type SumWork struct {
	Channel  string
	Schedule string // the cron expression as configured, with its time zone
	Since    time.Time
	Tick     time.Time
}

// DigestWork has a channel told what happened between two instants. What waits
// is read when it is performed.
type DigestWork struct {
	Channel      string
	Since, Until time.Time
}
