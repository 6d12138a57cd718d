package config

import (
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	keyOnFailure  = "on_failure"
	exampleTrains = "trains: [{name: storefront, apps: [shop, cart]}]"
	exampleTrain  = "{name: storefront, apps: [shop, cart]}"
)

// maxTrain is how many apps still fit on a card with all that has to be said
// about each.
const maxTrain = 20

// trains reads the lists of apps that can be promoted as one. Whatever can be
// asked for by name is one thing: no train is called like an app.
func (r *reader) trains(in map[string]strict.Pair, apps []gate.App, other fallback, chain chain, policies policies) []gate.Train {
	p, ok := in[keyTrains]
	if !ok {
		return nil
	}
	items, ok := r.List(p.Value, keyTrains, exampleTrains)
	if !ok {
		return nil
	}
	taken := map[string]bool{}
	for _, a := range apps {
		taken[a.Name] = true
	}
	var trains []gate.Train
	for _, item := range items {
		trains = append(trains, r.train(item, taken, apps, other, chain, policies))
	}
	return trains
}

func (r *reader) train(n *yaml.Node, taken map[string]bool, apps []gate.App, other fallback, chain chain, policies policies) gate.Train {
	train := gate.Train{Policies: map[string]policy.Document{}}
	in, ok := r.Fields(n, "a train", exampleTrain, keyName, keyApps, keyChannel, keyPolicy, keyOnFailure)
	if !ok {
		return train
	}
	if at, ok := r.Required(n, in, keyName, "the train", "add name: storefront"); ok {
		train.Name = r.fresh(at, "app or train", taken)
	}
	if at, ok := r.Required(n, in, keyApps, "the train", "add the apps that go together: apps: [shop, cart]"); ok {
		train.Apps = r.carried(at, apps)
	}
	var named bool
	if train.Channel, named = r.channel(in); !named {
		train.Channel = other.channel
		if !other.named {
			r.Note(n, "the train has no channel, and there is none for all", "add channel: C0SHOP here, or at the top "+exampleSlack)
		}
	}
	if p, ok := in[keyPolicy]; ok {
		r.overrides(p.Value, "policy of a train", train.Name, train.Policies, chain, policies)
	}
	r.inherit(n, &train, apps, chain)
	onFailure := promotion.Complete
	if p, ok := in[keyOnFailure]; ok {
		onFailure = r.onFailure(p.Value)
	}
	for _, to := range slices.Sorted(maps.Keys(train.Policies)) {
		d := train.Policies[to]
		r.unwatchedTrain(n, to, &d)
		d.OnFailure = onFailure
		d.Supersede, d.RideOldest = policy.Replace, false // a train takes what is there: a newer one replaces it
		train.Policies[to] = d
	}
	return train
}

// inherit gives the train the policies of the environments for which it has none
// of its own. Where one of its apps has another, that has to be said: what needs
// two approvals by itself must not get by with one because it goes in company.
func (r *reader) inherit(n *yaml.Node, train *gate.Train, apps []gate.App, chain chain) {
	for i, e := range chain {
		if _, own := train.Policies[e.Name]; own || i == 0 {
			continue
		}
		train.Policies[e.Name] = e.policy
		for _, a := range apps {
			if slices.Contains(train.Apps, a.Name) && a.Policies[e.Name].Hash() != e.policy.Hash() {
				r.Note(n, fmt.Sprintf("%s has a policy of its own for %s, and the train has none", a.Name, e.Name),
					fmt.Sprintf("say which policy holds when they go together, such as policy: {%s: careful}", e.Name))
			}
		}
	}
}

// carried reads the apps of a train.
func (r *reader) carried(n *yaml.Node, apps []gate.App) []string {
	items, ok := r.List(n, "apps of a train", "[shop, cart]")
	if !ok {
		return nil
	}
	var known []string
	unread := false
	for _, a := range apps {
		known = append(known, a.Name)
		unread = unread || a.Name == ""
	}
	var names []string
	for _, item := range items {
		name, ok := r.Text(item, "an app of the train")
		switch {
		case !ok:
		case slices.Contains(names, name):
			r.Fault(item, fmt.Sprintf("the app %q is here twice", strict.Clip(name)), "take one of the two out")
		case !slices.Contains(known, name) && !unread && len(known) > 0:
			r.Fault(item, fmt.Sprintf("there is no app %q", strict.Clip(name)), strict.Meant(name, known, "define it: "+exampleApps))
		}
		names = append(names, name)
	}
	switch {
	case len(items) < 2:
		r.Fault(n, fmt.Sprintf("a train of %d has nothing to couple", len(items)), "name at least two apps, such as [shop, cart]; one app is promoted by itself")
	case len(items) > maxTrain:
		r.Fault(n, fmt.Sprintf("a train of %d apps is too long to be read on one card", len(items)), fmt.Sprintf("make trains of %d apps at most", maxTrain))
	}
	return names
}

func (r *reader) onFailure(n *yaml.Node) promotion.OnFailure {
	text, ok := r.Text(n, keyOnFailure)
	if ok && text != string(promotion.Complete) && text != string(promotion.TakeBack) {
		r.Fault(n, fmt.Sprintf("%q does not say what becomes of a train of which one app has failed", strict.Clip(text)),
			fmt.Sprintf("write %s, which is the default and lets the others go on, or %s", promotion.Complete, promotion.TakeBack))
	}
	return promotion.OnFailure(text)
}
