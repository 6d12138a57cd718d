package kubernetes

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/promotebot/promotebot/promotion"
)

// Trial is an order that is only tried. It needs no digest.
type Trial struct {
	Target Target
	Order  promotion.Order
}

// untried is the digest of a trial: no registry has it, so that it is another than
// the one that runs, and the cluster says who else owns the image.
const untried = promotion.Digest("sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")

// right is something that promotebot has to be allowed to do in a namespace.
type right struct{ verb, group, resource, sub string }

func (r right) String() string {
	resource := r.resource
	if r.sub != "" {
		resource += "/" + r.sub
	}
	if r.group != "" {
		resource += "." + r.group
	}
	return r.verb + " " + resource
}

// readLogs is the one right that can be left out.
var readLogs = right{"get", "", "pods", "log"}

// rights are those of the manifest, as far as workloads of these kinds take them.
func rights(of []Kind) (all []right) {
	for _, kind := range of {
		for _, verb := range []string{"get", "list", "watch", "patch"} {
			all = append(all, right{verb, kinds[kind].version.Group, kinds[kind].resource, ""})
		}
	}
	return append(all, right{"list", "", "pods", ""}, right{"watch", "", "pods", ""}, readLogs)
}

// examination is of one namespace.
type examination struct {
	*Cluster
	namespace string
	denied    []right
}

// Examine says whether orders could be carried out in a namespace of the cluster:
// what promotebot may do there, whether the workloads are there with their
// containers, and who else owns their images. It leaves no trace: it asks the
// cluster about rights, reads, and has applies tried that are not kept (dry run).
func (c *Cluster) Examine(ctx context.Context, namespace string, trials []Trial) []promotion.Diagnosis {
	x := &examination{Cluster: c, namespace: namespace}
	var of []Kind
	for _, t := range trials {
		for _, s := range t.Target.Workloads {
			of = append(of, s.Kind)
		}
	}
	slices.Sort(of)
	found, reached := x.rights(ctx, slices.Compact(of))
	if !reached {
		return found
	}
	for _, t := range trials {
		d, o := c.Deployer(t.Target), t.Order
		o.Digest, o.Promotion = untried, math.MaxInt64 // nothing that was set before comes after a trial
		meant := map[string]Selection{}
		for _, s := range t.Target.Workloads {
			found = append(found, x.selection(ctx, d, o, s, meant)...)
		}
	}
	return found
}

// rights asks what promotebot may do. It is no use to go on where the cluster can't
// be asked at all.
func (x *examination) rights(ctx context.Context, of []Kind) (found []promotion.Diagnosis, reached bool) {
	about := fmt.Sprintf("rights in the namespace %s of %s", x.namespace, x.name)
	remedy := fmt.Sprintf("apply there what \"promotebot manifest kubernetes %s\" prints; the namespace has to exist", x.namespace)
	for _, r := range rights(of) {
		allowed, err := x.may(ctx, r)
		switch {
		case apierrors.IsForbidden(err):
			return []promotion.Diagnosis{{About: about, Condition: promotion.Unexamined, Says: "the cluster does not tell promotebot what it may do", Remedy: "let its account create selfsubjectaccessreviews, as the ClusterRole system:basic-user does"}}, true
		case err != nil:
			return []promotion.Diagnosis{promotion.Diagnose(about, x.fault("create", authorizationv1.GroupName, place{reviews, x.namespace}, err), "look whether the address in the kubeconfig is right and can be reached from here, and whether kubectl gets an answer with the same kubeconfig")}, false
		case !allowed && r == readLogs:
			found = append(found, promotion.Diagnosis{About: about, Condition: promotion.Remarked, Says: "promotebot may not " + r.String() + ": what fails is told without its log"})
		case !allowed:
			x.denied = append(x.denied, r)
			found = append(found, promotion.Diagnosis{About: about, Condition: promotion.Ill, Says: "promotebot may not " + r.String(), Remedy: remedy})
		}
	}
	if len(x.denied) == 0 {
		found = append([]promotion.Diagnosis{{About: about, Condition: promotion.Well, Says: "all that deploying takes is allowed"}}, found...)
	}
	return found, true
}

// reviews is the resource of questions about one's own rights. None is kept.
const reviews = "selfsubjectaccessreviews"

func (x *examination) may(ctx context.Context, r right) (bool, error) {
	ctx, cancel := context.WithTimeout(quiet(ctx), patience)
	defer cancel()
	review := authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
		Namespace: x.namespace, Verb: r.verb, Group: r.group, Resource: r.resource, Subresource: r.sub,
	}}}
	var answer authorizationv1.SelfSubjectAccessReview
	err := x.clients[authorizationv1.SchemeGroupVersion].Post().Resource(reviews).Body(&review).Do(ctx).Into(&answer)
	return answer.Status.Allowed, err
}

// mayNot tells whether the cluster has denied a verb of a kind, which was said then.
func (x *examination) mayNot(verb string, kind Kind) bool {
	return slices.Contains(x.denied, right{verb, kinds[kind].version.Group, kinds[kind].resource, ""})
}

func (x *examination) selection(ctx context.Context, d *Deployer, o promotion.Order, s Selection, meant map[string]Selection) (found []promotion.Diagnosis) {
	about := fmt.Sprintf("%s in %s: ", o.Target, o.Environment)
	read := "get"
	if s.Name == "" {
		read = "list"
	}
	if x.mayNot(read, s.Kind) {
		return nil
	}
	some, err := d.read(ctx, s)
	switch {
	case err != nil:
		return []promotion.Diagnosis{promotion.Diagnose(about+s.String(), err, "")}
	case len(some) == 0:
		return []promotion.Diagnosis{{
			About: about + s.String(), Condition: promotion.Ill, Says: fmt.Sprintf("there is none in the namespace %s of %s", x.namespace, x.name),
			Remedy: "apply it, or correct the namespace and the workloads of the target",
		}}
	}
	for _, w := range some {
		if other, twice := meant[w.key()]; twice {
			found = append(found, promotion.Diagnosis{About: about + w.String(), Condition: promotion.Ill, Says: fmt.Sprintf("it is meant twice, by %q and %q", other, s), Remedy: "change one of the two"})
			continue
		}
		meant[w.key()] = s
		diagnosis := x.workload(ctx, d, o, s, w)
		diagnosis.About = about + w.String()
		found = append(found, diagnosis)
	}
	return found
}

// workload tries to set an image that no registry has.
func (x *examination) workload(ctx context.Context, d *Deployer, o promotion.Order, s Selection, w workload) promotion.Diagnosis {
	f, err := d.fits(w, o, s.Containers)
	if err != nil {
		return promotion.Diagnose("", err, "correct the containers of the target, or the workload")
	}
	var names []string
	for _, c := range f.chosen {
		names = append(names, c.name)
	}
	well := promotion.Diagnosis{Condition: promotion.Well, Says: "it is there, with " + strings.Join(names, " and ")}
	if w.obstacle != "" {
		well.Condition, well.Says = promotion.Remarked, well.Says+"; "+w.obstacle
	}
	if x.mayNot("patch", s.Kind) {
		return well
	}
	switch _, err := d.set(ctx, o, f, true); {
	case err == nil:
	case promotion.KindOf(err) == promotion.Invalid:
		well.Condition, well.Says = promotion.Remarked, well.Says+"; a rule of the cluster refuses the image that no registry has, with which it was tried, and whether it lets through what is promoted can't be known before"
	default:
		return promotion.Diagnose("", err, "")
	}
	return well
}
