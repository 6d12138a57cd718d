package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/promotebot/promotebot/promotion"
)

// The annotations say who has set an image and why, to whoever looks at the
// workload with kubectl.
const (
	keyPromotion = "promotebot.github.io/promotion"
	keyApp       = "promotebot.github.io/app"
	keyApproved  = "promotebot.github.io/approved-by"
)

// attempts bound how often a workload is read again because it changed between
// being read and being set, as it does all the time while it rolls out.
const attempts = 10

// set applies the image to one workload, and returns it as it is then. With dry,
// the server checks everything and keeps nothing.
func (d *Deployer) set(ctx context.Context, o promotion.Order, w found, dry bool) (workload, error) {
	force := false
	for range attempts {
		if err := ctx.Err(); err != nil {
			return workload{}, d.cluster.fault("patch", kinds[w.kind].version.Group, place{kinds[w.kind].resource, d.target.Namespace}, err)
		}
		done, err := d.apply(ctx, o, w, dry, force)
		if !apierrors.IsConflict(err) {
			return done, d.cluster.fault("patch", kinds[w.kind].version.Group, place{kinds[w.kind].resource, d.target.Namespace}, err)
		}
		if owned := claims(err); len(owned) > 0 {
			if !d.mayTake(owned) {
				return workload{}, conflict(w.workload, d.target.Namespace, owned, err)
			}
			force = true // only of what was read: the version has to be the same still
			continue
		}
		force = false
		if w, err = d.again(ctx, o, w); err != nil {
			return workload{}, err
		}
	}
	return workload{}, promotion.Errorf(promotion.Unavailable, "%s in the namespace %s changes faster than it can be set", w.workload, d.target.Namespace)
}

// again reads one workload anew.
func (d *Deployer) again(ctx context.Context, o promotion.Order, w found) (found, error) {
	some, err := d.read(ctx, Selection{Kind: w.kind, Name: w.name})
	if err != nil {
		return found{}, err
	}
	if len(some) == 0 {
		return found{}, promotion.Errorf(promotion.NotFound, "%s was taken out of the namespace %s of %s just now", w.workload, d.target.Namespace, d.cluster.name)
	}
	return d.fits(some[0], o, w.names)
}

// mayTake tells whether every field may be taken from who owns it.
func (d *Deployer) mayTake(owned []claim) bool {
	return !slices.ContainsFunc(owned, func(c claim) bool { return !slices.Contains(d.target.TakeOver, c.manager) })
}

func conflict(w workload, namespace string, owned []claim, err error) error {
	fields := map[string][]string{}
	for _, c := range owned {
		fields[c.manager] = append(fields[c.manager], c.field)
	}
	var who []string
	for _, manager := range slices.Sorted(maps.Keys(fields)) {
		who = append(who, fmt.Sprintf("%q owns %s", manager, strings.Join(fields[manager], " and ")))
	}
	return &promotion.Error{
		Kind: promotion.Conflict, Err: err,
		Text: fmt.Sprintf("%s in the namespace %s was not changed: %s. Have it leave the image to promotebot, or name it under take_over", w, namespace, strings.Join(who, "; ")),
	}
}

// apply sends one server-side apply, bound to the version that was read.
func (d *Deployer) apply(ctx context.Context, o promotion.Order, w found, dry, force bool) (workload, error) {
	ctx, cancel := context.WithTimeout(quiet(ctx), patience)
	defer cancel()
	kind := kinds[w.kind]
	body, err := json.Marshal(wanted(o, w))
	if err != nil {
		return workload{}, err
	}
	request := d.cluster.clients[kind.version].Patch(types.ApplyPatchType).Namespace(d.target.Namespace).Resource(kind.resource).Name(w.name).
		Param("fieldManager", Manager).Param("force", fmt.Sprint(force)).Body(body)
	if dry {
		request.Param("dryRun", "All")
	}
	object := kind.object()
	if err := request.Do(ctx).Into(object); err != nil {
		return workload{}, err
	}
	return seen(object), nil
}

// object is a JSON object of an API.
type object map[string]any

// wanted is all that we own of a workload. What is left out of it and was ours
// is taken away by the server, so it names the images that we have set in other
// containers as they are.
//
// The pod template is annotated with nothing. The promotion in it would make
// another template of every digest that comes back, and a rollback would replace
// the pods of before, which run it still.
func wanted(o promotion.Order, w found) object {
	lists := map[string][]object{}
	for _, c := range w.containers {
		image := c.image
		if slices.Contains(w.chosen, c) {
			image = o.Image()
		} else if !c.ours {
			continue
		}
		field := fieldContainers
		if c.init {
			field = fieldInit
		}
		lists[field] = append(lists[field], object{"name": c.name, "image": image})
	}
	kind := kinds[w.kind]
	root := object{
		"apiVersion": kind.version.String(), "kind": string(w.kind),
		"metadata": object{"name": w.name, "uid": w.uid, "resourceVersion": w.version, "annotations": object{keyPromotion: asked(o), keyApp: o.App, keyApproved: approved(o)}},
	}
	under := root
	for _, step := range templateOf(w.kind) {
		next := object{}
		under[step], under = next, next
	}
	under["spec"] = lists
	return root
}

func asked(o promotion.Order) string { return strconv.FormatInt(int64(o.Promotion), 10) }

// overtaken tells whether a later promotion of the app has set the workload. Apps
// may share one, and which of two apps was asked about first says nothing.
func (w workload) overtaken(o promotion.Order) bool {
	by, err := strconv.ParseInt(w.annotations[keyPromotion], 10, 64)
	if app, noted := w.annotations[keyApp]; err != nil || noted && app != o.App {
		return false
	}
	return promotion.ID(by) > o.Promotion
}

func approved(o promotion.Order) string {
	if len(o.Approvers) == 0 {
		return "nobody: its policy asks for no approval"
	}
	return promotion.Line(strings.Join(o.Approvers, ", "))
}
