package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/promotebot/promotebot/fixtures/shell"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

const rollsBackByItself = "{approvals: {leads: 1}, after: {watch: 5m, incidents: [critical], on_failure: roll-back}}"

// under puts another policy into force in a bot that runs.
func (w *town) under(bot *process, had, policy string) {
	w.t.Helper()
	b, err := os.ReadFile(w.config)
	if err == nil {
		err = os.WriteFile(w.config, []byte(strings.Replace(string(b), had, policy, 1)), 0o600)
	}
	if err == nil {
		err = bot.cmd.Process.Signal(syscall.SIGHUP)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.eventually("it is in force", func() bool { return strings.Contains(bot.out.String(), "configuration put in force") })
}

// isBackAt waits until production is at the digest again, after promotion id went
// wrong there, and the card of the rollback says so.
func (w *town) isBackAt(d v1.Hash, id, rollback int, says string) {
	w.t.Helper()
	w.eventually("production is what it was", func() bool { return w.tag("production") == d.String() })
	w.eventually("the targets have it, too", w.shows(rollback, says))
	w.eventually("so the card says of what went wrong", w.shows(id, fmt.Sprintf("in #%d", rollback)))
}

// isHeld has somebody ask for the build again that was taken back, as promotion id.
func (w *town) isHeld(d, now v1.Hash, id int) {
	w.t.Helper()
	w.command(eve, "request shop")
	w.eventually("it is asked for again", w.shows(id, approve))
	w.clickOn(id, bob, approve)
	w.eventually("but it is held", w.shows(id, "on hold"))
	if said := w.command(eve, "why shop@"+d.Hex[:12]); !strings.Contains(said, "rolled back") {
		w.t.Errorf("why says %q", said)
	}
	if w.tag("production") != now.String() {
		w.t.Error("what was taken back came again")
	}
}

// isWell ends the bot, and looks at what it leaves.
func (w *town) isWell(bot *process) {
	w.t.Helper()
	if out, err := w.run("audit", "verify", "-config", w.config); err != nil || !strings.Contains(out, "whole") {
		w.t.Errorf("audit verify: %v %s", err, out)
	}
	bot.stop()
	if v := w.slack.Violations(); len(v) > 0 {
		w.t.Errorf("Slack's rules were broken: %q", v)
	}
}

func TestWhatGoesWrongWhileItIsWatchedIsTakenBackByItself(t *testing.T) {
	w := newTown(t, oneLead)
	service, _, address := w.service()
	bot := w.deployedBy(address)
	first := w.promote(1, "1.0.0")
	w.under(bot, oneLead, rollsBackByItself)
	second := w.stage("1.1.0")
	w.eventually("a card to approve", w.shows(2, approve))
	w.clickOn(2, ann, approve)
	w.eventually("it is watched", w.shows(2, "*Being watched*"))
	if got := service.Runs("shop"); got != w.repo.Name()+"@"+second.String() {
		t.Fatalf("%s runs", got)
	}
	w.command(eve, "incident shop minor a button is grey") // of which the policy says nothing
	w.command(eve, "incident shop critical the checkout fails")
	w.isBackAt(first, 2, 3, "*Being watched*")
	if w.shows(2, "grey")() {
		t.Error("it was taken back for what is of no consequence")
	}
	if got := service.Runs("shop"); got != w.repo.Name()+"@"+first.String() {
		t.Errorf("%s runs", got)
	}
	var images []string
	for _, o := range service.Orders() {
		images = append(images, strings.TrimPrefix(o.Image, w.repo.Name()+"@"))
	}
	if want := []string{first.String(), second.String(), first.String()}; strings.Join(images, " ") != strings.Join(want, " ") {
		t.Errorf("the service was told %q", images)
	}
	w.isHeld(second, first, 4)
	w.isWell(bot)
}

// The program of a target takes the second build for broken; whoever could have
// approved it goes back, and the program is told the first again.
func TestWhatAProgramCanNotDeployIsRolledBackByAClick(t *testing.T) {
	w := newTown(t, oneLead)
	said, script := filepath.Join(w.dir, "said"), filepath.Join(w.dir, "roll-out")
	text := "echo \"$PROMOTEBOT_PURPOSE $PROMOTEBOT_DIGEST\" >> " + said + "\n[ ! -e " + said + ".broken ] || { echo 'no configuration'; exit 3; }\n"
	shell.Write(t, script, text)
	w.targets(fmt.Sprintf(`{targets: [{name: eu, command: {run: %s}}]}`, script), "commands: allowed")
	bot := w.connected()
	first := w.promote(1, "1.0.0")
	if err := os.WriteFile(said+".broken", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second := w.stage("1.1.0")
	w.eventually("a card to approve", w.shows(2, approve))
	w.clickOn(2, ann, approve)
	w.eventually("it is failing, and the card says why", func() bool {
		return w.shows(2, "*Failing*")() && w.shows(2, "no configuration")() && w.shows(2, rollBack)()
	})
	w.command(eve, "remind shop")
	w.eventually("who could choose is called in its thread", func() bool {
		card, _ := w.cardOf(2)
		return slices.ContainsFunc(w.slack.Thread(shopChannel, card.TS), func(m fakeslack.Message) bool {
			return strings.HasPrefix(m.Text, "Reminder, because") && strings.Contains(m.Text, "*failing*") && strings.Contains(m.Text, "<@"+bob+">")
		})
	})
	if err := os.Remove(said + ".broken"); err != nil {
		t.Fatal(err)
	}
	w.acked(w.rollsBack(2, first))
	w.isBackAt(first, 2, 3, "*Rolled back*")
	b, err := os.ReadFile(said)
	if want := fmt.Sprintf("promote %s\npromote %s\nrollback %s\n", first, second, first); err != nil || string(b) != want {
		t.Errorf("the program was told\n%s(%v)", b, err)
	}
	w.isHeld(second, first, 4)
	w.isWell(bot)
}
