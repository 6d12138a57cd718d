package sample

import (
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Deployments are those that follow the tags.
func Deployments() []State {
	both := deploysTo("eu", "us")
	return []State{
		{"would be deployed and watched", Shop(Later, both)},
		{"deploying", Shop(Later, Approved(Ann, Bob, Sam), both, follows(promotion.Deploying, "", rolling("eu", promotion.RolloutUnder, "waiting for pods"), rolling("us", promotion.RolloutPlanned, "")))},
		{"deploying and held", Shop(Later, Approved(Ann, Bob, Sam), both, follows(promotion.Deploying, "", rolling("eu", promotion.RolloutDone, ""), rolling("us", promotion.RolloutPlanned, "")),
			With(func(f *policy.Facts) {
				f.Holds = []promotion.Hold{{ID: 1, App: "shop", By: Eve, Reason: "wait", At: *f.Promotion.StartedAt}}
			}))},
		{"deploying, target down", Shop(Later, Approved(Ann, Bob, Sam), deploysTo("eu"), follows(promotion.Deploying, "", rolling("eu", promotion.RolloutOrdered, "")),
			With(func(f *policy.Facts) { f.Deployments[0].Fault = "deploy.example.com can't be reached" }))},
		{"watched", Shop(Later, Approved(Ann, Bob, Sam), deploysTo("eu"), follows(promotion.Watching, "", rolling("eu", promotion.RolloutDone, "")))},
		{"watched and measured", Shop(Later, Approved(Ann, Bob, Sam), deploysTo("eu"), follows(promotion.Watching, "", rolling("eu", promotion.RolloutDone, "")), measures)},
		{"failing", Shop(Later, Approved(Ann, Bob, Sam), deploysTo("eu"), follows(promotion.Failing, "it was not deployed to eu: CrashLoopBackOff", rolling("eu", promotion.RolloutFailed, "CrashLoopBackOff")),
			With(func(f *policy.Facts) {
				f.Deployments[0].Rollout.Lines = []string{"one", "two", "three", "four", "five", "six", "panic: `x` <!channel>", ""}
				f.Deployments[0].Rollout.URL = "https://deploy.example.com/run/7?a=1&b=2"
				f.Choosers = []promotion.PersonID{Bob, Sam}
				earlier(f)
			}))},
		{"failing by what was measured", Shop(Later, Approved(Ann, Bob, Sam), deploysTo("eu"), follows(promotion.Failing, "p99_seconds is 0.31, and the policy wants at most 0.25", rolling("eu", promotion.RolloutDone, "")), measures,
			With(func(f *policy.Facts) { f.Choosers = []promotion.PersonID{Bob, Sam} }))},
		{"failed, and rolled back", Shop(Later, Approved(Ann, Bob, Sam), deploysTo("eu"), follows(promotion.Failed, "it was not deployed to eu: CrashLoopBackOff", rolling("eu", promotion.RolloutFailed, "CrashLoopBackOff")),
			With(func(f *policy.Facts) {
				undone(50 * time.Hour)(f)
				f.Promotion.FinishedAt = f.Undone.FinishedAt
				f.Promotion.Reason += "; " + f.Undone.Outdid()
			}))},
		{"rolled back while it was watched", Shop(Later, Approved(Ann, Bob, Sam), deploysTo("eu"), follows(promotion.Failed, "", rolling("eu", promotion.RolloutDone, "")),
			With(func(f *policy.Facts) {
				undone(50 * time.Hour)(f)
				f.Promotion.FinishedAt = f.Undone.FinishedAt
				f.Promotion.Reason = f.Undone.Outdid()
			}))},
		{"runs something else", Shop(Later, Approved(Ann, Bob, Sam), deploysTo("eu", "us"), follows(promotion.Promoted, "", rolling("eu", promotion.RolloutDone, ""), rolling("us", promotion.RolloutDone, "")),
			With(func(f *policy.Facts) {
				f.Promotion.FinishedAt = At(Later)
				f.Stocks = []promotion.Stock{
					{Target: "eu", Since: At(49 * time.Hour), Others: []promotion.Running{
						{Where: "Deployment api, container api", Digest: "", Set: "registry.example.com/shop/api:hotfix"},
						{Where: "Deployment api, container api", Digest: promotion.Digest("sha256:" + strings.Repeat("c", 64)), Count: 3},
					}},
					{Target: "us", Fault: "the cluster us can't be reached", Blind: At(49 * time.Hour)},
				}
			}))},
		{"kept", Shop(Later, Approved(Ann, Bob, Sam), deploysTo("eu"), follows(promotion.Promoted, "a fix is on its way", rolling("eu", promotion.RolloutFailed, "CrashLoopBackOff")),
			With(func(f *policy.Facts) { f.Promotion.EndedBy, f.Promotion.FinishedAt = Bob, At(Later) }))},
	}
}

func deploysTo(names ...string) func(*policy.Document, *policy.Facts) {
	return func(d *policy.Document, _ *policy.Facts) {
		d.Deploys, d.After = names, &policy.After{Watch: 15 * time.Minute, Health: true}
	}
}

// measures has one query that is well, one that was not for a moment, one that has
// no answer any more and one that never had one.
func measures(d *policy.Document, f *policy.Facts) {
	limit := func(name string, is policy.Comparison, n float64) policy.Query {
		return policy.Query{Threshold: policy.Threshold{Number: name, Is: is, Limit: n}, Text: name, Server: "https://prometheus.example.com", For: 2 * time.Minute}
	}
	d.After.Queries = []policy.Query{limit("errors", policy.Below, 0.5), limit("p99_seconds", policy.AtMost, 0.25), limit("saturation", policy.Below, 1), limit("orders", policy.Above, 0)}
	for i, m := range []promotion.Measurement{
		{Last: &promotion.Sample{Value: 0.1 + 0.2, At: *At(49 * time.Hour)}},
		{Last: &promotion.Sample{Value: 0.31, At: *At(49 * time.Hour)}, Wrong: At(49*time.Hour - time.Minute)},
		{Last: &promotion.Sample{Value: 0.5, At: *At(48 * time.Hour)}, Fault: "prometheus.example.com can't be reached", Since: At(49*time.Hour - time.Minute)},
		{Fault: "the answer is empty: nothing that is asked for is there", Since: At(48 * time.Hour)},
	} {
		m.Asked = d.After.Queries[i].Ask(f.Promotion)
		f.Since.Measured = append(f.Since.Measured, m)
	}
}

// follows is a promotion whose tags were moved, and how far its targets are.
func follows(s promotion.State, reason string, all ...promotion.Deployment) func(*policy.Document, *policy.Facts) {
	return func(_ *policy.Document, f *policy.Facts) {
		p := &f.Promotion
		p.State, p.Reason, p.StartedAt, p.MovedAt = s, reason, At(47*time.Hour), At(48*time.Hour)
		if s == promotion.Watching {
			p.WatchUntil = At(50 * time.Hour)
		}
		for _, t := range p.Targets {
			p.Moves = append(p.Moves, promotion.Move{Tag: t.Tag, Outcome: promotion.MoveDone, Found: p.Digest})
		}
		f.Deployments = all
	}
}

func rolling(target string, phase promotion.RolloutPhase, detail string) promotion.Deployment {
	d := promotion.Deployment{Order: promotion.Order{Target: target, OrderedAt: *At(48 * time.Hour), Deadline: *At(49 * time.Hour)}, Rollout: promotion.Rollout{Phase: phase, Detail: detail}}
	if phase != promotion.RolloutPlanned {
		d.Rollout.Ready, d.Rollout.Total = 1, 3
	}
	if phase.Ended() {
		d.EndedAt = At(48*time.Hour + time.Minute)
	}
	if phase == promotion.RolloutDone {
		d.Rollout.Ready = 3
	}
	return d
}
