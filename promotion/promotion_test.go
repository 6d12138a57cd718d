package promotion_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/promotion"
)

func TestNames(t *testing.T) {
	type parse func(string) error
	digest := parse(func(s string) error { _, err := promotion.ParseDigest(s); return err })
	repository := parse(func(s string) error { _, err := promotion.ParseRepository(s); return err })
	tag := parse(func(s string) error { _, err := promotion.ParseTag(s); return err })
	name := parse(func(s string) error { _, err := promotion.ParseName(s); return err })
	full := "sha256:" + strings.Repeat("0a", 32)
	for _, c := range []struct {
		what  string
		parse parse
		in    string
		ok    bool
	}{
		{"a digest", digest, full, true},
		{"a digest in capitals", digest, strings.ToUpper(full), false},
		{"a short digest", digest, full[:20], false},
		{"another algorithm", digest, "sha512:" + strings.Repeat("0a", 64), false},
		{"a digest with a line break", digest, full + "\n", false},
		{"a repository", repository, "registry.example.com/shop/api", true},
		{"a repository with a port", repository, "localhost:5000/api", true},
		{"localhost", repository, "localhost/api", true},
		{"no registry, as Docker would complete it", repository, "library/nginx", false},
		{"a bare name", repository, "nginx", false},
		{"a tag on a repository", repository, "registry.example.com/shop:latest", false},
		{"a digest on a repository", repository, "registry.example.com/shop@" + full, false},
		{"a path that climbs", repository, "registry.example.com/a/../b", false},
		{"capitals in a path", repository, "registry.example.com/Shop", false},
		{"a Cyrillic host", repository, "rеgistry.example.com/shop", false},
		{"a host with a trailing dot", repository, "registry.example.com./shop", false},
		{"user information", repository, "user:secret@registry.example.com/shop", false},
		{"a scheme", repository, "https://registry.example.com/shop", false},
		{"a tag", tag, "v1.4.2-staging_passed", true},
		{"a tag that begins with a dash", tag, "-v1", false},
		{"a tag of 129 characters", tag, strings.Repeat("a", 129), false},
		{"a name", name, "payments-api2", true},
		{"a name with a homoglyph", name, "pаyments", false},
		{"an empty name", name, "", false},
		{"a name with a direction override", name, "a\u202eb", false},
	} {
		if err := c.parse(c.in); (err == nil) != c.ok {
			t.Errorf("%s, %q: %v", c.what, c.in, err)
		} else if err != nil && !errors.Is(err, promotion.Invalid) {
			t.Errorf("%s: the error is not Invalid: %v", c.what, err)
		}
	}
}

func TestTheStateMachine(t *testing.T) {
	states := []promotion.State{promotion.Open, promotion.Executing, promotion.Promoted, promotion.Conflicted, promotion.Failed, promotion.Rejected, promotion.Superseded, promotion.Expired}
	allowed := map[string]bool{
		"open executing": true, "open rejected": true, "open superseded": true, "open expired": true, "rejected open": true,
		"executing promoted": true, "executing conflict": true, "executing failed": true,
	}
	for _, from := range states {
		for _, to := range states {
			p := promotion.Promotion{State: from, Revision: 3}
			err := p.Step(to, "why", time.Unix(1, 0))
			if ok := allowed[fmt.Sprintf("%s %s", from, to)]; (err == nil) != ok {
				t.Errorf("from %s to %s: %v", from, to, err)
			}
			if err != nil && (p.State != from || p.Revision != 3) {
				t.Errorf("a refused step from %s left %+v", from, p)
			}
			if err == nil && (p.Revision != 4 || (p.FinishedAt != nil) != to.Final()) {
				t.Errorf("from %s to %s: revision %d, finished %v", from, to, p.Revision, p.FinishedAt)
			}
		}
	}
}

func TestTermsNoticeEveryChange(t *testing.T) {
	was := promotion.Terms{Digest: "sha256:a", Policy: "p", Targets: []promotion.TermsItem{{Tag: "production", Now: "sha256:b"}}}
	if d := was.Differs(was); d != "" {
		t.Errorf("they differ from themselves: %s", d)
	}
	for what, change := range map[string]func(*promotion.Terms){
		"digest":            func(n *promotion.Terms) { n.Digest = "sha256:c" },
		"repository":        func(n *promotion.Terms) { n.Destination = "r.example.com/x" },
		"policy":            func(n *promotion.Terms) { n.Policy = "q" },
		"tags to set":       func(n *promotion.Terms) { n.Targets = append(n.Targets, promotion.TermsItem{Tag: "v1"}) },
		"instead of":        func(n *promotion.Terms) { n.Targets[0].Tag = "prod" },
		"points at nothing": func(n *promotion.Terms) { n.Targets[0].Now = "" },
	} {
		now := was
		now.Targets = append([]promotion.TermsItem{}, was.Targets...)
		change(&now)
		if d := was.Differs(now); !strings.Contains(d, what) {
			t.Errorf("%s: said %q", what, d)
		}
		if now.Hash() == was.Hash() {
			t.Errorf("%s: the hash is the same", what)
		}
	}
}

func TestTagPatternsAndTemplates(t *testing.T) {
	pattern, err := promotion.ParseTagPattern("v{version}-{stage}-passed")
	if err != nil {
		t.Fatal(err)
	}
	got, ok := pattern.Match("v1.4.2-staging-passed")
	if !ok || got["version"] != "1.4.2" || got["stage"] != "staging" {
		t.Errorf("matched %v %v", got, ok)
	}
	for _, other := range []string{"v-staging-passed", "v1-staging-passed-2", "xv1-staging-passed", "v1 -s-passed"} {
		if _, ok := pattern.Match(other); ok {
			t.Errorf("%q matches", other)
		}
	}
	p := &promotion.Promotion{
		Digest: promotion.Digest("sha256:" + strings.Repeat("0a", 32)), Captures: got, OpenedAt: time.Date(2026, 3, 1, 23, 30, 0, 0, time.FixedZone("", -3600)),
		Image: &promotion.Image{Labels: map[string]string{"team": "shop", "bad": "no tag!"}},
	}
	for text, want := range map[string]string{
		"production": "production", "v{version}": "v1.4.2", "{label.team}-{date}": "shop-20260302", "prod-{digest}": "prod-0a0a0a0a0a0a",
	} {
		template, err := promotion.ParseTagTemplate(text, pattern.Captures())
		if err != nil {
			t.Fatal(err)
		}
		if tag, err := template.Expand(p); tag != want || err != nil {
			t.Errorf("%s makes %q (%v), want %q", text, tag, err, want)
		}
		if template.Floating() != (text == "production") {
			t.Errorf("%s: floating is %v", text, template.Floating())
		}
	}
	for text, want := range map[string]string{"{label.none}": "does not have", "{label.bad}": "not a tag"} {
		template, err := promotion.ParseTagTemplate(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tag, err := template.Expand(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s makes %q (%v)", text, tag, err)
		}
	}
	for _, bad := range []string{"{a}{b}", "{A}", "{a}-{a}", "x{", "{date}", "{a b}", "", "a b"} {
		if _, err := promotion.ParseTagPattern(bad); err == nil {
			t.Errorf("pattern %q is accepted", bad)
		}
	}
	for _, bad := range []string{"{nope}", "a b", "{label.}", "{", ""} {
		if _, err := promotion.ParseTagTemplate(bad, nil); err == nil {
			t.Errorf("template %q is accepted", bad)
		}
	}
}

// Whatever a pattern captured makes the tag again.
func TestPatternsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9_.-]{0,20}`).Draw(t, "version")
		pattern, err := promotion.ParseTagPattern("r{version}-ok")
		if err != nil {
			t.Fatal(err)
		}
		captured, ok := pattern.Match("r" + version + "-ok")
		if !ok || captured["version"] != version {
			t.Fatalf("captured %v from %q", captured, version)
		}
	})
}

func TestJoinedIntervalsKeepTheirTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := time.Unix(1_000_000, 0)
		var sorted []promotion.Interval
		from, covered := 0, map[int]bool{}
		for range rapid.IntRange(0, 8).Draw(t, "n") {
			from += rapid.IntRange(0, 5).Draw(t, "gap")
			length := rapid.IntRange(0, 9).Draw(t, "length")
			until := base.Add(time.Duration(from+length) * time.Second)
			sorted = append(sorted, promotion.Interval{From: base.Add(time.Duration(from) * time.Second), Until: &until})
			for s := from; s < from+length; s++ {
				covered[s] = true
			}
		}
		var sum time.Duration
		joined := promotion.Join(sorted)
		for i, interval := range joined {
			sum += interval.Within(base.Add(time.Hour))
			if i > 0 && !joined[i-1].Until.Before(interval.From) {
				t.Fatalf("%v and %v touch", joined[i-1], interval)
			}
		}
		if sum != time.Duration(len(covered))*time.Second {
			t.Fatalf("%v covers %v, want %ds", joined, sum, len(covered))
		}
	})
}

func TestASecretDoesNotShowItself(t *testing.T) {
	s := promotion.NewSecret("canary")
	wrapped := struct{ Token promotion.Secret }{s}
	body, err := json.Marshal(wrapped)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x", s, wrapped, wrapped, s, s, s), string(body), fmt.Sprint(&wrapped)} {
		if strings.Contains(shown, "canary") || strings.Contains(shown, "63616e617279") {
			t.Errorf("shown as %s", shown)
		}
	}
	if s.Reveal() != "canary" {
		t.Error("it can't be revealed")
	}
}

func TestASecretIsHiddenInWhatOthersSay(t *testing.T) {
	s := promotion.NewSecret(`p"ss & <w>rd`)
	for _, said := range []string{`not with p"ss & <w>rd`, `{"detail": "p\"ss \u0026 \u003cw\u003erd"}`, "https://x/?token=p%22ss+%26+%3Cw%3Erd", "https://x/p%22ss%20&%20%3Cw%3Erd"} {
		if hidden := s.Hide(said); strings.Contains(hidden, "ss") || !strings.Contains(hidden, "[redacted]") {
			t.Errorf("%s becomes %s", said, hidden)
		}
	}
	if said := promotion.NewSecret("no").Hide("no, none"); said != "no, none" {
		t.Errorf("what is too short to be found is found: %s", said)
	}
	if said := promotion.NewSecret("").Hide("nothing"); said != "nothing" {
		t.Errorf("no secret is found: %s", said)
	}

	err := promotion.Errorf(promotion.Forbidden, "it refuses: %w", context.DeadlineExceeded)
	if got := promotion.HideIn(err, s); !errors.Is(got, context.DeadlineExceeded) || got.Error() != err.Error() {
		t.Errorf("an error that holds none has become %v", got)
	}
	for _, err := range []error{
		&promotion.Error{Kind: promotion.Conflict, Text: "it says " + s.Reveal(), RetryAfter: time.Minute},
		&promotion.Error{Kind: promotion.Conflict, Text: "it says something", RetryAfter: time.Minute, Err: errors.New(s.Reveal())},
		fmt.Errorf("lane: %w", &promotion.Error{Kind: promotion.Conflict, Text: "it says something", RetryAfter: time.Minute, Err: fmt.Errorf("read: %w", errors.New(s.Reveal()))}),
	} {
		hidden := promotion.HideIn(err, promotion.NewSecret("another"), s)
		of, ok := errors.AsType[*promotion.Error](hidden)
		if !ok || of.Kind != promotion.Conflict || of.RetryAfter != time.Minute || strings.Contains(fmt.Sprint(hidden, promotion.Cause(hidden), errors.Unwrap(hidden)), "rd") || !strings.Contains(hidden.Error(), "it says ") {
			t.Errorf("%v becomes %+v", err, hidden)
		}
	}
	if promotion.HideIn(nil, s) != nil {
		t.Error("no error has become one")
	}
}

func TestFailuresTellOnlyWhatIsMeantForPeople(t *testing.T) {
	inner := errors.New("dial tcp 10.0.0.7:5000: secret detail")
	said := promotion.FailureOf(fmt.Errorf("lane: %w", &promotion.Error{Kind: promotion.Unavailable, Text: "the registry does not answer", RetryAfter: time.Minute, Err: inner}))
	if said.Text != "the registry does not answer" || said.Kind != promotion.Unavailable || said.RetryAfter != time.Minute {
		t.Errorf("said %+v", said)
	}
	if unknown := promotion.FailureOf(inner); strings.Contains(unknown.Text, "secret") || unknown.Kind != promotion.Unavailable {
		t.Errorf("an unknown error says %+v", unknown)
	}
}

func TestTheCauseIsForLogsAndHoldsNoAddress(t *testing.T) {
	request := &url.Error{Op: "Post", URL: "https://hooks.example.com/secret", Err: errors.New("connection refused")}
	for want, err := range map[string]error{
		"connection refused": fmt.Errorf("channel C1: %w", &promotion.Error{Kind: promotion.Unavailable, Text: "Slack could not be reached", Err: request}),
		"certificate":        &promotion.Error{Text: "it can't be reached", Err: errors.New("certificate")},
		"":                   promotion.Errorf(promotion.Invalid, "the file: %w", errors.New("is empty")),
	} {
		if got := promotion.Cause(err); got != want {
			t.Errorf("%v: the cause is %q, want %q", err, got, want)
		}
	}
	if promotion.Cause(nil) != "" || promotion.Cause(errors.New("plain")) != "" {
		t.Error("there is nothing behind it")
	}
}
