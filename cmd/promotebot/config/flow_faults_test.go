package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestFlowFaults(t *testing.T) {
	for _, f := range []fault{
		{"nobody and a role called none", "{approvals: {leads: 1}}\nroles:", "{approvals: none}\nroles:\n  none: [U0EVE]", []string{
			`8:3: "none" says something about approvals, so it can't be a role: give the role another name`,
		}},
		{"a requester among nobody", "{approvals: {leads: 1}}", "{approvals: none, requester: may-approve}", []string{
			"6:30: requester says whether one person can approve, and nobody has to: take it out, or ask somebody for approval",
		}},
		{"an unknown way to supersede", "{approvals: {leads: 1}}", "{approvals: leads, supersede: merge}", []string{
			`6:42: "merge" does not say what becomes of what is open when a newer build comes: write replace, which is the default, keep or queue`,
		}},
		{"an unknown one that rides", "{approvals: {leads: 1}}", "{approvals: leads, ride: first}", []string{
			`6:37: "first" does not say which build keeps maturing: write newest, which is the default, or oldest`,
		}},
		{"one that rides in a queue", "{approvals: {leads: 1}}", "{approvals: leads, supersede: queue, ride: oldest}", []string{
			"6:55: ride: oldest keeps one build from being replaced, and with supersede: queue none is: take one of the two out",
		}},
		{"a queue that nobody could clear", "{approvals: {leads: 1}}", "{approvals: none, supersede: queue}", []string{
			"6:41: builds would wait for the first of the queue, and with approvals: none nobody could take it away when it is stuck: " +
				"say who can, as in reject: {by: tech-leads}, or write ride: oldest instead, with which a newer build replaces one that is stuck",
		}},
		{"a queue behind one tag", "watch: \"v{version}-passed\"}\n  - {name: production, tags: [production], policy: careful}", "watch: passed}\n  - {name: production, tags: [production], policy: {approvals: leads, supersede: queue}}", []string{
			`4:52: with supersede: queue an older build stays in staging beside newer ones, and it watches the one tag "passed": have staging watch a pattern that gives each build its own tag, such as v{version}-passed`,
		}},
		{"one that rides where builds are announced", "watch: \"v{version}-passed\"}\n  - {name: production, tags: [production], policy: careful}", "}\n  - {name: production, tags: [production], policy: {approvals: leads, ride: oldest}}", []string{
			"4:52: with ride: oldest an older build stays in staging beside newer ones, and what comes to it takes the place of what was there: have staging watch a pattern that gives each build its own tag, such as v{version}-passed",
		}},
		{"a rollback that is no mapping", "{approvals: {leads: 1}}", "{approvals: leads, rollback: off}", []string{
			`6:41: rollback must be a mapping, not the text "off": write it as {ready: required, plan: required}`,
		}},
		{"a way back that is a matter of taste", "{approvals: {leads: 1}}", "{approvals: leads, rollback: {ready: maybe}}", []string{
			`6:49: "maybe" does not say whether it is asked for: write required or off; required is the default`,
		}},
		{"a plan for nobody", "{approvals: {leads: 1}}", "{approvals: none, rollback: {plan: required}}", []string{
			"6:47: a rollback plan is for those who approve, and with approvals: none nobody does: ask somebody for approval, or take plan out",
		}},
		{"a rollback that nobody stands behind", "{approvals: {leads: 1}}", "{approvals: leads, rollback: {approvals: none}}", []string{
			"6:53: somebody has to stand behind a rollback: name a role: whoever asks for a rollback and holds it has approved it by that",
		}},
		{"a rollback by a role that is none", "{approvals: {leads: 1}}", "{approvals: leads, rollback: {approvals: {lead: 1}}}", []string{
			`6:54: there is no role "lead" to ask: did you mean "leads"? Otherwise define it: roles: {tech-leads: [U0ANN, U0BOB]}`,
		}},
		{"a rollback by more than there are", "{approvals: {leads: 1}}", "{approvals: leads, rollback: {approvals: {leads: 3}}}", []string{
			"6:61: leads has to approve 3 times, and only 2 people hold it: ask for fewer, or add people to the role: one person is one approval",
		}},
		{"a requester of a rollback about whom nothing is said", "{approvals: {leads: 1}}", "{approvals: leads, rollback: {requester: perhaps}}", []string{
			`6:53: "perhaps" says nothing about the requester: write may-approve, which is the default, or cannot-approve`,
		}},
		{"a requester of a rollback that nobody approves", "{approvals: {leads: 1}}", "{approvals: none, rollback: {requester: cannot-approve}}", []string{
			"6:41: requester says whether one person can approve, and nobody has to: take it out, or say who has to approve a rollback: approvals: {tech-leads: 1}",
		}},
		{"a rollback that heeds nothing", "{approvals: {leads: 1}}", "{approvals: leads, rollback: {heed: []}}", []string{
			"6:48: heed names nothing: name what stops a rollback, as in [freezes, windows], or take the key out",
		}},
		{"a rollback that heeds what there is not", "{approvals: {leads: 1}}", "{approvals: leads, rollback: {heed: [freeze, soak, windows, windows]}}", []string{
			`6:49: "freeze" is nothing that could stop a rollback: did you mean "freezes"? Otherwise name some of checks, freezes, holds, windows`,
			`6:57: "soak" is nothing that could stop a rollback: name some of checks, freezes, holds, windows`,
			`6:72: "windows" is there already: take one of the two out`,
		}},
		{"an app that queues behind one tag", "watch: \"v{version}-passed\"", "watch: passed", nil},
	} {
		if f.want == nil {
			f.old, f.new = sound, strings.Replace(strings.Replace(sound, "v{version}-passed", "passed", 1), "com/shop}", "com/shop, policy: {production: {approvals: leads, supersede: queue}}}", 1)
			f.want = []string{
				`10:73: with supersede: queue an older build stays in staging beside newer ones, and it watches the one tag "passed": have staging watch a pattern that gives each build its own tag, such as v{version}-passed`,
			}
		}
		t.Run(f.with, func(t *testing.T) {
			var got []string
			for _, p := range problems(t, f.document(t)).List {
				got = append(got, p.String())
			}
			if strings.Join(got, "\n") != strings.Join(f.want, "\n") {
				t.Errorf("it is said:\n%s\nand should be:\n%s", strings.Join(got, "\n"), strings.Join(f.want, "\n"))
			}
		})
	}
}

// production is what the policy of sound comes to with the text in its place.
func production(t *testing.T, text string) policy.Document {
	t.Helper()
	c, err := config.Parse("promotebot.yaml", []byte(strings.Replace(sound, "{approvals: {leads: 1}}", text, 1)))
	if err != nil {
		t.Fatalf("%s is refused: %v", text, err)
	}
	return c.Catalog.Apps[0].Policies["production"]
}

func TestAStepThatAsksNobodyIsSaidOutright(t *testing.T) {
	if d := production(t, "{approvals: none, soak: 1h}"); !d.Automatic || len(d.Approvals) != 0 {
		t.Errorf("%+v", d)
	}
	if d := production(t, "{approvals: leads}"); d.Automatic {
		t.Errorf("%+v", d)
	}
}

func TestWhatBecomesOfWhatIsOpen(t *testing.T) {
	for text, want := range map[string]policy.Document{
		"{approvals: leads}": {},
		"{approvals: leads, supersede: replace, ride: newest}":     {},
		"{approvals: none, supersede: queue, reject: {by: leads}}": {Supersede: policy.Queue},
		"{approvals: leads, supersede: keep}":                      {Supersede: policy.Keep},
		"{approvals: leads, supersede: queue, ride: newest}":       {Supersede: policy.Queue},
		"{approvals: leads, supersede: replace, ride: oldest}":     {RideOldest: true},
	} {
		if d := production(t, text); d.Supersede != want.Supersede || d.RideOldest != want.RideOldest {
			t.Errorf("%s is %+v", text, d)
		}
	}
}

// A train takes what is there, whatever is usual for its apps.
func TestATrainReplacesTheOneBefore(t *testing.T) {
	c, err := config.Parse("promotebot.yaml", []byte(strings.Replace(soundTrain, "{approvals: {leads: 1}}", "{approvals: leads, ride: oldest}", 1)))
	if err != nil {
		t.Fatal(err)
	}
	train, _ := c.Catalog.Train("both")
	if train.Policies["production"].InLine() || !c.Catalog.Apps[0].Policies["production"].InLine() {
		t.Errorf("the train: %+v, an app: %+v", train.Policies, c.Catalog.Apps[0].Policies)
	}
}

func TestTheWayBackIsAskedForUnlessItIsSaid(t *testing.T) {
	for text, off := range map[string]bool{
		"{approvals: leads}": false, "{approvals: leads, rollback: {}}": false, "{approvals: leads, rollback: {ready: required}}": false, "{approvals: leads, rollback: {ready: off}}": true,
	} {
		if d := production(t, text); d.NoWayBack != off {
			t.Errorf("%s is %+v", text, d)
		}
	}
}

func TestWhatARollbackTakesIsTheUsualUnlessItIsSaid(t *testing.T) {
	for text, want := range map[string]*policy.Return{
		"{approvals: leads, rollback: {ready: required}}":                            nil,
		"{approvals: leads, rollback: {requester: may-approve}}":                     {},
		"{approvals: leads, rollback: {requester: cannot-approve}}":                  {RequesterCannotApprove: true},
		"{approvals: none, rollback: {approvals: leads}}":                            {Approvals: []policy.Requirement{{Role: "leads", Count: 1}}},
		"{approvals: {leads: 2}, rollback: {approvals: {any: [leads, {leads: 2}]}}}": {Tree: &policy.Tree{Count: 1, Of: []policy.Tree{{Role: "leads", Count: 1}, {Role: "leads", Count: 2}}}},
		"{approvals: leads, rollback: {heed: [windows, checks, holds, freezes]}}":    {Heed: policy.Heedable},
	} {
		if d := production(t, text); !reflect.DeepEqual(d.Rollback, want) {
			t.Errorf("%s is %+v", text, d.Rollback)
		}
	}
}

func TestAPlanIsAskedForWhereItIsSaid(t *testing.T) {
	for text, asked := range map[string]bool{
		"{approvals: leads}": false, "{approvals: leads, rollback: {plan: required}}": true, "{approvals: leads, rollback: {plan: off, ready: off}}": false,
	} {
		if d := production(t, text); d.Plan != asked {
			t.Errorf("%s is %+v", text, d)
		}
	}
}
