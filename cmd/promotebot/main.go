// Command promotebot promotes container images from one environment to the
// next by digest, behind a human approval gate in Slack.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	_ "time/tzdata" // schedules name time zones, and a minimal image has none

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	p := &program{stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, reload: reload}
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// program is the command line with its surroundings, so that tests can give it
// others.
type program struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	reload         <-chan os.Signal
}

// command is one thing that the program does.
type command struct {
	name  string // one or two words
	args  string
	about string // empty: not told of
	run   func(p *program, ctx context.Context, args []string) error
}

func commands() []command {
	return []command{
		{"demo", "[-listen ADDRESS] [-v | -gallery]", "show the bot at work, in a small Slack in your browser and a registry in memory", (*program).demo},
		{"serve", "-config FILE", "run the bot", (*program).serve},
		{"config check", "FILE", "say everything that is wrong with a configuration", (*program).configCheck},
		{"policy explain", "[-config FILE] APP", "say in sentences what a promotion of an app, or a train, takes", (*program).policyExplain},
		{"policy test", "[-config FILE] [-v] SCENARIOS", "try a configuration's policies on scenarios of your own", (*program).policyTest},
		{"policy backtest", "[-config FILE] [-database FILE] [-days N]", "say what a configuration would have made of the past", (*program).policyBacktest},
		{"token create", "[-config FILE] -scopes SCOPES [-apps APPS] [-expires DURATION] NAME", "make a token for a machine, also while the bot runs", (*program).tokenCreate},
		{"token list", "[-config FILE]", "list the tokens", (*program).tokenList},
		{"token revoke", "[-config FILE] NAME", "revoke a token, at once", (*program).tokenRevoke},
		{"check report", "-app APP -digest DIGEST -name NAME -status STATUS", "report a check of a digest to a running bot", (*program).checkReport},
		{"doctor", "[-config FILE] [-json]", "say whether everything that the bot needs is there, also while it runs; exits with 1 when something is wrong, with 2 when something could not be looked at", (*program).doctor},
		{"manifest kubernetes", "NAMESPACE…", "print the account and the roles to apply, with which the bot may deploy into namespaces", (*program).manifestKubernetes},
		{"manifest flux", "NAMESPACE…", "print the account and the roles to apply, with which the bot may ask Flux how far it is", (*program).manifestFlux},
		{"manifest slack", "", "print the Slack app manifest to paste; also without \"slack\"", (*program).manifest},
		{"manifest", "", "", (*program).manifest},
		{"backup", "[-config FILE] TO", "copy the database, also while the bot runs", (*program).backup},
		{"audit verify", "[-config FILE]", "recompute the audit log and say whether it is whole", (*program).auditVerify},
		{"audit list", "[-config FILE]", "print the audit log, one JSON object a line", (*program).auditList},
		{"health", "[-url URL]", "ask a running bot whether it is healthy; the exit code is the answer", (*program).health},
		{"version", "", "print the version", (*program).version},
	}
}

// Exit codes: 1 when it could not be done, 2 when the command line makes no
// sense (the convention of package flag).
const (
	failed = 1
	misuse = 2
)

var errUsage = errors.New("promotebot: the command makes no sense")

// exit is the code of a command that has said all there is to say.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func (p *program) run(ctx context.Context, args []string) int {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) < len(words) || strings.Join(args[:len(words)], " ") != c.name {
			continue
		}
		err := c.run(p, ctx, args[len(words):])
		said, answered := errors.AsType[exit](err)
		switch {
		case answered:
			return int(said)
		case errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errUsage):
			_, _ = fmt.Fprintf(p.stderr, "%v\nusage: promotebot %s\n", err, strings.TrimSpace(c.name+" "+c.args))
			return misuse
		case err != nil:
			p.complain(err)
			return failed
		}
		return 0
	}
	about, asked := helpAbout(args)
	if asked && (about == "" || len(under(about)) > 0) {
		p.help(p.stdout, about)
		return 0
	}
	switch {
	case len(args) == 1 && len(under(about)) > 0:
		_, _ = fmt.Fprintf(p.stderr, "promotebot: %q takes one more word\n\n", about)
	case len(args) > 0:
		_, _ = fmt.Fprintf(p.stderr, "promotebot: there is no command %q\n\n", strings.Join(args, " "))
	}
	p.help(p.stderr, about)
	return misuse
}

// helpAbout is the first word of the commands that the command line is about, and
// whether it asks for help: with "help" before that, or a flag behind it.
func helpAbout(args []string) (about string, asked bool) {
	if len(args) > 0 && args[0] == "help" {
		asked, args = true, args[1:]
	}
	for _, arg := range args {
		switch {
		case arg == "-h" || arg == "-help" || arg == "--help":
			asked = true
		case about == "":
			about = arg
		}
	}
	return about, asked
}

// under are the commands that begin with a word.
func under(word string) (found []command) {
	for _, c := range commands() {
		if first, _, _ := strings.Cut(c.name, " "); first == word {
			found = append(found, c)
		}
	}
	return found
}

// complain prints a configuration's problems a line each, so that an editor
// can jump to them.
func (p *program) complain(err error) {
	if problems, ok := errors.AsType[*config.Problems](err); ok {
		_, _ = fmt.Fprintln(p.stderr, problems.Error())
		return
	}
	_, _ = fmt.Fprintf(p.stderr, "promotebot: %v\n", err)
	if cause := promotion.Cause(err); cause != "" {
		_, _ = fmt.Fprintf(p.stderr, "promotebot: the cause: %s\n", cause)
	}
}

// help shows the commands that begin with a word; all of them where there are none.
func (p *program) help(w io.Writer, word string) {
	shown := under(word)
	if len(shown) == 0 {
		_, _ = fmt.Fprint(w, "promotebot promotes container images by digest, behind a human gate in Slack.\n\n")
		shown = commands()
	}
	for _, c := range shown {
		if c.about == "" {
			continue // it is the short form of another
		}
		_, _ = fmt.Fprintf(w, "  promotebot %-32s %s\n", strings.TrimSpace(c.name+" "+c.args), c.about)
	}
	_, _ = fmt.Fprint(w, "\n\"promotebot COMMAND -h\" explains the flags of a command.\n")
}

// flags parses the flags of a command and returns what is left, of which there
// must be exactly n.
func (p *program) flags(name string, args []string, n int, define func(*flag.FlagSet)) ([]string, error) {
	fs := flag.NewFlagSet("promotebot "+name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // an error is told once, with the usage below it
	if define != nil {
		define(fs)
	}
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		p.explain(name, fs)
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	case fs.NArg() < n:
		return nil, fmt.Errorf("%w: something is missing", errUsage)
	case fs.NArg() > n:
		return nil, fmt.Errorf("%w: %q is too much; flags come before names and files", errUsage, fs.Arg(n))
	}
	return fs.Args(), nil
}

// explain says what a command is for, what it takes, and what its flags mean.
func (p *program) explain(name string, fs *flag.FlagSet) {
	for _, c := range commands() {
		if c.name == name && c.about != "" {
			_, _ = fmt.Fprintf(p.stderr, "usage: promotebot %s\n%s\n", strings.TrimSpace(c.name+" "+c.args), c.about)
		}
	}
	fs.SetOutput(p.stderr)
	fs.PrintDefaults()
}

func (p *program) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(p.stderr, nil))
}

func (p *program) version(_ context.Context, args []string) error {
	if _, err := p.flags("version", args, 0, nil); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.stdout, version())
	return err
}

// stamp is the version where the build has no git to ask, as in an image:
// -ldflags "-X main.stamp=v1.2.3".
var stamp string

// version is what the build was told, or what it recorded: a tag of the module,
// or the commit.
func version() string {
	if stamp != "" {
		return stamp
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = s.Value[:min(12, len(s.Value))]
		}
	}
	return v
}
