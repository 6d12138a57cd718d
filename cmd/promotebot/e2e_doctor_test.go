package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/fixtures/kubeapi"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

// doctor runs "promotebot doctor" beside whatever runs, and returns what it says
// and its exit code. Arguments of the form NAME=VALUE are for its environment.
func (w *town) doctor(args ...string) (string, int) {
	w.t.Helper()
	path, err := binary()
	if err != nil {
		w.t.Fatal(err)
	}
	isEnv := func(arg string) bool { return strings.Contains(arg, "=") }
	env := append([]string{"SLACK_APP_TOKEN=" + appToken, "SLACK_BOT_TOKEN=" + botToken, "SLACK_API_URL=" + w.api, "DOCKER_CONFIG=" + w.dir}, args...)
	env = slices.DeleteFunc(env, func(arg string) bool { return !isEnv(arg) })
	args = append(append(env, path, "doctor", "-config", w.config), slices.DeleteFunc(slices.Clone(args), isEnv)...)
	out, err := exec.CommandContext(w.t.Context(), "env", args...).CombinedOutput()
	if code, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), code.ExitCode()
	} else if err != nil {
		w.t.Fatal(err)
	}
	return string(out), 0
}

func TestTheDoctorSaysThatAllIsWellBesideARunningBot(t *testing.T) {
	w := newTown(t, oneLead)
	bot := w.start()
	d := w.stage("1.4.2")
	w.eventually("there is a card that can be approved", w.cardSays(approve))
	before := len(w.slack.Messages(shopChannel))
	said, code := w.doctor()
	if code != 0 || !strings.Contains(said, "0 wrong, 0 that could not be looked at") {
		t.Errorf("exit %d:\n%s", code, said)
	}
	for _, want := range []string{"SLACK_BOT_TOKEN", "channel " + shopChannel, "pushing to " + w.repo.Name(), "promotebot runs on this database"} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing of %q in:\n%s", want, said)
		}
	}
	if len(w.slack.Messages(shopChannel)) != before || w.tag("production") != "" || w.slack.Sockets() != 2 {
		t.Error("it has left a trace")
	}
	w.click(ann, approve)
	w.eventually("the bot goes on", func() bool { return w.tag("production") == d.String() })
	bot.stop()
}

func TestTheDoctorTellsScriptsHowItIs(t *testing.T) {
	w := newTown(t, oneLead)
	w.stage("1.4.2")
	w.slack.AddChannel(fakeslack.Channel{ID: shopChannel, Name: "shop", Members: []string{ann}})
	said, code := w.doctor("-json")
	var found struct {
		Wrong    int
		Findings []struct{ Area, About, Condition, Remedy string }
	}
	if err := json.Unmarshal([]byte(said), &found); err != nil || code != 1 || found.Wrong != 1 {
		t.Fatalf("exit %d, %v:\n%s", code, err, said)
	}
	for _, f := range found.Findings {
		if f.Condition == "wrong" && (f.Area != "Slack" || f.Remedy == "") {
			t.Errorf("found %+v", f)
		}
	}
	w.slack.AddChannel(fakeslack.Channel{ID: shopChannel, Name: "shop", Members: []string{ann, w.slack.Options().Bot.UserID}})
	w.slack.Fail("conversations.info", 9, fakeslack.Fault{Status: 503})
	if said, code := w.doctor(); code != 2 || !strings.Contains(said, "UNKNOWN") {
		t.Errorf("exit %d:\n%s", code, said)
	}
	w.write("{approvals: {nobody: 1}}")
	if said, code := w.doctor(); code != 1 || !strings.Contains(said, "nobody") || !strings.Contains(said, "SLACK_APP_TOKEN") {
		t.Errorf("with a faulty configuration, exit %d:\n%s", code, said)
	}
}

// Where deployments go is looked at with all that is needed to deploy there, and
// nothing is deployed.
func TestTheDoctorLooksAtTargetsAndDeploysNothing(t *testing.T) {
	a := newArchive(t)
	w := a.town
	service, _, address := w.service()
	cluster := kubeapi.Start(t)
	cluster.Put("apis/apps/v1/namespaces/shop/deployments/shop", "promotebot", fmt.Sprintf(
		`{"metadata": {}, "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "shop", "image": "%s:1"}]}}}}`, w.repo.Name()))
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}`))
	}))
	t.Cleanup(metrics.Close)
	git := strings.TrimSuffix(strings.TrimPrefix(a.deploy, "{targets: ["), "]}")
	w.write(strings.Replace(oneLead, "{", `{after: {watch: 15m, promql: [{name: up, query: up, is: "> 0", prometheus: "`+metrics.URL+`"}]}, `, 1))
	w.targets(fmt.Sprintf(`{targets: [%[1]s,
      {name: service, webhook: {url: "%[2]s/orders/{app}", running: "%[2]s/orders/{app}/running", signed_with: DEPLOY_SECRET}},
      {name: program, command: {run: [/bin/sh, "{app}"]}},
      {name: cluster, kubernetes: {kubeconfig: %[3]s, namespace: shop, workloads: [{kind: Deployment, name: "{app}"}]}}]}`, git, address, cluster.Kubeconfig()), "commands: allowed")
	service.Change("shop", w.repo.Name()+"@"+w.stage("1.4.2").String())
	disk := t.TempDir()
	env := append(slices.Clone(a.env), "DEPLOY_SECRET="+deploySecret, "TMPDIR="+disk)
	said, code := w.doctor(env...)
	for _, want := range []string{
		"eu in production: reading " + strings.TrimPrefix(a.git.URL, "https://") + ": apps/shop/kustomization.yaml on main is there", "eu in production: pushing to ",
		"service in production: the service: ", "service in production: what runs of shop: it is said", "program in production: the program: /bin/sh is there", "rights in the namespace shop of the cluster test: all that deploying takes is allowed",
		"cluster in production: Deployment shop: it is there, with shop", "Prometheus\n  ok       " + metrics.URL,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing of %q", want)
		}
	}
	if code != 0 || !strings.Contains(said, "0 wrong, 0 that could not be looked at") {
		t.Errorf("exit %d:\n%s", code, said)
	}
	if len(service.Orders()) > 0 || len(a.log()) != 1 || strings.Contains(fmt.Sprint(cluster.Get("apis/apps/v1/namespaces/shop/deployments/shop")), "annotations:map[p") {
		t.Error("it has left a trace")
	}
	if left, err := os.ReadDir(disk); err != nil || len(left) > 0 {
		t.Errorf("it has left %v, %v", left, err)
	}
	cluster.Deny("patch deployments")
	metrics.Close()
	said, code = w.doctor(append(env, "-json")...)
	var found struct {
		Findings []struct{ Area, About, Condition, Remedy string }
	}
	if err := json.Unmarshal([]byte(said), &found); err != nil || code != 1 {
		t.Errorf("exit %d, %v", code, err)
	}
	bad := map[string]string{}
	for _, f := range found.Findings {
		if f.Condition == "wrong" || f.Condition == "unknown" {
			bad[f.Area] = f.Condition
			if f.Remedy == "" {
				t.Errorf("%+v has no remedy", f)
			}
		}
	}
	if bad["targets"] != "wrong" || bad["Prometheus"] != "unknown" || len(bad) != 2 {
		t.Errorf("found %v in\n%s", bad, said)
	}
}
