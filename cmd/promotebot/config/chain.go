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

// chain is the environments, first to last.
type chain []environment

// environment is a link of the chain with the policy of apps that have none of
// their own for it.
type environment struct {
	gate.Environment
	policy     policy.Document
	deploy     *deployment
	prometheus string // where queries are asked; empty where nothing says so
	images     string // template of its repositories; empty when it has the apps' own
	unknown    bool   // what is watched could not be read
}

const (
	keyName   = "name"
	keyWatch  = "watch"
	keyTags   = "tags"
	keyPolicy = "policy"
)

func (r *reader) chain(root *yaml.Node, in map[string]strict.Pair, policies policies) chain {
	p, ok := in[keyEnvironments]
	if !ok {
		r.missing(root, keyEnvironments, exampleEnvironments)
		return nil
	}
	items, ok := r.List(p.Value, keyEnvironments, exampleEnvironments)
	if !ok {
		return nil
	}
	if len(items) < 2 {
		r.Fault(p.At, fmt.Sprintf("environments has %d, and a promotion goes from one to the next", len(items)), "write at least two, first to last: "+exampleEnvironments)
	}
	taken := map[string]bool{}
	var all chain
	for i, item := range items {
		e, ok := r.environment(item, all, taken, policies)
		if last := i == len(items)-1; ok && last && i > 0 {
			r.unwatched(e)
		}
		all = append(all, e.environment)
	}
	return all
}

// called is what faults call it, also when it has no name yet.
func (e environment) called() string {
	if e.Name == "" {
		return "the environment before it"
	}
	return e.Name
}

// placed is an environment with the keys it was read from.
type placed struct {
	environment
	in map[string]strict.Pair
}

func (r *reader) unwatched(e placed) {
	if p, ok := e.in[keyWatch]; ok {
		r.Fault(p.At, fmt.Sprintf("nothing follows %s, so nothing would come of watching it", e.Name), "take watch out; what runs there is read from its tags")
	}
}

func (r *reader) environment(n *yaml.Node, before chain, taken map[string]bool, policies policies) (placed, bool) {
	e := placed{}
	in, ok := r.Fields(n, "an environment", "{name: production, tags: [production], policy: careful}", keyName, keyImages, keyWatch, keyTags, keyAttachments, keyPolicy, keyDeploy, keyPrometheus)
	if !ok {
		e.unknown = true
		return e, false
	}
	e.in = in
	if at, ok := r.Required(n, in, keyName, "the environment", "add name: production"); ok {
		e.Name = r.fresh(at, "environment", taken)
	}
	if p, ok := in[keyImages]; ok {
		e.images = r.imagesOf(p.Value)
	}
	if p, ok := in[keyWatch]; ok {
		e.Watch, e.unknown = r.watch(p.Value, e.images, before)
	}
	if len(before) == 0 {
		for _, key := range []string{keyTags, keyAttachments, keyPolicy, keyDeploy, keyPrometheus} {
			if p, ok := in[key]; ok {
				r.Fault(p.At, "the first environment has "+key+", and nothing is promoted into it", "take it out, or put the environment that comes before it above it")
			}
		}
		return e, true
	}
	if at, ok := r.Required(n, in, keyTags, "the environment", "add the tags that a promotion into it sets, such as tags: [production]"); ok {
		e.Tags = r.tags(at, e.images, before)
	}
	if p, ok := in[keyAttachments]; ok {
		e.Attachments = r.attachments(p.Value)
	}
	if at, ok := r.Required(n, in, keyPolicy, "the environment", "add policy: careful, a name from policies, or write it out: policy: "+examplePolicy); ok {
		e.policy = r.policyOf(at, e.Name, policies)
		r.beside(at, e.policy, before[len(before)-1])
	}
	if p, ok := in[keyPrometheus]; ok {
		e.prometheus = r.prometheus(p.Value)
	}
	if p, ok := in[keyDeploy]; ok {
		if e.deploy = r.deploy(p.Value, e.Name); e.deploy != nil {
			e.Deploy = e.deploy.Deploy
		}
	}
	return e, true
}

// fresh reads a name that nothing else of its kind may have, and takes it.
func (r *reader) fresh(at *yaml.Node, what string, taken map[string]bool) string {
	name, ok := r.Text(at, "the name of the "+what)
	if ok && r.name(at, name) && taken[name] {
		r.Fault(at, fmt.Sprintf("there is another %s %q above", what, name), "give each its own name")
	}
	taken[name] = true
	return name
}

func (r *reader) watch(n *yaml.Node, images string, before chain) (pattern promotion.TagPattern, unknown bool) {
	text, ok := r.Text(n, keyWatch)
	if !ok {
		return pattern, true
	}
	if text == "" {
		r.Fault(n, "watch is empty", "write a tag or a pattern, or take the key out when builds are announced with /promote request")
		return pattern, true
	}
	pattern, err := promotion.ParseTagPattern(text)
	if err != nil {
		r.Refuse(n, err, "use each name once")
		return pattern, true
	}
	for _, b := range before {
		if b.Watch.String() == text && b.images == images {
			r.Fault(n, fmt.Sprintf("%s watches %q too, so a build would be in both at once", b.Name, strict.Clip(text)), "give each environment a tag of its own")
		}
	}
	return pattern, false
}

func (r *reader) tags(n *yaml.Node, images string, before chain) []promotion.TagTemplate {
	items, ok := r.Texts(n, keyTags, `[production, "v{version}"]`)
	if !ok {
		return nil
	}
	if len(items) == 0 {
		r.Fault(n, "tags is empty", "write at least one, such as [production]")
	}
	from := before[len(before)-1]
	var tags []promotion.TagTemplate
	for _, item := range items {
		text, ok := r.Text(item, "a tag")
		if !ok {
			continue
		}
		if from.unknown && strings.Contains(text, "{") {
			continue // whether its captures exist is not known
		}
		tag, err := promotion.ParseTagTemplate(text, from.Watch.Captures())
		if err != nil {
			message, remedy := strict.Said(err, "use what a tag can hold")
			if strings.Contains(text, "{") {
				remedy += fmt.Sprintf("; a part of the source tag has to be captured by the watch of %s, such as v{version}-passed", from.called())
			}
			r.Fault(item, message, remedy)
			continue
		}
		if slices.Contains(tags, tag) {
			r.Fault(item, fmt.Sprintf("the tag %q is here twice", text), "take one of the two out")
			continue
		}
		r.apart(item, tag, images, before)
		tags = append(tags, tag)
	}
	return tags
}

// apart refuses a tag that another environment would take for its own: one
// that an earlier environment watches would come back as a candidate, and a
// floating tag of two environments would say of neither what runs there.
// Environments with images in different places can't be confused.
func (r *reader) apart(at *yaml.Node, tag promotion.TagTemplate, images string, before chain) {
	for _, b := range before {
		if why, remedy := clash(tag, b); why != "" && b.images == images {
			r.Fault(at, why, remedy)
			return
		}
	}
}

// clash says why a tag that a promotion sets would be confused with what an
// earlier environment has in the same repository, or "".
func clash(tag promotion.TagTemplate, earlier environment) (why, remedy string) {
	sample := strings.NewReplacer("{", "", "}", "").Replace(string(tag))
	if _, seen := earlier.Watch.Match(sample); seen {
		return fmt.Sprintf("%s watches %q, so it would take the tag %q for a new build", earlier.Name, earlier.Watch, tag), "choose a tag that its watch can't match, such as production, or release-{version}"
	}
	if tag.Floating() && slices.Contains(earlier.Tags, tag) {
		return fmt.Sprintf("promotions into %s set the tag %q too, so it could not be told what runs where", earlier.Name, tag), "give each environment a tag of its own"
	}
	return "", ""
}

func (c chain) names() []string {
	var names []string
	for _, e := range c {
		names = append(names, e.Name)
	}
	return names
}

func (c chain) catalog() []gate.Environment {
	var catalog []gate.Environment
	for _, e := range c {
		catalog = append(catalog, e.Environment)
	}
	return catalog
}
