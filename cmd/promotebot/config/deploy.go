package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// Target is something that is told to run a digest, with how it is told: one of
// the kinds below is set.
type Target struct {
	Environment string
	Name        string
	Command     *Command
	Webhook     *Webhook
	Kubernetes  *Kubernetes
	GitOps      *GitOps
}

// reads tells whether what runs there can be read at any time.
func (t Target) reads() bool {
	return t.Kubernetes != nil || t.GitOps != nil || t.Webhook != nil && t.Webhook.Running != "" || t.Command != nil && len(t.Command.Running) > 0
}

const (
	keyDeploy   = "deploy"
	keyOrder    = "order"
	keyDeadline = "deadline"
	keyTargets  = "targets"
	keyCommands = "commands"

	oneByOne = "one-by-one"
	together = "together"
	allowed  = "allowed"

	exampleTarget = `{name: eu, webhook: {url: "https://deploy.example.com/{app}", signed_with: DEPLOY_SECRET}}`
	exampleDeploy = "{targets: [" + exampleTarget + "]}"
)

// targetKinds are the ways of telling a target, each read in a file of its own.
var targetKinds = []struct {
	key  string
	read func(*reader, *yaml.Node, *Target)
}{
	{keyCommand, (*reader).command},
	{keyWebhook, (*reader).webhook},
	{keyKubernetes, (*reader).kubernetes},
	{keyGitOps, (*reader).gitops},
}

// The bounds of a deadline: in less than ten seconds nothing is rolled out, and
// after a day nobody waits any more.
const (
	defaultDeadline = 15 * time.Minute
	minDeadline     = 10 * time.Second
	maxDeadline     = 24 * time.Hour
)

// deployment is what follows the tags of an environment, and where that stands.
type deployment struct {
	gate.Deploy
	at      *yaml.Node
	targets []Target
	apps    []named // that the targets name
}

// named is a name that has to be that of something further down.
type named struct {
	at   *yaml.Node
	name string
}

func (r *reader) deploy(n *yaml.Node, environment string) *deployment {
	in, ok := r.Fields(n, keyDeploy, exampleDeploy, keyOrder, keyDeadline, keyTargets)
	if !ok {
		return nil
	}
	d := &deployment{at: n, Deploy: gate.Deploy{Deadline: defaultDeadline}}
	if p, ok := in[keyOrder]; ok {
		d.Together = r.order(p.Value)
	}
	if p, ok := in[keyDeadline]; ok {
		d.Deadline = r.deadline(p.Value)
	}
	at, ok := r.Required(n, in, keyTargets, keyDeploy, "add targets: ["+exampleTarget+"]")
	if !ok {
		return nil
	}
	items, ok := r.List(at, keyTargets, "["+exampleTarget+"]")
	if ok && len(items) == 0 {
		r.Fault(at, "targets is empty", "write at least one, such as "+exampleTarget+", or take deploy out")
	}
	taken := map[string]bool{}
	for _, item := range items {
		r.target(item, environment, taken, d)
	}
	return d
}

func (r *reader) order(n *yaml.Node) bool {
	text, ok := r.Text(n, keyOrder)
	if ok && text != oneByOne && text != together {
		r.Fault(n, fmt.Sprintf("%q is not an order of targets", strict.Clip(text)), "write "+oneByOne+", which is the default, or "+together)
	}
	return text == together
}

func (r *reader) deadline(n *yaml.Node) time.Duration {
	d, ok := r.Duration(n, keyDeadline, "15m")
	if ok && (d < minDeadline || d > maxDeadline) {
		r.Fault(n, fmt.Sprintf("a deadline of %s is out of bounds", n.Value), "write from 10s to 24h, such as 15m")
	}
	return d
}

func (r *reader) target(n *yaml.Node, environment string, taken map[string]bool, d *deployment) {
	keys := []string{keyName, keyApps}
	var kinds []string
	for _, k := range targetKinds {
		kinds = append(kinds, k.key)
	}
	in, ok := r.Fields(n, "a target", exampleTarget, append(keys, kinds...)...)
	if !ok {
		return
	}
	t, seen := Target{Environment: environment}, gate.Target{}
	if at, ok := r.Required(n, in, keyName, "the target", "add name: eu"); ok {
		t.Name = r.fresh(at, "target", taken)
		seen.Name = t.Name
	}
	if p, ok := in[keyApps]; ok {
		items, _ := r.Texts(p.Value, "apps of a target", "[shop]")
		for _, item := range items {
			if name, ok := r.Text(item, "an app of the target"); ok {
				seen.Apps = append(seen.Apps, name)
				d.apps = append(d.apps, named{item, name})
			}
		}
		if len(items) == 0 {
			r.Fault(p.Value, "the target is for no app", "name apps, such as [shop], or take apps out when it is for all")
		}
	}
	told := 0
	for _, k := range targetKinds {
		if p, ok := in[k.key]; ok {
			told++
			k.read(r, p.Value, &t)
		}
	}
	if told != 1 {
		r.Note(n, fmt.Sprintf("the target is told in %d ways", told), "give it one of "+strings.Join(kinds, ", "))
	}
	seen.Tells, seen.Reads = t.Webhook != nil, t.reads()
	d.Targets, d.targets = append(d.Targets, seen), append(d.targets, t)
}

// commands tells whether programs may be run: whoever can write this file could
// have the bot run anything, so that is said apart from what is run.
func (r *reader) commands(in map[string]strict.Pair) bool {
	p, ok := in[keyCommands]
	if !ok {
		return false
	}
	text, ok := r.Text(p.Value, keyCommands)
	if ok && text != allowed {
		r.Fault(p.Value, fmt.Sprintf("%q does not say that programs may be run", strict.Clip(text)), "write commands: "+allowed+", or take it out")
	}
	return true
}

// deployments looks at the targets when the apps and trains are known, and makes
// them a part of the policies that they follow: what is approved is approved for
// those targets.
func (r *reader) deployments(chain chain, apps []gate.App, trains []gate.Train) (all []Target) {
	var known []string
	for _, a := range apps {
		known = append(known, a.Name)
	}
	for _, e := range chain {
		d := e.deploy
		if d == nil {
			continue
		}
		all = append(all, d.targets...)
		for _, of := range d.apps {
			if !slices.Contains(known, of.name) && !slices.Contains(known, "") && len(known) > 0 {
				r.Fault(of.at, fmt.Sprintf("there is no app %q", strict.Clip(of.name)), strict.Meant(of.name, known, "define it: "+exampleApps))
			}
		}
		for _, a := range apps {
			if policy, ok := a.Policies[e.Name]; ok {
				policy.Deploys = d.For(a.Name)
				policy.How = how(d.targets, policy.Deploys)
				policy.Together = d.Together && len(policy.Deploys) > 1
				a.Policies[e.Name] = policy
			}
		}
		for _, t := range trains {
			i := slices.IndexFunc(t.Apps, func(app string) bool { return len(d.For(app)) > 0 })
			if i < 0 {
				continue
			}
			r.Fault(d.at, fmt.Sprintf("%s would go to these targets in the train %s, and a train ends at the tags", t.Apps[i], t.Name),
				"take the train out, or name under apps of each target those that are in no train")
		}
	}
	return all
}

// how identifies where and how targets are told: whoever approved for one cluster
// has not approved for another of the same name.
func how(targets []Target, names []string) string {
	targets = slices.DeleteFunc(slices.Clone(targets), func(t Target) bool { return !slices.Contains(names, t.Name) })
	if len(targets) == 0 {
		return ""
	}
	b, err := json.Marshal(targets)
	if err != nil {
		panic(fmt.Sprintf("config: targets: %v", err)) // texts and numbers, as they were read
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// filled looks at the braces in a text that is filled in when a target is told.
func (r *reader) filled(n *yaml.Node, text string) {
	if _, err := promotion.ParseOrderTemplate(text); err != nil {
		r.Refuse(n, err, "use one of those")
	}
}
