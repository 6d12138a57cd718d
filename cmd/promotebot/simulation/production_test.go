package simulation

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	settings "github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

// In some schedules production has targets. What deploys there is far away too: a
// service that takes orders over HTTP, each key once, and takes its time with them.
// Some never come to an end, and some fail.

const deployHost = "deploy.test"

// deployDeadline is short, so that it comes in many schedules.
const deployDeadline = 4 * time.Minute

// service is what deploys.
type service struct {
	w      *world
	orders []*rollout
}

// rollout is an order, and what will become of it.
type rollout struct {
	key, app, target string
	of               promotion.ID
	begun            time.Time
	takes            time.Duration
	fails            bool
}

func (o *rollout) state() string {
	switch {
	case time.Since(o.begun) < o.takes:
		return "running"
	case o.fails:
		return "failed"
	}
	return "succeeded"
}

// targetsOf is how the targets of production are told.
func targetsOf(names []string) (all []settings.Target) {
	for _, name := range names {
		all = append(all, settings.Target{Environment: production, Name: name, Webhook: &settings.Webhook{URL: "https://" + deployHost + "/{target}/{app}", Signed: "DEPLOY_SECRET"}})
	}
	return all
}

func (s *service) find(key string) *rollout {
	i := slices.IndexFunc(s.orders, func(o *rollout) bool { return o.key == key })
	if i < 0 {
		return nil
	}
	return s.orders[i]
}

func (s *service) serve(q request) answer {
	if q.method == http.MethodGet {
		o := s.find(strings.TrimPrefix(q.path, "/state/"))
		if o == nil {
			return said(http.StatusNotFound, nil)
		}
		return said(http.StatusOK, []byte(`{"state":"`+o.state()+`"}`))
	}
	var body struct {
		Key       string           `json:"key"`
		Promotion promotion.ID     `json:"promotion"`
		App       string           `json:"app"`
		Target    string           `json:"target"`
		Digest    promotion.Digest `json:"digest"`
		Image     string           `json:"image"`
	}
	if err := json.Unmarshal(q.body, &body); err != nil || q.path != "/"+body.Target+"/"+body.App {
		s.w.violated("an order to %s says %s", q.path, q.body)
		return said(http.StatusBadRequest, nil)
	}
	if s.find(body.Key) == nil {
		o := &rollout{key: body.Key, app: body.App, target: body.Target, of: body.Promotion, begun: time.Now(), takes: 10 * time.Second}
		if !s.w.run.calm {
			o.takes, o.fails = time.Duration(s.w.draw(90))*time.Second, s.w.chance(15)
			if s.w.chance(5) {
				o.takes = time.Hour
			}
		}
		s.w.judge.ordered(q.by, o, body.Digest, body.Image)
		s.orders = append(s.orders, o)
	}
	return said(http.StatusAccepted, []byte(`{"state":"accepted","id":"x","status_url":"/state/`+body.Key+`"}`))
}

// ordered is told that a target is about to run a digest.
func (j *judge) ordered(by *caller, o *rollout, d promotion.Digest, image string) {
	e, p := by.work, j.promotions[o.of]
	switch {
	case e == nil || e.Kind != promotion.EffectDeploy || e.Promotion != p.ID:
		j.w.violated("%s tells %s to run something", by.name, o.target)
	case e.Attempt != j.attempts[e.Key] || time.Now().After(e.LeaseUntil):
		j.w.violated("%s is told of #%d in attempt %d, whose lease is over", o.target, p.ID, e.Attempt)
	case p.State != promotion.Deploying && p.State != promotion.Failing:
		j.w.violated("%s is told of #%d, which is %s", o.target, p.ID, p.State)
	case d != p.Digest || image != string(p.Destination)+"@"+string(p.Digest):
		j.w.violated("%s is told to run %s, and #%d is about %s", o.target, image, p.ID, p.Digest.Short())
	case !slices.Contains(j.targets[p.ID], o.target):
		j.w.violated("%s is told of #%d, which was not for it", o.target, p.ID)
	}
	for _, t := range p.Targets {
		if j.confirmed[moving{p.ID, spot{p.Destination, t.Tag}}] != p.Digest {
			j.w.violated("%s is told of #%d and %s was never read as its digest", o.target, p.ID, t.Tag)
		}
	}
	for _, other := range j.promotions {
		if other.ID != p.ID && other.App == p.App && other.To == p.To && other.State.Moves() {
			j.w.violated("%s is told of #%d while #%d is %s", o.target, p.ID, other.ID, other.State)
		}
	}
	for _, other := range j.w.production.orders {
		switch {
		case other.of != o.of:
		case other.target == o.target:
			j.w.violated("%s is told of #%d under two keys, %s and %s", o.target, p.ID, other.key, o.key)
		case !j.w.atOnce && other.state() != "succeeded":
			j.w.violated("%s is told of #%d while %s is %s", o.target, p.ID, other.target, other.state())
		}
	}
}

// arrivedAt judges that a promotion has come to run everywhere.
func (j *judge) arrivedAt(p promotion.Promotion) {
	for _, target := range j.targets[p.ID] {
		done := slices.ContainsFunc(j.w.production.orders, func(o *rollout) bool { return o.of == p.ID && o.target == target && o.state() == "succeeded" })
		if !done {
			j.w.violated("#%d is %s and %s does not run it", p.ID, p.State, target)
		}
	}
}

// follows judges a transition after the tags, and tells whether it is one.
func (j *judge) follows(r *replica, s *recorder, was promotion.State, p promotion.Promotion) bool {
	switch {
	case was == promotion.Executing && (p.State == promotion.Deploying || p.State == promotion.Watching):
		j.promoted(p) // its tags are
		if p.State == promotion.Watching {
			j.arrivedAt(p)
		}
	case was == promotion.Deploying && (p.State == promotion.Watching || p.State == promotion.Promoted):
		j.arrivedAt(p)
	case was == promotion.Watching && p.State == promotion.Promoted:
		j.watched(p, written(r.gate.Catalog(), p))
	case was == promotion.Deploying && p.State == promotion.Failing:
	case was == promotion.Watching && p.State == promotion.Failing:
		if j.wentWrong(p, written(r.gate.Catalog(), p)) == "" {
			j.w.violated("#%d is failing, and nothing has gone wrong since its tags were moved", p.ID)
		}
	case was == promotion.Executing && p.State == promotion.Failing: // what no target is told, since it is to be taken back or known to be bad
		j.promoted(p)
	case was == promotion.Failing && p.State == promotion.Promoted:
		by := slices.ContainsFunc(s.entries, func(e audit.Entry) bool {
			return e.Kind == audit.Ended && e.Promotion == p.ID && e.Actor == string(p.EndedBy)
		})
		if !by || p.EndedBy == "" {
			j.w.violated("#%d was failing and is promoted, and nobody has kept it", p.ID)
		}
	case (was == promotion.Failing || was == promotion.Watching) && p.State == promotion.Failed:
		if !strings.Contains(p.Reason, "has taken its place") && (!p.Undone() || !strings.Contains(p.Reason, "it was rolled back to")) {
			j.w.violated("#%d has failed after its tags were moved: %s", p.ID, p.Reason)
		}
	default:
		return false
	}
	return true
}

// follow counts, among the entries of a transaction, those of transitions after the
// tags: of several at once, those that are seen because they were saved.
func follow(s *recorder) (n int) {
	leads := map[audit.Kind]promotion.State{audit.Moved: promotion.Deploying, audit.Watching: promotion.Watching, audit.Failing: promotion.Failing}
	for _, e := range s.entries {
		if to, is := leads[e.Kind]; is && slices.ContainsFunc(s.saved, func(p promotion.Promotion) bool { return p.ID == e.Promotion && p.State == to }) {
			n++
		}
	}
	return n
}

// keep is a submitted dialog: what is failing stays.
func (w *world) keep() {
	if s, ok := w.see("promotebot_keep"); ok {
		w.deliver(w.submission(w.somebody(), s, promotion.Keep))
	}
}
