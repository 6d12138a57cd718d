package kubernetes

import (
	"slices"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// repositoryOf is the repository of an image as a manifest names it: without
// tag and digest, and with the host that is left out for Docker Hub.
func repositoryOf(image string) promotion.Repository {
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndex(image, ":"); colon > strings.LastIndex(image, "/") {
		image = image[:colon]
	}
	host, path, ok := strings.Cut(image, "/")
	switch {
	case !ok:
		host, path = "docker.io", "library/"+image
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		host, path = "docker.io", image
	case host == "index.docker.io" || host == "registry-1.docker.io":
		host = "docker.io"
	}
	return promotion.Repository(host + "/" + path)
}

// pinned is the digest that an image is pinned to, or empty.
func pinned(image string) promotion.Digest {
	_, after, _ := strings.Cut(image, "@")
	d, err := promotion.ParseDigest(after)
	if err != nil {
		return ""
	}
	return d
}

// has tells whether a container is set to what was ordered: to the very image,
// where we have set it, and to its digest, where somebody else has. A chart may
// write a tag before it, or the name of a mirror.
func (c container) has(o promotion.Order) bool {
	return c.image == o.Image() || o.Handle == "" && pinned(c.image) == o.Digest
}

// runs is the digest that a machine says a container runs. Kubernetes leaves the
// format of an imageID to the runtime: "repository@sha256:…", with
// "docker-pullable://" before it or not. What has no repository is the id of an
// image configuration, which no registry knows, and proves nothing.
func runs(imageID string) promotion.Digest {
	_, after, schemed := strings.Cut(imageID, "://")
	if schemed {
		imageID = after
	}
	return pinned(imageID)
}

// chosen are the containers of a workload that the digest goes to: those that
// the configuration names, or all whose image is of one of the repositories.
// missing are names that the workload does not have.
func (d *Deployer) chosen(w workload, order promotion.Order, names []string) (all []container, missing []string) {
	repositories := append([]promotion.Repository{order.Repository}, d.target.Repositories...)
	for i, r := range repositories {
		repositories[i] = repositoryOf(string(r))
	}
	for _, c := range w.containers {
		if len(names) == 0 && slices.Contains(repositories, repositoryOf(c.image)) || slices.Contains(names, c.name) {
			all = append(all, c)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(c container) bool { return c.name == name }) {
			missing = append(missing, name)
		}
	}
	return all, missing
}
