package api

import (
	"context"
	"net/http"

	"github.com/promotebot/promotebot/promotion"
)

// Receipt is what came of something that was sent.
type Receipt struct {
	Outcome    string         `json:"outcome"`
	App        string         `json:"app"`
	Digest     string         `json:"digest,omitempty"`
	Report     int64          `json:"report,omitempty"`
	Promotions []promotion.ID `json:"promotions"`
	AskedBy    []string       `json:"asked_by,omitempty"`
	LookingAt  []string       `json:"looking_at,omitempty"`
}

// The outcomes of what is sent.
const (
	recorded = "recorded"
	opened   = "opened"
	existing = "existing"
	looking  = "looking"
)

func check(ctx context.Context, s *server, c caller, r *http.Request, body []byte) (int, any, error) {
	var in struct {
		App     string             `json:"app"`
		Digest  string             `json:"digest"`
		Name    string             `json:"name"`
		Status  string             `json:"status"`
		URL     string             `json:"url"`
		Summary string             `json:"summary"`
		Numbers map[string]float64 `json:"numbers"`
	}
	if err := decode(r, body, &in); err != nil {
		return 0, nil, err
	}
	from, err := call(c, r, body)
	if err != nil {
		return 0, nil, err
	}
	receipt, err := s.Gate.Check(ctx, from, promotion.Check{
		App: in.App, Digest: promotion.Digest(in.Digest), Name: in.Name, Status: promotion.CheckStatus(in.Status), URL: in.URL, Summary: in.Summary, Numbers: in.Numbers,
	})
	if err != nil {
		return 0, nil, err
	}
	return told(receipt)
}

func authors(ctx context.Context, s *server, c caller, r *http.Request, body []byte) (int, any, error) {
	var in struct {
		App     string   `json:"app"`
		Digest  string   `json:"digest"`
		Range   string   `json:"range"`
		Authors []string `json:"authors"`
	}
	if err := decode(r, body, &in); err != nil {
		return 0, nil, err
	}
	from, err := call(c, r, body)
	if err != nil {
		return 0, nil, err
	}
	receipt, err := s.Gate.Authors(ctx, from, promotion.Authorship{App: in.App, Digest: promotion.Digest(in.Digest), Range: in.Range, Authors: in.Authors})
	if err != nil {
		return 0, nil, err
	}
	return told(receipt)
}

func candidate(ctx context.Context, s *server, c caller, r *http.Request, body []byte) (int, any, error) {
	var in struct {
		App    string `json:"app"`
		Digest string `json:"digest"`
		Tag    string `json:"tag"`
	}
	if err := decode(r, body, &in); err != nil {
		return 0, nil, err
	}
	if (in.Digest == "") == (in.Tag == "") {
		return 0, nil, problem(http.StatusUnprocessableEntity, "a candidate is named by its digest or by its tag", "send exactly one of the two")
	}
	if in.Digest != "" {
		if _, err := promotion.ParseDigest(in.Digest); err != nil {
			return 0, nil, err
		}
	}
	from, err := call(c, r, body)
	if err != nil {
		return 0, nil, err
	}
	receipt, err := s.Gate.Candidate(ctx, from, in.App, in.Digest+in.Tag)
	if err != nil {
		return 0, nil, err
	}
	for _, environment := range receipt.Look {
		s.Hint(receipt.App, environment)
	}
	return told(receipt)
}

// told answers with what came of it.
func told(r promotion.Receipt) (int, any, error) {
	answer := Receipt{App: r.App, Digest: string(r.Digest), Report: r.Report, Promotions: r.Promotions, AskedBy: r.Steps, LookingAt: r.Look}
	if answer.Promotions == nil {
		answer.Promotions = []promotion.ID{}
	}
	status := http.StatusOK
	switch r.Verb {
	case promotion.Counted:
		answer.Outcome, status = recorded, http.StatusCreated
	case promotion.Requested:
		answer.Outcome, status = opened, http.StatusCreated
	case promotion.Existing:
		answer.Outcome = existing
	case promotion.Checking:
		answer.Outcome, status = looking, http.StatusAccepted
	case promotion.Differs:
		return 0, nil, problem(http.StatusUnprocessableEntity, "the idempotency key was used for another request", "choose another key for what is new")
	case promotion.Refused:
		return 0, nil, problem(http.StatusConflict, r.Reason, "nothing was changed")
	default:
		return 0, nil, errNothing()
	}
	return status, answer, nil
}
