package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	keySupersede = "supersede"
	keyRide      = "ride"
)

// What the keys supersede and ride say besides keep and queue.
const (
	supersedeReplace = "replace"
	rideNewest       = "newest"
	rideOldest       = "oldest"
)

// flow reads what becomes of what is open when a newer build comes.
func (r *reader) flow(in map[string]strict.Pair, d *policy.Document) {
	supersede, replaced := in[keySupersede]
	if replaced {
		switch text, ok := r.Text(supersede.Value, keySupersede); {
		case !ok, text == supersedeReplace:
		case text == string(policy.Keep), text == string(policy.Queue):
			d.Supersede = policy.Supersede(text)
		default:
			r.Fault(supersede.Value, fmt.Sprintf("%q does not say what becomes of what is open when a newer build comes", strict.Clip(text)),
				fmt.Sprintf("write %s, which is the default, %s or %s", supersedeReplace, policy.Keep, policy.Queue))
		}
	}
	if p, ok := in[keyRide]; ok {
		switch text, ok := r.Text(p.Value, keyRide); {
		case !ok, text == rideNewest:
		case text != rideOldest:
			r.Fault(p.Value, fmt.Sprintf("%q does not say which build keeps maturing", strict.Clip(text)), "write "+rideNewest+", which is the default, or "+rideOldest)
		case d.Supersede != policy.Replace:
			r.Fault(p.Value, fmt.Sprintf("ride: oldest keeps one build from being replaced, and with supersede: %s none is", d.Supersede), "take one of the two out")
		default:
			d.RideOldest = true
		}
	}
	if d.Automatic && d.Supersede == policy.Queue && len(d.Reject.By) == 0 {
		r.Fault(supersede.Value, "builds would wait for the first of the queue, and with approvals: none nobody could take it away when it is stuck",
			"say who can, as in reject: {by: tech-leads}, or write ride: oldest instead, with which a newer build replaces one that is stuck")
	}
}

// beside refuses that builds wait for an older one in an environment that holds
// one at a time: a build that is not there does not mature, so they would wait
// for nothing.
func (r *reader) beside(at *yaml.Node, d policy.Document, from environment) {
	if !d.InLine() || from.unknown || len(from.Watch.Captures()) > 0 {
		return
	}
	key := keySupersede + ": " + string(d.Supersede)
	if d.RideOldest {
		key = keyRide + ": " + rideOldest
	}
	why := "what comes to it takes the place of what was there"
	if !from.Watch.IsZero() {
		why = fmt.Sprintf("it watches the one tag %q", from.Watch)
	}
	r.Fault(at, fmt.Sprintf("with %s an older build stays in %s beside newer ones, and %s", key, from.called(), why),
		fmt.Sprintf("have %s watch a pattern that gives each build its own tag, such as v{version}-passed", from.called()))
}
