package gitops

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/promotebot/promotebot/promotion"
)

// untried is the digest of an order that is only tried.
const untried = promotion.Digest("sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")

// Examine says whether an order could be carried out, without a trace: the branch
// and the file are read and the change is made in memory, a push is begun and not
// made, and whoever is to say how far it is, Argo CD, Flux or the workloads, is
// asked. The order needs no digest.
//
// That a server begins to take a push says that the credentials may push to the
// repository. Whether they may to this branch it says of a push alone.
func (d *Deployer) Examine(ctx context.Context, o promotion.Order) []promotion.Diagnosis {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	about := fmt.Sprintf("%s in %s: ", o.Target, o.Environment)
	o.Digest = untried
	if len(o.Tags) == 0 {
		o.Tags = []string{"untried"}
	}
	a, err := d.attempt(o)
	if err != nil {
		return []promotion.Diagnosis{promotion.Diagnose(about+"credentials", err, "")}
	}
	defer os.RemoveAll(a.dir) //nolint:errcheck // it holds no secret
	found := []promotion.Diagnosis{a.examineFile(ctx, about)}
	if found[0].Condition == promotion.Unexamined {
		return found // nobody is there
	}
	found = append(found, a.examinePush(ctx, about))
	if d.opts.Argo != nil {
		diagnosis := promotion.Diagnosis{About: about + "Argo CD", Condition: promotion.Well, Says: "it shows the application " + clip(a.target.argo)}
		if _, err := a.application(ctx); err != nil {
			diagnosis = promotion.Diagnose(diagnosis.About, err, unreachable)
		}
		found = append(found, diagnosis)
	}
	if d.opts.Flux != nil {
		found = append(found, a.examineFlux(ctx, about)...)
	}
	if d.opts.Workloads != nil {
		found = append(found, a.examineWorkloads(ctx, about))
	}
	return found
}

func (a *attempt) examineFlux(ctx context.Context, about string) (found []promotion.Diagnosis) {
	for _, named := range []struct {
		kind fluxKind
		at   Object
	}{{kustomizations, a.target.flux.Kustomization}, {helmReleases, a.target.flux.Release}} {
		if named.at.Name == "" {
			continue
		}
		diagnosis := promotion.Diagnosis{
			About: about + fmt.Sprintf("Flux, %s %s/%s", named.kind.kind, named.at.Namespace, named.at.Name), Condition: promotion.Well, Says: "it is there",
		}
		switch o, err := a.reconciled(ctx, named.kind, named.at); {
		case err != nil:
			diagnosis = promotion.Diagnose(diagnosis.About, err, remedied(err, "correct flux of the target, or put the object there"))
		case o.Spec.Suspend:
			diagnosis.Condition, diagnosis.Says, diagnosis.Remedy = promotion.Ill, "it is suspended: nothing that is committed is brought anywhere", "flux resume it"
		}
		found = append(found, diagnosis)
	}
	return found
}

func (a *attempt) examineWorkloads(ctx context.Context, about string) promotion.Diagnosis {
	about += "the workloads that run what is committed"
	if _, err := a.d.opts.Workloads.Running(ctx, a.order); err != nil {
		return promotion.Diagnose(about, err, remedied(err, "correct kubernetes of the target, or apply the workloads"))
	}
	return promotion.Diagnosis{About: about, Condition: promotion.Well, Says: "they can be read"}
}

// remedied is what to do about an error of a cluster, which is correct unless that
// is not known.
func remedied(err error, correct string) string {
	switch promotion.KindOf(err) {
	case promotion.Unavailable:
		return unreachable
	case promotion.Forbidden:
		return "give promotebot's account that right"
	}
	return correct
}

// unreachable is what to do about whoever does not answer.
const unreachable = "look whether it runs, and can be reached from here"

func (a *attempt) examineFile(ctx context.Context, about string) promotion.Diagnosis {
	s, plan, err := a.look(ctx)
	if err != nil {
		return promotion.Diagnose(about+"reading "+a.remote.String(), err, remedied(err, "correct repository, branch and path of the target, or put the file there"))
	}
	if !plan.Done {
		if _, _, err := s.commit(plan.Result, a.d.opts.Author, time.Now(), message(a.order), a.credentials.Signing); err != nil {
			return promotion.Diagnose(about+"a commit for "+a.remote.String(), err, "correct author and signing_key of the target")
		}
	}
	says := fmt.Sprintf("%s on %s is there, and has %s", a.target.path, clip(s.branch.Short()), shown(plan.Now))
	return promotion.Diagnosis{About: about + "reading " + a.remote.String(), Condition: promotion.Well, Says: says}
}

func (a *attempt) examinePush(ctx context.Context, about string) promotion.Diagnosis {
	about += "pushing to " + a.remote.String()
	c, err := a.remote.begin(ctx, receivePack)
	if err != nil {
		return promotion.Diagnose(about, err, "let these credentials write to the repository")
	}
	defer c.end()
	if !c.refs.Capabilities.Supports(capability.ReportStatus) {
		return promotion.Diagnosis{About: about, Condition: promotion.Ill, Says: "the server does not say what becomes of a push (report-status)", Remedy: "have the repository on another server"}
	}
	return promotion.Diagnosis{About: about, Condition: promotion.Well, Says: "allowed; whether the branch is protected can't be known before a push"}
}
