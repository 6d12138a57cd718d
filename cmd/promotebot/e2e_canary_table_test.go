package main_test

import (
	"go/ast"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
)

// canary is a kind of secret that the bot is given. The tests below have one of each
// kind in use, at a far side that repeats it where there is one.
type canary struct {
	// of are the places of the program for which it stands: fields and constructions of
	// promotion.Secret, fields of the configuration that say where a secret is, and
	// environment variables.
	of []string
	// git says that it takes the program git to use it.
	git bool
}

var canaries = map[string]canary{
	"the app token":          {of: []string{"SLACK_APP_TOKEN", "bot/chat.Options.AppToken", "bot/chat.token.value", "NewSecret in cmd/promotebot/serve.Secret"}},
	"the bot token":          {of: []string{"SLACK_BOT_TOKEN", "bot/chat.Options.BotToken"}},
	"the registry's":         {of: []string{"config.Registry.Credentials"}},
	"that of a helper":       {of: []string{"config.Registry.Credentials"}},
	"GITHUB_TOKEN":           {of: []string{"GITHUB_TOKEN", "config.Registry.Credentials"}},
	"GitHub's":               {of: []string{"GITHUB_WEBHOOK_SECRET", "bot/web/api.Options.GitHub"}},
	"PagerDuty's":            {of: []string{"PAGERDUTY_WEBHOOK_SECRET", "bot/web/api.Options.PagerDuty"}},
	"a token for hooks":      {},
	"a token for checks":     {of: []string{"PROMOTEBOT_TOKEN", "bot/web/api.caller.shown", "NewSecret in bot/web/api.authenticate"}},
	"the key of orders":      {of: []string{"DEPLOY_SECRET", "config.Webhook.Signed", "promotion/deploy/webhook.Options.Secret", "cmd/promotebot/serve.deployer.secret"}},
	"that of a program":      {of: []string{"config.Command.Pass", "NewSecret in promotion/deploy/command.hide"}},
	"a Prometheus's":         {of: []string{"config.Prometheus.TokenEnv", "NewSecret in cmd/promotebot/serve.token"}},
	"another Prometheus's":   {of: []string{"config.Prometheus.TokenFile"}},
	"the cluster's":          {of: []string{"config.Kubernetes.Kubeconfig", "NewSecret in promotion/deploy/kubernetes.shown"}},
	"that of Flux":           {of: []string{"config.Flux.Kubeconfig"}, git: true},
	"a password of Git":      {of: []string{"config.GitCredentials.PasswordEnv", "promotion/deploy/gitops.Credentials.Password", "NewSecret in promotion/deploy/gitops.secret", "NewSecret in promotion/deploy/gitops.secrets"}},
	"one in a file":          {of: []string{"config.GitCredentials.PasswordFile"}, git: true},
	"a token of Argo CD":     {of: []string{"config.Argo.TokenEnv", "promotion/deploy/gitops.Credentials.Argo"}, git: true},
	"another of Argo CD":     {of: []string{"config.Argo.TokenFile"}, git: true},
	"a key for SSH":          {of: []string{"config.GitCredentials.SSHKey", "promotion/deploy/gitops.Credentials.Key"}, git: true},
	"one that can't be read": {of: []string{"config.GitCredentials.SSHKey"}},
	"a key that signs":       {of: []string{"config.GitOps.SigningKey", "promotion/deploy/gitops.Credentials.Signing"}, git: true},
	"one that does not sign": {of: []string{"config.GitOps.SigningKey"}, git: true},
}

// public are fields whose names sound like a secret, with what they hold.
var public = map[string]string{
	"config.Registry.TokenHosts": "hosts",
}

// cage is where it is noted which canaries have been used, by any of the tests.
type cage struct {
	mu   sync.Mutex
	used map[string]bool
}

func (c *cage) flies(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used[name] = true
}

// Everything secret is used in earnest, much goes wrong, and wherever the bot
// says anything none of it is found.
func TestNoSecretComesOutByAnyDoor(t *testing.T) {
	t.Parallel()
	all := &cage{used: map[string]bool{}}
	t.Run("all", func(t *testing.T) { // which ends when each of them has
		t.Run("those_of_Slack_the_registry_and_a_service", func(t *testing.T) { slackAndTheRegistry(t, all) })
		t.Run("those_of_targets", func(t *testing.T) { targetsThatTalk(t, all) })
		t.Run("those_of_commits", func(t *testing.T) { commitsAndWhatFollows(t, all) })
	})
	_, err := exec.LookPath("git")
	for name, c := range canaries {
		if !all.used[name] && (!c.git || err == nil) && !t.Failed() {
			t.Errorf("%q was never used, so nothing was tested", name)
		}
	}
}

// Whatever holds a secret, or says where one is, has a canary: who adds a place adds
// one, and a far side that repeats it.
func TestEverySecretHasACanary(t *testing.T) {
	there := map[string]bool{}
	fields(reflect.TypeFor[config.Config](), there, map[reflect.Type]bool{})
	h, err := readHouse(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range h.files {
		if !f.test && !within(f.dir, "fixtures/...") && !within(f.dir, "cmd/promotebot/demo") {
			f.secrets(there)
		}
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, variable := range regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)*_(TOKEN|SECRET|PASSWORD|KEY)\b`).FindAllString(string(readme), -1) {
		if variable != "PROMOTEBOT_KEY" && variable != "_KEY" { // that of an order, which anybody may know
			there[variable] = true
		}
	}
	known := map[string]bool{}
	for _, c := range canaries {
		for _, of := range c.of {
			known[of] = true
		}
	}
	for _, place := range slices.Sorted(maps.Keys(there)) {
		if !known[place] && public[place] == "" {
			t.Errorf("%s may hold a secret, and has no canary", place)
		}
	}
	for _, place := range slices.Sorted(maps.Keys(known)) {
		if !there[place] {
			t.Errorf("a canary stands for %s, which is not there", place)
		}
	}
	if len(there) < 25 {
		t.Errorf("only %d places were found: %q", len(there), slices.Sorted(maps.Keys(there)))
	}
}

// sounds is how the name of a field sounds that says where a secret is.
var sounds = regexp.MustCompile(`Env$|File$|Pass$|Key$|Sign|Secret|Token|Password|Credential|Kubeconfig|Cert`)

// fields are those texts of the configuration that may say where a secret is.
func fields(of reflect.Type, into map[string]bool, seen map[reflect.Type]bool) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || seen[of] {
		return
	}
	seen[of] = true
	for f := range of.Fields() {
		text := f.Type
		for text.Kind() == reflect.Slice || text.Kind() == reflect.Pointer {
			text = text.Elem()
		}
		if text.Kind() == reflect.String && sounds.MatchString(f.Name) && strings.HasSuffix(of.PkgPath(), "/config") {
			into["config."+of.Name()+"."+f.Name] = true
		}
		fields(f.Type, into, seen)
	}
}

// secrets are the fields of types that are a promotion.Secret, where one is made, and
// the environment variables that are read as one.
func (f source) secrets(into map[string]bool) {
	for _, d := range f.Decls {
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				s, ok := n.Type.(*ast.StructType)
				if !ok {
					return true
				}
				for _, field := range s.Fields.List {
					for _, name := range field.Names {
						if isSecret(field.Type) {
							into[f.dir+"."+n.Name.Name+"."+name.Name] = true
						}
					}
				}
			case *ast.CallExpr:
				made, ok := n.Fun.(*ast.SelectorExpr)
				function, inside := d.(*ast.FuncDecl)
				if ok && inside && made.Sel.Name == "NewSecret" {
					into["NewSecret in "+f.dir+"."+function.Name.Name] = true
				}
				if name := called(n.Fun); name == "Secret" && len(n.Args) == 2 {
					if text, ok := n.Args[1].(*ast.BasicLit); ok {
						variable, err := strconv.Unquote(text.Value)
						into[variable] = err == nil
					}
				}
			}
			return true
		})
	}
}

func isSecret(t ast.Expr) bool {
	of, ok := t.(*ast.SelectorExpr)
	return ok && of.Sel.Name == "Secret"
}

// called is the name of a function, without that of its package.
func called(f ast.Expr) string {
	switch f := f.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}
