// Package kubernetes brings a digest to workloads of a Kubernetes cluster, and
// reads back what runs there.
//
// A workload is changed by server-side apply, under a field manager of our own,
// of nothing but the images that were asked for and who asked. What another
// manager owns stays as it is, and the order is a conflict, unless the
// configuration says that the field may be taken over from just that manager.
// Every apply is bound to what was read before (the resource version), so that
// it can't bring back a container, or a workload, that somebody has taken out
// meanwhile.
//
// That a controller is content says nothing about what runs: an order is done
// when the machines report the digest, or the manifest of their platform below
// it, for every pod, and no pod of before serves any more. What they report in a
// form that proves nothing is said, and does not count.
//
// How far a rollout is comes from watches that all targets of a cluster share,
// one for each resource of a namespace.
package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/promotebot/promotebot/promotion"
)

// Manager is the field manager under which images are set.
const Manager = "promotebot"

// Selection says which workloads are meant: one by its name, or all of a kind
// with some labels; and which of their containers.
type Selection struct {
	Kind       Kind
	Name       string
	Selector   string   // instead of a name, in the form that kubectl takes
	Containers []string // by name; empty: those with an image of the repositories
}

func (s Selection) String() string {
	if s.Name != "" {
		return string(s.Kind) + " " + s.Name
	}
	return string(s.Kind) + " with " + s.Selector
}

// Target is where an order goes.
type Target struct {
	Namespace    string
	Workloads    []Selection
	Repositories []promotion.Repository // of the app, besides that of the order: what runs there now may come from another
	TakeOver     []string               // managers from which the image may be taken; of all others it is a conflict
}

// Deployer is a target of a cluster. It is safe for concurrent use.
type Deployer struct {
	cluster *Cluster
	target  Target
	log     *slog.Logger
}

// Deployer makes the way to one target.
func (c *Cluster) Deployer(t Target) *Deployer {
	return &Deployer{cluster: c, target: t, log: c.log}
}

// found is a workload with those of its containers that the digest goes to.
type found struct {
	workload
	names  []string // of the containers, as configured
	chosen []container
}

// Deploy sets the image of the order. All workloads are read and checked before
// the first is changed, so that what is wrong with one of them leaves all as they are.
func (d *Deployer) Deploy(ctx context.Context, o promotion.Order) (promotion.Rollout, error) {
	if _, err := promotion.ParseDigest(string(o.Digest)); err != nil {
		return promotion.Rollout{}, err // the API server takes any text for an image
	}
	if _, err := promotion.ParseRepository(string(o.Repository)); err != nil {
		return promotion.Rollout{}, err
	}
	all, err := d.find(ctx, o)
	if err != nil {
		return promotion.Rollout{}, err
	}
	var open []int // of those that are to be changed
	for i, w := range all {
		if !w.holds(o) {
			open = append(open, i)
		}
	}
	if len(open) > 1 {
		for _, i := range open {
			if _, err := d.set(ctx, o, all[i], true); err != nil {
				return refused(err)
			}
		}
	}
	for n, i := range open {
		w, err := d.set(ctx, o, all[i], false)
		if err != nil {
			if n > 0 { // it was checked, and has changed since
				d.log.Warn("a part of a target is set", "target", o.Target, "promotion", o.Promotion, "workloads", n, "of", len(open))
			}
			return refused(err)
		}
		all[i].workload = w
	}
	r := promotion.Rollout{Phase: promotion.RolloutAsked, Detail: "all is set already", ReadAt: time.Now()}
	var handle []string
	for _, w := range all {
		handle = append(handle, w.key()+"@"+strconv.FormatInt(w.generation, 10))
		r.Total += int(w.wanted)
	}
	if len(open) > 0 {
		r.Detail = fmt.Sprintf("set in %s", counted(len(open), "workload"))
	}
	r.Handle = strings.Join(handle, " ")
	return r, nil
}

// refused gives what the cluster says of it along with an error, as a text of
// others.
func refused(err error) (promotion.Rollout, error) {
	var own *promotion.Error
	if errors.As(err, &own) && own.Kind == promotion.Invalid {
		if said := words(own.Err); said != "" {
			return promotion.Rollout{Lines: []string{said}, ReadAt: time.Now()}, err
		}
	}
	return promotion.Rollout{}, err
}

// holds tells whether nothing is left to be set.
func (w found) holds(o promotion.Order) bool {
	return w.annotations[keyPromotion] == asked(o) &&
		!slices.ContainsFunc(w.chosen, func(c container) bool { return c.image != o.Image() })
}

// find reads the workloads, in the order of the configuration.
func (d *Deployer) find(ctx context.Context, o promotion.Order) (all []found, err error) {
	there := map[string]string{}
	for _, s := range d.target.Workloads {
		some, err := d.read(ctx, s)
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			return nil, promotion.Errorf(promotion.NotFound, "there is no %s in the namespace %s of %s", s, d.target.Namespace, d.cluster.name)
		}
		for _, w := range some {
			if other, twice := there[w.key()]; twice {
				return nil, promotion.Errorf(promotion.Invalid, "%s is meant twice, by %q and %q: change one of the two", w, other, s)
			}
			there[w.key()] = s.String()
			f, err := d.fits(w, o, s.Containers)
			if err != nil {
				return nil, err
			}
			all = append(all, f)
		}
	}
	return all, nil
}

// fits finds the containers, or says why the workload can't be rolled out.
func (d *Deployer) fits(w workload, o promotion.Order, names []string) (f found, err error) {
	chosen, missing := d.chosen(w, o, names)
	switch {
	case w.overtaken(o):
		return f, promotion.Errorf(promotion.Conflict, "%s in the namespace %s was not changed: promotion #%s has set it, which came after #%d. Where that is not so, since promotebot has begun to count anew, take its annotation %s away",
			w, d.target.Namespace, w.annotations[keyPromotion], o.Promotion, keyPromotion)
	case w.byHand:
		return f, promotion.Errorf(promotion.Invalid, "%s in the namespace %s can't be rolled out: %s", w, d.target.Namespace, w.obstacle)
	case len(missing) > 0:
		return f, promotion.Errorf(promotion.Invalid, "%s in the namespace %s has no container %s: it has %s", w, d.target.Namespace, strings.Join(missing, ", "), listed(w.containers))
	case len(chosen) == 0:
		return f, promotion.Errorf(promotion.Invalid, "no container of %s in the namespace %s has an image of %s: name its containers (it has %s)", w, d.target.Namespace, o.Repository, listed(w.containers))
	}
	return found{w, names, chosen}, nil
}

func listed(all []container) string {
	var names []string
	for _, c := range all {
		names = append(names, c.name+" with "+c.image)
	}
	return strings.Join(names, ", ")
}

// read asks for what a selection means, at the server and not in the cache: what
// is changed is what was read a moment ago.
func (d *Deployer) read(ctx context.Context, s Selection) ([]workload, error) {
	ctx, cancel := context.WithTimeout(quiet(ctx), patience)
	defer cancel()
	kind := kinds[s.Kind]
	at := place{kind.resource, d.target.Namespace}
	get := d.cluster.clients[kind.version].Get().Namespace(at.namespace).Resource(at.resource)
	if s.Name != "" {
		object := kind.object()
		err := get.Name(s.Name).Do(ctx).Into(object)
		if err = d.cluster.fault("get", kind.version.Group, at, err); promotion.KindOf(err) == promotion.NotFound {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		return []workload{seen(object)}, nil
	}
	if _, err := labels.Parse(s.Selector); err != nil {
		return nil, promotion.Errorf(promotion.Invalid, "%q is not a label selector: write app=shop", s.Selector)
	}
	list := kind.list()
	if err := get.Param("labelSelector", s.Selector).Do(ctx).Into(list); err != nil {
		return nil, d.cluster.fault("list", kind.version.Group, at, err)
	}
	all := kind.items(list)
	slices.SortFunc(all, func(a, b workload) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
