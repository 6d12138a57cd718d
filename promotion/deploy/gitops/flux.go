package gitops

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/promotebot/promotebot/promotion"
)

// Flux is where Flux is asked how far it is: its objects in a cluster. One of the
// two is named, or both. With both, the Kustomization is what brings the release
// there.
type Flux struct {
	Kustomization, Release Object
	// Read gives an object of the cluster as JSON.
	Read func(ctx context.Context, group, version, resource, namespace, name string) ([]byte, error)
}

// Object is an object in a namespace; without a name, none.
type Object struct{ Namespace, Name string }

// The kinds of Flux, in the versions that stay.
var (
	kustomizations = fluxKind{"Kustomization", "kustomize.toolkit.fluxcd.io", "v1", "kustomizations"}
	helmReleases   = fluxKind{"HelmRelease", "helm.toolkit.fluxcd.io", "v2", "helmreleases"}
)

type fluxKind struct{ kind, group, version, resource string }

// reconciled is what is read of an object of Flux. The two kinds have the same
// names for the same.
type reconciled struct {
	Metadata struct {
		Generation int64 `json:"generation"`
	} `json:"metadata"`
	Spec struct {
		Suspend bool `json:"suspend"`
	} `json:"spec"`
	Status struct {
		ObservedGeneration int64       `json:"observedGeneration"`
		Conditions         []condition `json:"conditions"`
		Applied            string      `json:"lastAppliedRevision"`
		AppliedOrigin      string      `json:"lastAppliedOriginRevision"` // where the source is an OCI artifact: the commit that it was made of
		Attempted          string      `json:"lastAttemptedRevision"`
		History            []struct {
			Chart    string            `json:"chartVersion"` // of a HelmRelease
			Metadata map[string]string `json:"metadata"`     // of a Kustomization
		} `json:"history"` // the newest first
	} `json:"status"`
}

type condition struct {
	Type       string `json:"type"`
	Status     string `json:"status"`
	Reason     string `json:"reason"`
	Message    string `json:"message"`
	Generation int64  `json:"observedGeneration"` // of the object, when the condition was set
}

func (o reconciled) condition(kind string) condition {
	if i := slices.IndexFunc(o.Status.Conditions, func(c condition) bool { return c.Type == kind }); i >= 0 {
		return o.Status.Conditions[i]
	}
	return condition{}
}

// current tells whether what is said is about the object as it is now.
func (o reconciled) current() bool { return o.Status.ObservedGeneration >= o.Metadata.Generation }

// broken are the reasons for which a Kustomization of our commit has failed. Flux
// tries again whatever it is; for all other reasons that may well help, and it is
// left to the deadline.
var broken = []string{"BuildFailed", "HealthCheckFailed"}

// revised finds the commit in a revision: main@sha1:HASH, main/HASH before Flux
// 2.0, and 1.2.3+HASH of a chart, with the first digits only.
var revised = regexp.MustCompile(`(?:^|[:/+])([0-9a-f]{40}|[0-9a-f]{12})(?:\.[0-9]+)?$`)

func commitsIn(revisions ...string) (all []string) {
	for _, revision := range revisions {
		if m := revised.FindStringSubmatch(revision); m != nil {
			all = append(all, m[1])
		}
	}
	return all
}

// flux asks how far Flux is.
func (a *attempt) flux(ctx context.Context, branch plumbing.ReferenceName, head plumbing.Hash) (promotion.Rollout, error) {
	if a.target.flux.Kustomization.Name == "" {
		return a.release(ctx, branch, head, false)
	}
	r, err := a.kustomization(ctx, branch, head)
	if err != nil || r.Phase != promotion.RolloutDone || a.target.flux.Release.Name == "" {
		return r, err
	}
	return a.release(ctx, branch, head, true)
}

func (a *attempt) kustomization(ctx context.Context, branch plumbing.ReferenceName, head plumbing.Hash) (r promotion.Rollout, err error) {
	at := a.target.flux.Kustomization
	o, err := a.reconciled(ctx, kustomizations, at)
	if err != nil {
		return r, err
	}
	tried := o.Status.Attempted
	if h := o.Status.History; len(h) > 0 && h[0].Metadata["originRevision"] != "" {
		tried = h[0].Metadata["originRevision"]
	}
	ready, s := o.condition("Ready"), fluxState{}
	s.failed = ready.Status == "False" && slices.Contains(broken, ready.Reason) || o.condition("Stalled").Status == "True"
	if s.applied, err = a.holds(ctx, branch, head, commitsIn(o.Status.Applied, o.Status.AppliedOrigin)); err != nil {
		return r, err
	}
	if s.attempted, err = a.holds(ctx, branch, head, commitsIn(tried)); err != nil {
		return r, err
	}
	return a.stands(o, kustomizations, at, s), nil
}

// release reads a HelmRelease. What it says is about our commit when the
// Kustomization has brought it, or by the version of its chart.
func (a *attempt) release(ctx context.Context, branch plumbing.ReferenceName, head plumbing.Hash, brought bool) (r promotion.Rollout, err error) {
	at := a.target.flux.Release
	o, err := a.reconciled(ctx, helmReleases, at)
	if err != nil {
		return r, err
	}
	stalled, s := o.condition("Stalled"), fluxState{applied: brought, attempted: brought}
	s.failed = stalled.Status == "True" && stalled.Generation >= o.Metadata.Generation
	if brought {
		return a.stands(o, helmReleases, at, s), nil
	}
	if h := o.Status.History; len(h) > 0 {
		if s.applied, err = a.holds(ctx, branch, head, commitsIn(h[0].Chart)); err != nil {
			return r, err
		}
	}
	if s.attempted, err = a.holds(ctx, branch, head, commitsIn(o.Status.Attempted)); err != nil {
		return r, err
	}
	return a.stands(o, helmReleases, at, s), nil
}

// fluxState is what an object says of our commit.
type fluxState struct {
	applied, attempted bool // it, or a later one, was
	failed             bool // what was attempted last has failed for good
}

func (a *attempt) stands(o reconciled, kind fluxKind, at Object, s fluxState) promotion.Rollout {
	ready := o.condition("Ready")
	what := fmt.Sprintf("Flux, %s %s/%s", kind.kind, at.Namespace, at.Name)
	r := promotion.Rollout{Handle: a.order.Handle, ReadAt: time.Now(), Phase: promotion.RolloutUnder}
	said := clip(strings.Join(slices.DeleteFunc([]string{ready.Reason, firstLine(ready.Message)}, func(s string) bool { return s == "" }), ": "))
	switch {
	case s.applied && ready.Status == "True" && o.current():
		r.Phase, r.Detail = promotion.RolloutDone, what+" is ready"
		return r
	case o.Spec.Suspend:
		r.Detail = what + " is suspended: nothing is brought anywhere before somebody resumes it"
		return r
	case !s.applied && !s.attempted:
		r.Phase, r.Detail = promotion.RolloutAsked, fmt.Sprintf("%s has not come to %.8s yet", what, a.order.Handle)
	case s.attempted && s.failed:
		r.Phase, r.Detail, r.Lines = promotion.RolloutFailed, what+" has failed", linesOf(ready.Message)
		if stalled := o.condition("Stalled"); stalled.Status == "True" {
			r.Lines = append(r.Lines, clip("Stalled: "+stalled.Message))
		}
	default:
		r.Detail = what + " is on its way"
	}
	if said != "" && (ready.Status != "True" || !o.current()) {
		r.Detail += " (" + said + ")"
	}
	return r
}

func (a *attempt) reconciled(ctx context.Context, kind fluxKind, at Object) (o reconciled, err error) {
	text, err := a.d.opts.Flux.Read(ctx, kind.group, kind.version, kind.resource, at.Namespace, at.Name)
	if err != nil {
		return o, err
	}
	if err := json.Unmarshal(text, &o); err != nil {
		return o, promotion.Errorf(promotion.Unavailable, "the %s %s/%s does not look as it should: %w", kind.kind, at.Namespace, at.Name, err)
	}
	return o, nil
}
