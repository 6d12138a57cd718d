// Package webhook deploys by telling a service over HTTP.
//
// An order is a POST, signed over its time and its bytes, with the same
// Idempotency-Key in every attempt. The service answers with what it calls the
// order and, if it wants to be asked, where; or it says itself how far it is, over
// promotebot's own API. It is never followed to another host than its own, unless
// the configuration names that: what it answers decides nothing about where
// requests with our signature go.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// The headers of a request.
const (
	HeaderTimestamp = "X-Promotebot-Timestamp" // seconds since 1970
	HeaderSignature = "X-Promotebot-Signature" // "v1=" and, in hexadecimal, HMAC-SHA256 over timestamp "." body
	HeaderKey       = "Idempotency-Key"        // of the order
)

// Options say who is told.
type Options struct {
	URL       string           // with placeholders
	Secret    promotion.Secret // orders are signed with it
	Hosts     []string         // where else it may say how far it is
	Running   string           // where it says what runs there, with placeholders; empty where it does not
	UserAgent string
	Transport http.RoundTripper // nil for the ordinary network
}

// Deployer tells one service.
type Deployer struct {
	opts Options
	http *http.Client
}

// What one request may take, and what an answer may hold.
const (
	timeout = 20 * time.Second
	maxBody = 64 << 10
	maxID   = 200
)

// New makes a Deployer.
func New(opts Options) *Deployer {
	if opts.Transport == nil {
		opts.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: timeout, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		}
	}
	return &Deployer{opts, &http.Client{
		Transport: opts.Transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what a service says of an order.
type answer struct {
	State  string   `json:"state"` // accepted, running, succeeded or failed; absent in the answer to an order: accepted
	ID     string   `json:"id"`
	Status string   `json:"status_url"`
	Page   string   `json:"url"`
	Detail string   `json:"detail"`
	Lines  []string `json:"lines"`
	Ready  int      `json:"ready"`
	Total  int      `json:"total"`
}

// handle is what is kept of an order: what it is called there, and where its state
// is. It is text, because it is shown.
func (a answer) handle() string {
	if a.Status == "" {
		return a.ID
	}
	return strings.TrimSpace(a.ID + " " + a.Status)
}

// Deploy gives the order.
func (d *Deployer) Deploy(ctx context.Context, o promotion.Order) (promotion.Rollout, error) {
	to := promotion.OrderTemplate(d.opts.URL).Fill(o, url.PathEscape)
	a, err := d.ask(ctx, http.MethodPost, to, o, o.Body())
	if err != nil {
		return promotion.Rollout{}, err
	}
	if len(a.ID) > maxID || strings.ContainsAny(a.ID, " \t\r\n") {
		return promotion.Rollout{}, promotion.Errorf(promotion.Invalid, "the id that the order was given is no id: up to %d characters without spaces", maxID)
	}
	if a.Status != "" {
		if a.Status, err = d.near(to, a.Status); err != nil {
			return promotion.Rollout{}, err
		}
	}
	return a.rollout(promotion.RolloutAsked)
}

// Observe asks how far it is, where the service has said that it can be asked.
// Where it has not, it says so itself, and until then nothing is known.
func (d *Deployer) Observe(ctx context.Context, o promotion.Order) (promotion.Rollout, error) {
	status := o.Handle[strings.LastIndexByte(o.Handle, ' ')+1:]
	if !strings.HasPrefix(status, "https://") && !strings.HasPrefix(status, "http://") {
		return promotion.Rollout{Phase: promotion.RolloutAsked, Handle: o.Handle, Detail: "it is to say itself how far it is", ReadAt: time.Now()}, nil
	}
	to := promotion.OrderTemplate(d.opts.URL).Fill(o, url.PathEscape)
	if _, err := d.near(to, status); err != nil { // the configuration may be another one by now
		return promotion.Rollout{}, err
	}
	a, err := d.ask(ctx, http.MethodGet, status, o, nil)
	if err != nil {
		return promotion.Rollout{}, err
	}
	r, err := a.rollout(promotion.RolloutUnder)
	r.Handle = o.Handle
	return r, err
}

// near is the address at which the service says how far it is, if it may be asked
// there.
func (d *Deployer) near(to, status string) (string, error) {
	base, err := url.Parse(to)
	if err != nil {
		return "", promotion.Errorf(promotion.Invalid, "the address of the order makes no sense: %w", err)
	}
	u, err := base.Parse(status)
	if err != nil || u.User != nil || len(status) > 500 || strings.ContainsAny(status, " \t\r\n") {
		return "", promotion.Errorf(promotion.Invalid, "%s names no address at which it can be asked", base.Host)
	}
	same := u.Host == base.Host && u.Scheme == base.Scheme
	if !same && (u.Scheme != "https" || !slices.Contains(d.opts.Hosts, u.Host)) {
		return "", promotion.Errorf(promotion.Forbidden, "%s wants to be asked at %s: refused, its configuration names no such host under status_hosts", base.Host, u.Host)
	}
	u.Fragment = ""
	return u.String(), nil
}

// Running asks what runs there now of the app of an order.
func (d *Deployer) Running(ctx context.Context, o promotion.Order) ([]promotion.Running, error) {
	text, host, err := d.call(ctx, http.MethodGet, promotion.OrderTemplate(d.opts.Running).Fill(o, url.PathEscape), o, nil)
	if err != nil {
		return nil, err
	}
	all, err := promotion.ParseRunning(text)
	if err != nil {
		return nil, promotion.Errorf(promotion.KindOf(err), "the answer of %s is not what it should be: %w", host, err)
	}
	return all, nil
}

// ask makes one signed request about an order.
func (d *Deployer) ask(ctx context.Context, method, to string, o promotion.Order, body []byte) (a answer, err error) {
	text, host, err := d.call(ctx, method, to, o, body)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return a, err
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, promotion.Errorf(promotion.Invalid, "the answer of %s is not what it should be: %w", host, err)
	}
	return a, nil
}

// call makes one signed request.
func (d *Deployer) call(ctx context.Context, method, to string, o promotion.Order, body []byte) (text []byte, host string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, "", promotion.Errorf(promotion.Invalid, "the address of the order makes no sense: %w", err)
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set(HeaderTimestamp, stamp)
	req.Header.Set(HeaderSignature, Sign(d.opts.Secret, stamp, body))
	req.Header.Set(HeaderKey, o.Key())
	req.Header.Set("User-Agent", d.opts.UserAgent)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := d.http.Do(req)
	if err != nil {
		return nil, "", promotion.Errorf(promotion.Unavailable, "%s can't be reached: %w", req.URL.Host, cause(err))
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	text, err = io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err := refusal(req.URL.Host, res); err != nil {
		return nil, "", err
	}
	switch {
	case err != nil:
		return nil, "", promotion.Errorf(promotion.Unavailable, "the answer of %s broke off: %w", req.URL.Host, err)
	case len(text) > maxBody:
		return nil, "", promotion.Errorf(promotion.Invalid, "the answer of %s is longer than %d KiB", req.URL.Host, maxBody>>10)
	}
	return []byte(d.opts.Secret.Hide(string(text))), req.URL.Host, nil // the service knows it, and what it says is shown
}

// refusal is what a status means that is not a yes.
func refusal(host string, res *http.Response) error {
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 300 && code < 400:
		return promotion.Errorf(promotion.Invalid, "%s sends promotebot elsewhere (%d): refused, write the address that is meant into the configuration", host, code)
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return promotion.Errorf(promotion.Forbidden, "%s does not accept the signature (%d): both sides need the same secret, and clocks that agree", host, code)
	case code == http.StatusConflict:
		return promotion.Errorf(promotion.Conflict, "%s says that something else is changing the same (409)", host)
	case code == http.StatusTooManyRequests || code >= 500:
		err := promotion.Error{Kind: promotion.Unavailable, Text: fmt.Sprintf("%s can't answer now (%d)", host, code)}
		if seconds, nonsense := strconv.Atoi(res.Header.Get("Retry-After")); nonsense == nil && seconds > 0 {
			err.RetryAfter = min(time.Duration(seconds)*time.Second, 10*time.Minute)
		}
		return &err
	case code == http.StatusNotFound:
		return promotion.Errorf(promotion.NotFound, "%s knows no such address (404)", host)
	default:
		return promotion.Errorf(promotion.Invalid, "%s refuses it (%d)", host, code)
	}
}

// Sign is the signature of a body that is sent at the time.
func Sign(secret promotion.Secret, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// rollout is what an answer means; silent is what it means when it names no state.
func (a answer) rollout(silent promotion.RolloutPhase) (promotion.Rollout, error) {
	phases := map[string]promotion.RolloutPhase{
		"": silent, "accepted": promotion.RolloutAsked, "running": promotion.RolloutUnder, "succeeded": promotion.RolloutDone, "failed": promotion.RolloutFailed,
	}
	phase, known := phases[a.State]
	if !known {
		return promotion.Rollout{}, promotion.Errorf(promotion.Invalid, "it is %.40q, which is none of accepted, running, succeeded and failed", a.State)
	}
	return promotion.Rollout{
		Phase: phase, Handle: a.handle(), Ready: max(0, a.Ready), Total: max(0, a.Total), Detail: a.Detail, Lines: a.Lines, URL: a.Page, ReadAt: time.Now(),
	}, nil
}

// cause is an error without the address, of which a part may be secret.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
