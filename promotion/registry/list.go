package registry

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

func parseTags(repo promotion.Repository, body []byte) ([]string, error) {
	var page struct{ Tags []string }
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, promotion.Errorf(promotion.Unavailable, "the tags of %s can't be read: %w", repo, err)
	}
	return page.Tags, nil
}

// nextPage is where the list goes on, from the Link header (distribution
// specification, "Listing Tags"), as a path below the repository. Another
// repository or host is refused: a registry must not be able to send our
// credentials elsewhere.
func nextPage(repo promotion.Repository, link string) (string, error) {
	target, rest, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if !ok || !strings.Contains(rest, `rel="next"`) && !strings.Contains(rest, "rel=next") {
		return "", nil
	}
	u, err := url.Parse(target)
	prefix := "/v2/" + strings.TrimPrefix(string(repo), repo.Registry()+"/")
	if err != nil || u.Host != "" && u.Host != repo.Registry() || u.Path != prefix+"/tags/list" {
		return "", promotion.Errorf(promotion.Invalid, "%s continues its list of tags elsewhere: refused", repo)
	}
	return "/tags/list?" + u.RawQuery, nil
}
