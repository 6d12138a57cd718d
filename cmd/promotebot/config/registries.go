package config

import (
	"fmt"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/registry/closure"
)

// Registry is how one registry is to be approached.
type Registry struct {
	Host        string
	Credentials string   // one of the below, or the name of a credential helper
	Concurrency int      // requests under way at the same time; 0 for the usual 12
	Rate        int      // requests a second; 0 when only the registry sets a limit
	TokenHosts  []string // other hosts that may be shown its credentials, for a token
	LargestBlob int64    // bytes of one blob that is copied out of it; 0 for the usual 20 GiB
}

// Where credentials come from.
const (
	CredentialsDocker = "docker" // the Docker configuration and what it names; the default
	CredentialsGoogle = "google" // Google's ambient credentials
	CredentialsGitHub = "github" // GITHUB_TOKEN
	CredentialsNone   = "none"
)

const (
	keyHost        = "host"
	keyCredentials = "credentials"
	keyRate        = "rate"
	keyTokenHosts  = "token_hosts"
	keyLargestBlob = "largest_blob"

	exampleRegistry = "{host: registry.example.com, credentials: docker, concurrency: 8, rate: 50}"
)

// maxRate is more than any registry is known to take from one client.
const maxRate = 1000

var helperName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

func (r *reader) registries(in map[string]strict.Pair, apps []gate.App) (all []Registry) {
	p, ok := in[keyRegistries]
	if !ok {
		return nil
	}
	used := hosts(apps)
	items, _ := r.List(p.Value, keyRegistries, "registries: ["+exampleRegistry+"]")
	for _, item := range items {
		in, ok := r.Fields(item, "a registry", exampleRegistry, keyHost, keyCredentials, keyConcurrency, keyRate, keyTokenHosts, keyLargestBlob)
		if !ok {
			continue
		}
		reg := Registry{Credentials: CredentialsDocker}
		if at, ok := r.Required(item, in, keyHost, "the registry", "add host: registry.example.com"); ok {
			reg.Host = r.host(at, used)
			if slices.ContainsFunc(all, func(other Registry) bool { return reg.Host != "" && other.Host == reg.Host }) {
				r.Fault(at, fmt.Sprintf("%s is there already above", reg.Host), "keep one of the two")
			}
		}
		r.manners(in, &reg)
		all = append(all, reg)
	}
	return all
}

// hosts are the registries that have images of the apps.
func hosts(apps []gate.App) (used []string) {
	add := func(r promotion.Repository) {
		if h := r.Registry(); h != "" && !slices.Contains(used, h) {
			used = append(used, h)
		}
	}
	for _, app := range apps {
		add(app.Repository)
		for _, image := range app.Images {
			add(image)
		}
	}
	slices.Sort(used)
	return used
}

func (r *reader) host(at *yaml.Node, used []string) string {
	host, ok := r.Text(at, keyHost)
	if !ok {
		return ""
	}
	if _, err := promotion.ParseRepository(host + "/x"); err != nil {
		r.Fault(at, fmt.Sprintf("%q is not the host of a registry", strict.Clip(host)), "write it as it stands at the beginning of an image, such as registry.example.com or localhost:5000")
		return ""
	}
	if !slices.Contains(used, host) {
		r.Fault(at, fmt.Sprintf("no app has images in %s", host), strict.Meant(host, used, "take it out, or write the host as it stands in the images"))
	}
	return host
}

func (r *reader) manners(in map[string]strict.Pair, reg *Registry) {
	if p, ok := in[keyCredentials]; ok {
		if name, ok := r.Text(p.Value, keyCredentials); ok && !helperName.MatchString(name) {
			r.Fault(p.Value, fmt.Sprintf("%q is not where credentials come from", strict.Clip(name)), "write docker, google, github, none, or the name of a credential helper, such as ecr-login for docker-credential-ecr-login")
		} else if ok {
			reg.Credentials = name
		}
	}
	if p, ok := in[keyConcurrency]; ok {
		if n, ok := r.Count(p.Value, keyConcurrency, maxConcurrency); ok {
			reg.Concurrency = n
		}
	}
	if p, ok := in[keyRate]; ok {
		if n, ok := r.Count(p.Value, keyRate, maxRate); ok {
			reg.Rate = n
		}
	}
	if p, ok := in[keyLargestBlob]; ok {
		if n, ok := r.Size(p.Value, keyLargestBlob, "5GiB"); ok && n > closure.MaxCopy {
			r.Fault(p.Value, fmt.Sprintf("a %s of %s is more than the %dGiB that one copy may have", keyLargestBlob, p.Value.Value, closure.MaxCopy>>30), fmt.Sprintf("write %dGiB at most", closure.MaxCopy>>30))
		} else {
			reg.LargestBlob = n
		}
	}
	if p, ok := in[keyTokenHosts]; ok {
		items, _ := r.Texts(p.Value, keyTokenHosts, "[auth.example.com]")
		for _, item := range items {
			host, ok := r.Text(item, "a token host")
			if _, err := promotion.ParseRepository(host + "/x"); ok && err != nil {
				r.Fault(item, fmt.Sprintf("%q is not a host", strict.Clip(host)), "write a name such as auth.example.com, without https:// and path")
			}
			reg.TokenHosts = append(reg.TokenHosts, host)
		}
	}
}
