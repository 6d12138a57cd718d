package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion/policy"
)

// soundQueries asks one query where the environment says, and one elsewhere.
const soundQueries = `slack: {channel: C0SHIP}
environments:
  - {name: staging, watch: "v{version}-passed"}
  - {name: preview, tags: preview, policy: careful, prometheus: "http://prometheus.preview:9090/"}
  - {name: production, tags: [production], policy: careful, prometheus: {server: "https://prometheus.example.com/p", token_env: METRICS_TOKEN}}
policies:
  careful: {approvals: {leads: 1}, after: {watch: 15m, promql: [{name: errors, query: 'up{app="{app}"}', is: "< 0.5", for: 2m}, {name: slow, query: slow, is: ">= 1", prometheus: "https://slow.example.com"}]}}
roles:
  leads: [U0ANN, U0BOB]
apps:
  - {name: shop, image: registry.example.com/shop}
`

func TestQueriesMeanWhatTheySay(t *testing.T) {
	c, err := config.Parse("promotebot.yaml", []byte(soundQueries))
	if err != nil {
		t.Fatal(err)
	}
	app, _ := c.Catalog.App("shop")
	for environment, server := range map[string]string{"preview": "http://prometheus.preview:9090", "production": "https://prometheus.example.com/p"} {
		a := app.Policies[environment].After
		want := []policy.Query{
			{Threshold: policy.Threshold{Number: "errors", Is: policy.Below, Limit: 0.5}, Text: `up{app="{app}"}`, Server: server, For: 2 * time.Minute},
			{Threshold: policy.Threshold{Number: "slow", Is: policy.AtLeast, Limit: 1}, Text: "slow", Server: "https://slow.example.com"},
		}
		if a == nil || !slices.Equal(a.Queries, want) {
			t.Errorf("%s: %+v", environment, a)
		}
	}
	if preview, production := app.Policies["preview"], app.Policies["production"]; preview.Hash() == production.Hash() {
		t.Error("what is asked elsewhere is the same policy")
	}
	want := []config.Prometheus{{Server: "https://slow.example.com"}, {Server: "http://prometheus.preview:9090"}, {Server: "https://prometheus.example.com/p", TokenEnv: "METRICS_TOKEN"}}
	if !slices.Equal(c.Prometheus, want) {
		t.Errorf("%+v", c.Prometheus)
	}
}

func TestQueryFaults(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"nothing says where":      {`, prometheus: "http://prometheus.preview:9090/"`, "", "7:65: the query is asked about preview, and nothing says which Prometheus: add prometheus: https://prometheus.example.com to the environment, or to the query"},
		"where nobody promotes":   {`"v{version}-passed"}`, `"v{version}-passed", prometheus: "https://p.example.com"}`, "the first environment has prometheus"},
		"no name":                 {"name: errors, ", "", "the query has no name: add name: errors"},
		"a name that is none":     {"name: errors", `name: "er rors"`, `"er rors" is not the name of a number`},
		"twice the same name":     {"name: slow", "name: errors", `there is another query "errors" above`},
		"no query":                {", query: slow", "", "the query has no query: add query: in PromQL"},
		"an empty query":          {"query: slow", `query: " "`, "the query is empty"},
		"no threshold":            {`, is: "< 0.5"`, "", `the query has no is: add is: "< 0.5"`},
		"no comparison":           {`"< 0.5"`, `"0.5"`, `"0.5" does not say what a number has to be: write it as "< 0.5"`},
		"no number":               {`"< 0.5"`, `"< much"`, `"< much" does not say`},
		"a name in the threshold": {`"< 0.5"`, `"y < 0.5"`, `"y < 0.5" does not say`},
		"longer than the watch":   {"for: 2m", "for: 16m", "16m is no part of a watch of 15m"},
		"for no time":             {"for: 2m", "for: 0", "0 is no part of a watch"},
		"no list":                 {`promql: [{name: errors, query: 'up{app="{app}"}', is: "< 0.5", for: 2m}, {name: slow, query: slow, is: ">= 1", prometheus: "https://slow.example.com"}]`, "promql: []", "promql asks nothing"},
		"no address":              {"https://slow.example.com", "slow.example.com", `"slow.example.com" is not the address of a Prometheus`},
		"another scheme":          {"https://slow", "ftp://slow", "is not the address of a Prometheus"},
		"credentials in it":       {"https://slow", "https://me:secret@slow", "the address holds credentials"},
		"a token in it":           {"token_env: METRICS_TOKEN", "token: abc", `"token" is a secret, and secrets never live in this file: put it into a file and write token_file`},
		"token_env misspelled":    {"token_env", "tokenenv", `5:118: unknown key "tokenenv" in prometheus: did you mean "token_env"?`},
		"another name for it":     {"token_env", "bearer_token_env", `5:118: unknown key "bearer_token_env" in prometheus: say where the secret is with token_env or token_file`},
		"another name for one":    {"token_env: METRICS_TOKEN", "bearer_token: secret@", `5:118: "bearer_token" is a secret, and secrets never live in this file: take it out, and say where it is with token_env or token_file`},
		"a token twice":           {"token_env: METRICS_TOKEN", "token_env: METRICS_TOKEN, token_file: /t", "the token is in a variable and in a file"},
		"a token without TLS":     {"https://prometheus.example.com/p", "http://prometheus.example.com/p", "the token would go over the network without TLS"},
		"two tokens":              {`"https://slow.example.com"`, `{server: "https://prometheus.example.com/p/", token_env: OTHER}`, "https://prometheus.example.com/p is asked with another token elsewhere"},
		"no server":               {`server: "https://prometheus.example.com/p", `, "", "prometheus has no server"},
		"eleven":                  {"promql: [", "promql: [" + strings.Repeat(`{name: more, query: up, is: "< 1"}, `, 9), "there are 11 queries, and a card shows 10"},
	} {
		doc := strings.Replace(soundQueries, c.old, c.new, 1)
		_, err := config.Parse("promotebot.yaml", []byte(doc))
		if doc == soundQueries || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\n%s", name, err, doc)
		}
		if err != nil && strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: the secret is repeated: %v", name, err)
		}
	}
}
