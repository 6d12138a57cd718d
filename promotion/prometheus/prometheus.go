// Package prometheus asks a Prometheus, or what answers like one, what a query comes
// to now.
//
// An answer is one finite number. Whatever else comes back is an error, and says why:
// nothing (a name that was misspelled, a target that is not scraped), several series,
// NaN, an answer that warns of being incomplete. None of that is taken for zero, or
// for fine.
package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// What one question may take, and what an answer may hold.
const (
	timeout = 20 * time.Second
	maxBody = 1 << 20
)

// Client asks. It is safe for concurrent use.
type Client struct {
	agent string
	http  *http.Client
}

// New makes a Client; a nil transport is the ordinary network.
func New(userAgent string, transport http.RoundTripper) *Client {
	if transport == nil {
		transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: timeout, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		}
	}
	return &Client{userAgent, &http.Client{
		Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what is read of what /api/v1/query says.
type answer struct {
	Status string `json:"status"`
	Data   struct {
		Type   string          `json:"resultType"`
		Result json.RawMessage `json:"result"`
	} `json:"data"`
	ErrorType string   `json:"errorType"`
	Error     string   `json:"error"`
	Warnings  []string `json:"warnings"`
}

// value is an instant, in seconds, and a number as text.
type value [2]json.RawMessage

// Ask has the query evaluated as of now.
func (c *Client) Ask(ctx context.Context, w promotion.MeasureWork, token promotion.Secret) (promotion.Sample, error) {
	at := time.Now().UTC().Truncate(time.Microsecond)
	u, err := url.Parse(w.Server)
	if err != nil || u.Host == "" {
		return promotion.Sample{}, promotion.Errorf(promotion.Invalid, "the server of %s is no address: write https://prometheus.example.com", w.Name)
	}
	form := url.Values{"query": {w.Query}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)}, "timeout": {timeout.String()}}
	// A query can be longer than an address may be, and stands in no log of a proxy.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.JoinPath("api/v1/query").String(), strings.NewReader(form.Encode()))
	if err != nil {
		return promotion.Sample{}, promotion.Errorf(promotion.Invalid, "the server of %s is no address: write https://prometheus.example.com", w.Name)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.agent)
	if token.Reveal() != "" {
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	res, err := c.http.Do(req)
	if err != nil {
		return promotion.Sample{}, promotion.Errorf(promotion.Unavailable, "%s can't be reached: %w", u.Host, cause(err))
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return promotion.Sample{}, promotion.Errorf(promotion.Unavailable, "the answer of %s broke off: %w", u.Host, cause(err))
	case len(text) > maxBody:
		return promotion.Sample{}, promotion.Errorf(promotion.Invalid, "the answer of %s is longer than %d MiB: it has to be one number", u.Host, maxBody>>20)
	}
	// It may repeat what it was shown.
	n, err := read(u.Host, res.StatusCode, []byte(token.Hide(string(text))))
	return promotion.Sample{Value: n, At: at}, err
}

// Examine says whether a server can be asked, by a query that every one answers.
func (c *Client) Examine(ctx context.Context, server string, token promotion.Secret) promotion.Diagnosis {
	if _, err := c.Ask(ctx, promotion.MeasureWork{Name: "vector(1)", Server: server, Query: "vector(1)"}, token); err != nil {
		return promotion.Diagnose(server, err, "correct the prometheus of the environment or the query, and look whether it runs and can be reached from here")
	}
	return promotion.Diagnosis{About: server, Condition: promotion.Well, Says: "it answers; what the queries of a watch come to is known when they are asked"}
}

// read is the one number of an answer.
func read(host string, status int, text []byte) (float64, error) {
	switch {
	case status >= 300 && status < 400:
		return 0, promotion.Errorf(promotion.Invalid, "%s sends promotebot elsewhere (%d): refused, write the address that is meant into the configuration", host, status)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return 0, promotion.Errorf(promotion.Forbidden, "%s does not let promotebot ask (%d): its token has to be allowed to", host, status)
	}
	var a answer
	err := json.Unmarshal(text, &a)
	switch {
	case err == nil && a.Status == "error":
		// It is Prometheus that says so: a query that can't be read, or takes too long.
		return 0, promotion.Errorf(promotion.Invalid, "%s refuses the query (%d, %.40q): %.200q", host, status, a.ErrorType, a.Error)
	case status != http.StatusOK:
		return 0, promotion.Errorf(promotion.Unavailable, "%s can't answer now (%d)", host, status)
	case err != nil || a.Status != "success":
		return 0, promotion.Errorf(promotion.Invalid, "%s does not answer as a Prometheus does", host)
	case len(a.Warnings) > 0:
		return 0, promotion.Errorf(promotion.Invalid, "%s warns of its own answer: %.200q", host, strings.Join(a.Warnings, "; "))
	}
	v, err := single(a)
	if err != nil {
		return 0, err
	}
	var s string
	if err := json.Unmarshal(v[1], &s); err != nil {
		return 0, promotion.Errorf(promotion.Invalid, "%s does not answer with a number", host)
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, promotion.Errorf(promotion.Invalid, "the answer is %.20q, which is no number that can be compared: was something divided by nothing?", s)
	}
	return n, nil
}

// single is the one value of an answer.
func single(a answer) (v value, err error) {
	nonsense := promotion.Errorf(promotion.Invalid, "the answer is a %.20q, and it has to be one number", a.Data.Type)
	switch a.Data.Type {
	case "scalar":
		if json.Unmarshal(a.Data.Result, &v) != nil {
			return v, nonsense
		}
		return v, nil
	case "vector":
		var series []struct {
			Value value `json:"value"`
		}
		if json.Unmarshal(a.Data.Result, &series) != nil {
			return v, nonsense
		}
		switch len(series) {
		case 0:
			return v, promotion.Errorf(promotion.Invalid, "the answer is empty: nothing that is asked for is there")
		case 1:
			return series[0].Value, nil
		}
		return v, promotion.Errorf(promotion.Invalid, "the answer has %d series, and it has to be one: put sum(…) or max(…) around it", len(series))
	}
	return v, nonsense
}

// cause is an error without the address.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
