package config_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion/gate"
)

func TestDirectRemindersAndTheirFaults(t *testing.T) {
	for _, c := range []struct{ name, direct, want string }{
		{"it is sound", `{schedule: "0 9 * * MON-FRI", time_zone: Europe/Berlin, quiet: {from: "18:30", until: "8:00"}, escalate: {after: 1d, to: leads}}`, ""},
		{"no mapping", `"@daily"`, `write it as direct: {schedule: "0 9 * * MON-FRI", time_zone: Europe/Berlin}`},
		{"no schedule", "{time_zone: UTC}", `direct has no schedule: add schedule: "0 9 * * MON-FRI" for nine o'clock on workdays, by the clock of whoever is reminded`},
		{"no such hour", `{schedule: "0 25 * * *"}`, `"0 25 * * *" is not a schedule`},
		{"no such zone", `{schedule: "@daily", time_zone: Atlantis}`, `"Atlantis" is not a time zone`},
		{"another key", `{schedule: "@daily", loud: true}`, `unknown key "loud" in direct`},
		{"quiet for ever", `{schedule: "@daily", quiet: {from: "9:00", until: "9:00"}}`, "quiet begins when it ends"},
		{"quiet without an end", `{schedule: "@daily", quiet: {from: "9:00"}}`, `quiet has no until: write {from: "18:00", until: "8:00"}`},
		{"quiet from an hour that there is not", `{schedule: "@daily", quiet: {from: "24:00", until: "8:00"}}`, `"24:00" is not a time of day: write hour and minute, such as "18:00"`},
		{"quiet from a list", `{schedule: "@daily", quiet: {from: [], until: "8:00"}}`, `is not a time of day`},
		{"an escalation to nobody", `{schedule: "@daily", escalate: {after: 24h}}`, "escalate has no to: say who is told: to: tech-leads"},
		{"an escalation to a role that there is not", `{schedule: "@daily", escalate: {after: 24h, to: gods}}`, `there is no role "gods" to ask`},
		{"an escalation some day", `{schedule: "@daily", escalate: {to: leads}}`, "escalate has no after: say after how long: after: 24h"},
		{"an escalation at once", `{schedule: "@daily", escalate: {after: 59m, to: leads}}`, "after 59m is out of bounds: write from 1h to 30d, such as 24h"},
		{"an escalation next year", `{schedule: "@daily", escalate: {after: 31d, to: leads}}`, "after 31d is out of bounds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := strings.Replace(sound, "apps:", "direct: "+c.direct+"\napps:", 1)
			if c.want != "" {
				if found := problems(t, doc); len(found.List) != 1 || !strings.Contains(found.Error(), c.want) {
					t.Errorf("%v", found)
				}
				return
			}
			want := &gate.Direct{
				Schedule: "0 9 * * MON-FRI", TimeZone: "Europe/Berlin", Quiet: &gate.Quiet{From: 18*time.Hour + 30*time.Minute, Until: 8 * time.Hour},
				Escalate: &gate.Escalation{After: 24 * time.Hour, To: "leads"},
			}
			if d := read(t, doc).Direct; !reflect.DeepEqual(d, want) {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestDigestsAndTheirFaults(t *testing.T) {
	for _, c := range []struct{ name, digests, want string }{
		{"one for each channel", `[{schedule: "0 9 * * MON", time_zone: Europe/Berlin}, {schedule: "@daily", channel: C0SHIP}]`, ""},
		{"no list", `{schedule: "@daily"}`, `write it as digests: [{schedule: "0 9 * * MON", time_zone: Europe/Berlin}]`},
		{"a text", `["@daily"]`, `a digest must be a mapping, not the text "@daily"`},
		{"no schedule", "[{time_zone: UTC}]", `the digest has no schedule: add schedule: "0 9 * * MON" for nine o'clock on Mondays`},
		{"never", `[{schedule: "0 0 31 2 *"}]`, `the schedule "0 0 31 2 *" never comes`},
		{"a channel that is a name", `[{schedule: "@daily", channel: releases}]`, `"releases" is not the id of a channel`},
		{"a channel without cards", `[{schedule: "@daily", channel: C0OTHER}]`, "no card goes to C0OTHER, so there would be nothing to tell"},
		{"twice", `[{schedule: "@daily"}, {schedule: "@daily", channel: C0SHIP}]`, "the same digest is there for C0SHIP already: keep one of the two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := strings.Replace(sound, "apps:", "digests: "+c.digests+"\napps:", 1)
			if c.want != "" {
				if found := problems(t, doc); len(found.List) != 1 || !strings.Contains(found.Error(), c.want) {
					t.Errorf("%v", found)
				}
				return
			}
			d := read(t, doc).Digests
			if len(d) != 2 || d[0].Channel != "C0SHIP" || d[0].Spec != "CRON_TZ=Europe/Berlin 0 9 * * MON" || d[1].Spec != "CRON_TZ=UTC @daily" {
				t.Fatalf("%+v", d)
			}
			friday := time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)
			if next := d[0].Comes.Next(friday).UTC(); next != time.Date(2026, 3, 30, 7, 0, 0, 0, time.UTC) {
				t.Errorf("the first comes %v", next)
			}
		})
	}
}
