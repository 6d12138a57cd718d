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
// made, and Argo CD is asked for its application. The order needs no digest.
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
	return found
}

// unreachable is what to do about whoever does not answer.
const unreachable = "look whether it runs, and can be reached from here"

func (a *attempt) examineFile(ctx context.Context, about string) promotion.Diagnosis {
	s, plan, err := a.look(ctx)
	if err != nil {
		remedy := "correct repository, branch and path of the target, or put the file there"
		if promotion.KindOf(err) == promotion.Unavailable {
			remedy = unreachable
		}
		return promotion.Diagnose(about+"reading "+a.remote.String(), err, remedy)
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
