package wire

import (
	"net/http"
	"slices"

	"github.com/promotebot/promotebot/promotion"
)

// knownRealms are token servers on another host than their registry.
var knownRealms = map[string][]string{
	"index.docker.io":           {"auth.docker.io"},
	"registry.gitlab.com":       {"gitlab.com"},
	"registry.digitalocean.com": {"api.digitalocean.com"},
}

// guard stands under the authenticated transport of a session and sees every
// request as it leaves. A registry says by itself where its tokens are to be
// fetched, and go-containerregistry shows the password to any public host that
// it names. Here the password goes to the registry's own host and to those that
// were listed for it. Without credentials another host may be asked if it is
// public, as in address.go.
type guard struct {
	inner  http.RoundTripper
	host   string
	realms []string
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	// An identity token travels in the body of a POST instead of the header.
	carries := req.Header.Get("Authorization") != "" || req.Method != http.MethodGet
	switch {
	case req.URL.Host == g.host || slices.Contains(g.realms, req.URL.Host):
	case carries:
		return nil, promotion.Errorf(promotion.Forbidden, "%s wants its credentials sent to %s: refused; if that is its token server, list it as a realm of %s", g.host, req.URL.Host, g.host)
	case !public(req.URL):
		return nil, promotion.Errorf(promotion.Forbidden, "%s sends promotebot to %s for a token: refused, it is not a public host over TLS", g.host, req.URL.Host)
	}
	return g.inner.RoundTrip(req)
}
