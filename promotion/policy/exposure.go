package policy

import (
	"fmt"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// exposed is asked only where the policy asks for it: a digest that has been
// somewhere for a day may not have been used there.
func exposed(d Document, f Facts) []Finding {
	asked, had := d.Exposure, f.Exposure
	if asked.IsZero() {
		return nil
	}
	finding := Finding{Rule: RuleExposure, Outcome: Waiting}
	if asked.Requests > 0 && had.Requests >= asked.Requests || asked.PodTime > 0 && had.PodTime >= asked.PodTime {
		finding.Outcome = Met
	}
	var counts []string
	if asked.Requests > 0 {
		counts = append(counts, fmt.Sprintf("%d of %d requests", had.Requests, asked.Requests))
	}
	if asked.PodTime > 0 {
		counts = append(counts, fmt.Sprintf("%.1f of %.1f pod hours", had.PodTime.Hours(), asked.PodTime.Hours()))
	}
	finding.Reason = strings.Join(counts, " or ") + " in " + f.Promotion.From
	if had == (promotion.Exposure{}) {
		finding.Reason += "; none have been reported so far"
	}
	return []Finding{finding}
}

// inUse says how much use is asked for, or "".
func inUse(e promotion.Exposure) string {
	var all []string
	if e.Requests > 0 {
		all = append(all, fmt.Sprintf("%d requests", e.Requests))
	}
	if e.PodTime > 0 {
		all = append(all, fmt.Sprintf("%.1f pod hours", e.PodTime.Hours()))
	}
	return strings.Join(all, " or ")
}
