package main_test

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

// doctor runs "promotebot doctor" beside whatever runs, and returns what it says
// and its exit code.
func (w *town) doctor(args ...string) (string, int) {
	w.t.Helper()
	for name, value := range map[string]string{"SLACK_APP_TOKEN": appToken, "SLACK_BOT_TOKEN": botToken, "SLACK_API_URL": w.api, "DOCKER_CONFIG": w.dir} {
		args = append([]string{name + "=" + value}, args...)
	}
	path, err := binary()
	if err != nil {
		w.t.Fatal(err)
	}
	split := 4
	args = append(append(args[:split:split], path, "doctor", "-config", w.config), args[split:]...)
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
