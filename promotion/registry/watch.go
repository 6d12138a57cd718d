package registry

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// Look is what has to be looked at for one app in one environment: fixed tags,
// or all tags that match a pattern.
type Look struct {
	App, Environment string
	Side             promotion.Side
	Repository       promotion.Repository
	Tags             []string
	Pattern          promotion.TagPattern
}

func (l Look) key() string { return l.App + "/" + l.Environment + "/" + string(l.Side) }

// WatchOptions say how often and with how much haste.
type WatchOptions struct {
	Every       time.Duration // one round
	Concurrency int
	// Report takes what changed. When it fails, the same is reported again.
	Report func(ctx context.Context, sightings []promotion.Sighting) error
	Logger *slog.Logger
}

// Watcher looks at tags, round after round, and reports what changed. One round
// looks at everything once, spread over the interval, with one request for each
// tag. What it saw last is only in its memory: after a start, everything is
// reported once.
type Watcher struct {
	client *Client
	opts   WatchOptions

	mu       sync.Mutex
	looks    []Look
	reported map[string]promotion.Sighting
	quiet    map[string]time.Time // registries that asked for a pause
	changed  chan struct{}
}

// MaxPatternTags is how many of the tags that match a pattern are looked at:
// the highest, in version order. Older ones are not in the environment any more.
const MaxPatternTags = 25

// lookTimeout bounds one look, with its retries.
const lookTimeout = 30 * time.Second

// NewWatcher makes a watcher; Set says what it watches.
func NewWatcher(c *Client, o WatchOptions) *Watcher {
	return &Watcher{client: c, opts: o, reported: map[string]promotion.Sighting{}, quiet: map[string]time.Time{}, changed: make(chan struct{}, 1)}
}

// Set replaces what is watched, also while the watcher runs.
func (w *Watcher) Set(looks []Look) {
	w.mu.Lock()
	w.looks = slices.Clone(looks)
	keys := map[string]bool{}
	for _, l := range looks {
		keys[l.key()] = true
	}
	maps.DeleteFunc(w.reported, func(key string, _ promotion.Sighting) bool { return !keys[key] })
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// Run looks until ctx ends. The first round starts at once and is not spread.
func (w *Watcher) Run(ctx context.Context) error {
	slots := make(chan struct{}, max(1, w.opts.Concurrency))
	var under sync.WaitGroup
	defer under.Wait()
	for first := true; ; first = false {
		began := time.Now()
		select {
		case <-w.changed: // what was set until now is looked at in this round
		default:
		}
		w.mu.Lock()
		looks := slices.Clone(w.looks)
		w.mu.Unlock()
		for i, l := range looks {
			if !first && !sleepUntil(ctx, began.Add(w.opts.Every*time.Duration(i)/time.Duration(len(looks)))) {
				return ctx.Err()
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case slots <- struct{}{}:
			}
			under.Go(func() {
				defer func() { <-slots }()
				w.look(ctx, l)
			})
		}
		under.Wait()
		if !w.rest(ctx, began) {
			return ctx.Err()
		}
	}
}

// rest waits for the next round, or for something new to watch.
func (w *Watcher) rest(ctx context.Context, began time.Time) bool {
	timer := time.NewTimer(time.Until(began.Add(w.opts.Every)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-w.changed:
	case <-timer.C:
	}
	return true
}

func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// look looks once and reports what is new.
func (w *Watcher) look(ctx context.Context, l Look) {
	host := l.Repository.Registry()
	w.mu.Lock()
	until := w.quiet[host]
	w.mu.Unlock()
	if time.Now().Before(until) {
		return // it asked for a pause, and that was reported
	}
	call, cancel := context.WithTimeout(ctx, lookTimeout)
	tags, err := w.see(call, l)
	cancel()
	if ctx.Err() != nil {
		return
	}
	s := promotion.Sighting{App: l.App, Environment: l.Environment, Side: l.Side, At: time.Now(), Tags: tags}
	if err != nil {
		failure := promotion.FailureOf(err)
		s.Tags, s.Fault = nil, failure.Text
		if failure.RetryAfter > 0 {
			w.mu.Lock()
			w.quiet[host] = time.Now().Add(failure.RetryAfter)
			w.mu.Unlock()
		}
	}
	w.report(ctx, l, s)
}

func (w *Watcher) report(ctx context.Context, l Look, s promotion.Sighting) {
	w.mu.Lock()
	was, known := w.reported[l.key()]
	w.mu.Unlock()
	if known && was.Fault == s.Fault && slices.EqualFunc(was.Tags, s.Tags, func(a, b promotion.TaggedDigest) bool { return a.Tag == b.Tag && a.Digest == b.Digest }) {
		return
	}
	if s.Fault != was.Fault {
		w.opts.Logger.Info("registry", "app", l.App, "environment", l.Environment, "repository", string(l.Repository), "fault", s.Fault)
	}
	if err := w.opts.Report(ctx, []promotion.Sighting{s}); err != nil {
		if ctx.Err() == nil {
			w.opts.Logger.Error("what was seen could not be recorded; it will be reported again", "app", l.App, "error", err)
		}
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reported[l.key()] = s
}

// see says what the tags of the look point at now, in version order.
func (w *Watcher) see(ctx context.Context, l Look) ([]promotion.TaggedDigest, error) {
	names, captures := l.Tags, map[string]map[string]string{}
	if len(names) == 0 {
		all, err := w.client.wire.Tags(ctx, wire.At(l.Repository))
		if err != nil {
			return nil, err
		}
		for _, tag := range all {
			if c, ok := l.Pattern.Match(tag); ok {
				names = append(names, tag)
				captures[tag] = c
			}
		}
		slices.SortFunc(names, compareVersions)
		names = names[max(0, len(names)-MaxPatternTags):]
	}
	readings, err := w.client.ReadTags(ctx, l.Repository, names)
	if err != nil {
		return nil, err
	}
	var tags []promotion.TaggedDigest
	for _, r := range readings {
		if r.Digest != "" {
			tags = append(tags, promotion.TaggedDigest{Tag: r.Tag, Digest: r.Digest, Captures: captures[r.Tag]})
		}
	}
	return tags, nil
}

// compareVersions orders tags as people do: digits by their value, so that
// v1.10 comes after v1.9; the rest by its letters.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		restA, restB := strings.TrimLeft(a, "0123456789"), strings.TrimLeft(b, "0123456789")
		digitsA, digitsB := a[:len(a)-len(restA)], b[:len(b)-len(restB)]
		if digitsA != "" && digitsB != "" {
			x, y := strings.TrimLeft(digitsA, "0"), strings.TrimLeft(digitsB, "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
			if c := strings.Compare(x, y); c != 0 {
				return c
			}
			a, b = restA, restB
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}
