package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

const (
	keyImages      = "images"
	keyAttachments = "attachments"
	keyOnly        = "only"
	keyExcept      = "except"

	exampleImages      = `"production.example.com/{path}"`
	exampleAttachments = `{except: ["application/vnd.example.cache*"]}`
)

// expandImages puts an app into the images of an environment: {path} is the
// path of the app's image, {app} its name.
func expandImages(template string, image promotion.Repository, app string) string {
	path := strings.TrimPrefix(string(image), image.Registry()+"/")
	return strings.NewReplacer("{path}", path, "{app}", app).Replace(template)
}

// imagesOf reads where an environment has images of its own.
func (r *reader) imagesOf(n *yaml.Node) string {
	template, ok := r.Text(n, keyImages)
	if !ok {
		return ""
	}
	if !strings.Contains(template, "{path}") && !strings.Contains(template, "{app}") {
		r.Fault(n, fmt.Sprintf("%q is one repository for every app", strict.Clip(template)), "write {path} for the path of the app's image, or {app} for its name, as in "+exampleImages)
		return ""
	}
	if _, err := promotion.ParseRepository(expandImages(template, "r.example.com/x/y", "x")); err != nil {
		r.Fault(n, fmt.Sprintf("%q does not make an image repository", strict.Clip(template)), "write a registry and a path with {path} or {app} in it, as in "+exampleImages)
		return ""
	}
	return template
}

// attachments reads which of the attachments of an image go along into an
// environment with images of its own.
func (r *reader) attachments(n *yaml.Node) (a promotion.Attachments) {
	in, ok := r.Fields(n, keyAttachments, exampleAttachments, keyOnly, keyExcept)
	if !ok {
		return a
	}
	patterns := func(key string) (all []string) {
		p, ok := in[key]
		if !ok {
			return nil
		}
		items, _ := r.Texts(p.Value, key, `["application/vnd.dev.sigstore.bundle*", cosign/sig]`)
		for _, item := range items {
			text, ok := r.Text(item, "an artifact type")
			if star := strings.Index(text, "*"); ok && (text == "" || star >= 0 && star != len(text)-1) {
				r.Fault(item, fmt.Sprintf("%q is not an artifact type", strict.Clip(text)), `write a media type, or the beginning of one and "*"`)
				continue
			}
			all = append(all, text)
		}
		if len(items) == 0 {
			r.Fault(p.Value, key+" is empty", "name artifact types, or take the key out")
		}
		return all
	}
	a.Only, a.Except = patterns(keyOnly), patterns(keyExcept)
	return a
}

// elsewhere finds the repositories of the environments that have images of
// their own, for one app. No two apps may share one, be it in different
// environments: it could not be told whose build a digest is.
func (r *reader) elsewhere(n *yaml.Node, in map[string]strict.Pair, app *gate.App, above taken, chain chain) {
	app.Images = map[string]promotion.Repository{}
	if app.Repository != "" && app.Name != "" {
		for _, e := range chain {
			if e.images == "" {
				continue
			}
			repository, err := promotion.ParseRepository(expandImages(e.images, app.Repository, app.Name))
			if err != nil {
				r.Note(n, fmt.Sprintf("%q, the images of %s, is not an image repository", strict.Clip(expandImages(e.images, app.Repository, app.Name)), e.Name), "name another repository under images of the app")
				continue
			}
			app.Images[e.Name] = repository
		}
	}
	if p, ok := in[keyImages]; ok {
		r.ownImages(p.Value, app, chain)
	}
	mine := map[promotion.Repository]bool{app.Repository: true}
	for _, env := range slices.Sorted(maps.Keys(app.Images)) {
		repository := app.Images[env]
		if above.images[repository] && !mine[repository] {
			r.Note(n, fmt.Sprintf("an app above has the images in %s too, where %s has those of %s", repository, app.Name, env), "give each app a repository of its own in each environment")
		}
		mine[repository], above.images[repository] = true, true
	}
	r.together(n, *app, chain)
}

func (r *reader) ownImages(n *yaml.Node, app *gate.App, chain chain) {
	pairs, ok := r.Pairs(n, "images of an app", "{production: production.example.com/shop/api}, for each environment with images of its own")
	if !ok {
		return
	}
	for _, p := range pairs {
		text, ok := r.Text(p.Value, keyImages)
		if !ok {
			continue
		}
		if names := chain.names(); !slices.Contains(names, p.Key) {
			if len(names) > 0 && !slices.Contains(names, "") {
				r.Fault(p.At, fmt.Sprintf("there is no environment %q", strict.Clip(p.Key)), strict.Meant(p.Key, names, "name "+strings.Join(names, " or ")))
			}
			continue
		}
		repository, err := promotion.ParseRepository(text)
		if err != nil {
			r.Refuse(p.Value, err, "write it with its registry, as in production.example.com/shop/api")
			continue
		}
		app.Images[p.Key] = repository
	}
}

// together refuses tags that only this app's images bring into one repository;
// those that every app has there were refused where they stand.
func (r *reader) together(n *yaml.Node, app gate.App, chain chain) {
	for i, later := range chain {
		for _, earlier := range chain[:i] {
			if earlier.images == later.images || app.In(earlier.Name) != app.In(later.Name) {
				continue
			}
			for _, tag := range later.Tags {
				if why, _ := clash(tag, earlier); why != "" {
					r.Note(n, fmt.Sprintf("%s has %s and %s in one repository, and %s", app.Name, earlier.Name, later.Name, why), "give them repositories of their own under images, or other tags")
				}
			}
		}
	}
}
