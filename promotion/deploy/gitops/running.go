package gitops

import (
	"context"
	"fmt"
	"os"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/promotebot/promotebot/promotion"
)

// Running reads what the file at the head of the branch says for the app of an
// order, whoever has put it there: somebody may have reverted the commit, or
// changed the digest by hand. And what the workloads run. What can't be read is an
// error, unless there is something else to be told.
func (d *Deployer) Running(ctx context.Context, o promotion.Order) ([]promotion.Running, error) {
	all, err := d.written(ctx, o)
	if err != nil || d.opts.Workloads == nil {
		return all, err
	}
	there := o
	there.Handle = ""
	run, err := d.opts.Workloads.Running(ctx, there)
	if err != nil && len(o.Others(all)) > 0 {
		return all, nil
	}
	return append(all, run...), err
}

// written is what the branch says.
func (d *Deployer) written(ctx context.Context, o promotion.Order) ([]promotion.Running, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	a, err := d.attempt(o)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(a.dir) //nolint:errcheck // sweep finds it, and it holds no secret
	branch, head, err := a.remote.head(ctx, a.target.branch)
	if err != nil {
		return nil, err
	}
	as := promotion.Running{Where: fmt.Sprintf("%s on %s of %s", a.target.path, clip(branch.Short()), a.remote), Digest: o.Digest}
	// What the file says in a commit does not change. Of a repository with many
	// apps, it is one short question for each of them while nobody pushes.
	if had, read := d.equal.Load(o.App); read && had == any(reading{o.Key(), o.Digest, head}) {
		return []promotion.Running{as}, nil
	}
	s, plan, err := a.look(ctx)
	if err != nil {
		return nil, err
	}
	if plan.Done {
		d.equal.Store(o.App, reading{o.Key(), o.Digest, s.head})
		return []promotion.Running{as}, nil
	}
	as.Digest, as.Set = "", shown(plan.Now)
	if by := a.changed(ctx, s, plan.Now); by != nil {
		as.Where += fmt.Sprintf(" (commit %s by %s)", short(by.Hash), clip(by.Author.Name))
	}
	return []promotion.Running{as}, nil
}

// reading is at which head of the branch the file was last found to say what an
// order says.
type reading struct {
	order  string
	digest promotion.Digest
	head   plumbing.Hash
}

// changed is the commit that has put there what stands in the file, along the
// first parents; nil when it is too long ago, or can't be read, which does not
// change what stands there.
func (a *attempt) changed(ctx context.Context, s *snapshot, now string) *object.Commit {
	past, err := a.past(ctx, s.branch)
	if err != nil || past.head != s.head {
		return nil
	}
	for commit, err := object.GetCommit(past.store, past.head); err == nil && len(commit.ParentHashes) > 0; {
		parent, gone := object.GetCommit(past.store, commit.ParentHashes[0])
		if gone != nil {
			return nil
		}
		before, failed := a.stood(ctx, past, parent.Hash)
		switch {
		case failed != nil:
			return nil
		case before != now:
			return commit
		}
		commit = parent
	}
	return nil
}
