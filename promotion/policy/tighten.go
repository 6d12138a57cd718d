package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Tighten is the base with everything that more asks for on top of it. Whatever
// more says, what comes of it lets nothing through that the base would hold up.
// Fault says what of the two can't be asked for at once.
//
// What is said once for all, and not asked for (who may reject, what becomes of
// older builds, what becomes of a train), stays as the base has it.
func Tighten(base, more Document) (d Document, fault string) {
	d = base
	d.Soak = max(base.Soak, more.Soak)
	if base.Since == SinceArrival && more.Soak > 0 {
		d.Since = more.Since
	}
	d.Incidents.Pause = union(base.Incidents.Pause, more.Incidents.Pause)
	d.Incidents.Reset = union(base.Incidents.Reset, more.Incidents.Reset)
	if d.Exposure, fault = usedMore(base.Exposure, more.Exposure); fault != "" {
		return d, fault
	}
	if d.Checks, fault = checkMore(base.Checks, more.Checks); fault != "" {
		return d, fault
	}
	if len(base.Windows.Allow) > 0 && len(more.Windows.Allow) > 0 {
		return d, "both say when it may go ahead; say in deny when it may not"
	}
	d.Windows.Allow = slices.Concat(base.Windows.Allow, more.Windows.Allow)
	d.Windows.Deny = slices.Concat(base.Windows.Deny, more.Windows.Deny)
	d.Freezes = slices.Concat(base.Freezes, more.Freezes)
	d.FreezeOn = union(base.FreezeOn, more.FreezeOn)
	d = d.askMore(more)
	d.RequesterMayApprove = base.RequesterMayApprove && more.RequesterMayApprove
	d.AuthorsCannotApprove = base.AuthorsCannotApprove || more.AuthorsCannotApprove
	d.Provenance = base.Provenance.heard(more.Provenance)
	d.Expires.Request = sooner(base.Expires.Request, more.Expires.Request)
	d.Expires.Approval = sooner(base.Expires.Approval, more.Expires.Approval)
	d.NoWayBack, d.Plan = base.NoWayBack && more.NoWayBack, base.Plan || more.Plan
	d.RefuseShared = base.RefuseShared || more.RefuseShared
	return d, ""
}

// askMore has both asked for approvals: of a role that both lists name, as many
// as the one that names more of it.
func (d Document) askMore(more Document) Document {
	asks := func(d Document) bool { return d.Tree != nil || len(d.Approvals) > 0 }
	switch {
	case !asks(more):
	case !asks(d):
		d.Approvals, d.Tree, d.Automatic = more.Approvals, more.Tree, false
	case d.Tree != nil || more.Tree != nil:
		d.Approvals, d.Tree = nil, &Tree{Count: 2, Of: []Tree{d.Asks(), more.Asks()}}
	default:
		all := slices.Clone(d.Approvals)
		for _, r := range more.Approvals {
			i := slices.IndexFunc(all, func(a Requirement) bool { return a.Role == r.Role })
			if i < 0 {
				all = append(all, r)
			} else {
				all[i].Count = max(all[i].Count, r.Count)
			}
		}
		d.Approvals = all
	}
	return d
}

func checkMore(base, more []Check) (all []Check, fault string) {
	all = slices.Clone(base)
	for _, c := range more {
		i := slices.IndexFunc(all, func(a Check) bool { return a.Name == c.Name })
		if i < 0 {
			all = append(all, c)
			continue
		}
		was := all[i]
		if was.ReviewedBy != c.ReviewedBy {
			return nil, fmt.Sprintf("the check %s is signed off or reported in another way", c.Name)
		}
		was.MaxAge, was.Advisory = sooner(was.MaxAge, c.MaxAge), was.Advisory && c.Advisory
		was.Numbers = slices.Concat(was.Numbers, c.Numbers)
		all[i] = was
	}
	return all, ""
}

func usedMore(base, more promotion.Exposure) (both promotion.Exposure, fault string) {
	either := func(e promotion.Exposure) bool { return e.Requests > 0 && e.PodTime > 0 }
	switch {
	case more.IsZero():
		return base, ""
	case base.IsZero():
		return more, ""
	case either(base) != either(more) || (base.Requests > 0) != (more.Requests > 0):
		return base, "they measure in another way how much it has been used"
	}
	return promotion.Exposure{Requests: max(base.Requests, more.Requests), PodTime: max(base.PodTime, more.PodTime)}, ""
}

func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

func union[T cmp.Ordered](a, b []T) []T {
	set := map[T]bool{}
	for _, v := range slices.Concat(a, b) {
		set[v] = true
	}
	return slices.Sorted(maps.Keys(set))
}
