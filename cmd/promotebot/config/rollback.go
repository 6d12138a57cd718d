package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	keyRollback = "rollback"
	keyReady    = "ready"
	keyPlan     = "plan"

	keyHeed = "heed"

	exampleRollback = "{ready: required, plan: required}"
	exampleHeed     = "[freezes, windows]"
)

// What the keys of rollback can say.
const (
	rollbackRequired = "required"
	rollbackOff      = "off"
)

// heedable is what can stop a rollback as it does a promotion.
var heedable = map[string]policy.Rule{
	"checks": policy.RuleChecks, "holds": policy.RuleHold, "freezes": policy.RuleFreeze, "windows": policy.RuleWindow,
}

// rollback reads what has to be there before a promotion, for the case that it
// has to be taken back, and what that takes.
func (r *reader) rollback(in map[string]strict.Pair, d *policy.Document, roles roles) {
	p, ok := in[keyRollback]
	if !ok {
		return
	}
	of, ok := r.Fields(p.Value, keyRollback, exampleRollback, keyReady, keyPlan, keyApprovals, keyRequester, keyHeed)
	if !ok {
		return
	}
	d.NoWayBack = !r.demanded(of, keyReady, true)
	if d.Plan = r.demanded(of, keyPlan, false); d.Plan && d.Automatic {
		r.Fault(of[keyPlan].Value, "a rollback plan is for those who approve, and with approvals: none nobody does", "ask somebody for approval, or take plan out")
	}
	d.Rollback = r.returns(of, d, roles)
}

// returns reads what a rollback takes, where that is not the usual; nil when
// nothing is said of it.
func (r *reader) returns(in map[string]strict.Pair, d *policy.Document, roles roles) *policy.Return {
	var back policy.Return
	asked, asks := in[keyApprovals]
	if asks && r.IsText(asked.Value) && asked.Value.Value == approvalsNone {
		r.Fault(asked.Value, "somebody has to stand behind a rollback", "name a role: whoever asks for a rollback and holds it has approved it by that")
	} else if asks {
		back.Approvals, back.Tree = r.approvals(asked.Value, roles)
	}
	who, says := in[keyRequester]
	if says && d.Automatic && !asks {
		r.Fault(who.At, "requester says whether one person can approve, and nobody has to", "take it out, or say who has to approve a rollback: approvals: {tech-leads: 1}")
	} else if says {
		back.RequesterCannotApprove = !r.mayApprove(who.Value, keyRequester, mayApprove)
	}
	p, heeds := in[keyHeed]
	if heeds {
		back.Heed = r.heeds(p.Value)
	}
	if !asks && !says && !heeds {
		return nil
	}
	return &back
}

// heeds reads what stops a rollback, too, in the order in which rules are told.
func (r *reader) heeds(n *yaml.Node) (rules []policy.Rule) {
	items, ok := r.Texts(n, keyHeed, exampleHeed)
	if ok && len(items) == 0 {
		r.Fault(n, "heed names nothing", "name what stops a rollback, as in "+exampleHeed+", or take the key out")
	}
	names := slices.Sorted(maps.Keys(heedable))
	said := map[policy.Rule]bool{}
	for _, item := range items {
		name, ok := r.Text(item, keyHeed)
		rule, known := heedable[name]
		switch {
		case !ok:
		case !known:
			r.Fault(item, fmt.Sprintf("%q is nothing that could stop a rollback", strict.Clip(name)), strict.Meant(name, names, "name some of "+strings.Join(names, ", ")))
		case said[rule]:
			r.Fault(item, fmt.Sprintf("%q is there already", name), "take one of the two out")
		default:
			said[rule] = true
		}
	}
	for _, rule := range policy.Heedable {
		if said[rule] {
			rules = append(rules, rule)
		}
	}
	return rules
}

// demanded reads a key that says required or off.
func (r *reader) demanded(in map[string]strict.Pair, key string, otherwise bool) bool {
	p, ok := in[key]
	if !ok {
		return otherwise
	}
	text, ok := r.Text(p.Value, key)
	if ok && text != rollbackRequired && text != rollbackOff {
		usual := rollbackRequired
		if !otherwise {
			usual = rollbackOff
		}
		r.Fault(p.Value, fmt.Sprintf("%q does not say whether it is asked for", strict.Clip(text)), fmt.Sprintf("write %s or %s; %s is the default", rollbackRequired, rollbackOff, usual))
	}
	return ok && text == rollbackRequired
}
