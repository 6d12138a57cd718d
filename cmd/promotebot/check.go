package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/serve"
	"github.com/promotebot/promotebot/promotion"
)

// report is the body of POST /v1/checks.
type report struct {
	App     string             `json:"app"`
	Digest  string             `json:"digest"`
	Name    string             `json:"name"`
	Status  string             `json:"status"`
	URL     string             `json:"url,omitempty"`
	Summary string             `json:"summary,omitempty"`
	Numbers map[string]float64 `json:"numbers,omitempty"`
}

// tries is how often a report is sent before its pipeline is failed, and
// reportTimeout how long each may take. All of them carry one key: what arrived
// the first time is not recorded again.
const (
	tries         = 4
	reportTimeout = 10 * time.Second
)

const defaultAPI = "http://127.0.0.1:8485"

// checkReport is for pipelines: it reports, or fails so that the pipeline does.
func (p *program) checkReport(ctx context.Context, args []string) error {
	var r report
	var base, key string
	var insecure bool
	if _, err := p.flags("check report", args, 0, func(fs *flag.FlagSet) {
		fs.StringVar(&base, "url", defaultAPI, "where the bot's api is; the token is in PROMOTEBOT_TOKEN, or in the file that PROMOTEBOT_TOKEN_FILE names")
		fs.StringVar(&r.App, "app", "", "the app, by its name in the configuration")
		fs.StringVar(&r.Digest, "digest", "", "the digest that was checked, sha256:…")
		fs.StringVar(&r.Name, "name", "", "the check, by its name in the policy")
		fs.StringVar(&r.Status, "status", "", "running, passed or failed")
		fs.StringVar(&r.URL, "link", "", "where it can be read up, https://…")
		fs.StringVar(&r.Summary, "summary", "", "one line for the card")
		fs.Func("number", "a number, NAME=VALUE; can be repeated", r.number)
		fs.StringVar(&key, "key", "", "what the report is known by when it is sent again; a random one without it")
		fs.BoolVar(&insecure, "insecure", false, "show the token to a host that is not this one over plain HTTP")
	}); err != nil {
		return err
	}
	c := promotion.Check{App: r.App, Digest: promotion.Digest(r.Digest), Name: r.Name, Status: promotion.CheckStatus(r.Status), URL: r.URL, Summary: r.Summary, Numbers: r.Numbers}
	if err := c.Tidy(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	token, err := serve.Secret(p.getenv, "PROMOTEBOT_TOKEN")
	if err != nil {
		return err
	}
	if token.Reveal() == "" {
		return promotion.Errorf(promotion.Invalid, "PROMOTEBOT_TOKEN is not set: promotebot token create -scopes checks makes a token")
	}
	to, err := address(base, insecure)
	if err != nil {
		return err
	}
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if key == "" {
		key = rand.Text()
	}
	answer, err := send(ctx, to, token, key, body)
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(answer)
	return err
}

func (r *report) number(s string) error {
	name, value, _ := strings.Cut(s, "=")
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return fmt.Errorf("%q is not NAME=VALUE with a number", s)
	}
	if r.Numbers == nil {
		r.Numbers = map[string]float64{}
	}
	r.Numbers[name] = n
	return nil
}

// address refuses to show the token where others could read it.
func address(base string, insecure bool) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", fmt.Errorf("%w: -url is not one of https://host", errUsage)
	}
	ip := net.ParseIP(u.Hostname())
	here := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme == "http" && !here && !insecure {
		return "", promotion.Errorf(promotion.Invalid, "%s would be shown the token over plain HTTP: use https, or -insecure where nobody can listen", u.Host)
	}
	return u.JoinPath("/v1/checks").String(), nil
}

// send tries again what may yet succeed.
func send(ctx context.Context, to string, token promotion.Secret, key string, body []byte) (answer []byte, err error) {
	client := &http.Client{Timeout: reportTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for attempt := range tries {
		if attempt > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Second << (attempt - 1)):
			}
		}
		var again bool
		if answer, again, err = post(ctx, client, to, token, key, body); !again {
			return answer, err
		}
	}
	return nil, err
}

func post(ctx context.Context, client *http.Client, to string, token promotion.Secret, key string, body []byte) (answer []byte, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", errUsage, err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	resp, err := client.Do(req)
	if err != nil {
		return nil, true, promotion.Errorf(promotion.Unavailable, "no promotebot answers at %s: %w", to, err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	answer, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, true, promotion.Errorf(promotion.Unavailable, "%s stopped in the middle of its answer: %w", to, err)
	}
	answer = []byte(token.Hide(string(answer))) // what it says goes into the log of a pipeline
	if resp.StatusCode < 300 {
		return answer, false, nil
	}
	var why struct{ Detail, Remedy string }
	if json.Unmarshal(answer, &why) != nil || why.Detail == "" {
		why.Detail, why.Remedy = "it is not promotebot's API", "look at -url"
	}
	again = resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests
	return nil, again, promotion.Errorf(promotion.Invalid, "%s answers %d: %s; %s", to, resp.StatusCode, why.Detail, why.Remedy)
}
