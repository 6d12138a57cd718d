// Package gitops deploys by a commit: it puts the digest into a file of a Git
// repository, from which Argo CD, Flux or a pipeline takes it to where it runs.
//
// A push is a compare-and-swap, which a registry's tag is not: the server moves
// the branch only from the commit that was read here. So nothing is ever forced,
// and of two writers one is told that the other was faster. It then reads what is
// there, as it does after every push whose answer was lost: the file at the head
// of the branch says what happened, and no memory of this process does. When the
// digest is there already, nothing is pushed. When somebody else has meanwhile
// changed the very value that is to be changed, nothing is overwritten.
//
// It has no git program and no work tree. What is fetched is one commit and, where
// the server can leave files out, one file; what is pushed is that file, the
// directories above it and a commit.
package gitops

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/gitops/edit"
)

// Author is who commits.
type Author struct{ Name, Email string }

// Options say where the digest goes. In Repository, Branch, Path, the names in
// Place, the application of Argo CD and the objects of Flux, {app} is the name of
// the app; in the name of a kustomization's image, {image} is the repository of
// its images.
type Options struct {
	Repository  string // https://git.example.com/deploy.git or ssh://git@git.example.com/deploy.git
	Branch      string // empty: the default branch
	Path        string // of the file, from the root of the repository
	Place       edit.Place
	Author      Author
	Credentials func() (Credentials, error) // asked anew for every use
	Directory   string                      // where what is fetched lies for a moment
	Room        int64                       // how many bytes of it there may be; 0: 1 GiB
	Argo        *Argo                       // with neither it nor Flux, it is done when the digest is on the branch
	Flux        *Flux
	Workloads   *Workloads     // that run what is on the branch; nil: nobody looks at them
	Roots       *x509.CertPool // nil: those of the system
}

// Argo is where Argo CD is asked how far it is.
type Argo struct {
	Server string // https://argocd.example.com
	App    string // its name; NAMESPACE/NAME where it is in another namespace than Argo CD
}

// Workloads are where the digest comes to run, which is not read here.
type Workloads struct {
	Observe func(context.Context, promotion.Order) (promotion.Rollout, error)   // of an order without a handle
	Running func(context.Context, promotion.Order) ([]promotion.Running, error) // of the same
}

// Deployer commits digests to one repository. It is safe for concurrent use.
type Deployer struct {
	opts Options
	turn chan struct{} // held while pushing: two apps in one file would only push past each other

	equal sync.Map // by app, the last reading that found what was ordered
}

// New makes a deployer.
func New(o Options) *Deployer {
	if o.Room == 0 {
		o.Room = room
	}
	return &Deployer{opts: o, turn: make(chan struct{}, 1)}
}

// target is where the digest of one app goes.
type target struct {
	branch, path string
	place        edit.Place
	argo         string // its application
	flux         Flux
	image        edit.Image
}

func (d *Deployer) target(o promotion.Order) target {
	put := func(s string) string { return strings.ReplaceAll(s, "{app}", o.App) }
	along := func(path edit.Path) (all edit.Path) {
		for _, segment := range path {
			all = append(all, put(segment))
		}
		return all
	}
	p := d.opts.Place
	t := target{
		branch: put(d.opts.Branch), path: put(d.opts.Path),
		place: edit.Place{Kustomize: strings.ReplaceAll(put(p.Kustomize), "{image}", string(o.Repository)), Value: along(p.Value), Digest: along(p.Digest), Tag: along(p.Tag), Manifest: p.Manifest},
		image: edit.Image{Repository: o.Repository, Digest: o.Digest},
	}
	if len(o.Tags) > 0 {
		t.image.Tag = o.Tags[0]
	}
	if d.opts.Argo != nil {
		t.argo = put(d.opts.Argo.App)
	}
	if f := d.opts.Flux; f != nil {
		named := func(o Object) Object { return Object{put(o.Namespace), put(o.Name)} }
		t.flux = Flux{Kustomization: named(f.Kustomization), Release: named(f.Release)}
	}
	return t
}

// attempts is how often a push is made when others were faster. Whoever loses
// as often has lost to a machine that pushes all the time.
const attempts = 6

// longest is how long a call takes, whatever ctx says: a server may stop in the
// middle of an answer.
const longest = 5 * time.Minute

// Deploy puts the digest on the branch, unless it is there.
func (d *Deployer) Deploy(ctx context.Context, o promotion.Order) (promotion.Rollout, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return promotion.Rollout{}, promotion.Errorf(promotion.Unavailable, "others are being deployed to the same repository: %w", ctx.Err())
	}
	a, err := d.attempt(o)
	if err != nil {
		return promotion.Rollout{}, err
	}
	defer os.RemoveAll(a.dir) //nolint:errcheck // sweep finds it, and it holds no secret
	for n := range attempts {
		if n > 0 && !pause(ctx, n) {
			break
		}
		rollout, again, err := a.once(ctx)
		if !again {
			return rollout, err
		}
	}
	return promotion.Rollout{}, promotion.Errorf(promotion.Unavailable, "%s is pushed to all the time: others were faster %d times, and nothing was overwritten", a.remote, attempts)
}

// pause lets others finish, or says that ctx does not leave the time.
func pause(ctx context.Context, n int) bool {
	timer := time.NewTimer(time.Duration(float64(n) * float64(200*time.Millisecond) * (0.5 + rand.Float64()))) //nolint:gosec // spreads retries, hides nothing
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// attempt is one call of Deploy.
type attempt struct {
	d           *Deployer
	order       promotion.Order
	target      target
	remote      *remote
	credentials Credentials
	dir         string
	seen        bool      // the file has been read before
	before      string    // what stood there then
	history     *snapshot // of the branch, once it was needed
}

func (d *Deployer) attempt(o promotion.Order) (*attempt, error) {
	credentials, err := d.opts.Credentials()
	if err != nil {
		return nil, err
	}
	r, err := newRemote(strings.ReplaceAll(d.opts.Repository, "{app}", o.App), credentials, d.opts.Roots, d.opts.Room)
	if err != nil {
		return nil, err
	}
	sweep(d.opts.Directory)
	dir, err := os.MkdirTemp(d.opts.Directory, beginning+"*")
	if err != nil {
		return nil, promotion.Errorf(promotion.Unavailable, "there is no place for what is fetched: %w", err)
	}
	return &attempt{d: d, order: o, target: d.target(o), remote: r, credentials: credentials, dir: dir}, nil
}

const (
	// beginning is how the directories are called in which fetched objects lie.
	beginning = "gitops-"
	// forgotten is when such a directory is nobody's any more: no call takes so long.
	forgotten = time.Hour
)

// sweep removes what killed processes have left. What can't be removed is in
// nobody's way, and there to be removed the next time.
func sweep(directory string) {
	entries, _ := os.ReadDir(directory) // one that can't be read is named when something is to be put there
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), beginning) && time.Since(info.ModTime()) > forgotten {
			_ = os.RemoveAll(filepath.Join(directory, entry.Name()))
		}
	}
}

// look reads the branch and plans the change.
func (a *attempt) look(ctx context.Context) (*snapshot, edit.Plan, error) {
	s, err := a.remote.open(ctx, a.dir, a.target.branch, a.target.path, 1)
	if err != nil {
		return nil, edit.Plan{}, err
	}
	plan, err := edit.Make(s.file, a.target.place, a.target.image)
	if err != nil {
		return nil, edit.Plan{}, promotion.Errorf(promotion.KindOf(err), "%s in %s: %w", a.target.path, a.remote, err)
	}
	return s, plan, nil
}

// once reads what is there and pushes what is missing. When somebody else was
// faster, it is to be tried again.
func (a *attempt) once(ctx context.Context) (rollout promotion.Rollout, again bool, err error) {
	s, plan, err := a.look(ctx)
	if err != nil {
		return promotion.Rollout{}, false, err
	}
	if plan.Done {
		return a.asked(a.handle(ctx, s)), false, nil
	}
	if a.seen && plan.Now != a.before {
		return promotion.Rollout{}, false, promotion.Errorf(promotion.Conflict, "somebody else has changed the same value in %s of %s, from %s to %s (%s): it was not overwritten", a.target.path, a.remote, shown(a.before), shown(plan.Now), short(s.head))
	}
	if !a.seen {
		if err := a.stranger(ctx, s, plan.Now); err != nil {
			return promotion.Rollout{}, false, err
		}
	}
	a.seen, a.before = true, plan.Now
	commit, pack, err := s.commit(plan.Result, a.d.opts.Author, time.Now(), message(a.order), a.credentials.Signing)
	if err != nil {
		return promotion.Rollout{}, false, promotion.Errorf(promotion.KindOf(err), "no commit can be made for %s: %w", a.remote, err)
	}
	pushed := a.push(ctx, s, commit, pack)
	if pushed == nil {
		return a.asked(commit.String()), false, nil
	}
	return a.afterwards(ctx, s, pushed)
}

// push sends the commit, and reads back that the branch is there.
func (a *attempt) push(ctx context.Context, s *snapshot, commit plumbing.Hash, pack []byte) error {
	c, err := a.remote.begin(ctx, receivePack)
	if err != nil {
		return err
	}
	defer c.end()
	if err := c.push(a.remote, s.branch, s.head, commit, pack); err != nil {
		return err
	}
	_, head, err := a.remote.head(ctx, s.branch.Short())
	if err == nil && head != commit {
		err = promotion.Errorf(promotion.Unavailable, "%s took the push of %s, and %s is at %s", a.remote, short(commit), s.branch.Short(), short(head))
	}
	return err
}

// afterwards finds out what to make of a push that did not succeed, as far as is
// known: whether the branch has moved is what decides.
func (a *attempt) afterwards(ctx context.Context, s *snapshot, pushed error) (rollout promotion.Rollout, again bool, err error) {
	_, head, err := a.remote.head(ctx, s.branch.Short())
	if err != nil {
		return promotion.Rollout{}, false, promotion.Errorf(promotion.Unavailable, "it is not known what became of the push to %s (%s): %w", a.remote, clip(pushed.Error()), err)
	}
	if head != s.head {
		return promotion.Rollout{}, true, nil // by us or by somebody else: what is there says which
	}
	no, ok := errors.AsType[*refused](pushed)
	if !ok {
		return promotion.Rollout{}, false, pushed
	}
	rollout = promotion.Rollout{Lines: no.lines, ReadAt: time.Now()}
	return rollout, false, promotion.Errorf(promotion.Forbidden, "%s refuses the push to %s: %s. Let these credentials push there, or name another branch", a.remote, s.branch.Short(), clip(strings.Join(append([]string{no.reason}, no.lines...), " ")))
}

// asked is how it stands when the digest is on the branch.
func (a *attempt) asked(commit string) promotion.Rollout {
	return promotion.Rollout{
		Phase: promotion.RolloutAsked, Handle: commit, ReadAt: time.Now(),
		Detail: fmt.Sprintf("%s has it since %.8s", a.target.path, commit),
	}
}

// Observe reads how far it is: on the branch, where Argo CD or Flux has taken it,
// and in the workloads at last. Each is asked when the one before it is done.
func (d *Deployer) Observe(ctx context.Context, o promotion.Order) (promotion.Rollout, error) {
	r, err := d.brought(ctx, o)
	if err != nil || r.Phase != promotion.RolloutDone || d.opts.Workloads == nil {
		return r, err
	}
	there := o
	there.Handle = "" // it is a commit, which means nothing to them
	run, err := d.opts.Workloads.Observe(ctx, there)
	run.Handle, run.URL = o.Handle, r.URL
	return run, err
}

// brought is how far it is before it comes to run.
func (d *Deployer) brought(ctx context.Context, o promotion.Order) (promotion.Rollout, error) {
	if o.Handle == "" {
		return promotion.Rollout{Phase: promotion.RolloutAsked, ReadAt: time.Now(), Detail: "nothing was pushed yet"}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	a, err := d.attempt(o)
	if err != nil {
		return promotion.Rollout{}, err
	}
	defer os.RemoveAll(a.dir) //nolint:errcheck // sweep finds it, and it holds no secret
	branch, head, err := a.remote.head(ctx, a.target.branch)
	if err != nil {
		return promotion.Rollout{}, err
	}
	if head.String() != o.Handle { // else the digest is there by what the commit is
		s, plan, err := a.look(ctx)
		if err != nil {
			return promotion.Rollout{}, err
		}
		if !plan.Done {
			return promotion.Rollout{}, promotion.Errorf(promotion.Conflict, "%s of %s has %s now (%s): somebody else has changed it after %.8s", a.target.path, a.remote, shown(plan.Now), short(s.head), o.Handle)
		}
		head = s.head
	}
	if d.opts.Argo != nil {
		return a.argo(ctx, branch, head)
	}
	if d.opts.Flux != nil {
		return a.flux(ctx, branch, head)
	}
	rollout := a.asked(o.Handle)
	rollout.Phase = promotion.RolloutDone
	return rollout, nil
}

// shown is what stood in a file, for people.
func shown(value string) string {
	if value == "" {
		return "nothing"
	}
	return clip(value)
}

// The trailers of a commit, by which it is found again.
const (
	trailerPromotion = "Promotion"
	trailerApp       = "App"
	trailerTarget    = "Target"
	trailerDigest    = "Digest"
	trailerApproved  = "Approved-by"
)

// trailers tell the commit of an order from all others.
func trailers(o promotion.Order) []string {
	return []string{
		fmt.Sprintf("%s: %d", trailerPromotion, o.Promotion),
		trailerApp + ": " + o.App,
		trailerTarget + ": " + o.Environment + "/" + o.Target,
		trailerDigest + ": " + string(o.Digest),
	}
}

// message says what was decided and by whom. Names of people are foreign text: a
// line of one can't become a trailer of its own.
func message(o promotion.Order) string {
	lines := trailers(o)
	for _, person := range o.Approvers {
		lines = append(lines, trailerApproved+": "+clip(person))
	}
	return fmt.Sprintf("Deploy %s %s to %s\n\n%s\n\n%s\n", o.App, o.Digest.Short(), o.Environment, o.Image(), strings.Join(lines, "\n"))
}

// carries tells whether a message ends with those trailers.
func carries(message string, trailers []string) bool {
	paragraphs := strings.Split(strings.TrimSpace(message), "\n\n")
	lines := strings.Split(paragraphs[len(paragraphs)-1], "\n")
	return !slices.ContainsFunc(trailers, func(t string) bool { return !slices.Contains(lines, t) })
}
