package registry

import (
	"context"
	"net/http"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/closure"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// Examine says what the credentials may do in a repository, as far as that can
// be found out without leaving a trace: its list of tags is asked for and, where
// promotions write to it, an upload is opened and given up again. No manifest is
// put, so whether a tag can be moved is not known before one is.
func (c *Client) Examine(ctx context.Context, repo promotion.Repository, written bool) []promotion.Diagnosis {
	found := []promotion.Diagnosis{c.examineReading(ctx, repo, written)}
	if written {
		found = append(found, c.examineWriting(ctx, repo))
	}
	return found
}

func (c *Client) examineReading(ctx context.Context, repo promotion.Repository, written bool) promotion.Diagnosis {
	about := "reading " + string(repo)
	// One tag is enough; a registry that sends all of them is not read to the end.
	r := wire.Request{Place: wire.At(repo), Method: http.MethodGet, Path: "/tags/list?n=1", Limit: closure.MaxManifest, OK: []int{http.StatusOK}}
	_, err := c.wire.Call(ctx, r)
	switch {
	case err == nil:
		return promotion.Diagnosis{About: about, Condition: promotion.Well, Says: "allowed"}
	case promotion.KindOf(err) == promotion.NotFound && written:
		return promotion.Diagnosis{About: about, Condition: promotion.Remarked, Says: "the registry knows no such repository yet; the first promotion makes it, where the registry lets that happen"}
	case promotion.KindOf(err) == promotion.NotFound:
		return promotion.Diagnosis{About: about, Condition: promotion.Ill, Says: "the registry knows no such repository, or hides it from these credentials", Remedy: "push an image, or correct apps[].image; then check docker login"}
	}
	return promotion.Diagnose(about, err, "")
}

func (c *Client) examineWriting(ctx context.Context, repo promotion.Repository) promotion.Diagnosis {
	about, at := "pushing to "+string(repo), wire.At(repo)
	location, _, err := c.wire.Begin(ctx, at, "")
	switch {
	case promotion.KindOf(err) == promotion.NotFound && err != nil:
		return promotion.Diagnose(about, err, "create the repository in the registry")
	case err != nil:
		return promotion.Diagnose(about, err, "")
	case !c.wire.Abandon(ctx, at, location):
		return promotion.Diagnosis{About: about, Condition: promotion.Remarked, Says: "allowed; the empty upload that was opened to find out can't be given up in this registry, and expires there"}
	}
	return promotion.Diagnosis{About: about, Condition: promotion.Well, Says: "allowed"}
}
