package config_test

import (
	"strings"
	"testing"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestFlowFaults(t *testing.T) {
	for _, f := range []fault{
		{"nobody and a role called none", "{approvals: {leads: 1}}\nroles:", "{approvals: none}\nroles:\n  none: [U0EVE]", []string{
			"6:24: approvals: none asks nobody, and there is a role called none: give the role another name",
		}},
		{"a requester among nobody", "{approvals: {leads: 1}}", "{approvals: none, requester: may-approve}", []string{
			"6:30: requester says whether one person can approve, and nobody has to: take it out, or ask somebody for approval",
		}},
	} {
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
