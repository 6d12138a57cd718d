package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
)

// Command is a program that brings a digest to run.
type Command struct {
	Run     []string // the program, and what it is called with
	Running []string // the same of a program that says what runs there; empty where there is none
	Pass    []string // environment variables of the bot that they get
}

const (
	keyCommand = "command"
	keyRun     = "run"
	keyRunning = "running"
	keyPass    = "pass"

	exampleRun     = `[/usr/local/bin/roll-out, "{app}"]`
	exampleCommand = `{run: ` + exampleRun + `, pass: [KUBECONFIG]}`
)

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,100}$`)

// command reads a program with its arguments. There is no shell, so nothing in
// them means anything to one.
func (r *reader) command(n *yaml.Node, t *Target) {
	if !r.programs {
		r.Note(n, "a program would be run, and that is not allowed", "add commands: allowed at the top, if whoever can write this file may run programs as the bot")
	}
	in, ok := r.Fields(n, keyCommand, exampleCommand, keyRun, keyRunning, keyPass)
	if !ok {
		return
	}
	t.Command = &Command{}
	if at, ok := r.Required(n, in, keyRun, keyCommand, "add run: "+exampleRun); ok {
		t.Command.Run = r.run(at, keyRun, exampleRun)
	}
	if p, ok := in[keyRunning]; ok {
		t.Command.Running = r.run(p.Value, keyRunning, `[/usr/local/bin/what-runs, "{app}"]`)
	}
	if p, ok := in[keyPass]; ok {
		items, _ := r.Texts(p.Value, keyPass, "[KUBECONFIG]")
		for _, item := range items {
			if name, ok := r.Text(item, "an environment variable"); ok && r.passed(item, name) {
				t.Command.Pass = append(t.Command.Pass, name)
			}
		}
	}
}

// run reads a program and its arguments.
func (r *reader) run(at *yaml.Node, key, example string) (all []string) {
	items, _ := r.Texts(at, key, example)
	for i, item := range items {
		text, ok := r.Text(item, "a part of the command")
		if !ok {
			continue
		}
		if i == 0 && !filepath.IsAbs(text) {
			r.Fault(item, fmt.Sprintf("%q is not the path of a program", strict.Clip(text)), "write it whole, such as /usr/local/bin/roll-out, so that it does not depend on where the bot was started; arguments are items of their own")
		}
		if i > 0 {
			r.filled(item, text)
		}
		all = append(all, text)
	}
	if len(items) == 0 {
		r.Fault(at, key+" is empty", "write the program and its arguments, such as "+example)
	}
	return all
}

// passed refuses variables that are the bot's own.
func (r *reader) passed(n *yaml.Node, name string) bool {
	switch {
	case !variable.MatchString(name):
		r.Fault(n, fmt.Sprintf("%q is not the name of an environment variable", strict.Clip(name)), "write a name such as KUBECONFIG, without its value")
	case strings.HasPrefix(name, "SLACK_"), name == "GITHUB_TOKEN":
		r.Fault(n, fmt.Sprintf("%s is a secret of the bot, and a program that it runs does not need it", name), "give the program credentials of its own")
	case strings.HasPrefix(name, "PROMOTEBOT_"):
		r.Fault(n, fmt.Sprintf("%s is for what the bot tells the program", name), "choose another name")
	default:
		return true
	}
	return false
}
