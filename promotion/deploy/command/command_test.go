package command_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/command"
)

// The programs are scripts: what is tried is what a program sees, and what becomes
// of it.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func order(within time.Duration) promotion.Order {
	return promotion.Order{
		Promotion: 42, Purpose: promotion.Forward, App: "shop", Environment: "production", Target: "eu", Repository: "registry.example.com/shop", Digest: promotion.Digest("sha256:" + strings.Repeat("a", 64)),
		Previous: promotion.Digest("sha256:" + strings.Repeat("0", 64)), Tags: []string{"production", "v1"}, Approvers: []string{"Ann; rm -rf /"}, OrderedAt: time.Now(), Deadline: time.Now().Add(within), Attempt: 2,
	}
}

func deployer(env map[string]string, pass []string, run ...string) *command.Deployer {
	return command.New(command.Options{Run: run, Pass: pass, Getenv: func(name string) string {
		if name == "PATH" {
			return os.Getenv("PATH")
		}
		return env[name]
	}})
}

func observe(t *testing.T, d *command.Deployer, o promotion.Order) promotion.Rollout {
	t.Helper()
	r, err := d.Observe(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheExitStatusIsTheOutcome(t *testing.T) {
	for script, want := range map[string]struct {
		phase  promotion.RolloutPhase
		detail string
	}{
		"exit 0":       {promotion.RolloutDone, "ended well"},
		"exit 3":       {promotion.RolloutFailed, "status 3"},
		"kill -9 $$":   {promotion.RolloutFailed, "killed"},
		"sleep 60 & :": {promotion.RolloutDone, "ended well"},
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			r := observe(t, deployer(nil, nil, program(t, script)), order(time.Minute))
			if r.Phase != want.phase || !strings.Contains(r.Detail, want.detail) {
				t.Errorf("%s: %s", r.Phase, r.Detail)
			}
		})
	}
}

func TestAProgramIsToldEverythingAboutTheOrder(t *testing.T) {
	dir := t.TempDir()
	script := program(t, fmt.Sprintf("cat > %[1]s/body; env > %[1]s/env; for a; do echo \"$a\"; done > %[1]s/args", dir))
	o := order(time.Minute)
	if r := observe(t, deployer(nil, nil, script, "--image={image}", "{app} $(touch x)"), o); r.Phase != promotion.RolloutDone {
		t.Fatalf("%+v", r)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(read("body")), &body); err != nil || body["key"] != "42/eu" || body["image"] != o.Image() || body["attempt"] != 2.0 || body["approvers"].([]any)[0] != "Ann; rm -rf /" {
		t.Errorf("%v, %v", body, err)
	}
	if got, want := read("args"), "--image="+o.Image()+"\nshop $(touch x)\n"; got != want {
		t.Errorf("arguments %q, want %q", got, want)
	}
	env := strings.Split(read("env"), "\n")
	for _, want := range []string{"PROMOTEBOT_KEY=42/eu", "PROMOTEBOT_DIGEST=" + string(o.Digest), "PROMOTEBOT_ATTEMPT=2", "PROMOTEBOT_TAGS=production v1", "PROMOTEBOT_PREVIOUS=" + string(o.Previous)} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is not in its environment", want)
		}
	}
}

func TestAProgramGetsNothingOfTheBotsEnvironmentButWhatIsNamed(t *testing.T) {
	t.Setenv("SLACK_BOT_TOKEN", "xoxb-secret")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "xoxb-another")
	dir := t.TempDir()
	d := deployer(map[string]string{"KUBECONFIG": "/etc/kube", "AWS_SECRET_ACCESS_KEY": "xoxb-another"}, []string{"KUBECONFIG", "ABSENT"}, program(t, "env > "+dir+"/env"))
	observe(t, d, order(time.Minute))
	b, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil || strings.Contains(string(b), "xoxb-") || !strings.Contains(string(b), "KUBECONFIG=/etc/kube") || strings.Contains(string(b), "ABSENT") {
		t.Errorf("it has %s (%v)", b, err)
	}
}

// A script with "set -x" prints what it was passed. What sounds like a secret is taken
// out of it, in both programs; what does not stays readable.
func TestASecretThatWasPassedIsNotInWhatAProgramPrints(t *testing.T) {
	env := map[string]string{"DEPLOY_TOKEN": "canary-token", "KUBECONFIG": "/etc/kube"}
	pass := []string{"DEPLOY_TOKEN", "KUBECONFIG"}
	says := program(t, `echo "$DEPLOY_TOKEN with $KUBECONFIG" >&2; exit 3`)
	if r := observe(t, deployer(env, pass, says), order(time.Minute)); !slices.Equal(r.Lines, []string{"[redacted] with /etc/kube"}) {
		t.Errorf("it has printed %q", r.Lines)
	}
	getenv := func(name string) string { return env[name] }
	_, err := command.New(command.Options{Running: []string{says}, Pass: pass, Getenv: getenv}).Running(t.Context(), order(time.Minute))
	if err == nil || !strings.Contains(err.Error(), "[redacted] with /etc/kube") {
		t.Errorf("what runs can't be said: %v", err)
	}
	says = program(t, `echo "{\"running\": [{\"where\": \"$DEPLOY_TOKEN\", \"digest\": \"sha256:`+strings.Repeat("a", 64)+`\"}]}"`)
	all, err := command.New(command.Options{Running: []string{says}, Pass: pass, Getenv: getenv}).Running(t.Context(), order(time.Minute))
	if err != nil || len(all) != 1 || all[0].Where != "[redacted]" {
		t.Errorf("there runs %+v (%v)", all, err)
	}
}

func TestTheWholeGroupIsEndedAtTheDeadline(t *testing.T) {
	t.Parallel()
	pids := filepath.Join(t.TempDir(), "pids")
	d := deployer(nil, nil, program(t, "(trap '' TERM; echo $$ >> "+pids+"; sleep 60) & sleep 60 & echo $! >> "+pids+"; echo begun; wait"))
	began := time.Now()
	r := observe(t, d, order(time.Second))
	if r.Phase != promotion.RolloutFailed || !strings.Contains(r.Detail, "at its deadline") || !slices.Contains(r.Lines, "begun") {
		t.Errorf("%+v", r)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	b, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.FieldsSeq(string(b)) {
		pid, err := strconv.Atoi(line)
		if err != nil {
			t.Fatal(err)
		}
		if !gone(pid) {
			t.Errorf("process %d is still there", pid)
		}
	}
}

// gone waits until a process is not there any more, or is only to be collected.
func gone(pid int) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil && syscall.Kill(pid, 0) != nil || strings.Contains(string(stat), ") Z ") {
			return true
		}
		<-tick.C
	}
	return false
}

func TestAProgramThatIsEndedWithTheBotHasNoOutcome(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pipe := filepath.Join(t.TempDir(), "began")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	d := deployer(nil, nil, program(t, "echo > "+pipe+"; exec sleep 60"))
	go func() {
		_, _ = os.ReadFile(pipe)
		cancel()
	}()
	if r, err := d.Observe(ctx, order(time.Minute)); promotion.KindOf(err) != promotion.Unavailable || err == nil || r.Phase != "" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWhatAProgramPrintsIsKeptFromItsBeginningAndItsEnd(t *testing.T) {
	t.Parallel()
	r := observe(t, deployer(nil, nil, program(t, "for i in $(seq 1 5000); do echo line $i; done; echo why >&2; exit 1")), order(time.Minute))
	if n := len(r.Lines); n > 20 || r.Lines[0] != "line 1" || r.Lines[n-1] != "why" || r.Lines[3] != "…" {
		t.Errorf("%d lines: %q", n, r.Lines)
	}
	r = observe(t, deployer(nil, nil, program(t, "for i in $(seq 1 30); do echo line $i; done")), order(time.Minute))
	if n := len(r.Lines); n != 19 || r.Lines[3] != "… 12 lines …" || r.Lines[18] != "line 30" {
		t.Errorf("%d lines: %q", n, r.Lines)
	}
	if r = observe(t, deployer(nil, nil, program(t, "exit 0")), order(time.Minute)); len(r.Lines) != 0 {
		t.Errorf("of nothing there is %q", r.Lines)
	}
}

func TestAProgramThatIsNotThereIsRefusedBeforeAnythingIsRun(t *testing.T) {
	if _, err := deployer(nil, nil, "/nowhere/at/all").Deploy(t.Context(), order(time.Minute)); promotion.KindOf(err) != promotion.Invalid || err == nil {
		t.Errorf("%v", err)
	}
	if r, err := deployer(nil, nil, program(t, "exit 0")).Deploy(t.Context(), order(time.Minute)); err != nil || r.Phase != promotion.RolloutAsked {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestNothingIsRunAfterTheDeadline(t *testing.T) {
	began := filepath.Join(t.TempDir(), "began")
	r := observe(t, deployer(nil, nil, program(t, "touch "+began)), order(-time.Second))
	if _, err := os.Stat(began); err == nil || r.Phase != promotion.RolloutFailed {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAnExaminationRunsNothing(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace")
	ran := program(t, "touch "+trace)
	locked := program(t, "touch "+trace)
	if err := os.Chmod(locked, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]promotion.Condition{ran: promotion.Well, locked: promotion.Ill, ran + "-not": promotion.Ill, filepath.Dir(ran): promotion.Ill} {
		found := deployer(nil, nil, path).Examine(order(time.Minute))
		if len(found) != 1 || found[0].Condition != want || (want == promotion.Ill) != (found[0].Remedy != "") {
			t.Errorf("%s: %+v", path, found)
		}
	}
	found := deployer(map[string]string{"THERE": "1"}, []string{"THERE", "GONE"}, ran).Examine(order(time.Minute))
	if len(found) != 2 || found[1].Condition != promotion.Remarked || !strings.HasPrefix(found[1].Says, "GONE ") {
		t.Errorf("%+v", found)
	}
	if _, err := os.Stat(trace); err == nil {
		t.Error("the program was run")
	}
}

// The program that says what runs is looked at as the other is.
func TestAnExaminationLooksAtBothPrograms(t *testing.T) {
	here, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	d := command.New(command.Options{Run: []string{here}, Running: []string{"/nowhere/what-runs"}, Getenv: func(string) string { return "" }})
	found := d.Examine(order(time.Minute))
	if len(found) != 2 || found[0].Condition != promotion.Well || found[1].Condition != promotion.Ill || found[1].Remedy == "" || !strings.Contains(found[1].Says, "/nowhere/what-runs") {
		t.Errorf("%+v", found)
	}
}
