package registry

import (
	"context"
	"errors"
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
	Concurrency int           // how many looks at a time, for each registry
	// Report takes a look.
	Report func(ctx context.Context, sightings []promotion.Sighting) error
	// Waiting names tags that brought what is open for an app in an environment.
	// They are looked at also when many are higher: what is about to go ahead has
	// not left because builds come fast. Nil: there are none.
	Waiting func(ctx context.Context, app, environment string) ([]string, error)
	Logger  *slog.Logger
}

// Watcher looks at tags, round after round, and reports every look. One round
// looks at everything once, spread over the interval, with one request for each
// tag. Each registry has rounds of its own, so that one that hangs holds up no
// other. It does not remember what it saw: whether a look is news depends on what
// has been recorded, by promotions and other watchers too, and not on what this
// one reported last.
type Watcher struct {
	client *Client
	opts   WatchOptions

	mu      sync.Mutex
	looks   []Look
	faults  map[string]string // of the looks that failed, so that each is logged once
	changed chan struct{}
	hints   map[string]bool          // keys of the looks that are to be taken at once
	hinted  chan struct{}            // there are some
	busy    map[string]chan struct{} // of each look, taken while it is under way
}

// MaxPatternTags is how many of the tags that match a pattern are looked at:
// the highest, in version order, and those that something waits for. Other older
// ones are not in the environment any more.
const MaxPatternTags = 25

// lookTimeout bounds one look, with its retries.
const lookTimeout = 30 * time.Second

// NewWatcher makes a watcher; Set says what it watches.
func NewWatcher(c *Client, o WatchOptions) *Watcher {
	return &Watcher{
		client: c, opts: o, faults: map[string]string{}, changed: make(chan struct{}, 1),
		hints: map[string]bool{}, hinted: make(chan struct{}, 1), busy: map[string]chan struct{}{},
	}
}

// Set replaces what is watched, also while the watcher runs.
func (w *Watcher) Set(looks []Look) {
	w.mu.Lock()
	w.looks = slices.Clone(looks)
	maps.DeleteFunc(w.faults, func(key string, _ string) bool {
		return !slices.ContainsFunc(w.looks, func(l Look) bool { return l.key() == key })
	})
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// Run looks until ctx ends. The first round starts at once and is not spread.
func (w *Watcher) Run(ctx context.Context) error {
	for first := true; ctx.Err() == nil; first = false {
		select {
		case <-w.changed: // what was set until now is looked at in these rounds
		default:
		}
		registries := map[string][]Look{}
		w.mu.Lock()
		for _, side := range []promotion.Side{promotion.Held, promotion.Source} {
			for _, l := range w.looks {
				if host := l.Repository.Registry(); l.Side == side {
					registries[host] = append(registries[host], l)
				}
			}
		}
		w.mu.Unlock()
		unchanged, change := context.WithCancel(ctx)
		var under sync.WaitGroup
		under.Go(func() { w.follow(unchanged) })
		for _, looks := range registries {
			under.Go(func() { w.rounds(unchanged, looks, first) })
		}
		select {
		case <-ctx.Done():
		case <-w.changed:
		}
		change()
		under.Wait()
	}
	return ctx.Err()
}

// rounds looks at what is in one registry until ctx ends. What runs already is
// reported before what has come is looked at: nobody has to be asked about what
// was in production before the bot was.
func (w *Watcher) rounds(ctx context.Context, looks []Look, first bool) {
	slots := make(chan struct{}, max(1, w.opts.Concurrency))
	var under sync.WaitGroup
	defer under.Wait()
	for ; ; first = false {
		began := time.Now()
		for i, l := range looks {
			if !first && !sleepUntil(ctx, began.Add(w.opts.Every*time.Duration(i)/time.Duration(len(looks)))) {
				return
			}
			if i > 0 && l.Side != looks[i-1].Side {
				under.Wait()
			}
			select {
			case <-ctx.Done():
				return
			case slots <- struct{}{}:
			}
			under.Go(func() {
				defer func() { <-slots }()
				w.look(ctx, l)
			})
		}
		under.Wait()
		if !sleepUntil(ctx, began.Add(w.opts.Every)) {
			return
		}
	}
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

// Hint has what comes to an environment of an app looked at now instead of in
// its turn. Many hints about the same are one: whoever gives them decides when
// somebody looks, and nothing else.
func (w *Watcher) Hint(app, environment string) {
	l := Look{App: app, Environment: environment, Side: promotion.Source}
	w.mu.Lock()
	w.hints[l.key()] = true
	w.mu.Unlock()
	select {
	case w.hinted <- struct{}{}:
	default:
	}
}

// follow takes the looks that were hinted at, one after the other.
func (w *Watcher) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.hinted:
		}
		w.mu.Lock()
		hints := w.hints
		w.hints = map[string]bool{}
		looks := slices.Clone(w.looks)
		w.mu.Unlock()
		for _, l := range looks {
			if hints[l.key()] {
				w.look(ctx, l)
			}
		}
	}
}

// alone waits until nobody else takes the same look, so that what is reported
// last was seen last.
func (w *Watcher) alone(ctx context.Context, l Look) (done func(), ok bool) {
	w.mu.Lock()
	busy := w.busy[l.key()]
	if busy == nil {
		busy = make(chan struct{}, 1)
		w.busy[l.key()] = busy
	}
	w.mu.Unlock()
	select {
	case busy <- struct{}{}:
		return func() { <-busy }, true
	case <-ctx.Done():
		return nil, false
	}
}

// look looks once and reports what is new.
func (w *Watcher) look(ctx context.Context, l Look) {
	done, ok := w.alone(ctx, l)
	if !ok {
		return
	}
	defer done()
	began := time.Now()
	call, cancel := context.WithTimeout(ctx, lookTimeout)
	tags, err := w.see(call, l)
	cancel()
	if ctx.Err() != nil {
		return
	}
	s := promotion.Sighting{App: l.App, Environment: l.Environment, Side: l.Side, At: began, Tags: tags}
	if err != nil {
		s.Tags, s.Fault = nil, promotion.FailureOf(err).Text
	}
	w.report(ctx, l, s, err)
}

func (w *Watcher) report(ctx context.Context, l Look, s promotion.Sighting, unseen error) {
	w.mu.Lock()
	changed := w.faults[l.key()] != s.Fault
	w.faults[l.key()] = s.Fault
	w.mu.Unlock()
	if changed {
		w.opts.Logger.Info("registry", "app", l.App, "environment", l.Environment, "repository", string(l.Repository), "fault", s.Fault, "cause", promotion.Cause(unseen))
	}
	err := w.opts.Report(ctx, []promotion.Sighting{s})
	if err != nil && ctx.Err() == nil && !errors.Is(err, promotion.Stale) { // which asks to look again, and is no fault
		w.opts.Logger.Error("what was seen could not be recorded; it will be reported again", "app", l.App, "error", err)
	}
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
		names = slices.Compact(names) // pages of a list may overlap
		if names, err = w.counting(ctx, l, names); err != nil {
			return nil, err
		}
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

// counting are those of the tags, which are in version order, that count.
func (w *Watcher) counting(ctx context.Context, l Look, names []string) ([]string, error) {
	low := max(0, len(names)-MaxPatternTags)
	if low == 0 || w.opts.Waiting == nil {
		return names[low:], nil
	}
	waiting, err := w.opts.Waiting(ctx, l.App, l.Environment)
	if err != nil {
		return nil, err
	}
	older := slices.DeleteFunc(slices.Clone(names[:low]), func(name string) bool { return !slices.Contains(waiting, name) })
	return append(older, names[low:]...), nil
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
