package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Prometheus is where queries are asked, and where the token for that is, if it
// takes one.
type Prometheus struct {
	Server              string
	TokenEnv, TokenFile string
}

const (
	keyPrometheus = "prometheus"
	keyPromQL     = "promql"
	keyQuery      = "query"
	keyIs         = "is"

	exampleServer     = "https://prometheus.example.com"
	examplePrometheus = "{server: " + exampleServer + ", token_file: /secrets/prometheus}"
	exampleQuery      = `{name: errors, query: 'sum(rate(errors_total{app="{app}"}[5m]))', is: "< 0.5"}`
)

// maxQueries is what a card still shows.
const maxQueries = 10

// prometheus reads where queries are asked, and remembers how.
func (r *reader) prometheus(n *yaml.Node) (server string) {
	p := Prometheus{}
	at := n
	if !r.IsText(n) {
		in, ok := r.Fields(n, keyPrometheus, examplePrometheus, keyArgoServer, keyArgoToken, keyArgoTokenEnv, keyArgoTokenFile)
		if !ok {
			return ""
		}
		if slices.ContainsFunc([]string{keyArgoToken, keyArgoTokenEnv, keyArgoTokenFile}, func(key string) bool { _, is := in[key]; return is }) {
			p.TokenEnv, p.TokenFile = gitopsReader{r.Reader}.secret(n, in, keyPrometheus, keyArgoToken)
		}
		if at, ok = r.Required(n, in, keyArgoServer, keyPrometheus, "add server: "+exampleServer); !ok {
			return ""
		}
	}
	text, ok := r.Text(at, keyArgoServer)
	if !ok {
		return ""
	}
	switch u, err := url.Parse(text); {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "":
		r.Fault(at, fmt.Sprintf("%q is not the address of a Prometheus", strict.Clip(text)), "write it as it stands in the browser, such as "+exampleServer)
	case u.User != nil:
		r.Fault(at, "the address holds credentials, and secrets never live in this file", "write "+examplePrometheus)
	case p.TokenEnv+p.TokenFile != "" && !overTLS(u):
		r.Fault(at, "the token would go over the network without TLS", "write https://, or take the token out where none is needed")
	default:
		p.Server = strings.TrimRight(text, "/")
		r.metered(at, p)
	}
	return p.Server
}

// metered keeps one address to one token.
func (r *reader) metered(at *yaml.Node, p Prometheus) {
	i := slices.IndexFunc(r.meters, func(had Prometheus) bool { return had.Server == p.Server })
	if i < 0 {
		r.meters = append(r.meters, p)
	} else if r.meters[i] != p {
		r.Fault(at, fmt.Sprintf("%s is asked with another token elsewhere in this file", strict.Clip(p.Server)), "name one token for it everywhere, or none")
	}
}

// queries reads what is asked while it is watched. Homeless is the first that does
// not say where: the environment has to.
func (r *reader) queries(n *yaml.Node, watch time.Duration) (all []policy.Query, homeless *yaml.Node) {
	items, ok := r.List(n, keyPromQL, "["+exampleQuery+"]")
	if !ok {
		return nil, nil
	}
	if len(items) == 0 {
		r.Fault(n, "promql asks nothing", "write ["+exampleQuery+"], or take it out")
	}
	if len(items) > maxQueries {
		r.Fault(n, fmt.Sprintf("there are %d queries, and a card shows %d", len(items), maxQueries), "have Prometheus make one number of several")
	}
	taken := map[string]bool{}
	for _, item := range items {
		q, ok := r.query(item, watch, taken)
		if !ok {
			continue
		}
		if q.Server == "" && homeless == nil {
			homeless = item
		}
		all = append(all, q)
	}
	return all, homeless
}

func (r *reader) query(n *yaml.Node, watch time.Duration, taken map[string]bool) (q policy.Query, ok bool) {
	in, ok := r.Fields(n, "a query", exampleQuery, keyName, keyQuery, keyIs, keyFor, keyPrometheus)
	if !ok {
		return q, false
	}
	name, text := "", ""
	if at, there := r.Required(n, in, keyName, "the query", "add name: errors"); there {
		if name, ok = r.Text(at, "the name of a query"); ok {
			_, err := promotion.ParseNumberName(name)
			switch {
			case err != nil:
				r.Refuse(at, err, "write a name such as errors")
			case taken[name]:
				r.Fault(at, fmt.Sprintf("there is another query %q above", name), "give each its own name")
			}
			taken[name] = true
		}
	}
	if at, there := r.Required(n, in, keyQuery, "the query", "add query: in PromQL, with one number for an answer"); there {
		if text, ok = r.Text(at, keyQuery); ok && strings.TrimSpace(text) == "" {
			r.Fault(at, "the query is empty", "write it in PromQL, with one number for an answer")
		}
	}
	if at, there := r.Required(n, in, keyIs, "the query", `add is: "< 0.5", what the answer has to be`); there {
		if is, ok := r.Text(at, keyIs); ok {
			t, err := policy.ParseThreshold("x" + is)
			if q.Threshold = t; err != nil || t.Number != "x" {
				r.Fault(at, fmt.Sprintf("%q does not say what a number has to be", strict.Clip(is)), `write it as "< 0.5", with <, <=, >, >= or ==`)
			}
		}
	}
	if p, there := in[keyFor]; there {
		if q.For, ok = r.Duration(p.Value, keyFor, "2m"); ok && (q.For <= 0 || q.For > watch) {
			r.Fault(p.Value, fmt.Sprintf("%s is no part of a watch of %s", p.Value.Value, watch), "write how long the answer may be something else before that counts, or take it out")
		}
	}
	if p, there := in[keyPrometheus]; there {
		q.Server = r.prometheus(p.Value)
	}
	q.Number, q.Text = name, text
	return q, true
}

// measured has the queries asked where their environment says, unless they say
// themselves. That is a part of the policy: whoever approved has approved that it is
// asked there.
func (r *reader) measured(chain chain, apps []gate.App) {
	for _, e := range chain {
		for _, a := range apps {
			d, ok := a.Policies[e.Name]
			at, homeless := r.homeless[d.After]
			switch {
			case !ok || d.After == nil || !homeless:
				continue
			case e.prometheus == "":
				r.Fault(at, fmt.Sprintf("the query is asked about %s, and nothing says which Prometheus", e.Name), "add prometheus: "+exampleServer+" to the environment, or to the query")
				continue
			}
			after := *d.After
			after.Queries = slices.Clone(after.Queries)
			for i := range after.Queries {
				if after.Queries[i].Server == "" {
					after.Queries[i].Server = e.prometheus
				}
			}
			d.After = &after
			a.Policies[e.Name] = d
		}
	}
}
