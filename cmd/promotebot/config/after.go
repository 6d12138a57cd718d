package config

import (
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	keyAfter  = "after"
	keyHealth = "health"

	exampleAfter = "{watch: 15m, incidents: [critical], health: true}"
)

// The bounds of a watch: what shows in less than a minute shows in the rollout, and
// after a week it is not the promotion that is watched.
const (
	minWatch = time.Minute
	maxWatch = 7 * 24 * time.Hour
)

// after reads what counts for a while after a digest has come to run.
func (r *reader) after(n *yaml.Node) *policy.After {
	in, ok := r.Fields(n, keyAfter, exampleAfter, keyWatch, keyIncidents, keyChecks, keyHealth, keyPromQL, keyOnFailure)
	if !ok {
		return nil
	}
	at, ok := r.Required(n, in, keyWatch, keyAfter, "add watch: 15m")
	if !ok {
		return nil
	}
	a := &policy.After{}
	if a.Watch, ok = r.Duration(at, keyWatch, "15m"); ok && (a.Watch < minWatch || a.Watch > maxWatch) {
		r.Fault(at, fmt.Sprintf("a watch of %s is out of bounds", at.Value), "write from 1m to 7d, such as 15m")
	}
	if p, ok := in[keyIncidents]; ok {
		a.Incidents = r.severities(p.Value, keyIncidents)
	}
	if p, ok := in[keyHealth]; ok {
		a.Health, _ = r.Bool(p.Value, keyHealth)
	}
	if p, ok := in[keyChecks]; ok {
		a.Checks = r.checkNames(p.Value)
	}
	if p, ok := in[keyPromQL]; ok {
		var homeless *yaml.Node
		if a.Queries, homeless = r.queries(p.Value, a.Watch); homeless != nil {
			r.homeless[a] = homeless
		}
	}
	if p, ok := in[keyOnFailure]; ok {
		a.RollBack = r.goesBack(p.Value)
	}
	named := slices.ContainsFunc([]string{keyIncidents, keyChecks, keyHealth, keyPromQL}, func(key string) bool { _, is := in[key]; return is })
	if !named {
		r.Note(n, "nothing is watched", "say what counts, such as "+exampleAfter)
	}
	return a
}

// What becomes of what is failing.
const (
	ask      = "ask"
	rollBack = "roll-back"
)

func (r *reader) goesBack(n *yaml.Node) bool {
	text, ok := r.Text(n, keyOnFailure)
	if ok && text != ask && text != rollBack {
		r.Fault(n, fmt.Sprintf("%q does not say what becomes of what is failing", strict.Clip(text)), "write "+ask+", which is the default, or "+rollBack)
	}
	return text == rollBack
}

func (r *reader) checkNames(n *yaml.Node) (names []string) {
	items, _ := r.Texts(n, keyChecks, "[smoke]")
	for _, item := range items {
		name, ok := r.Text(item, "a check")
		if _, err := promotion.ParseName(name); ok && err != nil {
			r.Refuse(item, err, "write the name under which it is reported, such as smoke")
		} else if ok && slices.Contains(names, name) {
			r.Fault(item, fmt.Sprintf("the check %q is here twice", strict.Clip(name)), "take one of the two out")
		}
		names = append(names, name)
	}
	return names
}

// unwatchedTrain refuses a watch of a train: it ends at the tags.
func (r *reader) unwatchedTrain(n *yaml.Node, to string, d *policy.Document) {
	if d.After == nil {
		return
	}
	r.Fault(n, fmt.Sprintf("the policy of the train for %s has %s, and a train ends at the tags", to, keyAfter),
		fmt.Sprintf("give the train a policy without it, as in policy: {%s: {approvals: {tech-leads: 2}}}", to))
	d.After = nil
}
