package policy

import (
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Home is what one person is shown of everything.
type Home struct {
	Person  promotion.PersonID
	At      time.Time
	Refusal string // why they are shown nothing; empty for members
	Known   bool   // it has been read in Slack who they are

	Waiting   []View // what wants something of them, oldest first
	Asked     []View // what they have requested and is not over
	Apps      []AppStatus
	MoreApps  int                // that are not among Apps
	Freezes   []promotion.Freeze // of everything, in force
	Decisions []promotion.Decided
}
