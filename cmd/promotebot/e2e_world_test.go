package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/fixtures/transcript"
)

// The far side of both wires: a workspace and a registry, and between the bot
// and the registry a front door that counts and breaks things.
type town struct {
	t      testing.TB
	slack  *fakeslack.Server
	api    string
	door   *door
	repo   name.Repository
	dir    string
	config string

	patience time.Duration // how long something may take that takes a second or two
}

const (
	shopChannel = "C0SHOP"
	ann         = "U0ANN"
	bob         = "U0BOB"
	eve         = "U0EVE" // a member without any role
	appToken    = "xapp-1-canary-app-token"
	botToken    = "xoxb-canary-bot-token"
)

// door stands in front of the registry.
type door struct {
	mu      sync.Mutex
	backend http.Handler
	puts    map[string]int                                                  // manifests put, by reference
	breaks  func(w http.ResponseWriter, r *http.Request, next http.Handler) // nil: let everything through
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
		d.puts[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]++
	}
	breaks := d.breaks
	d.mu.Unlock()
	if breaks == nil {
		d.backend.ServeHTTP(w, r)
		return
	}
	breaks(w, r, d.backend)
}

func (d *door) set(breaks func(http.ResponseWriter, *http.Request, http.Handler)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.breaks = breaks
}

func (d *door) put(reference string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.puts[reference]
}

// newTown starts the far side. The registry is the CNCF's, in production almost
// everywhere, where its program is at hand: PROMOTEBOT_DISTRIBUTION says where,
// and fixtures/distribution builds it. Otherwise it is go-containerregistry's.
func newTown(t *testing.T, policy string) *town {
	t.Helper()
	t.Parallel()
	return settle(t, policy)
}

// settle is newTown for whoever wants to be alone on the machine.
func settle(t testing.TB, policy string) *town {
	t.Helper()
	w := &town{t: t, dir: t.TempDir(), door: &door{puts: map[string]int{}}, patience: 15 * time.Second}
	w.door.backend = backend(t)
	front := httptest.NewServer(w.door)
	t.Cleanup(front.Close)
	var err error
	if w.repo, err = name.NewRepository(strings.TrimPrefix(front.URL, "http://") + "/shop/api"); err != nil {
		t.Fatal(err)
	}
	w.slack = fakeslack.New(fakeslack.Options{AppToken: appToken, BotToken: botToken})
	for id, full := range map[string]string{ann: "Ann", bob: "Bob", eve: "Eve"} {
		w.slack.AddUser(fakeslack.User{ID: id, Name: strings.ToLower(full), RealName: full})
	}
	w.slack.AddChannel(fakeslack.Channel{ID: shopChannel, Name: "shop", Members: []string{ann, bob, eve, w.slack.Options().Bot.UserID}})
	chat := httptest.NewServer(w.slack)
	t.Cleanup(func() { w.slack.Close(); chat.Close() })
	w.api = chat.URL + "/api/"
	w.write(policy)
	return w
}

func backend(t testing.TB) http.Handler {
	t.Helper()
	program := os.Getenv("PROMOTEBOT_DISTRIBUTION")
	if program == "" {
		return registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	}
	address := distribution(t, program)
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(address)
		r.Out.Host = r.In.Host // the registry makes absolute URLs of it
	}}
}

// write writes the configuration, with the policy into production.
func (w *town) write(policy string) {
	w.t.Helper()
	w.config = filepath.Join(w.dir, "promotebot.yaml")
	text := fmt.Sprintf(`
slack: {channel: %s}
database: %s
http: 127.0.0.1:0
poll: {every: 1s}
environments:
  - name: staging
    watch: staging-passed
  - name: production
    tags: [production, "v{label.org.opencontainers.image.version}"]
    policy: %s
apps:
  - name: shop
    image: %s
roles:
  leads: [%s, %s]
`, shopChannel, filepath.Join(w.dir, "bot.db"), policy, w.repo.Name(), ann, bob)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// build is a new image of the version.
func (w *town) build(version string) v1.Image {
	w.t.Helper()
	image, err := random.Image(512, 2)
	if err != nil {
		w.t.Fatal(err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		w.t.Fatal(err)
	}
	file.Config.Labels = map[string]string{"org.opencontainers.image.version": version, "org.opencontainers.image.revision": "4f1c0de"}
	if image, err = mutate.ConfigFile(image, file); err != nil {
		w.t.Fatal(err)
	}
	return image
}

// stage pushes a new image of the version and has CI tag it.
func (w *town) stage(version string) v1.Hash {
	w.t.Helper()
	image := w.build(version)
	if err := remote.Write(w.repo.Tag("staging-passed"), image, remote.WithContext(w.t.Context())); err != nil {
		w.t.Fatal(err)
	}
	d, err := image.Digest()
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *town) tag(tag string) string {
	d, err := remote.Head(w.repo.Tag(tag), remote.WithContext(w.t.Context()))
	if err != nil {
		return ""
	}
	return d.Digest.String()
}

// card is the only message that the bot has posted into the channel.
func (w *town) card() (fakeslack.Message, bool) {
	messages := w.slack.Messages(shopChannel)
	if len(messages) == 0 {
		return fakeslack.Message{}, false
	}
	return messages[len(messages)-1], true
}

func (w *town) cardSays(text string) func() bool {
	return func() bool {
		m, ok := w.card()
		return ok && strings.Contains(m.Text+string(m.Blocks), text)
	}
}

// eventually waits for something that other processes do. It looks often and
// gives up late; what it waits for takes a second or two.
func (w *town) eventually(what string, is func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(w.patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline.C:
			m, _ := w.card()
			var private []string
			for _, who := range []string{ann, bob, eve} {
				for _, e := range w.slack.Ephemerals(who) {
					private = append(private, who+": "+e.Text)
				}
			}
			w.t.Fatalf("not within %s: %s\nthe card: %s\nprivately: %q\nviolations: %q\ncalls: %v", w.patience, what, m.Text, private, w.slack.Violations(), w.slack.Counts())
		case <-tick.C:
		}
	}
}

// click clicks a button of the card and waits until Slack has its
// acknowledgement.
func (w *town) click(who, action string) {
	w.t.Helper()
	m, ok := w.card()
	if !ok {
		w.t.Fatal("there is no card to click on")
	}
	d, err := w.slack.Click(who, shopChannel, m.TS, action)
	if err != nil {
		w.t.Fatalf("%s clicks %s: %v", who, action, err)
	}
	w.acked(d)
}

func (w *town) acked(d *fakeslack.Delivery) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Second)
	defer cancel()
	if err := d.Wait(ctx); err != nil {
		w.t.Fatalf("not acknowledged: %v", err)
	}
}

// command types a slash command and returns what the acknowledgement says.
func (w *town) command(who, text string) string {
	w.t.Helper()
	d, err := w.slack.Command(who, shopChannel, "/promote", text)
	if err != nil {
		w.t.Fatal(err)
	}
	w.acked(d)
	var answer struct{ Text string }
	if err := json.Unmarshal(d.Ack(), &answer); err != nil {
		w.t.Fatalf("/promote %s answered %s: %v", text, d.Ack(), err)
	}
	return answer.Text
}

// whispered tells whether somebody was told something privately.
func (w *town) whispered(to, text string) func() bool {
	return func() bool {
		for _, m := range w.slack.Ephemerals(to) {
			if strings.Contains(m.Text, text) {
				return true
			}
		}
		return false
	}
}

// process is a running promotebot.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	out  transcript.Transcript
	done chan struct{}
	err  error
	http string
}

// binary is built once for all tests, with the race detector when they have it.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "promotebot-e2e-")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "promotebot")
	args := []string{"build", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, ".")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// built is where binary has put it.
var built string

func TestMain(m *testing.M) {
	flag.Parse()
	// A town mostly waits, for polls and for Slack: more of them than processors
	// stand beside each other, unless the command line says how many.
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0))); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	_ = os.RemoveAll(built) // a temporary directory
	os.Exit(code)
}

// start runs "promotebot serve" and waits until it is connected.
func (w *town) start() *process {
	w.t.Helper()
	p := w.launch()
	w.eventually("the bot is connected", func() bool {
		select {
		case <-p.done:
			w.t.Fatalf("the bot ended: %v\n%s", p.err, p.out.String())
		default:
		}
		return w.slack.Sockets() == 2 && p.ready()
	})
	return p
}

func (w *town) launch(env ...string) *process {
	w.t.Helper()
	path, err := binary()
	if err != nil {
		w.t.Fatal(err)
	}
	p := &process{t: w.t, done: make(chan struct{}), cmd: exec.Command(path, "serve", "-config", w.config)}
	p.cmd.Env = append(os.Environ(), "SLACK_APP_TOKEN="+appToken, "SLACK_BOT_TOKEN="+botToken, "SLACK_API_URL="+w.api, "DOCKER_CONFIG="+w.dir)
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { p.err = p.cmd.Wait(); close(p.done) }()
	w.t.Cleanup(func() {
		p.kill()
		if out := p.out.String(); strings.Contains(out, "canary") {
			w.t.Errorf("a token is in the log:\n%s", out)
		} else if strings.Contains(out, "DATA RACE") {
			w.t.Errorf("%s", out)
		}
		if w.t.Failed() {
			w.t.Logf("the bot's log:\n%s", p.out.String())
		}
	})
	return p
}

// ready finds the HTTP address in the log line that says that it runs.
func (p *process) ready() bool {
	for line := range strings.SplitSeq(p.out.String(), "\n") {
		var entry struct{ Msg, HTTP string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "promotebot runs" {
			p.http = entry.HTTP
			return true
		}
	}
	return false
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// stop asks the bot to end, and expects it to end well.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(15 * time.Second):
		p.t.Fatalf("it does not end on SIGTERM\n%s", p.out.String())
	}
	if _, ok := errors.AsType[*exec.ExitError](p.err); ok {
		p.t.Errorf("ended with %v\n%s", p.err, p.out.String())
	}
}

// run runs another command of promotebot.
func (w *town) run(args ...string) (string, error) {
	w.t.Helper()
	path, err := binary()
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := exec.CommandContext(w.t.Context(), path, args...).CombinedOutput()
	return string(out), err
}

// distribution starts the registry program on a free port and returns where it
// answers, which it says in its log.
func distribution(t testing.TB, program string) *url.URL {
	t.Helper()
	settings := filepath.Join(t.TempDir(), "registry.yaml")
	if err := os.WriteFile(settings, []byte(`{version: 0.1, log: {formatter: json}, storage: {inmemory: {}}, http: {addr: "127.0.0.1:0"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "serve", settings)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it was told to end by being killed
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var entry struct{ Msg string }
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			t.Fatalf("%s says %s", program, lines.Bytes())
		}
		if host, ok := strings.CutPrefix(entry.Msg, "listening on "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }() // or it would stop when the pipe is full
			return &url.URL{Scheme: "http", Host: host}
		}
	}
	t.Fatalf("%s has ended without saying where it answers", program)
	return nil
}

// serveSlack puts another workspace in the place of the town's, or something in
// front of it.
func (w *town) serveSlack(s http.Handler) {
	w.t.Helper()
	chat := httptest.NewServer(s)
	w.t.Cleanup(chat.Close)
	w.api = chat.URL + "/api/"
}
