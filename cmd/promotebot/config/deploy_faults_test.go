package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// soundTargets has a target of each kind, and a watch.
const soundTargets = `slack: {channel: C0SHIP}
commands: allowed
environments:
  - {name: staging, watch: "v{version}-passed"}
  - name: production
    tags: [production]
    policy: careful
    deploy:
      order: together
      deadline: 5m
      targets:
        - {name: eu, apps: [shop], webhook: {url: "https://deploy.example.com/{app}", signed_with: DEPLOY_SECRET}}
        - {name: us, command: {run: [/bin/roll-out, "{image}"], pass: [KUBECONFIG]}}
policies:
  careful: {approvals: {leads: 1}, after: {watch: 15m, health: true}}
roles:
  leads: [U0ANN, U0BOB]
apps:
  - {name: shop, image: registry.example.com/shop}
  - {name: cart, image: registry.example.com/cart}
`

func TestWhatIsApprovedForATargetIsNotApprovedForAnotherOfItsName(t *testing.T) {
	hash := func(text, app string) string {
		c, err := config.Parse("promotebot.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		a, _ := c.Catalog.App(app)
		return a.Policies["production"].Hash()
	}
	other := strings.Replace(soundTargets, "deploy.example.com", "elsewhere.example.com", 1)
	if hash(soundTargets, "shop") == hash(other, "shop") {
		t.Error("the target is told elsewhere, and approvals for it still count")
	}
	if hash(soundTargets, "cart") != hash(other, "cart") {
		t.Error("approvals stop counting for a target that is none of the app's")
	}
}

func TestTargetsMeanWhatTheySay(t *testing.T) {
	c, err := config.Parse("promotebot.yaml", []byte(soundTargets))
	if err != nil {
		t.Fatal(err)
	}
	production, _ := c.Catalog.Environment("production")
	if slices.ContainsFunc(production.Deploy.Targets, func(to gate.Target) bool { return to.Reads }) {
		t.Error("what runs is read where nobody says it")
	}
	if d := production.Deploy; !d.Together || !d.Targets[0].Tells || d.Targets[1].Tells || d.Deadline != 5*time.Minute || !slices.Equal(d.For("shop"), []string{"eu", "us"}) || !slices.Equal(d.For("cart"), []string{"us"}) {
		t.Errorf("%+v", d)
	}
	shop, _ := c.Catalog.App("shop")
	cart, _ := c.Catalog.App("cart")
	if s, o := shop.Policies["production"], cart.Policies["production"]; !slices.Equal(s.Deploys, []string{"eu", "us"}) || !s.Together || !slices.Equal(o.Deploys, []string{"us"}) || o.Together || s.Hash() == o.Hash() {
		t.Errorf("shop is approved for %v, cart for %v", s.Deploys, o.Deploys)
	}
	if a := shop.Policies["production"].After; a == nil || a.Watch != 15*time.Minute || !a.Health || len(a.Incidents)+len(a.Checks) != 0 {
		t.Errorf("after that: %+v", a)
	}
	if len(c.Targets) != 2 || c.Targets[0].Webhook.Signed != "DEPLOY_SECRET" || c.Targets[1].Environment != "production" || !slices.Equal(c.Targets[1].Command.Run, []string{"/bin/roll-out", "{image}"}) {
		t.Errorf("%+v", c.Targets)
	}
	full := load(t, "full.yaml")
	var read []string
	production, _ = full.Catalog.Environment("production")
	for _, target := range production.Deploy.Targets {
		if target.Reads {
			read = append(read, target.Name)
		}
	}
	if !slices.Equal(read, []string{"eu", "us", "asia", "fleet"}) {
		t.Errorf("what runs is read in %q", read)
	}
	billing, _ := full.Catalog.App("billing")
	if a := billing.Policies["production"].After; a == nil || a.Incidents[0] != promotion.Severity("critical") || a.Checks[0] != "smoke" || !slices.Equal(billing.Policies["production"].Deploys, []string{"eu", "us", "asia", "fleet"}) || full.Targets[2].Kubernetes.Context != "asia" || full.Targets[3].GitOps.Path != "apps/{app}/kustomization.yaml" {
		t.Errorf("of full.yaml: %+v", billing.Policies["production"])
	}
}

func TestTargetFaults(t *testing.T) {
	for _, f := range deployFaults {
		t.Run(f.with, func(t *testing.T) {
			doc := strings.Replace(soundTargets, f.old, f.new, 1)
			if doc == soundTargets {
				t.Fatalf("%q is not in the document", f.old)
			}
			var got []string
			for _, p := range problems(t, doc).List {
				got = append(got, p.String())
			}
			if strings.Join(got, "\n") != strings.Join(f.want, "\n") {
				t.Errorf("it is said:\n%s\nand should be:\n%s", strings.Join(got, "\n"), strings.Join(f.want, "\n"))
			}
		})
	}
}

var deployFaults = []fault{
	{"targets of the first environment", `watch: "v{version}-passed"}`, `watch: "v{version}-passed", deploy: {targets: []}}`, []string{
		"4:49: the first environment has deploy, and nothing is promoted into it: take it out, or put the environment that comes before it above it",
	}},
	{"no targets", "      targets:\n        - {name: eu", "      target:\n        - {name: eu", []string{
		`11:7: unknown key "target" in deploy: did you mean "targets"?`,
	}},
	{"an empty list of targets", "targets:\n        - {name: eu, apps: [shop], webhook: {url: \"https://deploy.example.com/{app}\", signed_with: DEPLOY_SECRET}}\n        - {name: us, command: {run: [/bin/roll-out, \"{image}\"], pass: [KUBECONFIG]}}", "targets: []", []string{
		`11:16: targets is empty: write at least one, such as {name: eu, webhook: {url: "https://deploy.example.com/{app}", signed_with: DEPLOY_SECRET}}, or take deploy out`,
	}},
	{"an order that is none", "order: together", "order: random", []string{
		`9:14: "random" is not an order of targets: write one-by-one, which is the default, or together`,
	}},
	{"a deadline that is too short", "deadline: 5m", "deadline: 1s", []string{
		"10:17: a deadline of 1s is out of bounds: write from 10s to 24h, such as 15m",
	}},
	{"a deadline without a unit", "deadline: 5m", "deadline: 300", []string{
		"10:17: deadline of 300 has no unit: put one behind it: s for seconds, m for minutes, h for hours or d for days",
	}},
	{"a target without a name", "{name: eu, ", "{", []string{
		"12:11: the target has no name: add name: eu",
	}},
	{"two targets of one name", "name: us", "name: eu", []string{
		`13:18: there is another target "eu" above: give each its own name`,
	}},
	{"a target for no app", "apps: [shop]", "apps: []", []string{
		"12:28: the target is for no app: name apps, such as [shop], or take apps out when it is for all",
	}},
	{"a target for an app that there is not", "apps: [shop]", "apps: [shpo]", []string{
		`12:29: there is no app "shpo": did you mean "shop"? Otherwise define it: apps: [{name: shop, image: registry.example.com/shop/api}]`,
	}},
	{"a target that is told in no way", ", command: {run: [/bin/roll-out, \"{image}\"], pass: [KUBECONFIG]}", "", []string{
		"13:11: the target is told in 0 ways: give it one of command, webhook, kubernetes, gitops",
	}},
	{"a target that is told in two ways", "{name: us, ", "{name: us, webhook: {url: \"https://x.example.com/\", signed_with: S}, ", []string{
		"13:11: the target is told in 2 ways: give it one of command, webhook, kubernetes, gitops",
	}},
	{"a program that is not allowed", "commands: allowed\n", "", []string{
		"12:31: a program would be run, and that is not allowed: add commands: allowed at the top, if whoever can write this file may run programs as the bot",
	}},
	{"programs that are allowed in other words", "commands: allowed", "commands: true", []string{
		`2:11: commands must be text, not true: if it is meant, put it in quotes: "true"`,
	}},
	{"programs that are not allowed in words", "commands: allowed", "commands: forbidden", []string{
		`2:11: "forbidden" does not say that programs may be run: write commands: allowed, or take it out`,
	}},
	{"a program of no path", "/bin/roll-out", "roll-out", []string{
		`13:38: "roll-out" is not the path of a program: write it whole, such as /usr/local/bin/roll-out, so that it does not depend on where the bot was started; arguments are items of their own`,
	}},
	{"an empty command", `[/bin/roll-out, "{image}"]`, "[]", []string{
		`13:37: run is empty: write the program and its arguments, such as [/usr/local/bin/roll-out, "{app}"]`,
	}},
	{"no command", `run: [/bin/roll-out, "{image}"], `, "", []string{
		`13:31: command has no run: add run: [/usr/local/bin/roll-out, "{app}"]`,
	}},
	{"a brace that means nothing", "{image}", "{version}", []string{
		"13:53: {version} means nothing here: there are {app}, {environment}, {target}, {image}, {digest} and {promotion}",
	}},
	{"a secret of the bot that is passed on", "KUBECONFIG", "SLACK_BOT_TOKEN", []string{
		"13:72: SLACK_BOT_TOKEN is a secret of the bot, and a program that it runs does not need it: give the program credentials of its own",
	}},
	{"a variable of the bot that is passed on", "KUBECONFIG", "PROMOTEBOT_KEY", []string{
		"13:72: PROMOTEBOT_KEY is for what the bot tells the program: choose another name",
	}},
	{"a variable with its value", "[KUBECONFIG]", `["A=b"]`, []string{
		`13:72: "A=b" is not the name of an environment variable: write a name such as KUBECONFIG, without its value`,
	}},
	{"a program of no path that says what runs", "pass: [KUBECONFIG]", "running: [what-runs]", []string{
		`13:75: "what-runs" is not the path of a program: write it whole, such as /usr/local/bin/roll-out, so that it does not depend on where the bot was started; arguments are items of their own`,
	}},
	{"no program that says what runs", "pass: [KUBECONFIG]", "running: []", []string{
		`13:74: running is empty: write the program and its arguments, such as [/usr/local/bin/what-runs, "{app}"]`,
	}},
	{"what runs is asked without TLS", "signed_with: DEPLOY_SECRET", "signed_with: DEPLOY_SECRET, running: \"http://deploy.example.com/{app}\"", []string{
		"12:124: an order, or a question about one, would go over the network without TLS: write https://; http:// is for this machine alone, as in http://127.0.0.1:8080/",
	}},
	{"no address", `url: "https://deploy.example.com/{app}", `, "", []string{
		`12:45: webhook has no url: add url: "https://deploy.example.com/{app}"`,
	}},
	{"a secret in the place of a signature", ", signed_with: DEPLOY_SECRET", ", signed_with: DEPLOY_SECRET, secret: hunter2", []string{
		`12:115: "secret" is a secret, and secrets never live in this file: take it out, and say where it is with signed_with`,
	}},
	{"no signature", ", signed_with: DEPLOY_SECRET", "", []string{
		"12:45: webhook has no signed_with: add signed_with: DEPLOY_SECRET, the name of an environment variable with the key that orders are signed with",
	}},
	{"a secret where its variable belongs", "DEPLOY_SECRET", "s3cr3t!", []string{
		"12:100: signed_with must be the name of an environment variable, and this is none: write a name such as DEPLOY_SECRET, and set that variable, or DEPLOY_SECRET_FILE, where the bot runs",
	}},
	{"an address without TLS", "https://deploy", "http://deploy", []string{
		"12:51: an order, or a question about one, would go over the network without TLS: write https://; http:// is for this machine alone, as in http://127.0.0.1:8080/",
	}},
	{"an address with credentials", "https://deploy", "https://me:pw@deploy", []string{
		"12:51: the address holds credentials, and secrets never live in this file: take them out: orders are signed",
	}},
	{"a host that depends on the app", "deploy.example.com/{app}", "{app}.example.com/", []string{
		"12:51: the host of the address depends on the promotion: write the host out, and use braces behind it",
	}},
	{"an address that is none", "https://deploy.example.com/{app}", "deploy", []string{
		`12:51: "deploy" is not an address: write it whole, such as "https://deploy.example.com/{app}"`,
	}},
	{"a host with its scheme", "signed_with: DEPLOY_SECRET", "signed_with: DEPLOY_SECRET, status_hosts: [\"https://x\"]", []string{
		`12:130: "https://x" is not a host: write a name such as status.example.com, without https:// and path`,
	}},
	{"a train to targets", "apps:\n  - {name: shop", "trains: [{name: both, apps: [shop, cart], policy: {production: {approvals: {leads: 1}}}}]\napps:\n  - {name: shop", []string{
		"9:7: shop would go to these targets in the train both, and a train ends at the tags: take the train out, or name under apps of each target those that are in no train",
	}},
	{"a train that is watched", "    deploy:\n      order: together\n      deadline: 5m\n      targets:\n        - {name: eu, apps: [shop], webhook: {url: \"https://deploy.example.com/{app}\", signed_with: DEPLOY_SECRET}}\n        - {name: us, command: {run: [/bin/roll-out, \"{image}\"], pass: [KUBECONFIG]}}\n", "trains: [{name: both, apps: [shop, cart]}]\n", []string{
		"8:10: the policy of the train for production has after, and a train ends at the tags: give the train a policy without it, as in policy: {production: {approvals: {tech-leads: 2}}}",
	}},
	{"a watch of nothing", ", health: true", "", []string{
		"15:43: nothing is watched: say what counts, such as {watch: 15m, incidents: [critical], health: true}",
	}},
	{"a watch without a length", "watch: 15m, ", "", []string{
		"15:43: after has no watch: add watch: 15m",
	}},
	{"a watch that is too long", "watch: 15m", "watch: 8d", []string{
		"15:51: a watch of 8d is out of bounds: write from 1m to 7d, such as 15m",
	}},
	{"a watch of a check that has no name", "health: true", "checks: [Smoke]", []string{
		`15:65: "Smoke" is not a name: up to 63 lower-case letters, digits and '-', beginning with a letter or digit`,
	}},
	{"a watch of a check twice", "health: true", "checks: [smoke, smoke]", []string{
		`15:72: the check "smoke" is here twice: take one of the two out`,
	}},
	{"an end that is none", "health: true", "health: true, on_failure: panic", []string{
		`15:82: "panic" does not say what becomes of what is failing: write ask, which is the default, or roll-back`,
	}},
	{"health that is neither", "health: true", "health: good", []string{
		`15:64: health must be true or false, not the text "good": write true or false, without quotes`,
	}},
}
