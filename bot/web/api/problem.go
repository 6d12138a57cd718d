package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Problem is what a refused request is told (RFC 9457).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"` // what to do instead

	challenge bool // say how to authenticate
}

func (p *Problem) Error() string { return p.Detail }

func problem(status int, detail, remedy string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Remedy: remedy}
}

func errNothing() error {
	return problem(http.StatusNotFound, "there is nothing here, or it is none of this token's business", "GET /v1/openapi.json says what there is")
}

func errUnauthorized() error {
	p := problem(http.StatusUnauthorized, "no valid token was shown", `send "Authorization: Bearer pb_…"; "promotebot token create" makes a token`)
	p.challenge = true
	return p
}

func tooMany(w http.ResponseWriter, wait time.Duration) error {
	seconds := max(1, int((wait+time.Second-1)/time.Second))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return problem(http.StatusTooManyRequests, "the token asks too often", "try again in "+strconv.Itoa(seconds)+" s")
}

// refuse is the one place where an error becomes words over HTTP. Only texts that
// were written for people get out.
func (s *server) refuse(w http.ResponseWriter, err error) {
	p, ok := errors.AsType[*Problem](err)
	if !ok {
		p = s.problem(w, err)
	}
	if p.challenge {
		w.Header().Set("WWW-Authenticate", `Bearer realm="promotebot"`)
	}
	s.write(w, "application/problem+json", p.Status, p)
}

func (s *server) problem(w http.ResponseWriter, err error) *Problem {
	e, ok := errors.AsType[*promotion.Error](err)
	if !ok {
		s.Log.Error("a request could not be answered", "error", err)
		return problem(http.StatusServiceUnavailable, "promotebot can't answer right now; nothing was changed", "try again in a moment; its log says why")
	}
	switch e.Kind {
	case promotion.Invalid:
		return problem(http.StatusUnprocessableEntity, e.Text, "send it corrected; nothing was changed")
	case promotion.NotFound:
		return problem(http.StatusNotFound, "there is nothing here, or it is none of this token's business", "GET /v1/openapi.json says what there is")
	case promotion.Forbidden:
		return problem(http.StatusForbidden, "the token does not allow this", "use one that has the scope for it")
	case promotion.Conflict, promotion.Stale:
		return problem(http.StatusConflict, e.Text, "look at what is there now, and send it again if it still makes sense")
	}
	s.Log.Error("a request could not be answered", "error", err)
	w.Header().Set("Retry-After", "5")
	return problem(http.StatusServiceUnavailable, "promotebot can't answer right now; nothing was changed", "try again in a moment; its log says why")
}

func (s *server) write(w http.ResponseWriter, contentType string, status int, answer any) {
	body, err := json.Marshal(answer)
	if raw, ok := answer.(json.RawMessage); ok {
		body, err = raw, nil
	}
	if err != nil {
		s.Log.Error("an answer could not be written", "error", err)
		status, body = http.StatusInternalServerError, []byte(`{}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) //nolint:gosec // JSON, sent as JSON and not to be sniffed; whoever has gone away can't be told
}
