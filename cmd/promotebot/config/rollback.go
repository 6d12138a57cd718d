package config

import (
	"fmt"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	keyRollback = "rollback"
	keyReady    = "ready"
	keyPlan     = "plan"

	exampleRollback = "{ready: required, plan: required}"
)

// What the keys of rollback can say.
const (
	rollbackRequired = "required"
	rollbackOff      = "off"
)

// rollback reads what has to be there before a promotion, for the case that it
// has to be taken back.
func (r *reader) rollback(in map[string]strict.Pair, d *policy.Document) {
	p, ok := in[keyRollback]
	if !ok {
		return
	}
	of, ok := r.Fields(p.Value, keyRollback, exampleRollback, keyReady, keyPlan)
	if !ok {
		return
	}
	d.NoWayBack = !r.demanded(of, keyReady, true)
	if d.Plan = r.demanded(of, keyPlan, false); d.Plan && d.Automatic {
		r.Fault(of[keyPlan].Value, "a rollback plan is for those who approve, and with approvals: none nobody does", "ask somebody for approval, or take plan out")
	}
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
