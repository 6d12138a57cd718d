package render_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

var update = flag.Bool("update", false, "write the golden files anew; read the difference before you commit it")

func golden(t *testing.T, name string, got any) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(got); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", strings.NewReplacer(" ", "-", ",", "").Replace(name)+".json")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(want, b.Bytes()) {
		return
	}
	is, was := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(is), len(was)) {
		if is[i] != was[i] {
			t.Errorf("%s is out of date, first in line %d:\n is %s\nwas %s\nIf it is meant, go test ./bot/render -update", path, i+1, is[i], was[i])
			return
		}
	}
	t.Errorf("%s is out of date: %d lines instead of %d. If it is meant, go test ./bot/render -update", path, len(is), len(was))
}

func TestCards(t *testing.T) {
	for _, s := range sample.All() {
		t.Run(s.Name, func(t *testing.T) { golden(t, "card "+s.Name, render.Card(s.View)) })
	}
}

// try is what becomes of each view if the person approves.
func try(id promotion.PersonID, views ...policy.View) render.Message {
	var all []render.Try
	for _, v := range views {
		would, refusal := policy.WhatIf(v.Document, v.Facts, id, v.At)
		all = append(all, render.Try{Is: v, Would: would, Refusal: refusal})
	}
	return render.WhatIf(id, all)
}

func TestOtherSurfaces(t *testing.T) {
	all := sample.All()
	find := func(name string) policy.View {
		for _, s := range all {
			if s.Name == name {
				return s.View
			}
		}
		t.Fatalf("no state %q", name)
		return policy.View{}
	}
	golden(t, "details", render.Details(find("vote discounted for lack of role")))
	golden(t, "reject", render.RejectModal(find("soaking"), "C1", "1.1"))
	golden(t, "details of a choice", render.Details(find("authors unknown")))
	golden(t, "details of what was taken back", render.Details(find("taken back")))
	golden(t, "reject for a reason of its own", render.RejectModal(find("a choice of approvals"), "C1", "1.1"))
	golden(t, "why a choice", render.Why(find("a choice of approvals")))
	golden(t, "break the glass", render.GlassModal(find("glass to break"), "C1", "1.1", "the checkout is down"))
	golden(t, "review a broken glass", render.ReviewModal(find("review overdue"), "C1", "1.1"))
	golden(t, "details of a broken glass", render.Details(find("glass broken and waiting")))
	golden(t, "list with reviews", render.List([]policy.View{find("glass broken and waiting"), find("review due"), find("review overdue")}, render.Pages{}))
	golden(t, "home", render.Home(policy.Home{
		Person: sample.Sam, Known: true, At: sample.Monday, Waiting: []policy.View{find("soaking"), find("waiting for evidence"), find("review overdue")}, Asked: []policy.View{find("waiting for approvals")},
		Freezes: []promotion.Freeze{{From: sample.Monday, Until: sample.At(time.Hour), Reason: "a <!channel> party", By: sample.Bob}}, MoreApps: 3,
		Apps: []policy.AppStatus{{App: "shop", Repository: "registry.example.com/team/shop", Environments: []policy.EnvironmentStatus{{Name: "staging", Watch: "passed"}}}},
		Decisions: []promotion.Decided{
			{Gesture: promotion.Gesture{At: sample.Monday}, Answer: promotion.Answer{Verb: promotion.Counted, Decision: promotion.Approve, App: "shop", Digest: sample.Build, Role: "security"}},
			{Gesture: promotion.Gesture{At: sample.Monday}, Answer: promotion.Answer{Verb: promotion.Noted, Deed: promotion.GestureSnooze, Until: sample.At(time.Hour)}},
		},
	}))
	golden(t, "home with nothing on it", render.Home(policy.Home{Person: sample.Sam, Known: true, At: sample.Monday}))
	golden(t, "home of a guest", render.Home(policy.Home{Person: sample.Sam, Known: true, Refusal: "guests can't decide promotions"}))
	golden(t, "home of somebody unknown", render.Home(policy.Home{Person: sample.Sam}))
	golden(t, "reminder", render.Reminder(policy.Reminder{Person: sample.Sam, Items: []policy.Reminded{
		{View: find("review overdue"), Wants: find("review overdue").Wants()},
		{View: find("waiting for approvals"), Wants: []policy.Want{{Kind: policy.WantAnybody, Role: "managers", Since: sample.At(-24 * time.Hour)}}},
	}}))
	golden(t, "digest", render.Digest(policy.Digest{
		Since: *sample.At(-24 * time.Hour), Until: sample.Monday, Waiting: []policy.View{find("waiting for approvals")}, Soaking: []policy.View{find("soaking")}, Open: []policy.View{find("executing")},
		Overdue: []policy.View{find("review overdue")}, Promoted: []promotion.Promotion{find("promoted").Facts.Promotion}, Ended: []promotion.Promotion{find("rejected").Facts.Promotion},
		PutBack: []promotion.Promotion{find("restored").Facts.Promotion}, People: find("soaking").Facts.People,
		Figures: promotion.Figures{Environment: "production", From: *sample.At(-24 * time.Hour), Until: sample.Monday, Promoted: 3, TakenBack: 1, Rollbacks: 1,
			Lead: promotion.Spread{Count: 3, Median: 51 * time.Hour, Worst: 60 * time.Hour}, Restore: promotion.Spread{Count: 1, Median: time.Minute, Worst: time.Minute}},
	}))
	golden(t, "plan", render.PlanModal(find("with a plan"), "C1", "1.1"))
	golden(t, "why", render.Why(find("partially approved")))
	golden(t, "what if bob", try(sample.Bob, find("soaking"), find("partially approved"), find("train blocked by a newer build")))
	golden(t, "what if somebody without a role", try(sample.Eve, find("partially approved")))
	golden(t, "what if somebody again", try(sample.Ann, find("partially approved")))
	golden(t, "why it waits for evidence", render.Why(find("waiting for evidence")))
	golden(t, "show", render.Show(find("promoted")))
	golden(t, "list", render.List([]policy.View{find("soaking"), find("waiting for approvals")}, render.Pages{}))
	golden(t, "history", render.History([]promotion.Promotion{find("rejected").Facts.Promotion, find("rejected and overtaken").Facts.Promotion, find("superseded").Facts.Promotion, find("promoted").Facts.Promotion}, nil, render.Pages{}))
	golden(t, "details of a train", render.Details(find("train whose vote was for another production")))
	golden(t, "why of a train", render.Why(find("train blocked by a newer build")))
	golden(t, "reject a train", render.RejectModal(find("train soaking"), "C1", "1.1"))
	soaking := find("train soaking")
	golden(t, "history of an app", render.History([]promotion.Promotion{soaking.Facts.Rides[0].Promotion, find("superseded by a train").Facts.Promotion}, nil, render.Pages{}))
	golden(t, "status", render.Status([]policy.AppStatus{{
		App: "shop", Repository: "registry.example.com/team/shop", Open: []promotion.ID{12},
		Environments: []policy.EnvironmentStatus{
			{Name: "staging", Watch: "v{version}-passed", Holds: []policy.Holding{{Digest: sample.Build, Tag: "v1.4.2-passed", Since: sample.Monday}}},
			{Name: "canary", Target: true},
			{Name: "production", Watch: "production", Target: true, Fault: "registry.example.com answers 503", Since: sample.At(time.Hour), Holds: []policy.Holding{{Digest: sample.Former, Tag: "production", Since: *sample.At(-24 * time.Hour)}}},
		},
	}, {App: "wiki", Repository: "registry.example.com/team/wiki", Environments: []policy.EnvironmentStatus{{Name: "staging", Watch: "passed"}}}}, sample.Monday, render.Pages{}))
}
