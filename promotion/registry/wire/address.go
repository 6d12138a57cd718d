package wire

import (
	"net"
	"net/url"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// address judges an address that a registry names, to read a blob from or to
// send one to. On the registry's own host, whatever the path, it is reached as
// the registry is, with our credentials. A registry must not be able to point
// us into our own network: another host has to be public, and is reached
// without credentials.
func (s *session) address(repo promotion.Repository, location string) (to *url.URL, own bool, err error) {
	to, err = s.url("/").Parse(location)
	if err != nil || to.Host == "" || to.User != nil {
		return nil, false, promotion.Errorf(promotion.Invalid, "%s names an address that can't be read", repo)
	}
	if to.Host == s.repo.RegistryStr() {
		to.Scheme = s.repo.Scheme() // a proxy before the registry may not have told it about TLS
		return to, true, nil
	}
	if !public(to) {
		return nil, false, promotion.Errorf(promotion.Forbidden, "%s sends promotebot to %s: refused, it is not a public host over TLS", repo, to.Host)
	}
	return to, false, nil
}

// public: by name, and over TLS.
func public(u *url.URL) bool {
	return u.Scheme == "https" && net.ParseIP(u.Hostname()) == nil && strings.Contains(u.Hostname(), ".")
}
