package config_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion/policy"
)

// checked is a sound document whose policy asks for the checks.
func checked(checks string) string {
	return strings.Replace(sound, "{approvals: {leads: 1}}", "{approvals: leads, checks: "+checks+"}", 1)
}

func TestChecksMeanWhatTheySay(t *testing.T) {
	doc := checked(`[e2e, {name: perf, max_age: 1d, numbers: ["p99_ms <= 250", "errors == 0"]}, {name: scan, numbers: critical == 0, advisory: true}, {name: security-review, reviewed_by: leads}]`)
	c, err := config.Parse("promotebot.yaml", []byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	want := []policy.Check{
		{Name: "e2e"},
		{Name: "perf", MaxAge: 24 * time.Hour, Numbers: []policy.Threshold{{Number: "p99_ms", Is: policy.AtMost, Limit: 250}, {Number: "errors", Is: policy.Equals}}},
		{Name: "scan", Advisory: true, Numbers: []policy.Threshold{{Number: "critical", Is: policy.Equals}}},
		{Name: "security-review", ReviewedBy: "leads"},
	}
	if got := c.Catalog.Apps[0].Policies["production"].Checks; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestFaultyChecks(t *testing.T) {
	for checks, says := range map[string]string{
		`perf`:                                                   `checks must be a list, not the text "perf"`,
		`[{max_age: 1h}]`:                                        "the check has no name",
		`[{name: Perf}]`:                                         `"Perf" is not a name`,
		`[perf, perf]`:                                           `the check "perf" is asked for already`,
		`[{name: perf, age: 1h}]`:                                `unknown key "age" in a check`,
		`[{name: perf, max_age: 0}]`:                             "a result is never younger than that",
		`[{name: perf, max_age: 400d}]`:                          "longer than 365d",
		`[{name: perf, numbers: [p99]}]`:                         "compares nothing",
		`[{name: perf, numbers: ["p99 <= x"]}]`:                  "is not compared with a number",
		`[{name: perf, numbers: ["n < 2", "n > 3"]}]`:            "no number is both n < 2 and n > 3",
		`[{name: perf, numbers: ["n == 2", "n < 2"]}]`:           "no number is both n == 2 and n < 2",
		`[{name: perf, advisory: maybe}]`:                        "advisory must be true or false",
		`[{name: perf, reviewed_by: nobody}]`:                    `there is no role "nobody" to ask`,
		`[{name: perf, reviewed_by: leads, numbers: ["n < 2"]}]`: "report no numbers",
	} {
		if found := problems(t, checked(checks)).Error(); !strings.Contains(found, says) {
			t.Errorf("%s: %s\nwant %q", checks, found, says)
		}
	}
	for _, checks := range []string{`[{name: perf, numbers: ["n >= 2", "n <= 2"]}]`, `[{name: perf, numbers: ["n > 2", "n < 3"]}]`, `[{name: perf, numbers: ["n > 2", "m < 1"]}]`, `[]`} {
		if _, err := config.Parse("promotebot.yaml", []byte(checked(checks))); err != nil {
			t.Errorf("%s: %v", checks, err)
		}
	}
}

func TestACheckIsDoneOneWayInTheWholeFile(t *testing.T) {
	doc := strings.Replace(checked("[{name: review, reviewed_by: leads}]"), "com/shop", "com/shop, policy: {production: {approvals: leads, checks: [review]}}", 1)
	if found := problems(t, doc).Error(); !strings.Contains(found, `the check "review" is reported by machines here and signed off by people on line 6`) {
		t.Error(found)
	}
}
