package wire

import (
	"bytes"
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
		page := struct{ Tags names }{names(tags)}
		err := json.Unmarshal(body, &page)
		if tags = page.Tags; len(tags) > maxTags {
			return promotion.Errorf(promotion.Invalid, "%s has more than %d tags: watch a fixed tag instead of a pattern, or clean up", at.Repository, maxTags)
		}
		if err != nil {
			return promotion.Errorf(promotion.Unavailable, "the tags of %s can't be read: %w", at.Repository, err)
		}
		return nil
	})
	return tags, err
}

// names grow by what is decoded into them, until they are too many.
type names []string

func (n *names) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	open, err := d.Token()
	if err != nil || open != json.Delim('[') {
		return err // null is no list
	}
	for d.More() && len(*n) <= maxTags {
		var name string
		if err := d.Decode(&name); err != nil {
			return err
		}
		*n = append(*n, name)
	}
	return nil
}

// Pages reads a list, page after page.
func (c *Client) Pages(ctx context.Context, at Place, path string, page func(body []byte) error) error {
	for range maxPages {
		r := Request{Place: at, Method: http.MethodGet, Path: path, Limit: MaxManifest, OK: []int{http.StatusOK}}
		err := c.Use(ctx, r, func(a Answer) error {
			if err := page(a.Body); err != nil {
				return err
			}
			var err error
			path, err = nextPage(at.Repository, path, a.Header.Get("Link"))
			return err
		})
		if err != nil || path == "" {
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
