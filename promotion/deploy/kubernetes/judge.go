package kubernetes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// stand is how one workload stands with an order.
type stand struct {
	phase        promotion.RolloutPhase
	ready, total int
	detail       string // why it is not done, or what is to be known although it is
	lines        []string
	running      []promotion.Running
	ailing       []ailing
}

// ailing is a container that does not come up.
type ailing struct {
	pod, container string
	again          bool // it runs again: what it said before is in the log of the run before
}

// judge says how a workload stands: first what its controller says, as "kubectl
// rollout status" has it, and then what its machines report, pod by pod.
// generation is that of the order; a workload that has an older one was read
// before it was set.
func judge(o promotion.Order, w found, generation int64, pods []pod) stand {
	s := stand{phase: promotion.RolloutUnder, total: int(w.wanted)}
	other := slices.IndexFunc(w.chosen, func(c container) bool { return !c.has(o) })
	switch {
	case len(w.chosen) == 0 || other >= 0 && generation > 0 && w.generation >= generation:
		s.phase, s.detail = promotion.RolloutFailed, "somebody else has changed its image since"
		if other >= 0 {
			s.detail = "somebody else has set its image since, to " + line(w.chosen[other].image)
		}
		return s
	case other >= 0:
		s.phase, s.detail = promotion.RolloutAsked, "it is not seen yet that it was set"
		return s
	}
	slices.SortFunc(pods, func(a, b pod) int { return cmp.Compare(a.name, b.name) })
	t := tallied(o, w, pods)
	s.ready, s.running, s.ailing, s.lines = t.ready, t.running(w), t.ailing, t.lines
	if w.refused != "" {
		s.lines = append([]string{w.String() + ": " + line(w.refused)}, s.lines...)
	}
	switch {
	case w.observed < w.generation:
		s.phase, s.detail = promotion.RolloutAsked, "its controller has not seen it yet"
	case w.kind == CronJob:
		s.phase, s.detail = promotion.RolloutDone, "its next run uses it"
	case w.stalled:
		s.phase, s.detail = promotion.RolloutFailed, "it did not get on within its progress deadline"
	case w.updated < w.wanted && w.kind != StatefulSet, !w.settled:
		s.detail = fmt.Sprintf("%d of %d pods are new", w.updated, w.wanted)
	case w.kind == Deployment && w.total > w.updated:
		s.detail = counted(int(w.total-w.updated), "old pod") + " still there"
	case w.available < w.wanted:
		s.detail = fmt.Sprintf("%d of %d pods are available", w.available, w.wanted)
	case t.old > 0:
		s.detail = counted(t.old, "old pod") + " still serving"
	case t.unproved != "":
		s.detail = t.unproved
	case t.proved < int(w.wanted):
		s.detail = fmt.Sprintf("%d of %d pods report what they run", t.proved, w.wanted)
	case w.wanted == 0:
		s.phase, s.detail = promotion.RolloutDone, "it is set, and no pods are asked of it"
	default:
		s.phase = promotion.RolloutDone
		if t.ending > 0 {
			s.detail = counted(t.ending, "old pod") + " still ending"
		}
	}
	if s.phase == promotion.RolloutUnder && w.obstacle != "" {
		s.detail = w.obstacle
	}
	if s.phase != promotion.RolloutDone && w.kind == StatefulSet && t.oldStuck != "" {
		s.lines = append(s.lines, fmt.Sprintf("%s waits for its pod %s, which was broken before and is not replaced by itself: delete it", w, line(t.oldStuck)))
	}
	return s
}

// tally is what the pods of a workload say.
type tally struct {
	wanted                     []promotion.Digest
	ready, proved, old, ending int
	unproved                   string // what speaks against a pod that should be fine
	untold                     string // a pod of which it can't be told what it runs
	oldStuck                   string // an old pod that never came up
	seen                       map[[2]string]int
	ailing                     []ailing
	lines                      []string
}

func tallied(o promotion.Order, w found, pods []pod) *tally {
	t := &tally{wanted: append([]promotion.Digest{o.Digest}, o.Manifests...), seen: map[[2]string]int{}}
	for _, p := range pods {
		if p.over {
			continue
		}
		fresh := isNew(o, w, p)
		if p.ending {
			if !fresh {
				t.ending++
			}
			continue
		}
		t.count(w, p, fresh)
		if fresh || w.kind == StatefulSet {
			t.trouble(w, p)
		}
	}
	return t
}

// isNew tells whether all the chosen containers of a pod are pinned to the
// digest, be it in a mirror that an admission webhook has put in its place.
func isNew(o promotion.Order, w found, p pod) bool {
	return !slices.ContainsFunc(w.chosen, func(c container) bool {
		at := p.program(c)
		return at == nil || pinned(at.image) != o.Digest
	})
}

func (p pod) program(c container) *program {
	for i := range p.programs {
		if p.programs[i].name == c.name && p.programs[i].init == c.init {
			return &p.programs[i]
		}
	}
	return nil
}

func (t *tally) count(w found, p pod, fresh bool) {
	if !fresh {
		t.old++
		if !p.ready {
			t.oldStuck = p.name
		}
	}
	proved := fresh
	for _, c := range w.chosen {
		at := p.program(c)
		if at == nil || at.imageID == "" {
			proved = false
			continue
		}
		digest := runs(at.imageID)
		switch {
		case digest == "":
			proved = false
			t.untold = fmt.Sprintf("what pod %s runs can't be told: its machine reports only %s", p.name, line(at.imageID))
			t.unproved = t.untold
		case !slices.Contains(t.wanted, digest) && fresh:
			proved = false
			t.unproved = fmt.Sprintf("pod %s runs %s, which is not of %s", p.name, digest.Short(), t.wanted[0].Short())
		}
		if digest != "" {
			t.seen[[2]string{c.name, string(digest)}]++
		}
	}
	if proved {
		t.proved++
		if p.ready {
			t.ready++
		}
	}
}

func (t *tally) running(w found) (all []promotion.Running) {
	for at, n := range t.seen {
		all = append(all, promotion.Running{Where: w.String() + ", container " + at[0], Digest: promotion.Digest(at[1]), Count: n})
	}
	slices.SortFunc(all, func(a, b promotion.Running) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.Digest, b.Digest))
	})
	return all
}

// trouble says why a pod does not come up.
func (t *tally) trouble(w found, p pod) {
	if p.unplaced != "" {
		t.lines = append(t.lines, fmt.Sprintf("pod %s is on no machine: %s", p.name, line(p.unplaced)))
	}
	for _, c := range p.programs {
		if c.waiting == "" && (c.ended == "" || p.ready) {
			continue
		}
		var says []string
		if c.waiting != "" {
			says = append(says, line(c.waiting))
		}
		if c.ended != "" {
			says = append(says, fmt.Sprintf("%s, exit code %d", line(c.ended), c.code))
		}
		if c.message != "" {
			says = append(says, line(c.message))
		}
		t.lines = append(t.lines, fmt.Sprintf("pod %s, container %s: %s", p.name, c.name, strings.Join(says, ": ")))
		if c.ended != "" {
			t.ailing = append(t.ailing, ailing{p.name, c.name, c.up})
		}
	}
}
