package config

import (
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	keyGlass  = "break_glass"
	keyRole   = "role"
	keyReview = "review"
	keyWithin = "within"

	exampleReview = "{by: [security], within: 24h}"
	exampleGlass  = "{role: incident-commanders, review: " + exampleReview + "}"
)

// The bounds of the time for a review: within an hour nobody is found at night,
// and after a month nobody remembers what it was about.
const (
	minReview = time.Hour
	maxReview = 30 * 24 * time.Hour
)

// glass reads who can have a promotion go ahead that lacks something, and who
// says afterwards whether that was right. Without a review there is none.
func (r *reader) glass(n *yaml.Node, roles roles) *policy.BreakGlass {
	in, ok := r.Fields(n, keyGlass, exampleGlass, keyRole, keyReview)
	if !ok {
		return nil
	}
	var b policy.BreakGlass
	if at, ok := r.Required(n, in, keyRole, keyGlass, "say who can break it: role: incident-commanders"); ok {
		name, ok := r.Text(at, keyRole)
		if ok && r.asked(at, name, roles) {
			b.Role = name
		}
	}
	at, ok := r.Required(n, in, keyReview, keyGlass, "say who looks at it afterwards, and by when: review: "+exampleReview)
	if !ok {
		return nil
	}
	of, ok := r.Fields(at, keyReview, exampleReview, keyBy, keyWithin)
	if !ok {
		return nil
	}
	if _, ok := r.Required(at, of, keyBy, "the review", "say who gives it: by: [security]"); ok {
		b.By = r.named(of, keyBy, roles)
		r.another(of[keyBy].Value, b, roles)
	}
	if within, ok := r.Required(at, of, keyWithin, "the review", "say by when it is due: within: 24h"); ok {
		b.Within = r.within(within)
	}
	if b.Role == "" || len(b.By) == 0 || b.Within == 0 {
		return nil
	}
	return &b
}

func (r *reader) within(n *yaml.Node) time.Duration {
	d, ok := r.Duration(n, keyWithin, "24h")
	if ok && (d < minReview || d > maxReview) {
		r.Fault(n, fmt.Sprintf("a review within %s is out of bounds", n.Value), "write from 1h to 30d, such as 24h")
		return 0
	}
	return d
}

// another refuses a review that nobody could give when a certain person has broken
// the glass: it takes somebody else.
func (r *reader) another(n *yaml.Node, b policy.BreakGlass, roles roles) {
	breakers, known := roles.people(b.Role)
	if b.Role == "" || !known {
		return
	}
	for _, breaker := range breakers {
		able := slices.ContainsFunc(b.By, func(role string) bool {
			people, known := roles.people(role)
			return !known || slices.ContainsFunc(people, func(p promotion.PersonID) bool { return p != breaker })
		})
		if !able && len(b.By) > 0 {
			r.Fault(n, fmt.Sprintf("when %s breaks the glass, nobody else holds a role that could review that", breaker), "name another role, or add people to it")
			return
		}
	}
}
