// Package command deploys by running a program: the way out for whatever has no
// deployer of its own.
//
// The program is given everything about the order (on its standard input, as
// JSON, and in environment variables) and says by its exit status whether the
// digest runs now. There is no shell: an argument is an argument. Of the bot's
// environment the program gets PATH and what the configuration names, and so none
// of its credentials.
//
// A program does not outlive the bot in a way that could be relied on. It is
// begun again when the bot was killed, and then the one before it may still be
// running. So it has to be repeatable: PROMOTEBOT_KEY is the same in every
// attempt, and PROMOTEBOT_ATTEMPT says which one it is.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Options say what is run.
type Options struct {
	Run     []string            // an absolute path, and arguments with placeholders
	Running []string            // the same of a program that says what runs there; empty where there is none
	Pass    []string            // the environment variables that they get besides PATH
	Getenv  func(string) string // the bot's environment
}

// Deployer runs one program.
type Deployer struct{ opts Options }

// New makes a Deployer.
func New(opts Options) *Deployer { return &Deployer{opts} }

// grace is how long a program may take to end once it was asked to.
const grace = 10 * time.Second

// Deploy only makes sure that the program is there: it is run by Observe, for as
// long as it takes.
func (d *Deployer) Deploy(_ context.Context, o promotion.Order) (promotion.Rollout, error) {
	if _, err := exec.LookPath(d.opts.Run[0]); err != nil {
		return promotion.Rollout{}, promotion.Errorf(promotion.Invalid, "the program %s can't be run: %w", d.opts.Run[0], err)
	}
	return promotion.Rollout{Phase: promotion.RolloutAsked, Handle: o.Key(), ReadAt: time.Now()}, nil
}

// Observe runs the program and waits for its end, which comes at the deadline of
// the order at the latest. When ctx ends before, nothing is known.
func (d *Deployer) Observe(ctx context.Context, o promotion.Order) (promotion.Rollout, error) {
	r := promotion.Rollout{Phase: promotion.RolloutFailed, Handle: o.Key()}
	if !time.Now().Before(o.Deadline) {
		r.Detail, r.ReadAt = "its deadline passed before the program had ended", time.Now()
		return r, nil
	}
	run, cancel := context.WithDeadline(ctx, o.Deadline)
	defer cancel()
	var out output
	began := time.Now()
	err := d.run(run, o, d.opts.Run, &out, &out)
	if ctx.Err() != nil {
		return promotion.Rollout{}, promotion.Errorf(promotion.Unavailable, "the program was ended because promotebot stops: %w", ctx.Err())
	}
	r.ReadAt, r.Lines = time.Now(), d.hide(out.lines())
	took := r.ReadAt.Sub(began).Round(time.Second)
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		r.Phase, r.Detail = promotion.RolloutDone, fmt.Sprintf("the program ended well after %s", took)
	case run.Err() != nil:
		r.Detail = fmt.Sprintf("the program was ended at its deadline, after %s", took)
	case exited && exit.ExitCode() >= 0:
		r.Detail = fmt.Sprintf("the program ended with status %d after %s", exit.ExitCode(), took)
	case exited:
		r.Detail = fmt.Sprintf("the program was killed after %s: %s", took, exit)
	default:
		r.Detail = "the program could not be run: " + err.Error()
	}
	return r, nil
}

// run runs the program in a process group of its own, of which nothing is left
// when it returns.
func (d *Deployer) run(ctx context.Context, o promotion.Order, program []string, out, words io.Writer) error {
	args := make([]string, len(program)-1)
	for i, arg := range program[1:] {
		args[i] = promotion.OrderTemplate(arg).Fill(o, func(part string) string { return part })
	}
	cmd := exec.CommandContext(ctx, program[0], args...) //nolint:gosec // the configuration names it, and says that programs may be run
	cmd.Env = d.environment(o)
	cmd.Stdin = bytes.NewReader(o.Body())
	cmd.Stdout, cmd.Stderr = out, words
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	if err := cmd.Start(); err != nil {
		return err
	}
	err := cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whatever it has left behind; usually there is nothing
	if errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil {
		return nil // it ended well, and something that it had started held on to its output
	}
	return err
}

// environment is everything that the program finds in its environment.
func (d *Deployer) environment(o promotion.Order) []string {
	env := []string{
		"PATH=" + d.opts.Getenv("PATH"),
		"PROMOTEBOT_KEY=" + o.Key(),
		"PROMOTEBOT_PROMOTION=" + strconv.FormatInt(int64(o.Promotion), 10),
		"PROMOTEBOT_ATTEMPT=" + strconv.Itoa(o.Attempt),
		"PROMOTEBOT_PURPOSE=" + string(o.Purpose),
		"PROMOTEBOT_APP=" + o.App,
		"PROMOTEBOT_ENVIRONMENT=" + o.Environment,
		"PROMOTEBOT_TARGET=" + o.Target,
		"PROMOTEBOT_IMAGE=" + o.Image(),
		"PROMOTEBOT_REPOSITORY=" + string(o.Repository),
		"PROMOTEBOT_DIGEST=" + string(o.Digest),
		"PROMOTEBOT_PREVIOUS=" + string(o.Previous),
		"PROMOTEBOT_TAGS=" + strings.Join(o.Tags, " "),
		"PROMOTEBOT_DEADLINE=" + o.Deadline.UTC().Format(time.RFC3339),
	}
	for _, name := range d.opts.Pass {
		if value := d.opts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// telling is what stands in the names of variables that hold secrets. Others hold
// paths and names, which have to stay readable in what a program says.
var telling = regexp.MustCompile(`(?i)TOKEN|SECRET|PASSW|KEY|CREDENTIAL`)

// hide takes the secrets that a program was passed out of what it has printed: with
// "set -x" a script prints all of them, and its last lines are shown to people.
func (d *Deployer) hide(lines []string) []string {
	for _, name := range d.opts.Pass {
		if !telling.MatchString(name) {
			continue
		}
		secret := promotion.NewSecret(d.opts.Getenv(name))
		for i := range lines {
			lines[i] = secret.Hide(lines[i])
		}
	}
	return lines
}

// Examine says whether the programs could be run, without running them.
func (d *Deployer) Examine(o promotion.Order) (found []promotion.Diagnosis) {
	about := fmt.Sprintf("%s in %s: the program", o.Target, o.Environment)
	for _, command := range [][]string{d.opts.Run, d.opts.Running} {
		if len(command) == 0 {
			continue
		}
		diagnosis := promotion.Diagnosis{About: about, Condition: promotion.Well, Says: command[0] + " is there and can be executed"}
		if _, err := exec.LookPath(command[0]); err != nil {
			diagnosis.Condition, diagnosis.Says = promotion.Ill, fmt.Sprintf("%s can't be run (%s)", command[0], promotion.Line(err.Error()))
			diagnosis.Remedy = "put it there, and let the user that promotebot runs as execute it"
		}
		found = append(found, diagnosis)
	}
	for _, name := range d.opts.Pass {
		if d.opts.Getenv(name) == "" {
			found = append(found, promotion.Diagnosis{About: about, Condition: promotion.Remarked, Says: name + " is to be passed to it, and is not set here"})
		}
	}
	return found
}
