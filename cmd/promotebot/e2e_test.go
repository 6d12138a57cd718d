package main_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

const (
	approve = "promotebot_approve"
	reject  = "promotebot_reject"
	details = "promotebot_details"

	twoLeads = "{soak: 2s, approvals: {leads: 2}}"
	oneLead  = "{approvals: {leads: 1}}"
)

func TestTheWholeStory(t *testing.T) {
	w := newTown(t, twoLeads)
	bot := w.start()
	d := w.stage("1.4.2")
	w.eventually("a card names the digest", w.cardSays(d.Hex[:12]))
	w.eventually("it can be approved while it soaks", w.cardSays(approve))

	w.click(eve, approve)
	w.eventually("Eve is told privately that she may not", w.whispered(eve, "role"))
	w.click(ann, approve)
	w.eventually("the card counts one of two", w.cardSays("1 of 2"))
	if w.tag("production") != "" {
		t.Fatal("production was tagged after one approval of two")
	}
	w.click(bob, approve)
	w.eventually("production is the very digest", func() bool { return w.tag("production") == d.String() })
	w.eventually("so is the version tag", func() bool { return w.tag("v1.4.2") == d.String() })
	w.eventually("the card is finished", func() bool {
		m, _ := w.card()
		return !strings.Contains(string(m.Blocks), approve) && strings.Contains(m.Text, "romoted")
	})
	if n := w.door.put("production"); n != 1 {
		t.Errorf("production was put %d times", n)
	}

	if said := w.command(eve, "history shop"); !strings.Contains(said, d.Hex[:12]) {
		t.Errorf("history says %q", said)
	}
	if said := w.command(eve, "statsu"); !strings.Contains(said, "status") {
		t.Errorf("a misspelt command is answered %q", said)
	}
	to := filepath.Join(w.dir, "backup.db")
	if out, err := w.run("backup", "-config", w.config, to); err != nil {
		t.Errorf("backup while running: %v\n%s", err, out)
	}
	out, err := w.run("audit", "verify", "-config", w.config)
	if err != nil || !strings.Contains(out, "whole") {
		t.Errorf("audit verify: %v\n%s", err, out)
	}
	strict := filepath.Join(w.dir, "strict.yaml")
	text, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(strict, []byte(strings.Replace(string(text), twoLeads, "{soak: 24h, approvals: {leads: 2}}", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = w.run("policy", "backtest", "-config", strict)
	if err != nil || !strings.Contains(out, "staging to production, promoted") || !strings.Contains(out, "would not have gone ahead: soaks 24h in staging") || !strings.Contains(out, "1 promotions under "+strict+": 0 as they were, 1 blocked") {
		t.Errorf("policy backtest: %v\n%s", err, out)
	}
	w.readsWell(bot)
	bot.stop()
	if v := w.slack.Violations(); len(v) > 0 {
		t.Errorf("Slack's rules were broken: %q", v)
	}
}

// readsWell looks at what the running bot says of itself over HTTP.
func (w *town) readsWell(bot *process) {
	w.t.Helper()
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ok", "/metrics": "promotebot_slack_connections 2"} {
		resp, err := http.Get("http://" + bot.http + path)
		if err != nil {
			w.t.Error(err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		if err := resp.Body.Close(); err != nil {
			w.t.Error(err)
		}
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			w.t.Errorf("%s answers %d %.200s (%v)", path, resp.StatusCode, body, err)
		}
	}
	if out, err := w.run("health", "-url", "http://"+bot.http+"/healthz"); err != nil {
		w.t.Errorf("health: %v %s", err, out)
	}
}

func TestRejectingAsksForAReason(t *testing.T) {
	w := newTown(t, oneLead)
	w.start()
	w.stage("1.0.0")
	w.eventually("a card with buttons", w.cardSays(reject))
	w.click(ann, reject)
	view, open := w.slack.View(ann)
	if !open {
		t.Fatal("no modal was opened before the acknowledgement")
	}
	action := inputOf(t, view)
	d, err := w.slack.Submit(view.ID, fakeslack.Values{action: {"    "}})
	if err != nil {
		t.Fatal(err)
	}
	w.acked(d)
	if _, open := w.slack.View(ann); !open || !strings.Contains(string(d.Ack()), "errors") {
		t.Errorf("a reason of blanks was taken: %s", d.Ack())
	}
	d, err = w.slack.Submit(view.ID, fakeslack.Values{action: {"it leaks memory <!channel>"}})
	if err != nil {
		t.Fatal(err)
	}
	w.acked(d)
	w.eventually("the card says who and why", w.cardSays("it leaks memory"))
	if m, _ := w.card(); strings.Contains(string(m.Blocks), approve) || !strings.Contains(m.Text+string(m.Blocks), ann) {
		t.Errorf("the rejected card: %s", m.Blocks)
	}
	if v := w.slack.Violations(); len(v) > 0 {
		t.Errorf("Slack's rules were broken: %q", v)
	}
}

func TestWhatRunsInProductionAlreadyIsNotPutForward(t *testing.T) {
	w := newTown(t, oneLead)
	w.stage("1.0.0")
	image, err := remote.Get(w.repo.Tag("staging-passed"))
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Tag(w.repo.Tag("production"), image); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.eventually("both environments were seen", func() bool { return strings.Count(w.command(eve, "status shop"), " since ") == 2 })
	if m, any := w.card(); any {
		t.Errorf("a card: %s", m.Text)
	}
	d := w.stage("1.0.1")
	w.eventually("the next build has a card", w.cardSays(d.Hex[:12]))
}

// inputOf finds the one input of a modal.
func inputOf(t testing.TB, view fakeslack.View) string {
	t.Helper()
	var blocks []struct {
		Type    string
		Element struct {
			ActionID string `json:"action_id"`
		}
	}
	var content struct{ Blocks json.RawMessage }
	if err := json.Unmarshal(view.Raw, &content); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content.Blocks, &blocks); err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		if b.Type == "input" {
			return b.Element.ActionID
		}
	}
	t.Fatalf("no input in %s", view.Raw)
	return ""
}

// Each of these kills the bot at a moment at which something has happened and
// something has not. After the restart it must end as if nothing had been: one
// tag move, one card, every acknowledged approval counted.
func TestKilledAtAnyMoment(t *testing.T) {
	for _, moment := range []struct {
		name string
		kill func(w *town, bot *process)
	}{
		{"before it has seen anything", func(w *town, bot *process) { bot.kill() }},
		{"when Slack has the card and the bot does not know", func(w *town, bot *process) {
			w.slack.Fail("chat.postMessage", 1, fakeslack.Fault{DropAfterEffect: true})
			w.eventually("the card is there", func() bool { _, ok := w.card(); return ok })
			bot.kill()
		}},
		{"after an approval was acknowledged", func(w *town, bot *process) {
			w.eventually("a card with buttons", w.cardSays(approve))
			w.click(ann, approve)
			bot.kill()
		}},
		{"when the registry has the tag and the bot does not know", func(w *town, bot *process) {
			w.eventually("a card with buttons", w.cardSays(approve))
			var applied atomic.Bool
			w.door.set(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/production") && applied.CompareAndSwap(false, true) {
					next.ServeHTTP(&deaf{header: http.Header{}}, r)
					bot.kill()
					panic(http.ErrAbortHandler)
				}
				next.ServeHTTP(rw, r)
			})
			w.click(ann, approve)
			w.click(bob, approve)
			w.eventually("the tag was put", applied.Load)
			<-bot.done
		}},
		{"before the registry has the tag", func(w *town, bot *process) {
			w.eventually("a card with buttons", w.cardSays(approve))
			var asked atomic.Bool
			w.door.set(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/v") && asked.CompareAndSwap(false, true) {
					bot.kill()
					panic(http.ErrAbortHandler)
				}
				next.ServeHTTP(rw, r)
			})
			w.click(ann, approve)
			w.click(bob, approve)
			w.eventually("the tag was to be put", asked.Load)
			<-bot.done
		}},
	} {
		t.Run(strings.ReplaceAll(moment.name, " ", "_"), func(t *testing.T) {
			w := newTown(t, twoLeads)
			bot := w.start()
			d := w.stage("2.0.0")
			moment.kill(w, bot)

			w.start()
			w.eventually("a card with the digest", w.cardSays(d.Hex[:12]))
			for _, who := range []string{ann, bob} {
				w.eventually("it goes on", func() bool { return w.cardSays(approve)() || w.tag("production") != "" })
				if m, _ := w.card(); w.tag("production") == "" {
					// A second click by somebody whose first one counted changes nothing.
					if delivery, err := w.slack.Click(who, shopChannel, m.TS, approve); err == nil {
						w.acked(delivery)
					}
				}
			}
			w.eventually("production is the very digest", func() bool { return w.tag("production") == d.String() })
			w.eventually("the card is finished", func() bool {
				m, _ := w.card()
				return strings.Contains(m.Text, "romoted") && !strings.Contains(string(m.Blocks), approve)
			})
			if n := len(w.slack.Messages(shopChannel)); n != 1 {
				t.Errorf("%d cards", n)
			}
			if n := w.door.put("production"); n != 1 {
				t.Errorf("production was put %d times", n)
			}
			if out, err := w.run("audit", "verify", "-config", w.config); err != nil {
				t.Errorf("audit verify: %v %s", err, out)
			}
		})
	}
}

// deaf takes an answer that nobody will hear.
type deaf struct{ header http.Header }

func (d *deaf) Header() http.Header         { return d.header }
func (d *deaf) Write(p []byte) (int, error) { return len(p), nil }
func (d *deaf) WriteHeader(int)             {}

func TestARegistryInTrouble(t *testing.T) {
	w := newTown(t, oneLead)
	w.start()
	d := w.stage("1.0.0")
	w.eventually("a card with buttons", w.cardSays(approve))

	w.door.set(func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
		http.Error(rw, "broken", http.StatusInternalServerError)
	})
	w.eventually("status says that the registry can't be read", func() bool {
		return strings.Contains(w.command(eve, "status shop"), "can") && strings.Contains(w.command(eve, "status shop"), "read")
	})
	if said := w.command(eve, "why shop"); !strings.Contains(said, "read") {
		t.Errorf("why says %q", said)
	}
	w.click(ann, approve)

	var refusals atomic.Int32
	w.door.set(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPut && refusals.Add(1) <= 2 {
			rw.Header().Set("Retry-After", "1")
			http.Error(rw, "slow down", http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(rw, r)
	})
	w.eventually("production is the very digest", func() bool { return w.tag("production") == d.String() })
	if refusals.Load() < 3 {
		t.Errorf("only %d puts: the registry's 429 was never met", refusals.Load())
	}
}

func TestASlackInTrouble(t *testing.T) {
	w := newTown(t, twoLeads)
	w.start()
	w.slack.Fail("chat.postMessage", 2, fakeslack.Fault{RetryAfter: time.Second})
	d := w.stage("1.0.0")
	w.eventually("a card with buttons, in spite of ratelimited", w.cardSays(approve))

	w.slack.Cut()
	w.eventually("the sockets are back", func() bool { return w.slack.Sockets() == 2 })
	w.click(ann, approve)
	if !w.slack.Redeliver() {
		t.Error("nothing to deliver again")
	}
	again := w.slack.RedeliverAnew()
	w.acked(again)
	w.slack.Disconnect("refresh_requested")
	w.eventually("the card counts Ann once", w.cardSays("1 of 2"))
	w.eventually("the sockets are back", func() bool { return w.slack.Sockets() == 2 })

	w.slack.Fail("chat.update", 3, fakeslack.Fault{Status: http.StatusBadGateway})
	w.click(bob, approve)
	w.eventually("production is the very digest, whatever Slack says", func() bool { return w.tag("production") == d.String() })
	w.eventually("the card catches up", func() bool { m, _ := w.card(); return strings.Contains(m.Text, "romoted") })
	if n := len(w.slack.Messages(shopChannel)); n != 1 {
		t.Errorf("%d cards", n)
	}
}

func TestItRefusesToStart(t *testing.T) {
	w := newTown(t, oneLead)
	for _, c := range []struct {
		name string
		env  []string
		says []string
	}{
		{"with a wrong bot token", []string{"SLACK_BOT_TOKEN=xoxb-wrong"}, []string{"SLACK_BOT_TOKEN", "accept"}},
		{"with a wrong app token", []string{"SLACK_APP_TOKEN=xapp-wrong"}, []string{"SLACK_APP_TOKEN", "accept"}},
		{"with the tokens confused", []string{"SLACK_APP_TOKEN=" + botToken}, []string{"SLACK_APP_TOKEN", "xapp-"}},
		{"without a token", []string{"SLACK_BOT_TOKEN="}, []string{"SLACK_BOT_TOKEN is not set"}},
	} {
		p := w.launch(c.env...)
		select {
		case <-p.done:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: it runs", c.name)
		}
		for _, says := range c.says {
			if p.cmd.ProcessState.ExitCode() == 0 || !strings.Contains(p.out.String(), says) {
				t.Errorf("%s: exit code %d, said %s", c.name, p.cmd.ProcessState.ExitCode(), p.out.String())
			}
		}
	}
	w.start()
	second := w.launch()
	<-second.done
	if second.cmd.ProcessState.ExitCode() == 0 || !strings.Contains(second.out.String(), "another promotebot") {
		t.Errorf("a second bot on one database said %s", second.out.String())
	}
}

func TestMissingScopesAreNamed(t *testing.T) {
	w := newTown(t, oneLead)
	few := fakeslack.New(fakeslack.Options{AppToken: appToken, BotToken: botToken, Scopes: []string{"chat:write", "users:read"}})
	defer few.Close()
	w.serveSlack(few)
	p := w.launch()
	<-p.done
	for _, scope := range []string{"commands", "usergroups:read", "channels:history"} {
		if !strings.Contains(p.out.String(), scope) {
			t.Errorf("%s is not named: %s", scope, p.out.String())
		}
	}
}

func TestTheAppTokensMissingScopeIsNamed(t *testing.T) {
	w := newTown(t, oneLead)
	w.slack.Fail("apps.connections.open", 1, fakeslack.Fault{Code: "missing_scope"})
	p := w.launch()
	<-p.done
	if said := p.out.String(); !strings.Contains(said, "SLACK_APP_TOKEN") || !strings.Contains(said, "connections:write") {
		t.Errorf("said %s", said)
	}
}

func TestReload(t *testing.T) {
	w := newTown(t, twoLeads)
	bot := w.start()
	d := w.stage("1.0.0")
	w.eventually("a card with buttons", w.cardSays(approve))
	w.click(ann, approve)
	w.eventually("the card counts Ann", w.cardSays("1 of 2"))

	if err := os.WriteFile(w.config, []byte("apps: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hup := func() {
		if err := bot.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	hup()
	w.eventually("the bad configuration is refused", func() bool { return strings.Contains(bot.out.String(), "old one stays in force") })

	w.write("{soak: 1s, approvals: {leads: 1}}")
	hup()
	w.eventually("Ann's approval was for another policy", w.cardSays("policy has changed"))
	if w.tag("production") != "" {
		t.Fatal("a weakened policy completed a waiting promotion by itself")
	}
	w.click(ann, approve)
	w.eventually("production is the very digest", func() bool { return w.tag("production") == d.String() })
}

func TestTheCommandLine(t *testing.T) {
	w := newTown(t, oneLead)
	if out, err := w.run("config", "check", w.config); err != nil || !strings.Contains(out, "fine") {
		t.Errorf("config check: %v %s", err, out)
	}
	bad := filepath.Join(w.dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("appz: []\nenvironments: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := w.run("config", "check", bad)
	if err == nil || !strings.Contains(out, "bad.yaml:1:1") || !strings.Contains(out, "bad.yaml:2:") {
		t.Errorf("config check of nonsense: %v %s", err, out)
	}
	const samples = "../../fixtures/configs/"
	out, err = w.run("policy", "explain", "-config", samples+"full.yaml", "shop")
	if err != nil || !strings.Contains(out, "shop, preview to production (policy careful):\n  The digest has to have been in preview for 36h") {
		t.Errorf("policy explain: %v %s", err, out)
	}
	out, err = w.run("policy", "test", "-config", samples+"full.yaml", samples+"scenarios.yaml")
	if err != nil || strings.Count(out, "ok   ") != 13 {
		t.Errorf("policy test: %v %s", err, out)
	}
	out, err = w.run("policy", "test", "-config", w.config, samples+"scenarios.yaml")
	if err == nil || !strings.Contains(out, `scenarios.yaml:71:10: the configuration has no app "handbook": there are shop`) {
		t.Errorf("policy test of another configuration: %v %s", err, out)
	}
	disappointed := filepath.Join(w.dir, "disappointed.yaml")
	if err := os.WriteFile(disappointed, []byte("scenarios:\n  - {name: nobody has to, app: shop, given: {stayed: 1h}, expect: {outcome: met}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = w.run("policy", "test", "-config", w.config, disappointed)
	if err == nil || !strings.Contains(out, "FAIL "+disappointed+":2: nobody has to") || !strings.Contains(out, "1 of 1 scenarios end otherwise than expected") {
		t.Errorf("policy test of a scenario that ends otherwise: %v %s", err, out)
	}
	out, err = w.run("manifest")
	var manifest struct {
		Settings struct {
			Socket bool `json:"socket_mode_enabled"`
		}
	}
	if err != nil || json.Unmarshal([]byte(out), &manifest) != nil || !manifest.Settings.Socket {
		t.Errorf("manifest: %v %s", err, out)
	}
	if slack, err := w.run("manifest", "slack"); err != nil || slack != out {
		t.Errorf("manifest slack: %v %s", err, slack)
	}
	if out, err = w.run("manifest", "kubernetes", "shop", "cart"); err != nil || !strings.Contains(out, "namespace: shop\n") || !strings.Contains(out, "namespace: cart\n") {
		t.Errorf("manifest kubernetes: %v %s", err, out)
	}
	if out, err = w.run("manifest", "flux", "flux-system"); err != nil || !strings.Contains(out, "namespace: flux-system\n") || !strings.Contains(out, "kustomizations") {
		t.Errorf("manifest flux: %v %s", err, out)
	}
	for _, args := range []string{"help audit", "audit --help"} {
		if out, err := w.run(strings.Fields(args)...); err != nil || !strings.Contains(out, "promotebot audit verify") || strings.Contains(out, "promotebot serve") {
			t.Errorf("promotebot %s shows more or less than the group: %v\n%s", args, err, out)
		}
	}
	help, err := w.run("help")
	if err != nil {
		t.Errorf("help: %v %s", err, help)
	}
	for _, name := range regexp.MustCompile(`(?m)^  promotebot ([a-z]+(?: [a-z]+)?)`).FindAllStringSubmatch(help, -1) {
		if out, err := w.run(append(strings.Fields(name[1]), "--help")...); err != nil || !strings.HasPrefix(out, "usage: promotebot "+name[1]) || strings.Count(out, "\n") < 2 {
			t.Errorf("promotebot %s --help does not say what it takes and is for: %v %s", name[1], err, out)
		}
	}
	for args, says := range map[string]string{
		"policy backtest -days 0 -config " + w.config:                    "-days is how many days to go back",
		"token create -scopes checks -expires soon ci":                   `"soon" is not a length of time: write a number and a unit, such as 90d`,
		"token create -scopes checks -expires -1h ci":                    "-expires is how long it is good",
		"config check " + w.config + " -v":                               `"-v" is too much; flags come before names and files`,
		"backup -config " + w.config:                                     "something is missing",
		"token list -config " + samples + "smallest.yaml":                "promotebot serve makes it",
		"policy backtest -config " + samples + "smallest.yaml":           "promotebot serve makes it",
		"policy backtest -database " + w.config + " -config " + w.config: "restore a backup",
	} {
		if out, err := w.run(strings.Fields(args)...); err == nil || !strings.Contains(out, says) {
			t.Errorf("promotebot %s does not say %q: %v %s", args, says, err, out)
		}
	}
	for args, code := range map[string]int{"": 2, "nonsense": 2, "serve extra": 2, "help": 0, "version": 0, "serve -h": 0, "audit --help": 0, "help audit": 0, "audit": 2, "nonsense --help": 2, "manifest nonsense": 2, "manifest kubernetes": 2, "manifest kubernetes Shop": 1, "manifest flux": 2, "backup -config nowhere.yaml x": 1} {
		_, err := w.run(strings.Fields(args)...)
		got := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			got = exit.ExitCode()
		}
		if got != code {
			t.Errorf("promotebot %s: exit code %d, want %d", args, got, code)
		}
	}
}
