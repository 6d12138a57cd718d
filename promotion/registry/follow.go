package registry

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/promotebot/promotebot/promotion"
)

// follow reads from the storage that a registry redirects to, without our
// credentials. A registry must not be able to point us into our own network:
// another host has to be public, by name, over TLS.
func (c *Client) follow(ctx context.Context, repo promotion.Repository, location string, limit int64) ([]byte, error) {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" {
		return nil, promotion.Errorf(promotion.Invalid, "%s redirects to an address that can't be read", repo)
	}
	if u.Host != repo.Registry() && (u.Scheme != "https" || net.ParseIP(u.Hostname()) != nil) {
		return nil, promotion.Errorf(promotion.Forbidden, "%s redirects to %s: refused, it is not a public host over TLS", repo, u.Host)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, promotion.Errorf(promotion.Invalid, "%s redirects to an address that can't be read", repo)
	}
	resp, err := c.wire.RoundTrip(req)
	if err != nil {
		return nil, fault(repo, err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read to its end, or there is an error already
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, fault(repo, err)
	case int64(len(body)) > limit:
		return nil, promotion.Errorf(promotion.Invalid, "%s answers with more than %d bytes: refused", repo, limit)
	case resp.StatusCode != http.StatusOK:
		return nil, promotion.Errorf(promotion.Unavailable, "the storage of %s answers %d", repo.Registry(), resp.StatusCode)
	}
	return body, nil
}
