package wire

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

const (
	// maxTags and maxPages bound a list, so that a registry can neither fill the
	// memory nor lead us in circles.
	maxTags, maxPages = 20_000, 1_000
	// pageSize is how many tags are asked for at a time.
	pageSize = "1000"
)

// Tags names the tags of a repository, over all pages. Too many are Invalid.
func (c *Client) Tags(ctx context.Context, at Place) ([]string, error) {
	var tags []string
	err := c.Pages(ctx, at, "/tags/list?n="+pageSize, func(body []byte) error {
		var page struct{ Tags []string }
		if err := json.Unmarshal(body, &page); err != nil {
			return promotion.Errorf(promotion.Unavailable, "the tags of %s can't be read: %w", at.Repository, err)
		}
		if tags = append(tags, page.Tags...); len(tags) > maxTags {
			return promotion.Errorf(promotion.Invalid, "%s has more than %d tags: watch a fixed tag instead of a pattern, or clean up", at.Repository, maxTags)
		}
		return nil
	})
	return tags, err
}

// Pages reads a list, page after page.
func (c *Client) Pages(ctx context.Context, at Place, path string, page func(body []byte) error) error {
	for range maxPages {
		a, err := c.Call(ctx, Request{Place: at, Method: http.MethodGet, Path: path, Limit: MaxManifest, OK: []int{http.StatusOK}})
		if err != nil {
			return err
		}
		if err := page(a.Body); err != nil {
			return err
		}
		if path, err = nextPage(at.Repository, path, a.Header.Get("Link")); path == "" {
			return err
		}
	}
	return promotion.Errorf(promotion.Invalid, "%s continues a list without end: refused", at.Repository)
}

// nextPage is where a list goes on, from the Link header (distribution
// specification, "Listing Tags" and "Listing Referrers"), as a path below the
// repository. Another list, repository or host is refused: a registry must not
// be able to send our credentials elsewhere.
func nextPage(repo promotion.Repository, path, link string) (string, error) {
	target, rest, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if !ok || !strings.Contains(rest, `rel="next"`) && !strings.Contains(rest, "rel=next") {
		return "", nil
	}
	u, err := url.Parse(target)
	path, _, _ = strings.Cut(path, "?")
	if err != nil || u.Host != "" && u.Host != repo.Registry() || u.Path != "/v2/"+strings.TrimPrefix(string(repo), repo.Registry()+"/")+path {
		return "", promotion.Errorf(promotion.Invalid, "%s continues a list elsewhere: refused", repo)
	}
	return path + "?" + u.RawQuery, nil
}
