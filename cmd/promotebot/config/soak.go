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
	keyFor       = "for"
	keySince     = "since"
	keyIncidents = "incidents"
	keyPause     = "pause"
	keyReset     = "reset"
	keyExposure  = "exposure"
	keyRequests  = "requests"
	keyPodHours  = "pod_hours"
)

// sinceChecks is what a soak counts from when nothing is said and there are
// checks.
const sinceChecks = "checks"

const (
	exampleSoak      = "24h, or {for: 24h, incidents: {pause: [warning], reset: [critical]}}"
	exampleIncidents = "{pause: [warning], reset: [critical]}"
	exampleExposure  = "{requests: 100000}"
)

// The most that can be asked of exposure: beyond it is a typing error.
const (
	maxRequests = 1_000_000_000
	maxPodHours = 1_000_000
)

// soakOf reads how long a digest has to stay, or the same with what is to be
// taken notice of meanwhile.
func (r *reader) soakOf(n *yaml.Node, d *policy.Document) {
	if n.Kind != yaml.MappingNode {
		d.Soak = r.soak(n)
		return
	}
	in, ok := r.Fields(n, keySoak, exampleSoak, keyFor, keySince, keyIncidents, keyExposure)
	if !ok {
		return
	}
	if at, ok := r.Required(n, in, keyFor, keySoak, "add for: 24h"); ok {
		d.Soak = r.soak(at)
		if p, more := in[keyIncidents]; more && d.Soak == 0 && at.Value == "0" {
			r.Fault(p.At, "incidents can't interrupt a soak of no length", "write how long a digest has to stay, such as for: 24h, or take incidents out")
		}
	}
	if p, ok := in[keySince]; ok {
		switch since, ok := r.Text(p.Value, keySince); {
		case !ok, since == sinceChecks:
		case since == string(policy.SinceArrival):
			d.Since = policy.SinceArrival
		default:
			r.Fault(p.Value, fmt.Sprintf("a soak can't count from %q", strict.Clip(since)), "write checks, for the last required check that passed, or arrival")
		}
	}
	if p, ok := in[keyIncidents]; ok {
		d.Incidents = r.interruptions(p.Value)
	}
	if p, ok := in[keyExposure]; ok {
		d.Exposure = r.exposure(p.Value)
	}
}

// verified looks at what a soak counts from, when the checks of its policy have
// been read: that there is such a check at all, and that none has grown too old
// before the soak that it begins is over.
func (r *reader) verified(soak *yaml.Node, d policy.Document) {
	for i := 0; i+1 < len(soak.Content) && soak.Kind == yaml.MappingNode; i += 2 {
		if at := soak.Content[i+1]; soak.Content[i].Value == keySince && at.Value == sinceChecks && !d.FromChecks() {
			r.Fault(at, "the soak counts from checks, and no machine has to report any", "add to the policy "+keyChecks+": "+exampleChecks+", or write arrival")
		}
	}
	if name, stale := staleBefore(d); stale {
		r.Fault(soak, fmt.Sprintf("the soak counts from the check %s and lasts longer than that may be old, so it is never complete in time", name),
			"ask for a shorter soak, a longer max_age, or soak: {for: …, since: arrival}")
	}
}

// staleBefore names a check that has grown too old before the soak that it begins
// is over.
func staleBefore(d policy.Document) (check string, stale bool) {
	if !d.FromChecks() || d.Soak == 0 {
		return "", false
	}
	i := slices.IndexFunc(d.Checks, func(c policy.Check) bool { return c.Begins() && c.MaxAge > 0 && c.MaxAge <= d.Soak })
	if i < 0 {
		return "", false
	}
	return d.Checks[i].Name, true
}

func (r *reader) interruptions(n *yaml.Node) (i policy.Interruptions) {
	in, ok := r.Fields(n, "incidents of a soak", exampleIncidents, keyPause, keyReset)
	if !ok {
		return i
	}
	if p, ok := in[keyPause]; ok {
		i.Pause = r.severities(p.Value, keyPause)
	}
	if p, ok := in[keyReset]; ok {
		i.Reset = r.severities(p.Value, keyReset)
		for _, s := range i.Reset {
			if slices.Contains(i.Pause, s) {
				r.Fault(p.At, fmt.Sprintf("incidents that are %s pause the soak and reset it", s), "keep it in one of the two: a soak that begins again stands still until then anyway")
			}
		}
	}
	return i
}

// severities are declared by naming them: whoever reports an incident says which
// it is.
func (r *reader) severities(n *yaml.Node, what string) []promotion.Severity {
	items, ok := r.Texts(n, what, "[critical]")
	if !ok {
		return nil
	}
	if len(items) == 0 {
		r.Fault(n, what+" is empty", "name severities, such as [critical], or take the key out")
	}
	var all []promotion.Severity
	for _, item := range items {
		text, ok := r.Text(item, "a severity")
		if !ok {
			continue
		}
		s, err := promotion.ParseSeverity(text)
		switch {
		case err != nil:
			r.Refuse(item, err, "write a severity as those who report incidents do, such as critical")
		case slices.Contains(all, s):
			r.Fault(item, fmt.Sprintf("the severity %q is here twice", strict.Clip(text)), "take one of the two out")
		}
		all = append(all, s)
	}
	return all
}

func (r *reader) exposure(n *yaml.Node) (e promotion.Exposure) {
	in, ok := r.Fields(n, keyExposure, exampleExposure, keyRequests, keyPodHours)
	if !ok {
		return e
	}
	if len(in) == 0 && len(n.Content) == 0 {
		r.Fault(n, "exposure asks for nothing", "write "+exampleExposure+" or {pod_hours: 48}; with both, either is enough")
	}
	if p, ok := in[keyRequests]; ok {
		requests, _ := r.Count(p.Value, keyRequests, maxRequests)
		e.Requests = int64(requests)
	}
	if p, ok := in[keyPodHours]; ok {
		hours, _ := r.Count(p.Value, keyPodHours, maxPodHours)
		e.PodTime = time.Duration(hours) * time.Hour
	}
	return e
}
