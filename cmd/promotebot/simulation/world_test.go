package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
	"github.com/promotebot/promotebot/store/storetest"
)

// run says what one schedule is.
type run struct {
	seed    uint64
	calm    bool // no faults, and nobody does anything unexpected
	crashAt int  // the replica that makes this call dies in it; 0: none
	after   bool // … after the call had its effect
	trace   bool
	open    func() storetest.Store
}

// world is one schedule: everything outside the bot, and who watches over it.
type world struct {
	run        run
	rng        *rand.Rand
	desk       desk
	deeds      []deed
	store      storetest.Store
	registry   *registryWorld
	production *service
	targets    []string // of production, if it has some
	atOnce     bool     // all of them are told at once
	slack      *workspace
	judge      *judge
	apps       []string // two of them make a train as well
	abroad     string   // where production has its images, with the app for %s; empty: where CI puts them
	pattern    bool     // builds are watched by a pattern, so that several are there at once
	alone      bool     // one process, as with SQLite; else two on one database
	strict     bool     // policies ask for more, and people and machines stop things
	proving    bool     // policies ask for evidence
	counters   map[string]promotion.Exposure
	replicas   []*replica
	catalogs   []*gate.Catalog // what each replica has been configured with
	latest     *gate.Catalog   // what both are to be configured with
	boots      int
	reloads    int
	reports    int
	step       int // calls so far
	troubled   int // of those before all was quiet
	trouble    trouble
	sent       []promotion.Gesture
	seen       []sight // cards as somebody saw them
	broken     string  // the first rule that was
	story      []string
}

const (
	ann = promotion.PersonID("U0ANN")
	bob = promotion.PersonID("U0BOB")
	sue = promotion.PersonID("U0SUE")
	eve = promotion.PersonID("U0EVE")
	roy = promotion.PersonID("U0ROY") // who is Bob

	leads = promotion.GroupID("S0LEADS")
)

var everybody = []promotion.PersonID{ann, bob, sue, eve, roy}

func newWorld(r run) *world {
	w := &world{run: r, rng: rand.New(rand.NewPCG(r.seed, 0)), store: r.open(), desk: desk{arrived: make(chan struct{}, 1)}}
	if w.apps = []string{shop}; w.chance(30) {
		w.apps = []string{shop, cart}
	}
	w.abroad = []string{"", "", "", host + "/live-%s", far + "/%s"}[w.draw(5)]
	w.registry = newRegistries(w)
	w.production = &service{w: w}
	if !w.together() {
		w.targets, w.atOnce = [][]string{nil, nil, {"eu"}, {"eu", "us"}}[w.draw(4)], w.chance(40)
	}
	w.slack = &workspace{w: w, people: map[promotion.PersonID][]standing{}, groups: map[promotion.GroupID][]membership{}}
	w.judge = newJudge(w)
	for _, id := range everybody {
		w.slack.is(id, promotion.Member)
	}
	w.slack.regroup(leads, ann, bob, roy)
	w.pattern = w.chance(30)
	w.strict = !r.calm && w.chance(50)
	w.proving, w.counters = !r.calm && w.chance(40), map[string]promotion.Exposure{}
	w.admit()
	w.latest = w.catalog()
	w.alone = w.chance(40)
	w.replicas, w.catalogs = make([]*replica, 2), []*gate.Catalog{w.latest, w.latest}
	if w.alone {
		w.replicas, w.catalogs = w.replicas[:1], w.catalogs[:1]
	}
	return w
}

// home is where CI puts the builds of an app, and away where production has them.
func home(app string) promotion.Repository { return promotion.Repository(host + "/" + app) }

func (w *world) away(app string) promotion.Repository {
	if w.abroad == "" {
		return home(app)
	}
	return promotion.Repository(fmt.Sprintf(w.abroad, app))
}

// runs is the tag that says what of the app is in production.
func (w *world) runs(app string) spot { return spot{w.away(app), production} }

// together tells whether there is a train.
func (w *world) together() bool { return len(w.apps) > 1 }

// draw is a number below n, or 0 where there is no choice.
func (w *world) draw(n int) int {
	if n <= 1 {
		return 0
	}
	return w.rng.IntN(n)
}

func (w *world) chance(percent int) bool { return w.draw(100) < percent }

const (
	source     = "staging"
	production = "production"
	train      = "store"
)

// policies are what a schedule begins with and changes to. Ann holds both
// roles, so that a person who filled two slots would be noticed.
var policies = []policy.Document{
	{Name: "two leads", Soak: 90 * time.Second, Approvals: []policy.Requirement{{Role: "leads", Count: 2}}},
	{Name: "a lead and security", Approvals: []policy.Requirement{{Role: "leads", Count: 1}, {Role: "security", Count: 1}}},
	{Name: "long", Soak: 4 * time.Minute, Approvals: []policy.Requirement{{Role: "security", Count: 1}, {Role: "leads", Count: 1}}},
	{Name: "light", Soak: 20 * time.Second, Approvals: []policy.Requirement{{Role: "leads", Count: 1}}},
	{Name: "back by two", Soak: 20 * time.Second, Approvals: []policy.Requirement{{Role: "leads", Count: 1}}, Rollback: &policy.Return{Approvals: []policy.Requirement{{Role: "leads", Count: 2}}, RequesterCannotApprove: true}},
	{Name: "beside each other", Soak: 20 * time.Second, Approvals: []policy.Requirement{{Role: "leads", Count: 1}}, Supersede: policy.Keep},
	{Name: "one after the other", Soak: 40 * time.Second, Approvals: []policy.Requirement{{Role: "leads", Count: 1}}, Supersede: policy.Queue},
	{Name: "the oldest first", Soak: 2 * time.Minute, Approvals: []policy.Requirement{{Role: "leads", Count: 1}}, RideOldest: true},
	{Name: "back by itself", Approvals: []policy.Requirement{{Role: "leads", Count: 1}}, RequesterMayApprove: true, After: &policy.After{Watch: 3 * time.Minute, Health: true, RollBack: true}},
	{Name: "alone", Approvals: []policy.Requirement{{Role: "leads", Count: 1}}, RequesterMayApprove: true, After: &policy.After{Watch: 2 * time.Minute, Health: true}},
}

// catalog draws a configuration.
func (w *world) catalog() *gate.Catalog {
	watched, version := source, promotion.TagTemplate("v{label.org.opencontainers.image.version}")
	if w.pattern {
		watched, version = "v{version}"+passed, "v{version}"
	}
	watch, err := promotion.ParseTagPattern(watched)
	if err != nil {
		panic(err)
	}
	often, err := cron.ParseStandard("*/7 * * * *")
	if err != nil {
		panic(err)
	}
	tags := []promotion.TagTemplate{production}
	if w.chance(50) {
		tags = []promotion.TagTemplate{version, production}
	}
	policies := func() map[string]policy.Document {
		d := policies[w.draw(len(policies))]
		if w.together() { // a train ends at the tags
			d.After = nil
		}
		d.Deploys, d.Together = w.targets, w.atOnce && len(w.targets) > 1
		if w.strict {
			w.tighten(&d)
		}
		if w.proving {
			w.demand(&d)
		}
		return map[string]policy.Document{production: d}
	}
	var apps []gate.App
	for _, app := range w.apps {
		a := gate.App{Name: app, Repository: home(app), Channel: channel, Policies: policies()}
		if w.abroad != "" {
			a.Images = map[string]promotion.Repository{production: w.away(app)}
		}
		apps = append(apps, a)
	}
	var trains []gate.Train
	if w.together() {
		with := policies()
		d := with[production]
		d.OnFailure = []promotion.OnFailure{promotion.Complete, promotion.TakeBack, promotion.TakeBack}[w.draw(3)]
		with[production] = d
		trains = []gate.Train{{Name: train, Apps: w.apps, Channel: channel, Policies: with}}
	}
	deploy := gate.Deploy{Together: w.atOnce, Deadline: deployDeadline}
	for _, name := range w.targets {
		deploy.Targets = append(deploy.Targets, gate.Target{Name: name})
	}
	return &gate.Catalog{
		Apps:         apps,
		Trains:       trains,
		Environments: []gate.Environment{{Name: source, Watch: watch}, {Name: production, Tags: tags, Deploy: deploy}},
		Roles: map[string]gate.Role{
			"leads": {Groups: []promotion.GroupID{leads}}, "security": {People: []promotion.PersonID{sue, ann}}, "breakers": {People: []promotion.PersonID{eve, bob}},
		},
		Identities: promotion.Identities{Accounts: map[promotion.PersonID]promotion.PersonID{bob: bob, roy: bob}},
		Reminders:  []gate.Reminder{{Spec: "*/7 * * * *", Schedule: often}},
	}
}

// passed ends the tags of builds where they are watched by a pattern.
const passed = "-passed"
