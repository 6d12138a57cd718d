package registry_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/fixtures/contest"
	fixture "github.com/promotebot/promotebot/fixtures/registry"
	"github.com/promotebot/promotebot/fixtures/registry/peers"
	"github.com/promotebot/promotebot/fixtures/weather"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
)

// roundTrip is how far away a far registry is.
const roundTrip = 20 * time.Millisecond

// BenchmarkBesideOthers does what the bot does to registries, and has the
// clients of others do the same, in turns, and prints how they compare. The
// registry is the strict one in memory, behind TLS and HTTP/2, once beside us
// and once 20 ms away: each request takes that much longer, and each new
// connection two round trips.
//
// Ours is there twice: as it is in the bot, which runs and has its connections,
// and as a process that has to start like the others. None of the others reads
// a tag back, so what they do is less.
func BenchmarkBesideOthers(b *testing.B) {
	all, others := &table{}, peers.Find(b)
	for _, p := range plays {
		for i, away := range []time.Duration{0, roundTrip} {
			b.Run(fmt.Sprintf("%s/%v", strings.ReplaceAll(p.name, " ", "-"), away), func(b *testing.B) {
				s := newScene(b, p, away, others)
				p.cast(s)
				var cast []*contest.Contestant
				for _, a := range s.acts {
					cast = append(cast, a.Contestant)
				}
				contest.Run(b, cast...)
				all.note(p.name, i, s.acts)
			})
		}
	}
	all.print(os.Stdout)
}

var plays = []play{
	{name: "process start", build: func(*scene) {}, cast: func(s *scene) {
		s.act(ours, nil, func() int64 { return s.ours(false, errand{}).Resident })
		for _, name := range []string{"crane", "regctl", "oras"} {
			s.theirs(name+" version", name, nil, []string{"version"})
		}
		s.theirs("skopeo --version", "skopeo", nil, []string{"--version"})
	}},
	{name: "tag in the same repository", build: multi, cast: tagOne},
	{name: "the same with a token", source: fixture.Options{Auth: &fixture.Auth{User: stageUser, Password: stagePassword}}, build: multi, cast: tagOne},
	{name: "tag that is there already", build: multi, cast: func(s *scene) {
		s.source.AddManifest(sourceName, fixture.OCIIndex, s.manifest(s.work.Digest), "v1")
		w := s.tag("v1")
		w.Targets[0].Now = w.Digest // as it was seen when the move was planned
		s.tags(func() []promotion.MoveWork { return []promotion.MoveWork{w} })
	}},
	{name: "copy to another repository, with attachments", build: multi, cast: copyWhole},
	{name: "copy to another registry, with attachments", other: true, build: multi, cast: copyWhole},
	{name: "copy to another registry, 100 MB", other: true, build: heavy, cast: copyWhole},
	{name: "100 retags", build: hundred, cast: tagHundred},
	{name: "1,000 tags polled", build: multi, cast: poll},
}

const (
	ours          = "promotebot"
	oursAsProcess = "promotebot as a process"
)

// multi is an index of three platforms with four blobs each, and six things
// attached.
func multi(s *scene) { s.fullOf(3) }

// heavy is an image of ten layers of 10 MB, which no compression makes smaller.
func heavy(s *scene) {
	var layers []piece
	for i := range 10 {
		layers = append(layers, s.layer(io.LimitReader(rand.NewChaCha8([32]byte{byte(i)}), 10<<20)))
	}
	config := s.blob("{}")
	config.Kind = "application/vnd.oci.image.config.v1+json"
	s.work.Digest = promotion.Digest(s.add(fixture.OCIManifest, fields{"config": config, "layers": layers}).Digest)
}

func hundred(s *scene) {
	for i := range 100 {
		s.digests = append(s.digests, promotion.Digest(s.image(fmt.Sprintf("image %d", i), 1).Digest))
	}
}

// tag is a move of the image in its own repository.
func (s *scene) tag(tag string) promotion.MoveWork {
	return promotion.MoveWork{Repository: s.work.From, Digest: s.work.Digest, Targets: []promotion.Target{{Tag: tag}}}
}

func tagOne(s *scene) {
	s.tags(func() []promotion.MoveWork { return []promotion.MoveWork{s.tag(fmt.Sprintf("v%d", s.turn))} })
}

func tagHundred(s *scene) {
	works := func() (all []promotion.MoveWork) {
		for i, d := range s.digests {
			w := s.tag(fmt.Sprintf("v%d-%d", s.turn, i))
			w.Digest = d
			all = append(all, w)
		}
		return all
	}
	s.tags(works)
	s.program("oras tag, all of one image", "oras", nil, func() [][]string {
		args := []string{"tag", at(works()[0])}
		for _, w := range works() {
			args = append(args, w.Targets[0].Tag)
		}
		return [][]string{args}
	})
}

// tags has everybody set the same tags, each in the way that is meant for it.
func (s *scene) tags(works func() []promotion.MoveWork) {
	for _, running := range []bool{true, false} {
		s.act(oursAs(running), works, func() int64 { return s.ours(running, errand{Moves: works()}).Resident })
	}
	each := func(args func(from, tag string) []string) func() [][]string {
		return func() (all [][]string) {
			for _, w := range works() {
				all = append(all, args(at(w), w.Targets[0].Tag))
			}
			return all
		}
	}
	to := func(from, tag string) string { return strings.Split(from, "@")[0] + ":" + tag }
	s.program("crane tag", "crane", works, each(func(from, tag string) []string { return []string{"tag", from, tag} }))
	s.program("regctl image copy", "regctl", works, each(func(from, tag string) []string { return []string{"image", "copy", from, to(from, tag)} }))
	s.program("oras tag", "oras", works, each(func(from, tag string) []string { return []string{"tag", from, tag} }))
	s.program("skopeo copy --all", "skopeo", works, each(func(from, tag string) []string { return skopeo(from, to(from, tag)) }))
}

func oursAs(running bool) string {
	if running {
		return ours
	}
	return oursAsProcess
}

func at(w promotion.MoveWork) string { return string(w.Repository) + "@" + string(w.Digest) }

func skopeo(from, to string) []string {
	return []string{"--insecure-policy", "copy", "--all", "docker://" + from, "docker://" + to}
}

// copyWhole brings an image with what is attached into another repository, and
// sets a tag there.
func copyWhole(s *scene) {
	w := s.tag("v1")
	from := at(w)
	w.Repository = s.work.To
	works := func() []promotion.MoveWork { return []promotion.MoveWork{w} }
	for _, running := range []bool{true, false} {
		s.act(oursAs(running), works, func() int64 { return s.ours(running, errand{Copy: &s.work, Moves: works()}).Resident })
	}
	to := string(w.Repository) + ":v1"
	for _, args := range [][]string{
		{"crane", "copy", from, to},
		{"regctl", "image", "copy", from, to},
		{"regctl", "image", "copy", "--referrers", "--digest-tags", from, to},
		{"oras", "cp", from, to},
		{"oras", "cp", "-r", from, to},
	} {
		s.theirs(strings.Join(args[:len(args)-2], " "), args[0], works, args[1:])
	}
	s.theirs("skopeo copy --all", "skopeo", works, skopeo(from, to))
}

// poll reads a thousand tags. As processes the others would be at it for half a
// minute: they read a tenth, and what it took counts ten times.
func poll(s *scene) {
	var looks []registry.Look
	for i := range 1000 {
		tag := fmt.Sprintf("t%d", i)
		s.source.AddManifest(sourceName, fixture.OCIIndex, s.manifest(s.work.Digest), tag)
		looks = append(looks, registry.Look{App: tag, Environment: "staging", Side: promotion.Source, Repository: s.work.From, Tags: []string{tag}})
	}
	s.act(ours, nil, func() int64 { return s.ours(true, errand{Looks: looks}).Resident })
	for _, args := range [][]string{{"crane", "digest"}, {"regctl", "image", "digest"}} {
		s.program(strings.Join(args, " ")+", 100 of them", args[0], nil, func() (all [][]string) {
			for _, l := range looks[:100] {
				all = append(all, append(slices.Clone(args[1:]), string(l.Repository)+":"+l.Tags[0]))
			}
			return all
		}).times = 10
	}
}

type play struct {
	name   string
	source fixture.Options
	other  bool // there is another registry, to which it goes
	build  func(*scene)
	cast   func(*scene)
}

// scene is one play at one distance.
type scene struct {
	*yard
	b       *testing.B
	stage   *stage
	peers   *peers.Peers
	bot     *runner
	digests []promotion.Digest
	turn    int
	acts    []*act
}

// act is what one of them does, and what it took the last time.
type act struct {
	*contest.Contestant
	label                   string
	times                   int // what was done once stands for so much
	requests, chain, opened int
	up, down                int64
	resident                int64
	carried                 string // how many attachments arrived
	checked, changed        bool   // the digest
}

func newScene(b *testing.B, p play, away time.Duration, others *peers.Peers) *scene {
	var target *fixture.Options
	if p.other {
		target = &p.source
	}
	s := &scene{b: b, stage: newStage(b, 2*away, false), peers: others}
	s.yard = newYardWith(b, p.source, target, registry.Options{}, s.stage.serve)
	p.build(s)
	for _, r := range s.registries() {
		r.Inject(weather.Rule{Fault: weather.Late(away)})
	}
	return s
}

func (s *scene) registries() []*fixture.Server {
	return slices.Compact([]*fixture.Server{s.source, s.target})
}

func (s *scene) manifest(d promotion.Digest) []byte {
	_, body := s.source.Manifest(sourceName, string(d))
	return body
}

// ours has our client do it, the one that runs or a new one.
func (s *scene) ours(running bool, e errand) (o outcome) {
	if running {
		o = s.bot.run(e)
	} else {
		o = runOnce(s.b, s.stage.env(), e)
	}
	if o.Fault != "" {
		s.b.Fatal(o.Fault)
	}
	return o
}

// wake starts the client that runs, and has it look at both repositories, as
// the bot does all day.
func (s *scene) wake() {
	if s.bot != nil {
		s.bot.end()
	}
	s.bot = goOut(s.b, s.stage.env())
	var looks []registry.Look
	for _, repo := range []promotion.Repository{s.work.From, s.work.To} {
		looks = append(looks, registry.Look{App: string(repo), Side: promotion.Source, Repository: repo, Tags: []string{"none"}})
	}
	s.bot.run(errand{Looks: looks}) // that there is none is no fault here
}

// theirs has a program of others do it with one call.
func (s *scene) theirs(label, program string, works func() []promotion.MoveWork, args []string) {
	s.program(label, program, works, func() [][]string { return [][]string{args} })
}

// program has a program of others do it, eight at a time if it takes several.
// Where it is absent, it is left out.
func (s *scene) program(label, program string, works func() []promotion.MoveWork, calls func() [][]string) *act {
	if !s.peers.Has(program) {
		return &act{}
	}
	return s.act(label, works, func() int64 {
		all := calls()
		ran := make([]peers.Ran, len(all))
		eightAtATime(all, func(i int, args []string) { ran[i] = s.peers.Run(s.b.Context(), s.stage.env(), program, args...) })
		most := int64(0)
		for i, r := range ran {
			if most = max(most, r.Resident); r.Code != 0 {
				s.b.Errorf("%s %q: %d\n%s", program, all[i], r.Code, r.Output)
			}
		}
		return most
	})
}

// act adds one of those who do it. What was there from the turn before is gone
// then.
func (s *scene) act(label string, works func() []promotion.MoveWork, do func() (resident int64)) *act {
	a := &act{label: label, times: 1}
	a.Contestant = &contest.Contestant{Name: strings.ReplaceAll(label, " ", "-"), Before: func() {
		if label == ours {
			s.wake()
		}
		s.turn++
		s.target.Drop(targetName)
		for _, r := range s.registries() {
			r.Forget()
		}
		s.stage.opened.Store(0)
		runtime.GC() // of what the turn before has left
	}, Do: func() {
		a.resident = max(a.resident, do())
		a.account(s)
		if works != nil {
			a.check(s, works())
		}
	}}
	s.acts = append(s.acts, a)
	return a
}

// check looks past HTTP at what the tags point at.
func (a *act) check(s *scene, works []promotion.MoveWork) {
	a.checked = true
	for _, w := range works {
		_, repository, _ := strings.Cut(string(w.Repository), "/")
		tag := w.Targets[0].Tag
		got := s.target.Tag(repository, tag)
		a.changed = a.changed || got != string(w.Digest)
		if got == "" || a.changed && strings.HasPrefix(a.label, ours) {
			s.b.Errorf("%s: %s:%s points at %q, want %s", a.label, repository, tag, got, w.Digest)
		}
	}
}

func (a *act) account(s *scene) {
	var log []fixture.Entry
	for _, r := range s.registries() {
		log = append(log, r.Log()...)
	}
	a.requests, a.chain, a.opened, a.up, a.down = len(log), fixture.Chain(log), int(s.stage.opened.Load()), 0, 0
	for _, e := range log {
		a.up, a.down = a.up+e.Received, a.down+e.Sent
	}
	a.carried = s.carried()
}
