package registry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	fixture "github.com/promotebot/promotebot/fixtures/registry"
	"github.com/promotebot/promotebot/fixtures/registry/peers"
	"github.com/promotebot/promotebot/fixtures/weather"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
)

// mishap is something that registries and networks do.
type mishap struct {
	name    string
	options fixture.Options
	old     bool         // over HTTP/1.1
	taken   bool         // the tag points at something else already
	byTag   bool         // others are told the source by its tag
	copies  string       // into another repository of the "same" registry, or of an "other"; empty: nothing is copied
	source  weather.Rule // what happens there,
	target  weather.Rule // and there, if it is another one
	want    string       // what we say of it
	moved   bool         // whether the tag is where it should be then
}

var mishaps = []mishap{
	{name: "nothing", want: "moved", moved: true},
	{name: "the put is answered 201, and nothing is stored", source: rule(put, manifests+"production", 0, fixture.Pretend), want: "unavailable"},
	{name: "the tag points at another digest", taken: true, want: "conflict"},
	{name: "the put's 201 names another digest", source: rule(put, manifests+"production", 0, misnamed), want: "moved", moved: true},
	{name: "the put is done, and its stream cut", source: rule(put, manifests+"production", 1, weather.ResetAfter), want: "moved", moved: true},
	{name: "the same over HTTP/1.1", old: true, source: rule(put, manifests+"production", 1, weather.ResetAfter), want: "moved", moved: true},
	{name: "the put is answered 429 once, Retry-After: 2", source: rule(put, manifests+"production", 1, weather.SlowDown(2)), want: "moved", moved: true},
	{name: "the put is answered 429 four times, Retry-After: 1", source: rule(put, manifests+"production", 4, weather.SlowDown(1)), want: "unavailable"},
	{name: "the put is answered 503 once", source: rule(put, manifests+"production", 1, fixture.Refuse(503, "UNAVAILABLE")), want: "moved", moved: true},
	{name: "a byte of the manifest is flipped", source: rule(get, manifests+"sha256:", 0, weather.Flip(9)), want: "conflict"},
	{name: "a tag is read with another digest in the header", byTag: true, source: rule(get, manifests, 0, misnamedTag), want: "moved", moved: true},
	{name: "no answer names a digest", options: fixture.Options{NoDigest: true}, want: "moved", moved: true},
	{name: "a HEAD is answered 403 when there is no such tag", source: rule(http.MethodHead, manifests, 0, hidden), want: "moved", moved: true},

	{name: "copy: nothing", copies: "other", want: "moved", moved: true},
	{name: "copy: a byte of a blob is flipped once", copies: "other", source: rule(get, "/blobs/", 1, weather.Flip(9)), want: "conflict"},
	{name: "copy: a blob is cut in the middle", copies: "other", source: rule(get, "/blobs/", 1, weather.Truncate(30)), want: "moved", moved: true},
	{name: "copy: an upload is answered 503 once", copies: "other", target: rule(put, "/blobs/", 1, fixture.Refuse(503, "UNAVAILABLE")), want: "moved", moved: true},
	{name: "copy: a mount is answered 403 once", copies: "same", source: rule(http.MethodPost, "/blobs/", 1, fixture.Refuse(403, "DENIED")), want: "moved", moved: true},
	{name: "copy: the referrers API answers 500", copies: "other", source: rule(get, "/referrers/", 0, fixture.Refuse(500, "UNKNOWN")), want: "unavailable"},
}

const (
	get, put  = http.MethodGet, http.MethodPut
	manifests = "/manifests/"
)

const noDigest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// renamed has an answer name another digest than its own.
type renamed struct{ http.ResponseWriter }

func (w renamed) WriteHeader(status int) {
	w.Header().Set("Docker-Content-Digest", noDigest)
	w.ResponseWriter.WriteHeader(status)
}

func (w renamed) Write(b []byte) (int, error) {
	w.Header().Set("Docker-Content-Digest", noDigest)
	return w.ResponseWriter.Write(b)
}

func misnamed(w http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(renamed{w}, r)
}

func misnamedTag(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if strings.Contains(r.URL.Path, "sha256:") {
		next.ServeHTTP(w, r)
		return
	}
	misnamed(w, r, next)
}

// hidden has what is not there be forbidden, as some registries do.
func hidden(w http.ResponseWriter, r *http.Request, next http.Handler) {
	probe := httptest.NewRecorder()
	next.ServeHTTP(probe, r)
	if probe.Code == http.StatusNotFound {
		next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fixture.Refuse(403, "DENIED")(w, r, nil) })
	}
	next.ServeHTTP(w, r)
}

// attempt is one client's go at a mishap, with registries of its own.
type attempt struct {
	*yard
	mishap mishap
	stage  *stage
	work   promotion.MoveWork
	from   string // for others
	says   string
	moved  bool
	lies   bool
	took   time.Duration
}

func newAttempt(t testing.TB, m mishap) *attempt {
	a := &attempt{mishap: m, stage: newStage(t, 0, m.old)}
	var target *fixture.Options
	if m.copies == "other" {
		target = &m.options
	}
	a.yard = newYardWith(t, m.options, target, registry.Options{}, a.stage.serve)
	root, _, _ := a.full()
	a.work = promotion.MoveWork{Repository: a.yard.work.From, Digest: a.yard.work.Digest, Targets: []promotion.Target{{Tag: "production"}}}
	a.from = at(a.work)
	kind, body := a.source.Manifest(sourceName, root.Digest)
	a.source.AddManifest(sourceName, kind, body, "staging")
	if m.byTag {
		a.from = string(a.work.Repository) + ":staging"
	}
	if m.taken {
		a.add(fixture.OCIIndex, fields{"manifests": []piece{}}, "production")
	}
	if m.copies != "" {
		a.work.Repository = a.yard.work.To
	}
	if m.source.Fault != nil {
		a.source.Inject(m.source)
	}
	if m.target.Fault != nil {
		a.target.Inject(m.target)
	}
	return a
}

// ended looks past HTTP at what has become of it.
func (a *attempt) ended(says string, success bool, began time.Time) {
	name := sourceName
	if a.mishap.copies != "" {
		name = targetName
	}
	a.says, a.took = says, time.Since(began)
	a.moved = a.target.Tag(name, "production") == string(a.work.Digest)
	a.lies = success != a.moved || a.moved && a.mishap.taken
}

func (a *attempt) ours() {
	e := errand{Moves: []promotion.MoveWork{a.work}}
	if a.mishap.copies != "" {
		e.Copy = &a.yard.work
	}
	began := time.Now()
	o := runOnce(a.t, a.stage.env(), e)
	says := string(o.Kind)
	if o.Fault == "" {
		says = string(o.Moved[0].Outcome)
	}
	a.ended(says, says == string(promotion.MoveDone) || says == string(promotion.MoveAlready), began)
}

func (a *attempt) theirs(others *peers.Peers, args []string) {
	began := time.Now()
	r := others.Run(a.t.Context(), a.stage.env(), args[0], args[1:]...)
	a.ended(fmt.Sprintf("exit %d", r.Code), r.Code == 0, began)
}

// call is how a program is told to do it.
func (a *attempt) call(program string) []string {
	to, flags := string(a.work.Repository)+":production", []string{}
	if a.mishap.copies != "" {
		flags = []string{"--referrers", "--digest-tags"}
	}
	switch program {
	case "crane tag":
		return []string{"crane", "tag", a.from, "production"}
	case "crane copy":
		return []string{"crane", "copy", a.from, to}
	case "regctl":
		return append(append([]string{"regctl", "image", "copy"}, flags...), a.from, to)
	case "oras":
		if a.mishap.copies != "" {
			return []string{"oras", "cp", "-r", a.from, to}
		}
		return []string{"oras", "tag", a.from, "production"}
	}
	return append([]string{"skopeo"}, skopeo(a.from, to)...)
}

// What each of them says about what went wrong, and what is so. A row is a
// mishap; ours has to say the truth in all of them. What others say is shown,
// where they are there, by -v: "!" marks success that is none, and failure that
// is none.
func TestTheTruthBesideOthers(t *testing.T) {
	t.Parallel()
	others := peers.Find(t)
	programs := []string{"crane tag", "crane copy", "regctl", "oras", "skopeo"}
	type cell struct{ row, column int }
	var cells []cell
	attempts := map[cell]*attempt{}
	for row, m := range mishaps {
		for column := range len(programs) + 1 {
			if column > 0 && (!others.Has(strings.Fields(programs[column-1])[0]) || m.copies != "" && programs[column-1] == "crane tag") {
				continue
			}
			c := cell{row, column}
			cells, attempts[c] = append(cells, c), newAttempt(t, m)
		}
	}
	eightAtATime(cells, func(_ int, c cell) {
		a := attempts[c]
		if c.column == 0 {
			a.ours()
			return
		}
		a.theirs(others, a.call(programs[c.column-1]))
	})
	var page strings.Builder
	columns := tabwriter.NewWriter(&page, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(columns, "\n\tpromotebot\t%s\n", strings.Join(programs, "\t")) // into memory
	for row, m := range mishaps {
		line := m.name
		for column := range len(programs) + 1 {
			a := attempts[cell{row, column}]
			if a == nil {
				line += "\t-"
				continue
			}
			if column == 0 && (a.says != m.want || a.moved != m.moved || a.lies) {
				t.Errorf("%s: we say %q (moved: %v), want %q (%v)", m.name, a.says, a.moved, m.want, m.moved)
			}
			line += "\t" + a.String()
		}
		_, _ = fmt.Fprintln(columns, line)
	}
	_ = columns.Flush()
	t.Log(page.String())
}

func (a *attempt) String() string {
	s := map[bool]string{true: "!", false: " "}[a.lies] + a.says
	if a.moved {
		s += " / moved"
	} else {
		s += " / not moved"
	}
	if a.mishap.copies != "" && a.moved {
		s += " with " + a.carried()
	}
	return s + fmt.Sprintf(", %.1f s", a.took.Seconds())
}
