// Package hook reads the webhooks of registries. Each says in its own form that
// something was pushed; of that, only the paths of the repositories are taken.
// What is there now is read from the registry: a body can be forged, replayed or
// late, and would then have it looked at once more, which harms nobody.
package hook

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// Kind is whose webhook it is.
type Kind string

// The senders that are understood.
const (
	Distribution Kind = "distribution" // distribution.github.io, "Work with notifications"
	Harbor       Kind = "harbor"       // goharbor.io, "Configure Webhook Notifications"
	DockerHub    Kind = "docker-hub"   // docs.docker.com, "Docker Hub webhooks"
	GitHub       Kind = "github"       // docs.github.com, events package and registry_package
	Quay         Kind = "quay"         // docs.quay.io, "Repository notifications"
)

// Kinds are all of them, by name.
func Kinds() []Kind { return slices.Sorted(maps.Keys(readers)) }

// most is how many repositories of one body are looked at. Senders that bundle
// events stay far below.
const most = 100

// Paths are the repositories that the body is about, without their registry and
// in lower case. A body about something else has none. The error is NotFound for
// a sender that is not understood and Invalid for a body that is not what the
// sender sends.
func Paths(kind Kind, body []byte) ([]string, error) {
	read, ok := readers[kind]
	if !ok {
		return nil, promotion.Errorf(promotion.NotFound, "webhooks of %q are not understood, but those of %v", kind, Kinds())
	}
	found, err := read(body)
	if object := bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")); err != nil || !object {
		return nil, promotion.Errorf(promotion.Invalid, "the body is not a webhook of %s", kind)
	}
	var paths []string
	for _, p := range found {
		p = strings.ToLower(strings.Trim(p, "/"))
		if p != "" && len(p) <= 255 && !slices.Contains(paths, p) && len(paths) < most {
			paths = append(paths, p)
		}
	}
	return paths, nil
}

var readers = map[Kind]func([]byte) ([]string, error){
	Distribution: distribution, Harbor: harbor, DockerHub: dockerHub, GitHub: github, Quay: quay,
}

func distribution(body []byte) (paths []string, err error) {
	var in struct {
		Events []struct {
			Action string `json:"action"`
			Target struct {
				Repository string `json:"repository"`
			} `json:"target"`
		} `json:"events"`
	}
	err = json.Unmarshal(body, &in)
	for _, e := range in.Events {
		if e.Action != "pull" && e.Action != "mount" { // of which there are many, and which change no tag
			paths = append(paths, e.Target.Repository)
		}
	}
	return paths, err
}

func harbor(body []byte) ([]string, error) {
	type data struct {
		Repository struct {
			Path string `json:"repo_full_name"`
		} `json:"repository"`
	}
	var in struct {
		Default data `json:"event_data"`
		Cloud   data `json:"data"` // the same, in the form of CloudEvents
	}
	err := json.Unmarshal(body, &in)
	return []string{in.Default.Repository.Path, in.Cloud.Repository.Path}, err
}

func dockerHub(body []byte) ([]string, error) {
	var in struct {
		Repository struct {
			Path string `json:"repo_name"`
		} `json:"repository"`
	}
	err := json.Unmarshal(body, &in)
	return []string{in.Repository.Path}, err
}

func github(body []byte) (paths []string, err error) {
	type pushed struct {
		Name  string `json:"name"`
		Owner struct {
			Login string `json:"login"`
		} `json:"owner"`
	}
	var in struct {
		Package  *pushed `json:"package"`
		Registry *pushed `json:"registry_package"`
	}
	err = json.Unmarshal(body, &in)
	for _, p := range []*pushed{in.Package, in.Registry} {
		if p != nil && p.Name != "" {
			paths = append(paths, p.Owner.Login+"/"+p.Name)
		}
	}
	return paths, err
}

func quay(body []byte) ([]string, error) {
	var in struct {
		Path string `json:"repository"`
	}
	err := json.Unmarshal(body, &in)
	return []string{in.Path}, err
}
