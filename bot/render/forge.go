package render

import (
	"net/url"
	"strings"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
)

// forge is how the pages of a kind of forge are addressed, below that of a
// repository.
type forge struct {
	hosts   []string // or the beginning of one, where it ends in a dot
	commit  string
	compare func(from, to string) string
}

func dots(path string) func(from, to string) string {
	return func(from, to string) string { return path + from + "..." + to }
}

// forges are told apart by their hosts, since nothing in an image says which it
// is. Bitbucket takes the newer commit first.
var forges = []forge{
	{[]string{"github.com", "github."}, "/commit/", dots("/compare/")},
	{[]string{"gitlab.com", "gitlab."}, "/-/commit/", dots("/-/compare/")},
	{[]string{"codeberg.org", "gitea.", "forgejo."}, "/commit/", dots("/compare/")},
	{[]string{"bitbucket.org"}, "/commits/", func(from, to string) string { return "/branches/compare/" + to + "%0D" + from }},
}

// unknown has the pages of commits that nearly all have, and none that compares.
var unknown = forge{commit: "/commit/"}

func forgeAt(host string) forge {
	for _, f := range forges {
		for _, h := range f.hosts {
			if host == h || strings.HasSuffix(h, ".") && strings.HasPrefix(host, h) {
				return f
			}
		}
	}
	return unknown
}

// isCommit tells whether a revision is what git calls one, in full or in short.
func isCommit(revision string) bool {
	return len(revision) >= 7 && len(revision) <= 64 && strings.Trim(revision, "0123456789abcdef") == ""
}

func brief(revision string) string {
	if !isCommit(revision) {
		return revision
	}
	return revision[:min(12, len(revision))]
}

// pages is where the pages of the repository are that a label names, if that is
// an address which people can be sent to.
func pages(source string) (host, root string, ok bool) {
	u, err := url.Parse(source)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(source) > 500 || strings.Trim(u.Path, "/") == "" {
		return "", "", false
	}
	u.Path, u.RawPath = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".git"), ""
	u.RawQuery, u.Fragment = "", ""
	root = strings.ReplaceAll(u.String(), "&", "&amp;")
	if strings.ContainsAny(root, "<>|` ") || root != page.Clean(root) {
		return "", "", false
	}
	return u.Host, root, true
}

// commit is a link where the labels name a forge that has such pages, as
// GitHub, GitLab and their kin do. The host is shown: a label can name any.
func commit(source, revision string) page.Text {
	host, root, ok := pages(source)
	if !ok || !isCommit(revision) {
		return page.Code(brief(revision))
	}
	return page.Writef("<%s|%s> on %s", page.Text(root+forgeAt(host).commit+revision), brief(revision), host)
}

// commits are those between two images, with a link to all that changed where
// both are of one repository on a forge that has such a page.
func commits(is, was *promotion.Image) page.Text {
	from, to := was.Labels[promotion.LabelRevision], is.Labels[promotion.LabelRevision]
	if to == "" {
		return "not told by this image"
	}
	source := is.Labels[promotion.LabelSource]
	if from == to {
		return "the same, " + commit(source, to)
	}
	if from == "" {
		return commit(source, to) + "; the one before does not tell"
	}
	s := page.Writef("from %s to %s", page.Code(brief(from)), page.Code(brief(to)))
	host, root, ok := pages(source)
	if before := was.Labels[promotion.LabelSource]; before != source {
		return s + page.Writef(", of another repository than before: %s instead of %s", orNone(source), orNone(before))
	}
	f := forgeAt(host)
	if !ok || !isCommit(from) || !isCommit(to) {
		return s
	}
	if f.compare == nil {
		return page.Writef("from %s to %s", page.Code(brief(from)), commit(source, to))
	}
	return s + page.Writef(": <%s|compare> on %s", page.Text(root+f.compare(from, to)), host)
}

func orNone(s string) page.Text {
	if s == "" {
		return "none"
	}
	return page.Code(s)
}
