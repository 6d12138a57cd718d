package render

import (
	"time"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion/policy"
)

// consulted says how old it is what is known of the user groups on which the
// approvals rest. They are read once more before anything starts.
func consulted(v policy.View) []page.Text {
	var oldest *time.Time
	for _, role := range v.Document.Approvers() {
		r := v.Facts.Rosters[role]
		if len(r.Groups) > 0 && r.ReadAt != nil && (oldest == nil || r.ReadAt.Before(*oldest)) {
			oldest = r.ReadAt
		}
	}
	if oldest == nil {
		return nil
	}
	return []page.Text{page.Writef("Members of user groups as read %s", *oldest)}
}
