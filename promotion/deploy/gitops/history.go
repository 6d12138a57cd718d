package gitops

import (
	"context"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/gitops/edit"
)

// maxHistory is how many commits back is looked: more than are pushed between an
// order and the moment at which it is read back.
const maxHistory = 200

// past is a branch with its history.
func (a *attempt) past(ctx context.Context, branch plumbing.ReferenceName) (*snapshot, error) {
	return a.remote.open(ctx, a.dir, branch.Short(), a.target.path, maxHistory)
}

// abbreviated is how many digits of a commit are enough to know it by, as many as
// Flux puts behind the version of a chart.
const abbreviated = 12

// holds tells whether our commit is in one of the revisions: commits, whole or as
// their first digits.
func (a *attempt) holds(ctx context.Context, branch plumbing.ReferenceName, head plumbing.Hash, revisions []string) (bool, error) {
	ours := plumbing.NewHash(a.order.Handle)
	revisions = slices.DeleteFunc(slices.Clone(revisions), func(r string) bool { return len(r) < abbreviated })
	if slices.ContainsFunc(revisions, func(r string) bool { return strings.HasPrefix(a.order.Handle, r) }) {
		return true, nil
	}
	if head == ours || len(revisions) == 0 {
		return false, nil // nothing is made on it yet
	}
	if a.history == nil {
		past, err := a.past(ctx, branch)
		if err != nil {
			return false, err
		}
		a.history = past
	}
	for _, commit := range a.history.commits(a.history.head) {
		named := slices.ContainsFunc(revisions, func(r string) bool { return strings.HasPrefix(commit.Hash.String(), r) })
		if named && slices.ContainsFunc(a.history.commits(commit.Hash), func(c *object.Commit) bool { return c.Hash == ours }) {
			return true, nil
		}
	}
	return false, nil
}

// commits gives the history from a commit back, the newest first as far as each
// comes after those that are made on it. It ends where the history that was
// fetched does.
func (s *snapshot) commits(from plumbing.Hash) (all []*object.Commit) {
	known := map[plumbing.Hash]bool{from: true}
	for queue := []plumbing.Hash{from}; len(queue) > 0; queue = queue[1:] {
		commit, err := object.GetCommit(s.store, queue[0])
		if err != nil {
			continue // it is older than what was fetched
		}
		all = append(all, commit)
		for _, parent := range commit.ParentHashes {
			if !known[parent] {
				known[parent] = true
				queue = append(queue, parent)
			}
		}
	}
	return all
}

// handle is the commit of an order whose digest is there. After an answer that
// was lost it is found by its trailers; when it was somebody else who put the
// digest there, the head is as good as any.
func (a *attempt) handle(ctx context.Context, s *snapshot) string {
	want := trailers(a.order)
	for _, commit := range s.commits(s.head) {
		if carries(commit.Message, want) {
			return commit.Hash.String()
		}
	}
	if a.order.Handle != "" {
		return a.order.Handle
	}
	if past, err := a.past(ctx, s.branch); err == nil { // what can't be read now does not change what is there
		for _, commit := range past.commits(past.head) {
			if carries(commit.Message, want) {
				return commit.Hash.String()
			}
		}
	}
	return s.head.String()
}

// stranger tells whether somebody else has changed the value after it was
// decided to change it: then they mean something else than those who approved,
// and nothing is overwritten. What stood there before that is what the order is
// to replace, whatever it is; so is what was added so that there is a place for
// the digest at all. When a commit was made is what it says of itself.
func (a *attempt) stranger(ctx context.Context, s *snapshot, now string) error {
	since := a.order.OrderedAt
	head, err := object.GetCommit(s.store, s.head)
	if err != nil {
		return promotion.Errorf(promotion.Unavailable, "the commit %s of %s can't be read: %w", short(s.head), a.remote, err)
	}
	if since.IsZero() || !head.Committer.When.After(since) {
		return nil
	}
	past, err := a.past(ctx, s.branch)
	if err != nil {
		return err
	}
	commit, err := object.GetCommit(past.store, past.head)
	// Along the first parents: what the branch was, push by push.
	for err == nil && commit.Committer.When.After(since) && len(commit.ParentHashes) > 0 {
		parent, err := object.GetCommit(past.store, commit.ParentHashes[0])
		if err != nil {
			return promotion.Errorf(promotion.Unavailable, "so much was pushed to %s after this was decided that it can't be told who has changed %s", a.remote, a.target.path)
		}
		before, err := a.stood(ctx, past, parent.Hash)
		switch {
		case err != nil:
			return err
		case before == now:
			commit = parent
			continue
		case before == "":
			return nil
		case carries(commit.Message, trailers(a.order)[1:3]): // an earlier order of ours
			return nil
		}
		return promotion.Errorf(promotion.Conflict, "%s has changed the same value in %s of %s after this was decided, from %s to %s (%s %s): it was not overwritten", clip(commit.Author.Name), a.target.path, a.remote, shown(before), shown(now), short(commit.Hash), clip(firstLine(commit.Message)))
	}
	if err != nil {
		return promotion.Errorf(promotion.Unavailable, "the history of %s can't be read: %w", a.remote, err)
	}
	return nil
}

// stood is what stood in the file in a commit: nothing, where there was no place
// for it yet.
func (a *attempt) stood(ctx context.Context, s *snapshot, at plumbing.Hash) (value string, err error) {
	_, file, err := s.read(ctx, at)
	if err == nil {
		var plan edit.Plan
		plan, err = edit.Make(file, a.target.place, a.target.image)
		value = plan.Now
	}
	if kind := promotion.KindOf(err); err != nil && (kind == promotion.NotFound || kind == promotion.Invalid) {
		return "", nil
	}
	return value, err
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
