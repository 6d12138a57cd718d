package promotion

import "time"

// Reminded is when somebody was reminded directly, and when they want to be.
type Reminded struct {
	Person PersonID
	// Clock is what the clock on their wall showed when it was time to remind them
	// last. Whoever flies west meets the same hour twice, and is reminded once.
	Clock        string
	SnoozedUntil *time.Time
}

// Awaited is since when a promotion has waited for nothing but approvals, and
// when others were told of it.
type Awaited struct {
	Promotion ID
	Since     time.Time
	ToldAt    *time.Time
}

// NudgeWork names the time of those who live in a time zone.
type NudgeWork struct {
	Schedule string // the cron expression as configured
	Zone     string
	Tick     time.Time
}

// AgainWork names who wanted to be reminded.
type AgainWork struct{ Person PersonID }

// DirectWork has one person told of everything that waits for them. What that
// is, is read when it is performed.
type DirectWork struct {
	Person PersonID
	At     time.Time
}
