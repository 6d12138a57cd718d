// Package api is what machines say to promotebot and ask it over HTTP: new
// builds, checks, webhooks of registries, and what is where and why.
//
// It decides nothing. A request is authenticated here, by the secret that is
// shown; whether its token allows what is asked is decided in the transaction
// that does it. Nothing that a body says about a registry is believed: it has
// somebody look.
//
// What is refused is refused as RFC 9457 has it, with what to do instead, and
// in words that are the same whether something does not exist or is none of the
// token's business.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// Options are what the API rests on.
type Options struct {
	Gate *gate.Gate
	Hint func(app, environment string) // has an environment looked at now
	// GitHub is the secret with which GitHub signs its webhooks. Without one they
	// have to show a token.
	GitHub promotion.Secret
	// PagerDuty is the secret with which PagerDuty signs its webhooks, besides the
	// token that they show. Without one their signature is not asked for.
	PagerDuty promotion.Secret
	// Hide takes out of what a target says of an order the secrets that orders are
	// signed with: it knows its own. May be nil.
	Hide func(text string) string
	Log  *slog.Logger
}

// Bounds of a request. None is near what an honest one needs.
const (
	maxBody = 1 << 20
	maxKey  = 255 // bytes of an idempotency key
	within  = 5 * time.Second
)

type server struct {
	Options
	limits limits
}

// caller is who sends a request.
type caller struct {
	token promotion.Token
	shown promotion.Secret // of the token
	hint  bool             // GitHub, by its signature: it may only hint
}

// handler answers a request. What it returns is written as JSON, or as a
// problem when it is an error.
type handler func(ctx context.Context, s *server, c caller, r *http.Request, body []byte) (status int, answer any, err error)

// route is a thing that can be asked for.
type route struct {
	method, path string
	scope        promotion.Scope // empty: anybody may
	webhook      bool            // senders that can't set headers show the token in the address
	handle       handler
}

func routes() []route {
	return []route{
		{http.MethodGet, "/v1/openapi.json", "", false, document},
		{http.MethodPost, "/v1/candidates", promotion.ScopeCandidates, false, candidate},
		{http.MethodPost, "/v1/checks", promotion.ScopeChecks, false, check},
		{http.MethodPost, "/v1/authors", promotion.ScopeChecks, false, authors},
		{http.MethodPost, "/v1/incidents", promotion.ScopeIncidents, false, incident},
		{http.MethodPost, "/v1/incidents/resolve", promotion.ScopeIncidents, false, resolve},
		{http.MethodPost, "/v1/health", promotion.ScopeHealth, false, health},
		{http.MethodPost, "/v1/exposure", promotion.ScopeHealth, false, exposure},
		{http.MethodGet, "/v1/apps", promotion.ScopeRead, false, apps},
		{http.MethodGet, "/v1/apps/{app}", promotion.ScopeRead, false, app},
		{http.MethodGet, "/v1/apps/{app}/promotions/{id}", promotion.ScopeRead, false, promoted},
		{http.MethodGet, "/v1/figures", promotion.ScopeRead, false, figures},
		{http.MethodPost, "/v1/deployments/{id}/{target}", promotion.ScopeDeploy, false, deployed},
		{http.MethodPost, "/v1/hooks/alertmanager", promotion.ScopeIncidents, false, alertmanager},
		{http.MethodPost, "/v1/hooks/pagerduty", promotion.ScopeIncidents, false, pagerduty},
		{http.MethodPost, "/v1/hooks/{kind}", promotion.ScopeCandidates, true, webhook},
	}
}

// Handler answers everything below /v1.
func Handler(o Options) http.Handler {
	s := &server{Options: o, limits: newLimits()}
	mux := http.NewServeMux()
	allowed := map[string][]string{}
	for _, r := range routes() {
		mux.HandleFunc(r.method+" "+r.path, func(w http.ResponseWriter, req *http.Request) { s.serve(w, req, r) })
		allowed[r.path] = append(allowed[r.path], r.method)
	}
	for path, methods := range allowed {
		for _, other := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if slices.Contains(methods, other) {
				continue
			}
			mux.HandleFunc(other+" "+path, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Allow", strings.Join(methods, ", "))
				s.refuse(w, problem(http.StatusMethodNotAllowed, "this can't be done here", "use "+strings.Join(methods, " or ")))
			})
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { s.refuse(w, errNothing()) })
	return mux
}

func (s *server) serve(w http.ResponseWriter, r *http.Request, to route) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("a request panicked", "path", to.path, "panic", p, "stack", string(debug.Stack()))
			s.refuse(w, problem(http.StatusInternalServerError, "something went wrong inside promotebot", "its log says what"))
		}
	}()
	ctx, cancel := context.WithTimeout(r.Context(), within)
	defer cancel()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	status, answer, err := s.answer(ctx, w, r, to)
	if err != nil {
		s.refuse(w, err)
		return
	}
	s.write(w, "application/json", status, answer)
}

func (s *server) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, to route) (int, any, error) {
	if to.scope == "" {
		if _, err := read(w, r); err != nil {
			return 0, nil, err
		}
		return to.handle(ctx, s, caller{}, r, nil)
	}
	var c caller
	var err error
	signed := to.webhook && r.Header.Get(githubSignature) != "" && s.GitHub != (promotion.Secret{})
	if !signed { // whoever shows no token is not listened to for long
		if c, err = s.authenticate(ctx, r, to); err != nil {
			return 0, nil, err
		}
		if wait, busy := s.limits.take(c.token.ID, time.Now()); busy {
			return 0, nil, tooMany(w, wait)
		}
	}
	body, err := read(w, r)
	if err != nil {
		return 0, nil, err
	}
	if signed {
		if !signedBy(s.GitHub, r.Header.Get(githubSignature), body) {
			return 0, nil, errUnauthorized()
		}
		if wait, busy := s.limits.take("github", time.Now()); busy {
			return 0, nil, tooMany(w, wait)
		}
		c.hint = true
	}
	// A machine that fails reports how it was called, with its token. What it says is
	// stored and shown to people.
	body = []byte(c.shown.Hide(string(body)))
	return to.handle(ctx, s, c, r, body)
}

// authenticate finds the token that is shown, and tells whether it is for this.
func (s *server) authenticate(ctx context.Context, r *http.Request, to route) (caller, error) {
	shown, inAddress := shownToken(r, to.webhook)
	id, secret, ok := split(shown)
	if !ok {
		return caller{}, errUnauthorized()
	}
	k, err := s.Gate.Token(ctx, id)
	known := err == nil
	if err != nil && promotion.KindOf(err) != promotion.NotFound {
		return caller{}, err
	}
	if !matches(k.Hash, secret) || !known || !k.Live(s.Gate.Now()) {
		return caller{}, errUnauthorized()
	}
	// What stands in an address stands in many logs: it must be good for nothing
	// but to have somebody look.
	if !k.Allows(to.scope) || inAddress && !slices.Equal(k.Scopes, []promotion.Scope{promotion.ScopeCandidates}) {
		return caller{}, problem(http.StatusForbidden, "the token does not allow this", "use one that has the scope "+string(to.scope)+", and in an address one that has no other")
	}
	return caller{token: k, shown: promotion.NewSecret(secret)}, nil
}
