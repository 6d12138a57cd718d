package demo_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/cmd/promotebot/demo"
)

const (
	ann = "U0ANN"
	bob = "U0BOB"
	eve = "U0EVE"
	sam = "U0SAM" // who has no role
)

// visitor goes through the demo by what the page itself asks of the server.
type visitor struct {
	t    *testing.T
	base string // http://host:port
	dir  string // where the demo keeps its files
	end  func() error
}

// visit starts a demo and reads where it is, as a person does.
func visit(t *testing.T, o demo.Options) *visitor {
	t.Helper()
	said, out := io.Pipe()
	o.Out = out
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := demo.Run(ctx, o)
		out.CloseWithError(errors.Join(err, io.EOF))
		ended <- err
	}()
	v := &visitor{t: t, end: sync.OnceValue(func() error { cancel(); return <-ended })}
	t.Cleanup(func() { _ = v.end() }) // also where the test gave up before
	lines := bufio.NewScanner(said)
	for v.dir == "" && lines.Scan() {
		if at := regexp.MustCompile(`http://[0-9.:]+`).FindString(lines.Text()); at != "" {
			v.base = at
		}
		v.dir = regexp.MustCompile(`\S*promotebot-demo-\S*`).FindString(lines.Text())
	}
	if v.base == "" || v.dir == "" {
		t.Fatalf("the demo does not say where it is: %v", errors.Join(lines.Err(), v.end()))
	}
	go func() { _, _ = io.Copy(io.Discard, said) }() // until the demo closes it
	return v
}

// sees is the page as somebody sees it.
func (v *visitor) sees(who string) string {
	v.t.Helper()
	resp, err := http.Get(v.base + "/view?as=" + who)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		v.t.Fatalf("the page answers %d %v", resp.StatusCode, err)
	}
	return html.UnescapeString(string(body))
}

// card is the newest card of an app.
func (v *visitor) card(app string) string {
	v.t.Helper()
	newest := ""
	for m := range strings.SplitSeq(v.sees(ann), `<article class="message" data-ts=`) {
		if strings.Contains(m, "<h3>"+app+": ") {
			newest = m
		} else if newest != "" && strings.Contains(newest, `<div class="replies">`) && !strings.Contains(m, "<h3>") {
			newest += m // a reply in its thread
		}
	}
	return newest
}

func (v *visitor) says(app, text string) func() bool {
	return func() bool { return strings.Contains(v.card(app), text) }
}

// does what the script of the page would, and returns what it would show.
func (v *visitor) does(what string, gesture map[string]any) string {
	v.t.Helper()
	body, err := json.Marshal(gesture)
	if err != nil {
		v.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.base+"/do/"+what, bytes.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Origin", v.base)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	problem, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return string(problem)
}

// clicks a button of an app's card, once it is there.
func (v *visitor) clicks(who, app, action string) {
	v.t.Helper()
	var ts, block []string
	v.eventually("the card of "+app+" has "+action, func() bool {
		card := v.card(app)
		ts = regexp.MustCompile(`^"([0-9.]+)"`).FindStringSubmatch(card)
		block = regexp.MustCompile(`data-block="([^"]*)" data-action="` + action).FindStringSubmatch(card)
		return ts != nil && block != nil
	})
	if problem := v.does("click", map[string]any{"as": who, "ts": ts[1], "block": block[1], "action": action}); problem != "" {
		v.t.Fatalf("%s clicks %s: %s", who, action, problem)
	}
}

// tag is what a tag of an app points at, asked over the wire as anybody could.
func (v *visitor) tag(app, tag string) string {
	v.t.Helper()
	ref, err := name.NewTag(strings.TrimPrefix(v.base, "http://") + "/acme/" + app + ":" + tag)
	if err != nil {
		v.t.Fatal(err)
	}
	d, err := remote.Get(ref, remote.WithContext(v.t.Context()))
	if err != nil {
		return ""
	}
	return string(d.MediaType) + " " + d.Digest.String()
}

// eventually waits for what the bot does at its own pace.
func (v *visitor) eventually(what string, is func() bool) {
	v.t.Helper()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-late.C:
			v.t.Fatalf("not within a minute: %s\n%s", what, v.sees(ann))
		case <-tick.C:
		}
	}
}

func TestTheWholeStory(t *testing.T) {
	t.Parallel()
	v := visit(t, demo.Options{Listen: "127.0.0.1:0", Soak: 3 * time.Second, Version: "test"})
	before := map[string]string{}
	for _, app := range []string{"search", "handbook", "payments"} {
		before[app] = v.tag(app, "production")
		if before[app] == "" {
			t.Errorf("nothing runs in production of %s", app)
		}
	}
	if !strings.Contains(before["payments"], "image.index") || strings.Contains(before["handbook"], "image.index") {
		t.Errorf("of these, payments should be an index and handbook an image: %v", before)
	}
	v.eventually("payments soaks", v.says("payments", "soaking"))
	v.eventually("handbook waits for one click", v.says("handbook", "0 of 1 from developers"))
	v.eventually("search is blocked, and says why", v.says("search", "v0.9.0 already points at"))

	v.clicks(sam, "payments", render.ActionApprove)
	v.eventually("Sam is told privately that it takes a role", func() bool {
		return strings.Contains(v.sees(sam), "Only visible to you") && strings.Contains(v.sees(sam), "takes a role")
	})
	if strings.Contains(v.sees(ann), "takes a role") {
		t.Error("everybody sees what Sam was told")
	}
	v.clicks(ann, "handbook", render.ActionApprove)
	v.promoted("handbook", "1.8.1")

	v.clicks(ann, "payments", render.ActionApprove)
	v.eventually("one of three", v.says("payments", "1 of 3"))
	v.clicks(bob, "payments", render.ActionApprove)
	v.eventually("two of three", v.says("payments", "2 of 3"))
	v.eventually("the soak ends", v.says("payments", "Soak complete"))
	if v.tag("payments", "production") != before["payments"] {
		t.Error("payments was promoted without security")
	}
	v.clicks(eve, "payments", render.ActionApprove)
	v.promoted("payments", "2.4.1")

	if problem := v.does("command", map[string]any{"as": sam, "text": "/promote why search"}); problem != "" {
		t.Error(problem)
	}
	v.eventually("Sam is told why", func() bool { return strings.Contains(v.sees(sam), "never moved") })
	v.rejects()
	if v.tag("search", "production") != before["search"] {
		t.Error("search was promoted")
	}
	v.together()
	v.eventually("the 8 things to try are ticked off", func() bool { return strings.Count(v.sees(ann), `<li class="done">`) == 8 })
	if _, err := config.Load(filepath.Join(v.dir, "promotebot.yaml")); err != nil {
		t.Errorf("the configuration that a newcomer would copy: %v", err)
	}
	v.leavesNothing()
}

// promoted waits until production is, to the last bit, what staging is.
func (v *visitor) promoted(app, version string) {
	v.t.Helper()
	v.eventually(app+" is promoted", func() bool { return v.tag(app, "production") == v.tag(app, "staging-passed") })
	if got, want := v.tag(app, "v"+version), v.tag(app, "production"); got != want {
		v.t.Errorf("v%s is %s, production is %s", version, got, want)
	}
	v.eventually("the card says so", v.says(app, "<b>Promoted</b>"))
	v.eventually("the panel too", func() bool {
		_, digest, _ := strings.Cut(v.tag(app, "production"), " ")
		return strings.Count(v.sees(ann), `<td>`+version+`</td><td><code title="`+digest+`">`) == 2
	})
}

// rejects has a new build of search pushed and rejects it.
func (v *visitor) rejects() {
	v.t.Helper()
	if problem := v.does("panel", map[string]any{"action": "push", "arg": "search"}); problem != "" {
		v.t.Fatal(problem)
	}
	v.eventually("a build under a version of its own can be approved", v.says("search", "waiting for approvals"))
	v.eventually("the card of the build before is dead", func() bool { return strings.Contains(v.sees(ann), "superseded") })
	v.clicks(bob, "search", render.ActionReject)
	view := regexp.MustCompile(`data-view="([^"]+)"`).FindStringSubmatch(v.sees(bob))
	if view == nil || strings.Contains(v.sees(ann), `id="new-modal"`) {
		v.t.Fatal("no modal for Bob, or one for Ann as well")
	}
	submit := func(reason string) string {
		return v.does("submit", map[string]any{"as": bob, "view": view[1], "values": map[string]string{"reason": reason}})
	}
	if problem := submit("    "); problem != "" || !strings.Contains(v.sees(bob), `aria-invalid="true"`) {
		v.t.Errorf("a reason of blanks was taken: %s", problem)
	}
	if problem := submit("the index is stale"); problem != "" {
		v.t.Fatal(problem)
	}
	// A reply in the thread says it, too, and may be there before.
	v.eventually("the card is rejected, and says why", func() bool {
		return strings.Contains(v.card("search"), "search: staging → production, rejected") && strings.Contains(v.card("search"), "the index is stale")
	})
}

// together has new builds of two apps go to production as one.
func (v *visitor) together() {
	v.t.Helper()
	apps := []string{"handbook", "search"}
	for _, app := range apps {
		if problem := v.does("panel", map[string]any{"action": "push", "arg": app}); problem != "" {
			v.t.Fatal(problem)
		}
		_, digest, read := strings.Cut(v.tag(app, "staging-passed"), "sha256:")
		if !read {
			v.t.Fatalf("staging-passed of %s can't be read", app)
		}
		v.eventually("a new build of "+app+" waits", func() bool {
			card := v.card(app)
			return strings.Contains(card, digest[:12]) && strings.Contains(card, "waiting for approvals")
		})
	}
	if problem := v.does("command", map[string]any{"as": bob, "text": "/promote request site"}); problem != "" {
		v.t.Fatal(problem)
	}
	v.eventually("one card carries both, and says what changes", func() bool {
		card := v.card("site")
		return strings.Contains(card, "<b>handbook</b>") && strings.Contains(card, "<b>search</b>") && strings.Contains(card, "version from")
	})
	v.eventually("the cards by themselves lead to it", func() bool {
		return strings.Contains(v.card("handbook"), "it goes with the train site") && strings.Contains(v.card("handbook"), ".slack.com/archives/")
	})
	v.clicks(ann, "site", render.ActionApprove)
	for _, app := range apps {
		v.eventually(app+" is promoted", func() bool { return v.tag(app, "production") == v.tag(app, "staging-passed") })
	}
	v.eventually("the card says so", v.says("site", "<b>Promoted</b>"))
}

// leavesNothing ends the demo. That it ends without an error says also that
// none of Slack's rules was broken.
func (v *visitor) leavesNothing() {
	v.t.Helper()
	if err := v.end(); err != nil {
		v.t.Errorf("the demo ended with %v", err)
	}
	if _, err := os.Stat(v.dir); !errors.Is(err, os.ErrNotExist) {
		v.t.Errorf("%s is still there (%v)", v.dir, err)
	}
	at, err := url.Parse(v.base)
	if err != nil {
		v.t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", at.Host); !errors.Is(err, syscall.ECONNREFUSED) {
		v.t.Errorf("somebody still listens at %s: %v %v", at.Host, conn, err)
	}
}

func TestWhatIsDeployedRunsOrSomebodyDecides(t *testing.T) {
	t.Parallel()
	v := visit(t, demo.Options{Listen: "127.0.0.1:0", Soak: time.Second, Version: "test"})
	promote := func() {
		t.Helper()
		v.eventually("payments has soaked", v.says("payments", "waiting for approvals"))
		for _, who := range []string{ann, bob, eve} {
			v.clicks(who, "payments", render.ActionApprove)
		}
	}
	promote()
	v.eventually("it is being deployed", v.says("payments", "production, deploying"))
	v.eventually("it is promoted", v.says("payments", "payments: staging → production, promoted"))
	runs := regexp.MustCompile(`runs</th><td colspan="2"><code title="(sha256:[0-9a-f]{64})"`)
	good := runs.FindStringSubmatch(v.sees(ann))
	if len(good) != 2 || !strings.Contains(v.sees(ann), `production</th><td>2.4.1</td><td><code title="`+good[1]) {
		t.Fatalf("%v runs, and production is another", good)
	}
	if problem := v.does("panel", map[string]any{"action": "fail", "arg": ""}); problem != "" {
		t.Fatal(problem)
	}
	if problem := v.does("panel", map[string]any{"action": "push", "arg": "payments"}); problem != "" {
		t.Fatal(problem)
	}
	promote()
	v.eventually("it is failing", v.says("payments", "payments: staging → production, failing"))
	v.eventually("its last words are on the card", v.says("payments", "panic: no configuration"))
	isRun := func(digest string) func() bool {
		return func() bool {
			m := runs.FindStringSubmatch(v.sees(ann))
			return len(m) == 2 && m[1] == digest
		}
	}
	_, bad, _ := strings.Cut(v.tag("payments", "production"), " ")
	if bad == good[1] || !isRun(good[1])() {
		t.Error("production is not tagged with what fails, or that runs")
	}
	if problem := v.does("panel", map[string]any{"action": "fail", "arg": ""}); problem != "" { // it works again
		t.Fatal(problem)
	}
	v.clicks(bob, "payments", render.ActionRetry)
	v.eventually("it runs when it is tried again", isRun(bad))
	v.clicks(bob, "payments", render.ActionRollback)
	view := regexp.MustCompile(`data-view="([^"]+)"`).FindStringSubmatch(v.sees(bob))
	if view == nil {
		t.Fatal("no dialog for Bob")
	}
	if problem := v.does("submit", map[string]any{"as": bob, "view": view[1], "values": map[string]string{"ground": good[1], "reason": "it has no configuration"}}); problem != "" {
		t.Fatal(problem)
	}
	v.eventually("the way back has a card", v.says("payments", "it has no configuration"))
	for _, who := range []string{ann, eve} {
		v.clicks(who, "payments", render.ActionApprove)
	}
	v.eventually("the tag is back", func() bool { return strings.HasSuffix(v.tag("payments", "production"), good[1]) })
	v.eventually("so is what runs, and the panel shows it", isRun(good[1]))
	v.eventually("the card says so", v.says("payments", "<b>Rolled back</b>"))
	v.leavesNothing()
}

func TestItFindsAnotherPortWhereItsOwnIsTaken(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp4", demo.DefaultListen); err == nil {
		defer l.Close() //nolint:errcheck // it only had to be there
	}
	v := visit(t, demo.Options{Soak: time.Second})
	if v.base == "http://"+demo.DefaultListen {
		t.Errorf("it says that it is at %s, where somebody else is", v.base)
	}
	v.eventually("it works there", v.says("handbook", "waiting for approvals"))
	v.leavesNothing()
}

func TestItRefusesAnAddressAndSaysWhy(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it only had to be there
	for address, says := range map[string]string{
		l.Addr().String(): "in use",
		"0.0.0.0:8480":    "no log-in",
		"8480":            "write host:port",
	} {
		err := demo.Run(t.Context(), demo.Options{Listen: address, Out: io.Discard})
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "-listen "+address) {
			t.Errorf("-listen %s: %v", address, err)
		}
	}
}

// Whenever it is told to end, also before it has begun, it does so in peace.
func TestItEndsInPeaceAtAnyMoment(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond, 80 * time.Millisecond, 320 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		if err := demo.Run(ctx, demo.Options{Listen: "127.0.0.1:0", Soak: time.Second, Out: io.Discard}); err != nil {
			t.Errorf("told to end after %v: %v", after, err)
		}
		cancel()
	}
}
