package config

import (
	"fmt"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
)

// Webhook is a service that is told over HTTP.
type Webhook struct {
	URL    string   // of the order, with placeholders
	Signed string   // the environment variable with the key that orders are signed with
	Status []string // other hosts at which it may say how far it is
	// Running is where it says what runs there, with placeholders; empty where it does not.
	Running string
}

const (
	keyWebhook = "webhook"
	keyURL     = "url"
	keySigned  = "signed_with"
	keyStatus  = "status_hosts"

	exampleWebhook = `{url: "https://deploy.example.com/{app}", signed_with: DEPLOY_SECRET}`
)

func (r *reader) webhook(n *yaml.Node, t *Target) {
	in, ok := r.Fields(n, keyWebhook, exampleWebhook, keyURL, keySigned, keyStatus, keyRunning)
	if !ok {
		return
	}
	t.Webhook = &Webhook{}
	if at, ok := r.Required(n, in, keyURL, keyWebhook, `add url: "https://deploy.example.com/{app}"`); ok {
		t.Webhook.URL = r.orderURL(at, keyURL)
	}
	if p, ok := in[keyRunning]; ok {
		t.Webhook.Running = r.orderURL(p.Value, keyRunning)
	}
	if at, ok := r.Required(n, in, keySigned, keyWebhook, "add signed_with: DEPLOY_SECRET, the name of an environment variable with the key that orders are signed with"); ok {
		name, ok := r.Text(at, keySigned)
		if ok && !variable.MatchString(name) {
			r.Fault(at, "signed_with must be the name of an environment variable, and this is none", "write a name such as DEPLOY_SECRET, and set that variable, or DEPLOY_SECRET_FILE, where the bot runs")
		}
		t.Webhook.Signed = name
	}
	if p, ok := in[keyStatus]; ok {
		items, _ := r.Texts(p.Value, keyStatus, "[status.example.com]")
		for _, item := range items {
			host, ok := r.Text(item, "a host")
			if _, err := promotion.ParseRepository(host + "/x"); ok && err != nil {
				r.Fault(item, fmt.Sprintf("%q is not a host", strict.Clip(host)), "write a name such as status.example.com, without https:// and path")
			}
			t.Webhook.Status = append(t.Webhook.Status, host)
		}
	}
}

// orderURL reads where orders go, or questions about them: over TLS, or to this
// very machine.
func (r *reader) orderURL(at *yaml.Node, key string) string {
	text, ok := r.Text(at, key)
	if !ok {
		return ""
	}
	r.filled(at, text)
	u, err := url.Parse(strings.NewReplacer("{", "x", "}", "x").Replace(text))
	switch {
	case err != nil || u.Host == "" || u.Fragment != "":
		r.Fault(at, fmt.Sprintf("%q is not an address", strict.Clip(text)), `write it whole, such as "https://deploy.example.com/{app}"`)
	case u.User != nil:
		r.Fault(at, "the address holds credentials, and secrets never live in this file", "take them out: orders are signed")
	case strings.Contains(strings.SplitN(strings.TrimPrefix(strings.TrimPrefix(text, "https://"), "http://"), "/", 2)[0], "{"):
		r.Fault(at, "the host of the address depends on the promotion", "write the host out, and use braces behind it")
	case u.Scheme != "https" && !loopback(u.Hostname()):
		r.Fault(at, "an order, or a question about one, would go over the network without TLS", "write https://; http:// is for this machine alone, as in http://127.0.0.1:8080/")
	}
	return text
}

func loopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }
