package config_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
)

// keysOf finds every key of a document, wherever it stands.
func keysOf(t *testing.T, doc string) (keys []*yaml.Node) {
	t.Helper()
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(doc), &root); err != nil {
		t.Fatal(err)
	}
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		for i, child := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 {
				keys = append(keys, child)
			}
			visit(child)
		}
	}
	visit(&root)
	return keys
}

// ours are the keys that the program gives a meaning to. The others in
// full.yaml are names that the author made up.
var ours = []string{
	"slack", "channel", "database", "http", "poll", "every", "concurrency", "environments", "name", "watch", "tags", "policy", "policies",
	"soak", "approvals", "requester", "apps", "image", "roles", "reminders", "schedule", "time_zone", "trains", "on_failure",
	"api", "listen",
	"checks", "max_age", "numbers", "advisory", "reviewed_by",
	"since", "incidents", "pause", "reset", "exposure", "requests", "pod_hours", "windows", "allow", "deny", "freezes", "freeze_on", "until", "reason",
	"deploy", "order", "deadline", "targets", "webhook", "url", "signed_with", "status_hosts", "command", "run", "pass", "commands", "after", "health",
	"kubernetes", "kubeconfig", "context", "namespace", "workloads", "kind", "selector", "containers", "take_over", "prometheus", "promql", "query", "is",
	"people", "authors", "reject", "by", "lift", "reasons", "expires", "request", "approval", "any", "shared_channels",
	"direct", "quiet", "from", "escalate", "after", "to", "digests",
	"provenance", "keys", "fields", "public_key",
}

func at(doc string, n *yaml.Node) (before, after string) {
	lines := strings.SplitAfter(doc, "\n")
	offset := len(strings.Join(lines[:n.Line-1], "")) + n.Column - 1
	return doc[:offset], doc[offset:]
}

func TestFullYAMLShowsEveryKey(t *testing.T) {
	keys := keysOf(t, sample(t, "full.yaml"))
	for _, key := range ours {
		if !slices.ContainsFunc(keys, func(n *yaml.Node) bool { return n.Value == key }) {
			t.Errorf("the key %s is not shown", key)
		}
	}
}

func TestEveryMisspelledKeyIsFoundWhereItStands(t *testing.T) {
	doc := sample(t, "full.yaml")
	checked := 0
	for _, key := range keysOf(t, doc) {
		if !slices.Contains(ours, key.Value) {
			continue
		}
		for i := range key.Value {
			for how, typo := range map[string]string{
				"dropped": key.Value[:i] + key.Value[i+1:],
				"doubled": key.Value[:i+1] + key.Value[i:],
				"changed": key.Value[:i] + "x" + key.Value[i+1:],
			} {
				if typo == key.Value || typo == "appi" {
					continue // it has an x there; appi is as near to apps as to api
				}
				before, after := at(doc, key)
				found := problems(t, before+typo+after[len(key.Value):])
				if !reports(found, key.Line, key.Column, fmt.Sprintf("%q", typo), fmt.Sprintf("did you mean %q?", key.Value)) {
					t.Errorf("%s with a letter %s, %s, on line %d:\n%s", key.Value, how, typo, key.Line, found)
				}
				checked++
			}
		}
	}
	if checked < 500 {
		t.Errorf("only %d misspellings were tried", checked)
	}
}

func reports(found *config.Problems, line, column int, message, remedy string) bool {
	return slices.ContainsFunc(found.List, func(p config.Problem) bool {
		return p.Line == line && p.Column == column && strings.Contains(p.Message, message) && strings.Contains(p.Remedy, remedy)
	})
}

func TestEveryRepeatedKeyIsFound(t *testing.T) {
	var full yaml.Node
	if err := yaml.Unmarshal([]byte(sample(t, "full.yaml")), &full); err != nil {
		t.Fatal(err)
	}
	tried := 0
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			original := n.Content
			n.Content = append(slices.Clone(original), original[i], original[i+1])
			var doc bytes.Buffer
			if err := yaml.NewEncoder(&doc).Encode(&full); err != nil {
				t.Fatal(err)
			}
			found := problems(t, doc.String())
			if len(found.List) != 1 || !strings.Contains(found.List[0].Message, fmt.Sprintf("the key %q is set on line", original[i].Value)) {
				t.Errorf("%s twice:\n%s", original[i].Value, found)
			}
			n.Content = original
			tried++
		}
		for _, child := range n.Content {
			visit(child)
		}
	}
	visit(&full)
	if tried < 40 {
		t.Errorf("only %d keys were repeated", tried)
	}
}

func TestAValueOfAnotherTypeIsFound(t *testing.T) {
	doc := sample(t, "full.yaml")
	for _, key := range keysOf(t, doc) {
		if !slices.Contains(ours, key.Value) {
			continue
		}
		for _, wrong := range []string{"2026-03-01", "true", "1.5", "[[]]", "{x: {}}", "~"} {
			before, after := at(doc, key)
			lines := strings.SplitAfter(after, "\n")
			// What belongs to the key is indented deeper than it, or is a list item beside it.
			rest := 1
			for rest < len(lines) && (strings.TrimSpace(lines[rest]) == "" || len(lines[rest])-len(strings.TrimLeft(lines[rest], " ")) >= key.Column) {
				rest++
			}
			if strings.ContainsAny(lines[0], "{}") {
				continue // the key is inside braces, with others after it on the line
			}
			if strings.TrimSpace(lines[0]) == key.Value+": "+wrong {
				continue // it says that already
			}
			changed := before + key.Value + ": " + wrong + "\n" + strings.Join(lines[rest:], "")
			found := problems(t, changed)
			if !slices.ContainsFunc(found.List, func(p config.Problem) bool { return p.Line == key.Line && p.Column >= key.Column }) {
				t.Errorf("%s: %s on line %d:\n%s", key.Value, wrong, key.Line, found)
			}
		}
	}
}

func TestATokenIsNeverRepeated(t *testing.T) {
	const token = "xoxb-17-only-for-this-test"
	doc := sample(t, "full.yaml")
	for _, key := range keysOf(t, doc) {
		before, after := at(doc, key)
		lines := strings.SplitAfterN(after, "\n", 2)
		if strings.ContainsAny(lines[0], "{}") || len(lines) < 2 {
			continue
		}
		for _, changed := range []string{
			before + key.Value + ": " + token + "\n" + lines[1],
			before + token + after[len(key.Value):],
		} {
			if found := problems(t, changed); strings.Contains(found.Error(), token) {
				t.Errorf("the token at %s is shown:\n%s", key.Value, found)
			}
		}
	}
}

// FuzzParse holds that no bytes make Parse panic, that whatever is refused is
// refused with words and a place, and that whatever is accepted keeps what the
// rest of the program takes for granted.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"smallest.yaml", "full.yaml", "broken.yaml"} {
		f.Add([]byte(sample(f, name)))
	}
	f.Add([]byte(sound))
	for _, fault := range faults {
		f.Add([]byte(strings.Replace(sound, fault.old, fault.new, 1)))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		c, err := config.Parse("promotebot.yaml", doc)
		if err == nil {
			holds(t, c)
			return
		}
		found, ok := err.(*config.Problems) //nolint:errorlint // exactly this type is promised
		if !ok || c != nil || len(found.List) == 0 {
			t.Fatalf("refused with %T %v and %v", err, err, c)
		}
		lines := bytes.Count(doc, []byte("\n")) + bytes.Count(doc, []byte("\r")) + strings.Count(string(doc), "\u2028") +
			strings.Count(string(doc), "\u2029") + strings.Count(string(doc), "\u0085") + 1
		for _, p := range found.List {
			if p.Line < 1 || p.Line > lines || p.Column < 1 || p.Message == "" || p.Remedy == "" || strings.ContainsAny(p.String(), "\n\r") {
				t.Errorf("a problem of %d lines: %+v", lines, p)
			}
		}
	})
}

// holds checks what the gate and the watcher rely on without checking.
func holds(t *testing.T, c *config.Config) {
	t.Helper()
	if len(c.Catalog.Environments) < 2 || len(c.Catalog.Apps) == 0 || len(c.Hash) != 64 || c.Database == "" || c.HTTP == "" {
		t.Fatalf("accepted: %+v", c)
	}
	if c.Poll.Every < time.Second || c.Poll.Concurrency < 1 {
		t.Errorf("polling is %+v", c.Poll)
	}
	for i, e := range c.Catalog.Environments {
		if _, err := promotion.ParseName(e.Name); err != nil || (i == 0) != (len(e.Tags) == 0) {
			t.Errorf("environment %d is %+v: %v", i, e, err)
		}
		if again, _ := c.Catalog.Environment(e.Name); again.Watch.String() != e.Watch.String() {
			t.Errorf("two environments are called %s", e.Name)
		}
	}
	images := map[promotion.Repository]bool{}
	for _, app := range c.Catalog.Apps {
		if _, err := promotion.ParseRepository(string(app.Repository)); err != nil || images[app.Repository] || app.Channel == "" {
			t.Errorf("an app is %+v: %v", app, err)
		}
		images[app.Repository] = true
		for _, e := range c.Catalog.Environments[1:] {
			d, ok := app.Policies[e.Name]
			ways, err := d.Asks().Alternatives()
			if !ok || (err != nil || len(ways) == 0) != d.Automatic || d.Soak < 0 || len(app.Policies) != len(c.Catalog.Environments)-1 {
				t.Errorf("%s goes to %s under %+v", app.Name, e.Name, d)
			}
			for _, role := range d.Roles() {
				if _, ok := c.Catalog.Roles[role]; !ok {
					t.Errorf("%s goes to %s with %s", app.Name, e.Name, role)
				}
			}
		}
	}
	for _, r := range c.Catalog.Reminders {
		if r.Schedule == nil || r.Schedule.Next(time.Unix(0, 0)).IsZero() {
			t.Errorf("a reminder is %+v", r)
		}
	}
}
