package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/bot/render"
)

// api finds where machines are answered.
func (p *process) api() string {
	for line := range strings.SplitSeq(p.out.String(), "\n") {
		var entry struct{ Msg, API string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "promotebot runs" {
			return "http://" + entry.API
		}
	}
	return ""
}

// pipeline runs a command as a pipeline does, with its token.
func (w *town) pipeline(token string, args ...string) (string, error) {
	path, err := binary()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "PROMOTEBOT_TOKEN="+token)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// The whole of it, with the built binary: a pipeline announces its build, a
// benchmark is reported, somebody of security signs off, and it goes out.
func TestAPipelineReportsAndAPersonSignsOff(t *testing.T) {
	w := newTown(t, `{approvals: {leads: 1}, checks: [{name: perf, max_age: 1h, numbers: ["p99_ms <= 250"]}, {name: review, reviewed_by: leads}]}`)
	text, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	// Nobody looks at the registry by themselves in this test.
	changed := strings.Replace(string(text), "poll: {every: 1s}", "poll: {every: 1h}\napi: 127.0.0.1:0", 1)
	if err := os.WriteFile(w.config, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	bot := w.start()
	out, err := w.run("token", "create", "-config", w.config, "-scopes", "checks,candidates,read", "-apps", "shop", "ci")
	if err != nil {
		t.Fatalf("token create: %v %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	token := lines[len(lines)-1]
	digest := w.stage("1.4.2").String()

	body := strings.NewReader(`{"app":"shop","tag":"staging-passed"}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, bot.api()+"/v1/candidates", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body) // its status says it
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted || !bytes.Contains(answer, []byte(`"looking_at":["staging"]`)) {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	w.eventually("the build that was announced has a card", w.cardSays("perf has not been reported"))

	report := func(args ...string) (string, error) {
		return w.pipeline(token, append([]string{"check", "report", "-url", bot.api(), "-app", "shop", "-digest", digest, "-name", "perf"}, args...)...)
	}
	if out, err := report("-status", "passed", "-number", "p99_ms=260"); err != nil || !strings.Contains(out, `"outcome":"recorded"`) {
		t.Fatalf("check report: %v %s", err, out)
	}
	w.eventually("the card says what is beyond its threshold", w.cardSays("p99_ms is 260 and has to be"))
	if out, err := report("-status", "passed", "-number", "p99_ms=240.5", "-link", "https://ci.example.com/7", "-summary", "all is well"); err != nil {
		t.Fatalf("check report: %v %s", err, out)
	}
	w.eventually("the card says that it passed", w.cardSays("all is well"))
	w.click(eve, render.ActionSign+"_0")
	w.eventually("Eve may not sign off", w.whispered(eve, "it takes the role leads"))
	w.click(bob, render.ActionSign+"_0")
	w.click(ann, render.ActionApprove)
	w.eventually("production is that build", func() bool { return w.tag("production") == digest })

	for _, c := range []struct {
		token string
		args  []string
		says  string
	}{
		{token, []string{"-status", "fine"}, "send running, passed or failed"},
		{token, []string{"-status", "passed", "-number", "p99"}, "NAME=VALUE"},
		{"", []string{"-status", "passed"}, "PROMOTEBOT_TOKEN is not set"},
		{"pb_1_2", []string{"-status", "passed"}, "no valid token was shown"},
		{token, []string{"-status", "passed", "-url", "http://promotebot.example.com"}, "over plain HTTP"},
	} {
		if out, err := w.pipeline(c.token, append([]string{"check", "report", "-app", "shop", "-digest", digest, "-name", "perf", "-url", bot.api()}, c.args...)...); err == nil || !strings.Contains(out, c.says) {
			t.Errorf("check report %q: %v %s", c.args, err, out)
		}
	}
	if out, err := w.run("token", "list", "-config", w.config); err != nil || !strings.Contains(out, "checks,candidates,read") || strings.Contains(out, token) {
		t.Errorf("token list: %v %s", err, out)
	}
	if out, err := w.run("token", "create", "-config", w.config, "-scopes", "checks", "ci"); err == nil || !strings.Contains(out, "already") {
		t.Errorf("a second token of the name: %v %s", err, out)
	}
	if out, err := w.run("token", "revoke", "-config", w.config, "ci"); err != nil {
		t.Errorf("token revoke: %v %s", err, out)
	}
	if out, err := report("-status", "passed"); err == nil || !strings.Contains(out, "no valid token was shown") {
		t.Errorf("a token that was revoked: %v %s", err, out)
	}
	if out, err := w.run("audit", "list", "-config", w.config); err != nil || !strings.Contains(out, `"actor":"token:ci"`) || !strings.Contains(out, "token-revoked") || strings.Contains(out, token) {
		t.Errorf("audit list: %v %s", err, out)
	}
	if out, err := w.run("audit", "verify", "-config", w.config); err != nil {
		t.Errorf("audit verify: %v %s", err, out)
	}
	if strings.Contains(bot.out.String(), token[len(token)-64:]) {
		t.Error("the token's secret is in the log")
	}
}
