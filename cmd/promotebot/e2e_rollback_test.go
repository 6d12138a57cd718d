package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

const rollBack = "promotebot_rollback"

// cardOf is the card of the promotion with that number.
func (w *town) cardOf(id int) (fakeslack.Message, bool) {
	for _, m := range w.slack.Messages(shopChannel) {
		if strings.Contains(string(m.Blocks), fmt.Sprintf("Promotion #%d · ", id)) {
			return m, true
		}
	}
	return fakeslack.Message{}, false
}

// shows tells whether that card shows the text.
func (w *town) shows(id int, text string) func() bool {
	return func() bool {
		m, ok := w.cardOf(id)
		return ok && strings.Contains(m.Text+string(m.Blocks), text)
	}
}

func (w *town) clickOn(id int, who, action string) {
	w.t.Helper()
	m, _ := w.cardOf(id)
	d, err := w.slack.Click(who, shopChannel, m.TS, action)
	if err != nil {
		w.t.Fatalf("%s clicks %s on #%d: %v", who, action, id, err)
	}
	w.acked(d)
}

// promote has a new build approved by Ann, as promotion id.
func (w *town) promote(id int, version string) v1.Hash {
	w.t.Helper()
	d := w.stage(version)
	w.eventually("a card to approve", w.shows(id, approve))
	w.clickOn(id, ann, approve)
	w.eventually("production is "+version, func() bool { return w.tag("production") == d.String() })
	w.eventually("it can be rolled back if there is something before it", func() bool { return w.shows(id, "Promoted")() && (id == 1 || w.shows(id, rollBack)()) })
	return d
}

// rollsBack has Ann roll back what promotion id has brought.
func (w *town) rollsBack(id int, to v1.Hash) *fakeslack.Delivery {
	w.t.Helper()
	w.clickOn(id, ann, rollBack)
	view, open := w.slack.View(ann)
	if !open || !strings.Contains(string(view.Raw), to.String()) {
		w.t.Fatalf("the dialog: %s", view.Raw)
	}
	d, err := w.slack.Submit(view.ID, fakeslack.Values{"ground": {to.String()}, "reason": {"the checkout fails"}})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func TestRolledBackHeldAndPromotedAgain(t *testing.T) {
	w := newTown(t, oneLead)
	bot := w.start()
	first := w.promote(1, "1.0.0")
	second := w.promote(2, "1.1.0")
	if w.shows(1, rollBack)() {
		t.Error("what is not there any more can be rolled back")
	}
	w.acked(w.rollsBack(2, first))
	w.eventually("production is what it was", func() bool { return w.tag("production") == first.String() })
	w.eventually("the card says so", w.shows(3, "Rolled back"))
	w.eventually("so does the card of what was taken back", w.shows(2, "the checkout fails"))
	if w.tag("v1.1.0") != second.String() || w.door.put("v1.1.0") != 1 || w.door.put("v1.0.0") != 1 {
		t.Error("a tag that is set once was touched")
	}
	if said := w.command(eve, "history shop"); !strings.Contains(said, "roll back production") || !strings.Contains(said, "the checkout fails") {
		t.Errorf("history says %q", said)
	}

	w.command(ann, "request shop")
	w.eventually("it is asked for again", w.shows(4, approve))
	w.clickOn(4, bob, approve)
	w.eventually("but it is held", w.shows(4, "on hold"))
	if w.tag("production") != first.String() {
		t.Fatal("what was rolled back came again")
	}
	w.command(ann, "unhold shop")
	w.eventually("production is the second again", func() bool { return w.tag("production") == second.String() })
	w.eventually("the bot knows it", w.shows(4, "*Promoted*"))
	w.isBad(first, second)
	if n := w.door.put("production"); n != 5 {
		t.Errorf("production was put %d times", n)
	}
	if out, err := w.run("audit", "verify", "-config", w.config); err != nil {
		t.Errorf("audit verify: %v %s", err, out)
	}
	bot.stop()
	if v := w.slack.Violations(); len(v) > 0 {
		t.Errorf("Slack's rules were broken: %q", v)
	}
}

// isBad has Ann withdraw what is in production, and go back by words.
func (w *town) isBad(first, second v1.Hash) {
	w.t.Helper()
	if said := w.command(ann, "withdraw-digest shop@"+second.Hex[:12]+" it leaks keys"); !strings.Contains(said, "It is in production now") {
		w.t.Errorf("withdrawn: %q", said)
	}
	w.eventually("the card says so", w.shows(4, "it leaks keys"))
	if said := w.command(eve, "status shop"); !strings.Contains(said, "withdrawn by <@"+ann+">: it leaks keys. *It is in production now*") {
		w.t.Errorf("status says %q", said)
	}
	w.command(ann, "rollback shop to "+first.Hex[:12]+" it leaks keys")
	w.eventually("production is the first again", func() bool { return w.tag("production") == first.String() })
	w.eventually("the bot knows it", w.shows(5, "Rolled back"))
	if said := w.command(bob, "rollback shop to "+second.Hex[:12]+" I want it back"); !strings.Contains(said, "it is withdrawn") {
		w.t.Errorf("back to what is withdrawn: %q", said)
	}
	if said := w.command(ann, "restore-digest shop@"+second.Hex[:12]+" it was another"); !strings.Contains(said, "somebody else has to") {
		w.t.Errorf("restored by whoever withdrew it: %q", said)
	}
	if said := w.command(bob, "restore-digest shop@"+second.Hex[:12]+" it was another"); !strings.Contains(said, "It can be promoted again") {
		w.t.Errorf("restored: %q", said)
	}
	w.eventually("figures count it", func() bool { return strings.Contains(w.command(eve, "figures shop"), "Taken back: 2 of 3 (67 %)") })
	if said := w.command(eve, "history shop"); !strings.Contains(said, "was withdrawn by <@"+ann+">") || !strings.Contains(said, "was reinstated by <@"+bob+">") || !strings.Contains(said, "lead time") {
		w.t.Errorf("history says %q", said)
	}
}

func TestKilledInTheMiddleOfARollback(t *testing.T) {
	for name, happens := range map[string]bool{"before the registry has the tag": false, "when the registry has the tag and the bot does not know": true} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			w := newTown(t, oneLead)
			bot := w.start()
			first := w.promote(1, "1.0.0")
			second := w.promote(2, "1.1.0")
			var asked atomic.Bool
			w.door.set(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/production") && asked.CompareAndSwap(false, true) {
					if happens {
						next.ServeHTTP(&deaf{header: http.Header{}}, r)
					}
					bot.kill()
					panic(http.ErrAbortHandler)
				}
				next.ServeHTTP(rw, r)
			})
			w.rollsBack(2, first)
			w.eventually("the tag was to be put", asked.Load)
			<-bot.done

			w.start()
			w.eventually("production is what it was", func() bool { return w.tag("production") == first.String() })
			w.eventually("the cards say so", func() bool { return w.shows(3, "Rolled back")() && w.shows(2, "the checkout fails")() })
			if said := w.command(eve, "status shop"); !strings.Contains(said, "`"+second.Hex[:12]+"` rolled back in #3") {
				t.Errorf("status says %q", said)
			}
			if n := len(w.slack.Messages(shopChannel)); n != 3 {
				t.Errorf("%d messages", n)
			}
			if out, err := w.run("audit", "verify", "-config", w.config); err != nil {
				t.Errorf("audit verify: %v %s", err, out)
			}
		})
	}
}
