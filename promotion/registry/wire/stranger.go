package wire

import "github.com/promotebot/promotebot/promotion"

// stranger refuses a place of which the configuration knows nothing, before
// anybody is connected to and any credentials are looked up. Rows outlive the
// configuration that they were written under, and the credentials of whoever
// runs promotebot usually open more than it has to do with.
func (c *Client) stranger(at Place) error {
	for _, repo := range []promotion.Repository{at.Repository, at.From} {
		if repo == "" || c.opts.Named != nil && c.opts.Named(repo) {
			continue
		}
		return promotion.Errorf(promotion.Forbidden, "%s is not named in the configuration: refused; only repositories of apps[].image, apps[].images and environments[].images are asked", repo)
	}
	return nil
}
