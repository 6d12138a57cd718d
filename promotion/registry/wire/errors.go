package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/promotebot/promotebot/promotion"
)

// refusal makes the error of a status that was not asked for. Its text names
// the repository and the remedy, and nothing that the registry made up but its
// error codes.
func refusal(r Request, a Answer) error {
	repo, code := r.Repository, errorCode(a.Body)
	reference, manifest := strings.CutPrefix(r.Path, "/manifests/")
	puts := manifest && r.Method == http.MethodPut
	tags := puts && !strings.Contains(reference, ":")
	switch {
	case a.Status == http.StatusNotFound && r.Method == http.MethodPost:
		return promotion.Errorf(promotion.NotFound, "%s takes no uploads (404%s): it may have to be created first", repo, code)
	case a.Status == http.StatusNotFound && strings.HasPrefix(r.Path, "/referrers/"):
		// A registry without that API does not know the path either.
		return promotion.Errorf(promotion.NotFound, "%s has no list of what is attached", repo)
	case a.Status == http.StatusNotFound && a.ofRegistry():
		return promotion.Errorf(promotion.NotFound, "%s has no such image", repo)
	case a.Status == http.StatusNotFound:
		return promotion.Errorf(promotion.Unavailable, "%s answers 404 and not as a registry does: something before it may be in the way", repo)
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		verb := "push to"
		if tags {
			verb = "tag"
		} else if r.Method == http.MethodGet || r.Method == http.MethodHead {
			verb = "read"
		}
		return promotion.Errorf(promotion.Forbidden, "the credentials may not %s %s (%d%s): check docker login, or the permissions of the account", verb, repo, a.Status, code)
	case a.Status == http.StatusTooManyRequests:
		return &promotion.Error{Kind: promotion.Unavailable, Text: fmt.Sprintf("%s asks promotebot to slow down", repo.Registry()), RetryAfter: retryAfter(a.Header)}
	case passing(a.Status):
		return &promotion.Error{Kind: promotion.Unavailable, Text: fmt.Sprintf("%s is in trouble (%d%s)", repo.Registry(), a.Status, code), RetryAfter: retryAfter(a.Header)}
	case a.Status >= 300 && a.Status < 400:
		return promotion.Errorf(promotion.Invalid, "%s redirects to another address: refused, since credentials would follow", repo)
	case puts && code == " MANIFEST_BLOB_UNKNOWN":
		return promotion.Errorf(promotion.Unavailable, "%s refuses the manifest (%d%s): something that it refers to is not there, or no longer", repo, a.Status, code)
	case tags && (a.Status == http.StatusConflict || a.Status == http.StatusPreconditionFailed || a.Status == http.StatusBadRequest):
		remedy := ""
		if strings.HasPrefix(reference, "sha256-") {
			remedy = "; exempt sha256-*, or nothing more can be attached"
		}
		return promotion.Errorf(promotion.Conflict, "%s refuses the tag (%d%s): it may be immutable%s", repo, a.Status, code, remedy)
	case puts && a.Status < 500:
		return promotion.Errorf(promotion.Invalid, "%s refuses the manifest (%d%s)", repo, a.Status, code)
	}
	return promotion.Errorf(promotion.Unavailable, "%s answers %d%s", repo, a.Status, code)
}

// ofRegistry tells whether a registry gave the answer, by its header or its error
// body. "Not found" is also what proxies say when the registry behind them is
// down, and that is no news about a tag.
func (a Answer) ofRegistry() bool {
	return a.Header.Get("Docker-Distribution-Api-Version") != "" || errorCode(a.Body) != ""
}

// errorCode is the first code of the distribution specification's error body,
// such as " TAG_INVALID"; codes are upper-case words, so nothing else gets out.
func errorCode(body []byte) string {
	var e struct {
		Errors []struct{ Code string }
	}
	if json.Unmarshal(body, &e) != nil || len(e.Errors) == 0 || len(e.Errors[0].Code) > 40 {
		return ""
	}
	for _, r := range e.Errors[0].Code {
		if (r < 'A' || r > 'Z') && r != '_' {
			return ""
		}
	}
	return " " + e.Errors[0].Code
}

// fault makes the error of a request that got no answer at all, or of a
// handshake that failed.
func fault(repo promotion.Repository, err error) error {
	var own *promotion.Error
	var handshake *transport.Error
	switch {
	case errors.As(err, &own):
		return err
	case errors.As(err, &handshake):
		a := Answer{Status: handshake.StatusCode, Header: http.Header{}}
		if handshake.StatusCode == http.StatusNotFound {
			return &promotion.Error{Kind: promotion.Unavailable, Text: repo.Registry() + " does not speak the registry protocol", Err: err}
		}
		return refusal(Request{Place: At(repo), Method: http.MethodGet}, a)
	case errors.Is(err, context.DeadlineExceeded):
		return &promotion.Error{Kind: promotion.Unavailable, Text: repo.Registry() + " did not answer in time", Err: err}
	}
	return &promotion.Error{Kind: promotion.Unavailable, Text: repo.Registry() + " can't be reached", Err: err}
}
