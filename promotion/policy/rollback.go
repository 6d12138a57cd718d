package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// Return is what a policy asks of a rollback, where that is not the usual. What is
// gone back to was promoted before, so it need not soak, and whoever asks for it at
// night must be able to stand behind it alone where one approval is enough.
type Return struct {
	Approvals              []Requirement `json:",omitempty"` // none means those of a promotion
	Tree                   *Tree         `json:",omitempty"`
	RequesterCannotApprove bool          `json:",omitempty"`
	Heed                   []Rule        `json:",omitempty"` // of Heedable, what stops a rollback as it does a promotion
}

// Heedable are the rules that stop a rollback only where its policy says so.
var Heedable = []Rule{RuleChecks, RuleHold, RuleFreeze, RuleWindow}

// Returning is the document that a rollback is under.
func (d Document) Returning() Document {
	var r Return
	if d.Rollback != nil {
		r = *d.Rollback
	}
	to := Document{
		Name: d.Name, Approvals: d.Approvals, Tree: d.Tree, Automatic: d.Automatic, RequesterMayApprove: !r.RequesterCannotApprove,
		Reject: d.Reject, Expires: d.Expires, BreakGlass: d.BreakGlass, Deploys: d.Deploys, How: d.How, Together: d.Together, After: d.After, Returns: true, Rollback: &Return{Heed: r.Heed},
	}
	if r.Tree != nil || len(r.Approvals) > 0 {
		to.Approvals, to.Tree, to.Automatic = r.Approvals, r.Tree, false
	}
	if to.heeds(RuleChecks) {
		to.Checks = d.Checks
	}
	if to.heeds(RuleWindow) {
		to.Windows = d.Windows
	}
	if to.heeds(RuleFreeze) {
		to.Freezes, to.FreezeOn = d.Freezes, d.FreezeOn
	}
	return to
}

// heeds tells whether the rule is asked of what is under the document.
func (d Document) heeds(rule Rule) bool {
	return !d.Returns || d.Rollback != nil && slices.Contains(d.Rollback.Heed, rule)
}

// returners are the roles that the document asks for a rollback alone.
func (d Document) returners() []string {
	if d.Rollback == nil {
		return nil
	}
	return Document{Approvals: d.Rollback.Approvals, Tree: d.Rollback.Tree}.Approvers()
}

// MayReturn says why the person can't ask to go back, or "". Where approvals
// follow, every member can ask; where none do, it takes one of the roles.
func MayReturn(d Document, f Facts, id promotion.PersonID, roles Document) (refusal string) {
	if !d.Automatic {
		return MayHold(f, id)
	}
	return MayStop(roles, f, id)
}

// Earlier is a build that was promoted to an environment before.
type Earlier struct {
	Promotion promotion.Promotion // the last that brought it
	Against   string              // why it can't be gone back to; empty when it can
}

// Before are the builds that an environment could go back to from bad, the newest
// first: promoted is everything that was promoted there, newest first.
func Before(promoted []promotion.Promotion, bad promotion.Digest, to promotion.Repository, withdrawn []promotion.Withdrawal, holds []promotion.Hold) (all []Earlier) {
	for _, p := range promoted {
		same := func(e Earlier) bool { return e.Promotion.Digest == p.Digest }
		if p.State != promotion.Promoted || p.Purpose == promotion.Train || p.Digest == bad || slices.ContainsFunc(all, same) {
			continue
		}
		e := Earlier{Promotion: p}
		hold := slices.IndexFunc(holds, func(h promotion.Hold) bool { return h.Digest == p.Digest })
		switch w := Withdrawn(withdrawn, p.Digest); {
		case w != nil:
			e.Against = "it is withdrawn: " + w.Reason
		case hold >= 0:
			e.Against = "it is on hold, and that has to be lifted first: " + holds[hold].Reason
		case p.Destination != to:
			e.Against = fmt.Sprintf("it was promoted in another repository, %s", p.Destination)
		}
		all = append(all, e)
	}
	return all
}

// Previous is what was there last and can be gone back to, but for what was itself
// taken back: that is gone back to only when somebody names it.
func Previous(all []Earlier) (Earlier, bool) {
	i := slices.IndexFunc(all, func(e Earlier) bool { return e.Against == "" && !e.Promotion.Undone() })
	if i < 0 {
		return Earlier{}, false
	}
	return all[i], true
}

// Withdrawn is the withdrawal of the digest that is in force, or nil.
func Withdrawn(all []promotion.Withdrawal, d promotion.Digest) *promotion.Withdrawal {
	for _, w := range all {
		if w.Digest == d && w.ReinstatedAt == nil {
			return &w
		}
	}
	return nil
}

// condemned keeps what is known to be bad from going anywhere. Nobody goes past
// that: it has to be taken back by somebody else.
func condemned(f Facts) []Finding {
	w := f.Withdrawn
	if w == nil {
		return nil
	}
	return []Finding{{Rule: RuleWithdrawn, Outcome: Blocked, By: []promotion.PersonID{w.By},
		Reason: fmt.Sprintf("%s was withdrawn %s and is not promoted any more: %s", w.Digest.Short(), instant(w.At), w.Reason)}}
}

// MayWithdraw says why the person can't say that a digest is bad, or "".
func MayWithdraw(d Document, f Facts, id promotion.PersonID) (refusal string) {
	return MayStop(d, f, id)
}

// MayReinstate says why the person can't take a withdrawal back, or "". It takes a
// second person, from whichever account.
func MayReinstate(d Document, f Facts, w promotion.Withdrawal, id promotion.PersonID) (refusal string) {
	if f.Identities.Same(id, w.By) {
		return "whoever withdrew a digest can't reinstate it: somebody else has to"
	}
	return MayStop(d, f, id)
}

// GoingBack is what the document asks of a rollback, in a sentence.
func (d Document) GoingBack() string {
	r := d.Returning()
	s := "A rollback takes no approval, but somebody who holds a role has to ask for it"
	if !r.Automatic {
		s = "A rollback takes " + r.Asks().sentence(true)
		if r.RequesterMayApprove {
			s += ", and whoever asks for it may be one of them"
		}
	}
	free, heeds := []string{"a soak"}, []string(nil)
	for _, rule := range Heedable {
		if name := heeded[rule]; r.heeds(rule) {
			heeds = append(heeds, name)
		} else {
			free = append(free, name)
		}
	}
	s += "; it does not wait for " + either(free)
	if len(heeds) > 0 {
		s += ", but does for " + either(heeds)
	}
	return s + "."
}

// either lists what any one is enough of.
func either(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// heeded is what the rules are about, in words.
var heeded = map[Rule]string{RuleChecks: "checks", RuleHold: "holds of the whole app", RuleFreeze: "freezes", RuleWindow: "windows"}
