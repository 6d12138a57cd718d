package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// wayBack is asked only when nothing else is missing, as the copy is: it takes
// requests, and what was found of it does not hold for long.
func wayBack(d Document, f Facts, now time.Time) (findings []Finding, prove []promotion.ID) {
	if d.NoWayBack && f.Promotion.Purpose != promotion.Rollback || f.Promotion.Repairs() {
		return nil, nil
	}
	if f.Promotion.Purpose != promotion.Train {
		finding, look := proved(f.Promotion, now)
		if look {
			prove = append(prove, f.Promotion.ID)
		}
		return []Finding{finding}, prove
	}
	var all []Finding
	for _, r := range f.Rides {
		finding, look := proved(r.Promotion, now)
		if look {
			prove = append(prove, r.Promotion.ID)
		}
		finding.Reason = r.Promotion.App + ": " + finding.Reason
		all = append(all, finding)
	}
	return []Finding{gather(RuleWayBack, "", all)}, prove
}

// proved tells also whether it has to be looked at the registry.
func proved(p promotion.Promotion, now time.Time) (finding Finding, look bool) {
	finding = Finding{Rule: RuleWayBack, Outcome: Met}
	w, back := p.WayBack, p.WaysBack()
	if len(back) == 0 {
		finding.Reason = "there is nothing to go back to: no tag is moved away from another build"
		return finding, false
	}
	it := "the way back, " + shorts(back) + ","
	if p.Purpose == promotion.Rollback {
		it = shorts(back)
	}
	if !w.Covers(&p) {
		w = &promotion.WayBack{}
	}
	switch {
	case w.Fault != "":
		finding.Outcome, finding.Reason = Waiting, fmt.Sprintf("whether %s is whole could not be read so far: %s", it, w.Fault)
		return finding, true
	case w.ReadAt == nil:
		finding.Outcome, finding.Reason = Waiting, fmt.Sprintf("whether %s is whole is being read", it)
		return finding, true
	case now.Sub(*w.ReadAt) >= ProvedFor:
		finding.Outcome, finding.Reason = Waiting, fmt.Sprintf("whether %s is still whole is being read once more", it)
		return finding, true
	}
	until := w.ReadAt.Add(ProvedFor)
	finding.ChangesAt = &until
	if w.Proof.Missing != "" {
		finding.Outcome = Blocked
		finding.Reason = fmt.Sprintf("%s is not whole in %s: %s; push it there again, or there is nothing that a rollback could go back to", it, p.Destination, w.Proof.Missing)
		return finding, false
	}
	finding.Reason = fmt.Sprintf("%s is whole: %d manifests and %d blobs are there", it, w.Proof.Manifests, w.Proof.Blobs)
	return finding, false
}

func shorts(digests []promotion.Digest) string {
	var names []string
	for _, d := range digests {
		names = append(names, d.Short())
	}
	return strings.Join(names, " and ")
}

// backed is what the document asks of the way back.
func (d Document) backed() []string {
	var all []string
	switch {
	case d.NoWayBack:
		all = append(all, "What it replaces need not be in the registry any more.")
	case !d.Returns:
		all = append(all, "What it replaces has to be in the registry, whole, before it goes ahead.")
	}
	if d.Plan {
		all = append(all, "Somebody has to write a rollback plan before it can be approved.")
	}
	return all
}
