package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Deployment is how far a target is with a promotion.
type Deployment struct {
	Target    string     `json:"target"`
	State     string     `json:"state"`
	Ready     int        `json:"ready"`
	Total     int        `json:"total"`
	Detail    string     `json:"detail,omitempty"`
	Lines     []string   `json:"lines,omitempty"`
	Handle    string     `json:"handle,omitempty"`
	Fault     string     `json:"fault,omitempty"` // why it could not be asked since
	OrderedAt *time.Time `json:"ordered_at,omitempty"`
	Deadline  *time.Time `json:"deadline,omitempty"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
}

func deployments(v policy.View) (all []Deployment) {
	for _, d := range v.Facts.Deployments {
		shown := Deployment{
			Target: d.Order.Target, State: string(d.Rollout.Phase), Ready: d.Rollout.Ready, Total: d.Rollout.Total, Detail: d.Rollout.Detail, Lines: d.Rollout.Lines,
			Handle: d.Order.Handle, Fault: d.Fault, EndedAt: d.EndedAt,
		}
		if o := d.Order; !o.OrderedAt.IsZero() {
			shown.OrderedAt, shown.Deadline = &o.OrderedAt, &o.Deadline
		}
		all = append(all, shown)
	}
	return all
}

// states are what a target can say of an order, in the words in which it also
// answers a webhook.
var states = map[string]promotion.RolloutPhase{"running": promotion.RolloutUnder, "succeeded": promotion.RolloutDone, "failed": promotion.RolloutFailed}

// deployed takes a target's own word of how far it is.
func deployed(ctx context.Context, s *server, c caller, r *http.Request, body []byte) (int, any, error) {
	var in struct {
		Key    string   `json:"key"`
		State  string   `json:"state"`
		Ready  int      `json:"ready"`
		Total  int      `json:"total"`
		Detail string   `json:"detail"`
		Lines  []string `json:"lines"`
		URL    string   `json:"url"`
	}
	if s.Hide != nil {
		body = []byte(s.Hide(string(body)))
	}
	if err := decode(r, body, &in); err != nil {
		return 0, nil, err
	}
	phase, known := states[in.State]
	if !known || in.Ready < 0 || in.Total < 0 {
		return 0, nil, problem(http.StatusUnprocessableEntity, "the report does not say how far it is", "send state: running, succeeded or failed, and for ready and total numbers from 0")
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, nil, errNothing()
	}
	from, err := call(c, r, body)
	if err != nil {
		return 0, nil, err
	}
	receipt, err := s.Gate.Deployed(ctx, from, promotion.ID(id), r.PathValue("target"), in.Key, promotion.Rollout{
		Phase: phase, Ready: in.Ready, Total: in.Total, Detail: promotion.Line(in.Detail), Lines: in.Lines, URL: in.URL,
	})
	if err != nil {
		return 0, nil, err
	}
	if receipt.Verb == promotion.Repeated {
		receipt.Verb = promotion.Counted
	}
	return kept(receipt)
}
