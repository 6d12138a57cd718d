package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What is shown keeps its names: they are in the document that is served.

// App is what is where for one app.
type App struct {
	Name         string         `json:"name"`
	Repository   string         `json:"repository"`
	Environments []Environment  `json:"environments"`
	Open         []promotion.ID `json:"open"`
}

// Environment is what was last seen in one.
type Environment struct {
	Name       string     `json:"name"`
	Repository string     `json:"repository,omitempty"` // when it is another than the app's
	Watch      string     `json:"watch,omitempty"`
	Fault      string     `json:"fault,omitempty"`
	FaultSince *time.Time `json:"fault_since,omitempty"`
	Holds      []Holding  `json:"holds"`
}

// Holding is a digest in an environment.
type Holding struct {
	Digest string    `json:"digest"`
	Tag    string    `json:"tag,omitempty"`
	Since  time.Time `json:"since"`
}

// Promotion is one attempt to bring a digest from an environment to the next.
type Promotion struct {
	ID         promotion.ID `json:"id"`
	Purpose    string       `json:"purpose"`
	App        string       `json:"app"`
	From       string       `json:"from"`
	To         string       `json:"to"`
	Digest     string       `json:"digest"`
	State      string       `json:"state"`
	Reason     string       `json:"reason,omitempty"`
	SourceTag  string       `json:"source_tag,omitempty"`
	Requester  string       `json:"requester,omitempty"`
	Train      promotion.ID `json:"train,omitempty"`
	Successor  promotion.ID `json:"successor,omitempty"`
	RollsBack  string       `json:"rolls_back,omitempty"` // digest
	UndoneBy   promotion.ID `json:"undone_by,omitempty"`
	Revision   int64        `json:"revision"`
	Policy     string       `json:"policy"`
	Targets    []Target     `json:"targets"`
	ObservedAt time.Time    `json:"observed_at"`
	OpenedAt   time.Time    `json:"opened_at"`
	StartedAt  *time.Time   `json:"started_at,omitempty"`
	MovedAt    *time.Time   `json:"moved_at,omitempty"`
	WatchUntil *time.Time   `json:"watch_until,omitempty"`
	FinishedAt *time.Time   `json:"finished_at,omitempty"`

	Deployments  []Deployment  `json:"deployments,omitempty"`
	Measurements []Measurement `json:"measurements,omitempty"` // of what is watched
	Checks       []Check       `json:"checks"`
	Verdict      *Verdict      `json:"verdict,omitempty"` // not of what is decided with a train
}

// Target is a tag that it sets.
type Target struct {
	Tag      string `json:"tag"`
	Floating bool   `json:"floating"`
	Now      string `json:"now,omitempty"` // digest
}

// Check is the newest report of one.
type Check struct {
	Name    string             `json:"name"`
	Status  string             `json:"status"`
	URL     string             `json:"url,omitempty"`
	Summary string             `json:"summary,omitempty"`
	Numbers map[string]float64 `json:"numbers,omitempty"`
	By      string             `json:"by"`
	At      time.Time          `json:"at"`
}

// Verdict is the answer to "may this go ahead, and if not, why not?".
type Verdict struct {
	Outcome    string     `json:"outcome"`
	At         time.Time  `json:"at"`
	NextChange *time.Time `json:"next_change,omitempty"`
	Findings   []Finding  `json:"findings"`
	Approvals  []Approval `json:"approvals"`
}

// Approval is one that counts.
type Approval struct {
	Person string    `json:"person"`
	Role   string    `json:"role"`
	At     time.Time `json:"at"`
	For    string    `json:"for,omitempty"` // whose role it is, when it is not their own
}

// Finding is what one rule says.
type Finding struct {
	Rule      string     `json:"rule"`
	Outcome   string     `json:"outcome"`
	Skipped   bool       `json:"skipped,omitempty"`
	Reason    string     `json:"reason"`
	Who       []string   `json:"who,omitempty"`
	ChangesAt *time.Time `json:"changes_at,omitempty"`
	Findings  []Finding  `json:"findings,omitempty"`
}

func apps(ctx context.Context, s *server, c caller, _ *http.Request, _ []byte) (int, any, error) {
	all, err := s.Gate.Status(ctx, "")
	if err != nil {
		return 0, nil, err
	}
	shown := []App{}
	for _, a := range all {
		if c.token.About(a.App) {
			shown = append(shown, status(a))
		}
	}
	return http.StatusOK, map[string]any{"apps": shown}, nil
}

func app(ctx context.Context, s *server, c caller, r *http.Request, _ []byte) (int, any, error) {
	name := r.PathValue("app")
	if _, ok := s.Gate.Catalog().App(name); !ok || !c.token.About(name) {
		return 0, nil, errNothing()
	}
	all, err := s.Gate.Status(ctx, name)
	if err != nil {
		return 0, nil, err
	}
	i := slices.IndexFunc(all, func(a policy.AppStatus) bool { return a.App == name })
	if i < 0 {
		return 0, nil, errNothing()
	}
	views, err := s.Gate.Views(ctx, gate.Query{App: name, States: promotion.Unfinished()})
	if err != nil {
		return 0, nil, err
	}
	shown := []Promotion{}
	for _, v := range views {
		shown = append(shown, shownAs(v))
	}
	return http.StatusOK, struct {
		App
		Promotions []Promotion `json:"promotions"`
	}{status(all[i]), shown}, nil
}

func promoted(ctx context.Context, s *server, c caller, r *http.Request, _ []byte) (int, any, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || !c.token.About(r.PathValue("app")) {
		return 0, nil, errNothing()
	}
	v, err := s.Gate.View(ctx, promotion.ID(id))
	if err != nil {
		return 0, nil, err
	}
	if v.Facts.Promotion.App != r.PathValue("app") {
		return 0, nil, errNothing()
	}
	return http.StatusOK, shownAs(v), nil
}

func status(a policy.AppStatus) App {
	shown := App{Name: a.App, Repository: string(a.Repository), Open: append([]promotion.ID{}, a.Open...), Environments: []Environment{}}
	for _, e := range a.Environments {
		env := Environment{Name: e.Name, Repository: string(e.Images), Watch: e.Watch, Fault: e.Fault, FaultSince: e.Since, Holds: []Holding{}}
		for _, h := range e.Holds {
			env.Holds = append(env.Holds, Holding{string(h.Digest), h.Tag, h.Since})
		}
		shown.Environments = append(shown.Environments, env)
	}
	return shown
}

func shownAs(v policy.View) Promotion {
	p := v.Facts.Promotion
	shown := Promotion{
		ID: p.ID, Purpose: string(p.Purpose), App: p.App, From: p.From, To: p.To, Digest: string(p.Digest), State: string(p.State), Reason: p.Reason, SourceTag: p.SourceTag,
		Requester: string(p.Requester), Train: p.Train, Successor: p.Successor, Revision: p.Revision, Policy: p.PolicyHash, Targets: []Target{},
		ObservedAt: p.ObservedAt, OpenedAt: p.OpenedAt, StartedAt: p.StartedAt, FinishedAt: p.FinishedAt, Checks: []Check{},
		MovedAt: p.MovedAt, WatchUntil: p.WatchUntil, Deployments: deployments(v), Measurements: measurements(v),
	}
	if shown.UndoneBy = p.UndoneBy; p.Back != nil {
		shown.RollsBack = string(p.Back.Bad)
	}
	for _, t := range p.Targets {
		shown.Targets = append(shown.Targets, Target{t.Tag, t.Floating, string(t.Now)})
	}
	for _, c := range v.Facts.Checks {
		by := string(c.Person)
		if c.Person == "" {
			by = promotion.TokenActor(c.Token)
		}
		shown.Checks = append(shown.Checks, Check{c.Name, string(c.Status), c.URL, c.Summary, c.Numbers, by, c.At})
	}
	if p.Purpose != promotion.Ride {
		shown.Verdict = verdict(v)
	}
	return shown
}

func verdict(v policy.View) *Verdict {
	shown := &Verdict{Outcome: string(v.Verdict.Outcome), At: v.At, NextChange: v.Verdict.NextChange, Findings: findings(v.Verdict.Findings), Approvals: []Approval{}}
	if shown.Findings == nil {
		shown.Findings = []Finding{}
	}
	for _, a := range v.Verdict.Assigned {
		shown.Approvals = append(shown.Approvals, Approval{string(a.Person), a.Role, a.At, string(a.For)})
	}
	return shown
}

func findings(of []policy.Finding) []Finding {
	var all []Finding
	for _, f := range of {
		shown := Finding{Rule: string(f.Rule), Outcome: string(f.Outcome), Skipped: f.Skipped, Reason: f.Reason, ChangesAt: f.ChangesAt, Findings: findings(f.Children)}
		for _, id := range f.Who {
			shown.Who = append(shown.Who, string(id))
		}
		all = append(all, shown)
	}
	return all
}
