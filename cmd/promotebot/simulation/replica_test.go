package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/promotebot/promotebot/bot/chat"
	"github.com/promotebot/promotebot/cmd/promotebot/serve"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/pipeline"
	"github.com/promotebot/promotebot/promotion/registry"
	transport "github.com/promotebot/promotebot/promotion/registry/wire"
)

// replica is one process of the bot, from its start to its death: the real
// gate, lanes, watcher, registry client and Slack performers, wired as serve
// wires them. What is simulated begins at its store, its two transports, and
// its signals.
type replica struct {
	w         *world
	slot      int
	name      string
	ctx       context.Context
	stop      context.CancelFunc
	dead      chan struct{}
	once      sync.Once
	poked     atomic.Bool
	frozen    time.Time // until then it does nothing; time passes for it all the same
	reloading bool
	gate      *gate.Gate
	chat      *chat.Chat
	lanes     []*pipeline.Lane
	watcher   *registry.Watcher
	busy      sync.WaitGroup // its loops
	leaving   bool
	buried    bool
}

// ample is more than a replica asks of a registry at a time: who is let in first
// when there is no room for all is for the runtime to say.
var ample = transport.Manners{Concurrency: 64}

// pollEvery is how often the watcher looks. It is longer than in earnest, since
// looks that find nothing are most of what a schedule would do.
const pollEvery = time.Minute

// boot starts a process in a slot.
func (w *world) boot(slot int) {
	w.boots++
	r := &replica{w: w, slot: slot, name: fmt.Sprintf("%c%d", 'a'+rune(slot), w.boots), dead: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	r.ctx, r.stop = ctx, stop
	w.replicas[slot] = r
	w.note("%s starts", r.name)

	log := slog.New(slog.DiscardHandler)
	db := &database{r}
	r.gate = gate.New(db, w.catalogs[slot], time.Now, func() { r.poked.Store(true) })
	var err error
	r.chat, err = chat.Dial(r.as("dial", nil), chat.Options{
		AppToken: promotion.NewSecret("xapp-1"), BotToken: promotion.NewSecret("xoxb-1"), APIURL: "https://slack.test/api/",
		HTTPClient: &http.Client{Transport: wire{r, slackCall, w.slack.serve}, Timeout: 20 * time.Second}, Log: log,
	}, r.gate)
	if err != nil {
		w.violated("%s can't dial Slack: %v", r.name, err)
		return
	}
	client := registry.New(registry.Options{
		Transport: wire{r, registryCall, w.registry.serve},
		Manners:   map[string]transport.Manners{host: ample, far: ample},
		Named:     func(repo promotion.Repository) bool { return r.gate.Catalog().Knows(repo) },
	})
	targets := &serve.Deployers{Surroundings: serve.Surroundings{Getenv: secrets, Transport: wire{r, deployCall, w.production.serve}}}
	if _, err := targets.Set(targetsOf(w.targets), nil); err != nil {
		w.violated("%s has no targets: %v", r.name, err)
		return
	}
	r.lanes = serve.Lanes(nil, r.gate.Report, r.gate.Progress, r.gate.Wanted, client, targets, &serve.Meters{}, r.chat, r.name, log)
	for _, l := range r.lanes {
		r.rig(l)
	}
	r.watcher = registry.NewWatcher(client, registry.WatchOptions{Every: pollEvery, Concurrency: 8, Report: r.report, Waiting: r.gate.Waiting, Logger: log})
	r.watcher.Set(serve.Looks(w.catalogs[slot]))
	r.busy.Go(func() {
		if err := r.release(); err != nil {
			r.crash()
			return
		}
		if err := r.gate.Begin(r.as("begin", nil)); err != nil {
			r.crash() // serve gives up, and whoever runs it starts it again
			return
		}
		for _, l := range r.lanes {
			r.busy.Go(func() { _ = l.Run(r.as(l.Name, nil)) }) // it ends with its context
		}
		r.busy.Go(func() { _ = r.watcher.Run(r.as("watcher", nil)) })
	})
}

// secrets is the environment of every process.
func secrets(name string) string {
	if name == "DEPLOY_SECRET" {
		return "secret"
	}
	return ""
}

// release is for who is alone on the database, as serve is with SQLite.
func (r *replica) release() error {
	if !r.w.alone {
		return nil
	}
	f, err := r.w.ask(r.ctx, &call{by: r, what: claim, name: "start"})
	if err != nil || f == failBefore {
		return errGone
	}
	if err = r.w.store.ReleaseLeases(r.ctx, time.Now()); f == crashAfter || f == failAfter {
		return errGone
	}
	return err
}

func (r *replica) as(name string, p *performance) context.Context {
	return as(r.ctx, &caller{r, name, p})
}

// performance is one attempt at an effect.
type performance struct {
	promotion.Effect
	seen  map[string]promotion.Digest // what each tag was last read as
	found map[promotion.Digest]bool   // what a copy has found in the destination
}

// rig puts the names of who is calling into the contexts of a lane.
func (r *replica) rig(l *pipeline.Lane) {
	l.Queue = &queue{database{r}, l.Name}
	for kind, perform := range l.Perform {
		l.Perform[kind] = func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
			p := &performance{e, map[string]promotion.Digest{}, map[promotion.Digest]bool{}}
			return perform(as(ctx, &caller{r, fmt.Sprintf("%s (attempt %d)", e.Key, e.Attempt), p}), e)
		}
	}
	report := l.Report
	l.Report = func(ctx context.Context, e promotion.Effect, result promotion.Result) error {
		return report(as(ctx, &caller{r, fmt.Sprintf("%s (attempt %d) reports", e.Key, e.Attempt), nil}), e, result)
	}
}

// report is the watcher's way to the gate.
func (r *replica) report(ctx context.Context, s []promotion.Sighting) error {
	return r.gate.Sight(as(ctx, &caller{r, fmt.Sprintf("watcher %s/%s/%s", s[0].App, s[0].Environment, s[0].Side), nil}), s)
}

func (r *replica) isDead() bool {
	select {
	case <-r.dead:
		return true
	default:
		return false
	}
}

// crash is kill -9: from now on nothing that its goroutines do has any effect.
func (r *replica) crash() {
	r.once.Do(func() {
		close(r.dead)
		r.stop()
	})
}

// leave is SIGTERM: what is under way may end, for a while.
func (r *replica) leave() {
	r.w.note("%s is asked to stop", r.name)
	r.leaving = true
	r.stop()
	go func() {
		r.busy.Wait()
		r.crash()
	}()
	r.w.after(10*time.Second, r.crash)
}

// bury has dead replicas started again after a while.
func (w *world) bury() {
	for slot, r := range w.replicas {
		if r.isDead() && !r.buried {
			r.buried = true
			w.note("%s is dead", r.name)
			w.after(time.Duration(1+w.draw(20_000))*time.Millisecond, func() {
				if w.replicas[slot] == r {
					w.boot(slot)
				}
			})
		}
	}
}

// adopt has a replica read its changed configuration, as SIGHUP does. Whoever
// sent it looks at the log and sends it again when that failed.
func (r *replica) adopt(c *gate.Catalog) {
	if r.isDead() || r.reloading || r.gate.Catalog() == c {
		return
	}
	r.reloading = true // one reload follows the other, as in serve
	r.w.reloads++
	ctx := r.as(fmt.Sprintf("reload %d", r.w.reloads), nil)
	go func() {
		err := r.gate.Adopt(ctx, c)
		if err == nil {
			r.watcher.Set(serve.Looks(c))
		}
		r.w.desk.report(r.name+" adopts", func() {
			r.reloading = false
			r.w.note("%s adopts %q: %v", r.name, c.Apps[0].Policies[production].Name, err)
			r.w.after(5*time.Second, func() { r.adopt(r.w.catalogs[r.slot]) })
		})
	}()
}
