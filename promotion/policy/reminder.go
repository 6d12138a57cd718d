package policy

import "github.com/promotebot/promotebot/promotion"

// Reminder is everything that one person is reminded of.
type Reminder struct {
	Person promotion.PersonID
	Items  []Reminded
}

// Reminded is a promotion, and what it wants of them.
type Reminded struct {
	View  View
	Wants []Want
}
