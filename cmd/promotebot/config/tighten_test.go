package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion/policy"
)

// tightening is the sound document in which the app tightens the policy of its
// environment.
func tightening(careful, more string) string {
	doc := strings.Replace(sound, "careful: {approvals: {leads: 1}}", "careful: "+careful, 1)
	doc = strings.Replace(doc, "  leads: [U0ANN, U0BOB]", "  leads: [U0ANN, U0BOB]\n  security: [U0MEL]", 1)
	return strings.Replace(doc, "image: registry.example.com/shop}", "image: registry.example.com/shop, policy: {production: {tightens: careful, "+more+"}}}", 1)
}

func TestAnAppTightensThePolicyOfItsEnvironment(t *testing.T) {
	d := document(t, tightening("{soak: 24h, approvals: {leads: 1}, requester: may-approve}", "soak: 48h, approvals: {security: 1}, checks: [scan]"))
	want := []policy.Requirement{{Role: "leads", Count: 1}, {Role: "security", Count: 1}}
	if d.Soak != 48*time.Hour || !slices.Equal(d.Approvals, want) || len(d.Checks) != 1 || !d.RequesterMayApprove || d.Name != "shop to production" {
		t.Errorf("%+v", d)
	}
	if d := document(t, tightening("{approvals: leads}", "shared_channels: refuse")); !d.RefuseShared {
		t.Errorf("%+v", d)
	}
	if d := document(t, tightening("{approvals: leads, requester: may-approve, rollback: {ready: off}}", "requester: cannot-approve")); d.RequesterMayApprove || !d.NoWayBack {
		t.Errorf("%+v", d)
	}
	// A rollback takes what it took before, or more.
	if d := document(t, tightening("{approvals: {leads: 2}, rollback: {approvals: {leads: 1}, heed: [freezes]}}", "approvals: {security: 1}")); !slices.Equal(d.Returning().Approvals, []policy.Requirement{{Role: "leads", Count: 1}}) || len(d.Rollback.Heed) != 1 {
		t.Errorf("%+v", d)
	}
	if d := document(t, tightening("{approvals: {leads: 1}}", "approvals: {security: 1}")); len(d.Returning().Approvals) != 2 {
		t.Errorf("%+v", d)
	}
}

// What each can ask for by itself can be too much together.
func TestWhatTightensCanNotMakeAPolicyUnreachable(t *testing.T) {
	const night = `{from: "0 20 * * *", for: 10h}`
	for _, c := range []struct{ careful, more, want string }{
		{"{approvals: leads, expires: {request: 48h}}", "soak: 48h", "every request would expire after 48h0m0s, before its soak of 48h0m0s is complete"},
		{"{approvals: leads, soak: 3d}", "expires: {request: 48h}", "before its soak of 72h0m0s is complete"},
		{`{approvals: leads, windows: {allow: [{from: "0 21 * * *", for: 2h}]}}`, "windows: {deny: [" + night + "]}", "the windows never open"},
		{"{approvals: leads, windows: {deny: [" + night + "]}}", `windows: {allow: [{from: "0 21 * * *", for: 2h}]}`, "the windows never open"},
		{"{approvals: leads, checks: [{name: scan, max_age: 12h}]}", "soak: 12h", "counts from the check scan and lasts longer"},
		{"{approvals: leads, soak: 1d}", "checks: [{name: scan, max_age: 12h}]", "counts from the check scan and lasts longer"},
		{`{approvals: leads, checks: [{name: perf, numbers: ["rps > 20"]}]}`, `checks: [{name: perf, numbers: ["rps <= 20"]}]`, "no number of the check perf is both rps > 20 and rps <= 20"},
	} {
		found := problems(t, tightening(c.careful, c.more))
		if len(found.List) != 1 || !strings.Contains(found.Error(), "together with careful") || !strings.Contains(found.Error(), c.want) {
			t.Errorf("%s tightened by %s: %v", c.careful, c.more, found)
		}
	}
	for _, c := range []struct{ careful, more string }{
		{"{approvals: leads, expires: {request: 48h}}", "soak: 47h"},
		{`{approvals: leads, windows: {allow: [{from: "0 19 * * *", for: 2h}]}}`, "windows: {deny: [" + night + "]}"},
		{"{approvals: leads, checks: [{name: scan, max_age: 13h}]}", "soak: 12h"},
		{`{approvals: leads, checks: [{name: perf, numbers: ["rps > 20"]}]}`, `checks: [{name: perf, numbers: ["rps <= 21", "p99 < 9"]}]`},
		{"{approvals: leads, soak: {for: 12h, since: arrival}}", "checks: [{name: scan, max_age: 1h}]"},
	} {
		document(t, tightening(c.careful, c.more))
	}
	// What is wrong with one of them is said of that one, once.
	if found := problems(t, tightening("{approvals: leads, soak: 48h, expires: {request: 24h}}", "shared_channels: refuse")); len(found.List) != 1 || strings.Contains(found.Error(), "together") {
		t.Errorf("%v", found)
	}
}

func TestWhatTightensCanNotLoosen(t *testing.T) {
	for _, c := range []struct{ careful, more, want string }{
		{"{soak: 24h, approvals: {leads: 1}}", "soak: 1h", "the soak is shorter than that of careful"},
		{"{approvals: {leads: 1}}", "requester: may-approve", "careful is stricter in this"},
		{"{approvals: {leads: 1}}", "approvals: none", "careful is stricter in this"},
		{"{approvals: {leads: 1}, shared_channels: refuse}", "shared_channels: allow", "careful is stricter in this"},
		{"{approvals: {leads: 1}}", "supersede: keep", `unknown key "supersede" in a policy that tightens another`},
		{"{approvals: {leads: 1}, checks: [{name: look, reviewed_by: leads}]}", "checks: [look]", "is signed off or reported in another way"},
		{"{approvals: {leads: 2}}", "approvals: {security: 2}", "security has to approve 2 times, and only 1 person holds it"},
		{"{approvals: {leads: 1}}", "rollback: {requester: may-approve}", "what a rollback takes is said by careful"},
		{"{approvals: {leads: 1}}", "tightens: careless", `the key "tightens" is set on line`},
	} {
		found := problems(t, tightening(c.careful, c.more))
		if !strings.Contains(found.Error(), c.want) {
			t.Errorf("%s tightened by %s: %v", c.careful, c.more, found)
		}
	}
	named := strings.Replace(sound, "policies:", "policies:\n  strict: {tightens: careful, soak: 48h}", 1)
	if found := problems(t, named); !strings.Contains(found.Error(), "done where a policy is used") || len(found.List) != 1 {
		t.Errorf("under policies: %v", found)
	}
	doc := strings.Replace(tightening("{approvals: leads}", "soak: 1h"), "tightens: careful", "tightens: carefull", 1)
	if found := problems(t, doc); !strings.Contains(found.Error(), `there is no policy "carefull"`) || len(found.List) != 1 {
		t.Errorf("%v", found)
	}
}
