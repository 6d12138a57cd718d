package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/promotebot/promotebot/fixtures/production"
	"github.com/promotebot/promotebot/fixtures/shell"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

const deploySecret = "canary-deploy-secret"

// targets gives the town's production targets, in the configuration that is there.
func (w *town) targets(deploy string, more ...string) {
	w.t.Helper()
	b, err := os.ReadFile(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	text := strings.Replace(string(b), "    tags: [production,", "    deploy: "+deploy+"\n    tags: [production,", 1) + strings.Join(more, "\n") + "\n"
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// service is a deploy system that answers over HTTP, behind something that can
// break what is sent.
func (w *town) service() (*production.Server, *door, string) {
	w.t.Helper()
	s := production.New(deploySecret)
	front := &door{backend: s, puts: map[string]int{}}
	server := httptest.NewServer(front)
	w.t.Cleanup(server.Close)
	return s, front, server.URL
}

func (w *town) deployedBy(service string) *process {
	w.t.Helper()
	w.targets(fmt.Sprintf(`{deadline: 1m, targets: [{name: eu, webhook: {url: "%s/orders/{app}", signed_with: DEPLOY_SECRET}}]}`, service))
	return w.connected("DEPLOY_SECRET=" + deploySecret)
}

func (w *town) connected(env ...string) *process {
	w.t.Helper()
	p := w.launch(env...)
	w.eventually("the bot is connected", func() bool { return w.slack.Sockets() == 2 && p.ready() })
	return p
}

func TestAProgramBringsTheDigestToRun(t *testing.T) {
	w := newTown(t, oneLead)
	said := filepath.Join(w.dir, "said")
	script := filepath.Join(w.dir, "roll-out")
	shell.Write(t, script, "echo \"$1 $PROMOTEBOT_IMAGE ${SLACK_BOT_TOKEN:-none}\" >> "+said+"\n")
	w.targets(fmt.Sprintf(`{targets: [{name: eu, command: {run: [%s, "{app}"]}}]}`, script), "commands: allowed")
	bot := w.connected()
	// A configuration that is refused leaves the target as it was, though that was
	// found well before the fault was.
	w.configure(script, script+"-elsewhere")
	w.configure(oneLead, strings.Replace(oneLead, "{", `{after: {watch: 15m, promql: [{name: up, query: up, is: "> 0", prometheus: {server: "https://metrics.example.com", token_env: NOT_SET}}]}, `, 1))
	if err := bot.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	w.eventually("the configuration is refused", func() bool {
		said := bot.out.String()
		return strings.Contains(said, "configuration refused") && strings.Contains(said, "NOT_SET is not set")
	})
	d := w.stage("1.0.0")
	w.eventually("it can be approved", w.cardSays(approve))
	w.eventually("the card says what follows", w.cardSays("deployed to *eu*"))
	w.click(ann, approve)
	w.eventually("it is promoted", w.cardSays("*Promoted*"))
	b, err := os.ReadFile(said)
	if want := "shop " + w.repo.Name() + "@" + d.String() + " none\n"; err != nil || string(b) != want {
		t.Errorf("the program saw %q, want %q (%v)", b, want, err)
	}
	if w.tag("production") != d.String() {
		t.Error("production was not tagged")
	}
}

func TestAProgramThatFailsIsKeptBySomebody(t *testing.T) {
	w := newTown(t, oneLead)
	script := filepath.Join(w.dir, "roll-out")
	keys := filepath.Join(w.dir, "keys")
	shell.Write(t, script, "echo $PROMOTEBOT_KEY >> "+keys+"\necho 'no <room> left'\nexit 3\n")
	w.targets(fmt.Sprintf(`{targets: [{name: eu, command: {run: %s}}]}`, script), "commands: allowed")
	w.connected()
	w.stage("1.0.0")
	w.eventually("it can be approved", w.cardSays(approve))
	w.click(ann, approve)
	w.eventually("it is failing", func() bool {
		m, _ := w.firstCard()
		return strings.Contains(m, "status 3") && strings.Contains(m, "no &lt;room&gt; left")
	})
	_, ts := w.firstCard()
	d, err := w.slack.Click(bob, shopChannel, ts, "promotebot_retry")
	if err != nil {
		t.Fatal(err)
	}
	w.acked(d)
	failed := func(runs string) func() bool {
		return func() bool {
			b, err := os.ReadFile(keys)
			m, _ := w.firstCard()
			return err == nil && string(b) == runs && strings.Contains(m, "promotebot_retry")
		}
	}
	w.eventually("it was run again, and failed again", failed("1/eu\n1/eu/2\n"))
	if said := w.command(ann, "retry shop"); !strings.Contains(said, "is deployed again to eu.") {
		t.Errorf("it is said: %s", said)
	}
	w.eventually("it was run a third time, because somebody typed that", failed("1/eu\n1/eu/2\n1/eu/3\n"))
	w.keep(bob, "we know")
	w.eventually("it is kept", func() bool {
		m, _ := w.firstCard()
		return strings.Contains(m, "kept it although it was failing: we know")
	})
	if v := w.slack.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

// firstCard is the first message in the channel: that something is failing is told
// there too.
func (w *town) firstCard() (text, ts string) {
	messages := w.slack.Messages(shopChannel)
	if len(messages) == 0 {
		return "", ""
	}
	return messages[0].Text + string(messages[0].Blocks), messages[0].TS
}

// keep is somebody's decision to leave what is failing as it is.
func (w *town) keep(who, why string) {
	w.t.Helper()
	_, ts := w.firstCard()
	d, err := w.slack.Click(who, shopChannel, ts, "promotebot_keep")
	if err != nil {
		w.t.Fatal(err)
	}
	w.acked(d)
	view, open := w.slack.View(who)
	if !open {
		w.t.Fatalf("%s sees no dialog", who)
	}
	if d, err = w.slack.Submit(view.ID, fakeslack.Values{inputOf(w.t, view): {why}}); err != nil {
		w.t.Fatal(err)
	}
	w.acked(d)
}

func TestAServiceBringsTheDigestToRun(t *testing.T) {
	w := newTown(t, oneLead)
	service, _, address := w.service()
	service.Takes(2 * time.Second)
	w.deployedBy(address)
	d := w.stage("1.0.0")
	w.eventually("it can be approved", w.cardSays(approve))
	w.click(ann, approve)
	w.eventually("it is being deployed", w.cardSays("*Deploying*"))
	w.eventually("it is promoted", w.cardSays("*Promoted*"))
	if got := service.Runs("shop"); got != w.repo.Name()+"@"+d.String() || service.Refused() != 0 {
		t.Errorf("%s runs, and %d requests were refused", got, service.Refused())
	}
}

// The bot is killed with the order given and no answer seen, and again while it is
// under way: in the end there was one order, for the digest that was approved.
func TestKilledInTheMiddleOfADeployment(t *testing.T) {
	w := newTown(t, oneLead)
	service, front, address := w.service()
	service.Pause(true)
	var posted atomic.Bool
	front.set(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(rw, r)
			return
		}
		next.ServeHTTP(httptest.NewRecorder(), r)
		posted.Store(true)
		<-r.Context().Done()
	})
	bot := w.deployedBy(address)
	d := w.stage("1.0.0")
	w.eventually("it can be approved", w.cardSays(approve))
	w.click(ann, approve)
	w.eventually("the order was given", posted.Load)
	bot.kill()
	front.set(nil)
	bot = w.connected("DEPLOY_SECRET=" + deploySecret)
	w.eventually("it is under way", w.cardSays("waiting for pods"))
	bot.kill()
	service.Pause(false)
	w.connected("DEPLOY_SECRET=" + deploySecret)
	w.eventually("it is promoted", w.cardSays("*Promoted*"))
	orders := service.Orders()
	if len(orders) != 1 || orders[0].Attempts != 2 || orders[0].Image != w.repo.Name()+"@"+d.String() {
		t.Errorf("the orders are %+v", orders)
	}
	if n := w.door.put("production"); n != 1 {
		t.Errorf("production was put %d times", n)
	}
}
