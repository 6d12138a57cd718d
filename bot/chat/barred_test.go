package chat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/promotion/audit"
)

// asksWhy tells whether a button opens a dialog for somebody, and closes it.
func (o *office) asksWhy(who, action string) bool {
	o.t.Helper()
	if action == render.ActionGlass {
		o.choose(who, action)
	} else {
		o.click(who, action)
	}
	v, open := o.slack.View(who)
	if open {
		if _, err := o.slack.CloseView(v.ID); err != nil {
			o.t.Fatal(err)
		}
	}
	return open
}

// Who is known not to be allowed to is not asked why first, and refused then. Who
// is not known is asked: what has to be read first may allow it.
func TestWhoMayNotIsNotAskedWhy(t *testing.T) {
	for name, c := range map[string]struct {
		action, who, could, says string
	}{
		"a rejection by somebody without a role":       {render.ActionReject, eve, ann, "Your rejection of"},
		"a rollback plan by somebody without a role":   {render.ActionPlan, eve, ann, "Your rollback plan of"},
		"a hold by a guest":                            {render.ActionHold, eve, ann, "guests can't decide"},
		"a broken glass by somebody who may only look": {render.ActionGlass, ann, eve, "Your breaking of the glass of"},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, o *office) {
				switch c.action {
				case render.ActionGlass:
					o.glazed()
				case render.ActionPlan:
					o.planned()
				case render.ActionHold:
					o.slack.AddUser(fakeslack.User{ID: eve, Name: "eve", IsRestricted: true})
				}
				o.stage("a")
				if c.who == eve && !o.asksWhy(eve, c.action) {
					t.Error("whom nobody knows is not asked")
				}
				o.command(eve, "hold shop@bbbbbb it is odd") // now she is known
				denied := o.recorded(audit.Denied)
				if o.asksWhy(c.who, c.action) {
					t.Error("a dialog asks why")
				}
				if told := o.last(c.who).Text; !strings.Contains(told, c.says) {
					t.Errorf("told was %s", told)
				}
				if o.recorded(audit.Denied) != denied+1 {
					t.Error("that somebody tried is not on record")
				}
				if !o.asksWhy(c.could, c.action) {
					t.Error("who could is not asked why")
				}
			})
		})
	}
}

func (o *office) planned() {
	o.t.Helper()
	c := catalog(o.t)
	d := c.Apps[0].Policies["production"]
	d.Plan = true
	c.Apps[0].Policies["production"] = d
	if err := o.gate.Adopt(o.t.Context(), c); err != nil {
		o.t.Fatal(err)
	}
	o.pause()
}

// A dialog is gone when it is sent, and with it what was typed. When it comes to
// nothing, now or once it has been found out who that was, it is said back.
func TestWhatWasTypedInVainIsSaidBack(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.click(eve, render.ActionReject) // nobody knows her so far
		v, open := o.slack.View(eve)
		if !open {
			t.Fatal("no dialog")
		}
		if _, err := o.slack.Submit(v.ID, fakeslack.Values{"ground": {"timing"}, "reason": {"it is Friday, <!here>"}}); err != nil {
			t.Fatal(err)
		}
		o.pause()
		if told := o.last(eve).Text; !strings.Contains(told, "takes a role") || !strings.Contains(told, "You had written: “it is Friday, &lt;!here&gt;”") {
			t.Errorf("Eve was told %s", told)
		}
		time.Sleep(time.Minute)
		if told := texts(o.heard(eve)); len(told) != 1 {
			t.Errorf("it took no time to find out who she is, and she was told %q", told)
		}
		o.click(bob, render.ActionReject)
		if v, open = o.slack.View(bob); !open {
			t.Fatal("no dialog")
		}
		o.stage("b") // meanwhile it gives way
		if _, err := o.slack.Submit(v.ID, fakeslack.Values{"ground": {"timing"}, "reason": {"it leaks memory"}}); err != nil {
			t.Fatal(err)
		}
		o.pause()
		if told := o.last(bob).Text; !strings.Contains(told, "superseded") || !strings.Contains(told, "“it leaks memory”") {
			t.Errorf("Bob was told %s", told)
		}
	})
}

// In a channel that is shared, people of other organisations see the card and can
// press its buttons. None of them shows more than the card. A colleague of another
// workspace of the organisation is shown it, once Slack has said so.
func TestNothingIsOpenedForPeopleOfOtherOrganisations(t *testing.T) {
	inWorkspace(t, fakeslack.Options{Team: fakeslack.Team{EnterpriseID: "E0ACME"}}, func(t *testing.T, o *office) {
		const kim, sue, gus = "U0KIM", "W0SUE", "U0GUS"
		o.slack.AddUser(fakeslack.User{ID: kim, Name: "kim", TeamID: "T0THEIRS", IsStranger: true})
		o.slack.AddUser(fakeslack.User{ID: sue, Name: "sue", TeamID: "T0SALES", EnterpriseID: "E0ACME"})
		o.slack.AddUser(fakeslack.User{ID: gus, Name: "gus", IsRestricted: true})
		o.slack.AddChannel(fakeslack.Channel{ID: channel, Name: "shop", Members: []string{ann, bob, eve, kim, sue, gus, o.slack.Options().Bot.UserID}})
		o.stage("a")
		for _, action := range []string{render.ActionDetails, render.ActionReject, render.ActionHold} {
			if first, again := o.asksWhy(kim, action), o.asksWhy(kim, action); first || again { // unknown at first, known then
				t.Errorf("%s opens a dialog for a stranger", action)
			}
		}
		if told := o.last(kim).Text; !strings.Contains(told, "only people of this workspace") {
			t.Errorf("Kim was told %s", told)
		}
		if d, err := o.slack.MessageShortcut(kim, channel, o.card().TS, render.ShortcutWhatIs); err != nil {
			t.Fatal(err, d)
		}
		o.pause()
		if v, open := o.slack.View(kim); open {
			t.Errorf("what a card is about is shown to a stranger: %s", v.Rendered)
		}
		if o.asksWhy(sue, render.ActionDetails) || !strings.Contains(o.last(sue).Text, "click again") {
			t.Error("Sue, of whom nothing is known yet, is shown the details")
		}
		for _, who := range []string{sue, gus, eve} {
			if !o.asksWhy(who, render.ActionDetails) {
				t.Errorf("%s is shown no details", who)
			}
		}
	})
}
