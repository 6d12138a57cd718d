package config_test

import (
	"strings"
	"testing"
)

func TestGlassFaults(t *testing.T) {
	const review = "review: {by: [leads], within: 24h}"
	for _, c := range []struct{ name, glass, want string }{
		{"it is sound", "{role: leads, " + review + "}", ""},
		{"no mapping", "leads", "6:49: break_glass must be a mapping"},
		{"no role", "{" + review + "}", "break_glass has no role"},
		{"a role that there is not", "{role: heroes, " + review + "}", `6:56: there is no role "heroes" to ask`},
		{"no review", "{role: leads}", "say who looks at it afterwards, and by when: review: {by: [security], within: 24h}"},
		{"a review by nobody", "{role: leads, review: {within: 24h}}", "say who gives it: by: [security]"},
		{"a review by a role that there is not", "{role: leads, review: {by: [gods], within: 24h}}", `there is no role "gods" to ask`},
		{"a review some day", "{role: leads, review: {by: [leads]}}", "say by when it is due: within: 24h"},
		{"a review at once", "{role: leads, review: {by: [leads], within: 59m}}", "a review within 59m is out of bounds: write from 1h to 30d"},
		{"a review next year", "{role: leads, review: {by: [leads], within: 31d}}", "a review within 31d is out of bounds: write from 1h to 30d"},
		{"a review that only the breaker could give", "{role: leads, review: {by: [one], within: 24h}}", "when U0ANN breaks the glass, nobody else holds a role that could review that"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := "{approvals: {leads: 1}, break_glass: " + c.glass + "}"
			if c.want == "" {
				if d := production(t, text); d.BreakGlass == nil || d.BreakGlass.Role != "leads" {
					t.Errorf("%+v", d.BreakGlass)
				}
				return
			}
			doc := strings.Replace(strings.Replace(sound, "{approvals: {leads: 1}}", text, 1), "roles:", "roles:\n  one: [U0ANN]", 1)
			if found := problems(t, doc); len(found.List) != 1 || !strings.Contains(found.Error(), c.want) {
				t.Errorf("%v", found)
			}
		})
	}
}

func TestTheGlassOfATrainIsThatOfItsPolicy(t *testing.T) {
	glass := "{approvals: {leads: 1}, break_glass: {role: leads, review: {by: [leads], within: 24h}}}"
	trains := read(t, strings.Replace(soundTrain, "{approvals: {leads: 1}}", glass, 1)).Trains
	if len(trains) != 1 {
		t.Fatalf("%+v", trains)
	}
	if d := trains[0].Policies["production"]; d.BreakGlass == nil || d.BreakGlass.Role != "leads" {
		t.Errorf("%+v", d.BreakGlass)
	}
}

func TestWhatTightensAPolicyKeepsItsGlass(t *testing.T) {
	glass := "{approvals: {leads: 1}, break_glass: {role: leads, review: {by: [leads], within: 24h}}}"
	if found := problems(t, tightening("{approvals: leads}", "break_glass: {role: leads}")); !strings.Contains(found.Error(), `unknown key "break_glass" in a policy that tightens another`) {
		t.Errorf("%v", found)
	}
	if d := document(t, tightening(glass, "soak: 1h")); d.BreakGlass == nil || d.BreakGlass.Role != "leads" {
		t.Errorf("what tightens it has %+v", d.BreakGlass)
	}
}
