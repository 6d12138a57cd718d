package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	keyImage   = "image"
	exampleApp = "{name: shop, image: registry.example.com/shop/api}"
)

func (r *reader) apps(root *yaml.Node, in map[string]strict.Pair, channel fallback, chain chain, policies policies) []gate.App {
	p, ok := in[keyApps]
	if !ok {
		r.missing(root, keyApps, exampleApps)
		return nil
	}
	items, ok := r.List(p.Value, keyApps, exampleApps)
	if !ok {
		return nil
	}
	if len(items) == 0 {
		r.Fault(p.Value, "apps names none", "write at least one: "+exampleApps)
	}
	above := taken{map[string]bool{}, map[promotion.Repository]bool{}}
	var apps []gate.App
	for _, item := range items {
		apps = append(apps, r.app(item, above, channel, chain, policies))
	}
	return apps
}

// taken is what no other app may have.
type taken struct {
	names  map[string]bool
	images map[promotion.Repository]bool
}

// fallback is the channel of apps that name none. One that is named and faulty
// has been reported where it stands.
type fallback struct {
	channel string
	named   bool
}

func (r *reader) app(n *yaml.Node, above taken, other fallback, chain chain, policies policies) gate.App {
	app := gate.App{Policies: map[string]policy.Document{}}
	in, ok := r.Fields(n, "an app", exampleApp, keyName, keyImage, keyImages, keyChannel, keyPolicy)
	if !ok {
		return app
	}
	if at, ok := r.Required(n, in, keyName, "the app", "add name: shop"); ok {
		app.Name = r.fresh(at, "app", above.names)
	}
	if at, ok := r.Required(n, in, keyImage, "the app", "add image: registry.example.com/shop/api"); ok {
		app.Repository = r.image(at, above.images)
	}
	r.elsewhere(n, in, &app, above, chain)
	var named bool
	if app.Channel, named = r.channel(in); !named {
		app.Channel = other.channel
		if !other.named {
			r.Note(n, "the app has no channel, and there is none for all", "add channel: C0SHOP here, or at the top "+exampleSlack)
		}
	}
	for i, e := range chain {
		if i > 0 {
			app.Policies[e.Name] = e.policy
		}
	}
	if p, ok := in[keyPolicy]; ok {
		r.overrides(p.Value, "policy of an app", app.Name, app.Policies, chain, policies)
	}
	return app
}

func (r *reader) image(n *yaml.Node, taken map[promotion.Repository]bool) promotion.Repository {
	image, ok := r.Text(n, keyImage)
	if !ok {
		return ""
	}
	repository, err := promotion.ParseRepository(image)
	if err != nil {
		r.Refuse(n, err, "write it with its registry, as in registry.example.com/shop/api")
		return ""
	}
	if taken[repository] {
		r.Fault(n, "an app above has this image too, so it could not be told whose build a digest is", "keep one app for each image repository")
	}
	taken[repository] = true
	return repository
}

// overrides reads the policies that an app or a train has instead of its
// environments'.
func (r *reader) overrides(n *yaml.Node, what, name string, into map[string]policy.Document, chain chain, policies policies) {
	last := "production"
	if len(chain) > 0 && chain[len(chain)-1].Name != "" {
		last = chain[len(chain)-1].Name
	}
	pairs, ok := r.Pairs(n, what, fmt.Sprintf("{%s: careful}, for each environment", last))
	if !ok {
		return
	}
	names := chain.names()
	for _, p := range pairs {
		d := r.policyOf(p.Value, name+" to "+p.Key, policies)
		switch i := slices.Index(names, p.Key); {
		case i > 0:
			into[p.Key] = d
			r.beside(p.Value, d, chain[i-1])
		case len(names) < 2 || slices.Contains(names, ""):
			// What the environments are called is not known.
		case i == 0:
			r.Fault(p.At, fmt.Sprintf("nothing is promoted into %s, because it is the first environment", p.Key), "name "+strings.Join(names[1:], " or "))
		default:
			remedy := "name " + strings.Join(names[1:], " or ")
			if len(names) > 2 {
				remedy = strict.Meant(p.Key, names[1:], remedy)
			}
			r.Fault(p.At, fmt.Sprintf("there is no environment %q", strict.Clip(p.Key)), remedy)
		}
	}
}
