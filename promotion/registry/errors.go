package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/promotebot/promotebot/promotion"
)

// refusal makes the error of a status that was not asked for. Its text names
// the repository and the remedy, and nothing that the registry made up but its
// error codes.
func refusal(repo promotion.Repository, method string, a answer) error {
	code := errorCode(a.body)
	switch {
	case a.status == http.StatusNotFound && a.ofRegistry():
		return promotion.Errorf(promotion.NotFound, "%s has no such image", repo)
	case a.status == http.StatusNotFound:
		return promotion.Errorf(promotion.Unavailable, "%s answers 404 and not as a registry does: something before it may be in the way", repo)
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		verb := "read"
		if method == http.MethodPut {
			verb = "tag"
		}
		return promotion.Errorf(promotion.Forbidden, "the credentials may not %s %s (%d%s): check docker login, or the permissions of the account", verb, repo, a.status, code)
	case a.status == http.StatusTooManyRequests:
		return &promotion.Error{Kind: promotion.Unavailable, Text: fmt.Sprintf("%s asks promotebot to slow down", repo.Registry()), RetryAfter: retryAfter(a.header)}
	case passing(a.status):
		return &promotion.Error{Kind: promotion.Unavailable, Text: fmt.Sprintf("%s is in trouble (%d%s)", repo.Registry(), a.status, code), RetryAfter: retryAfter(a.header)}
	case a.status >= 300 && a.status < 400:
		return promotion.Errorf(promotion.Invalid, "%s redirects to another address: refused, since credentials would follow", repo)
	case method == http.MethodPut && (a.status == http.StatusConflict || a.status == http.StatusPreconditionFailed || a.status == http.StatusBadRequest):
		return promotion.Errorf(promotion.Conflict, "%s refuses the tag (%d%s): it may be immutable", repo, a.status, code)
	}
	return promotion.Errorf(promotion.Unavailable, "%s answers %d%s", repo, a.status, code)
}

// ofRegistry tells whether a registry gave the answer, by its header or its error
// body. "Not found" is also what proxies say when the registry behind them is
// down, and that is no news about a tag.
func (a answer) ofRegistry() bool {
	return a.header.Get("Docker-Distribution-Api-Version") != "" || errorCode(a.body) != ""
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
		a := answer{status: handshake.StatusCode, header: http.Header{}}
		if handshake.StatusCode == http.StatusNotFound {
			return &promotion.Error{Kind: promotion.Unavailable, Text: repo.Registry() + " does not speak the registry protocol", Err: err}
		}
		return refusal(repo, http.MethodGet, a)
	case errors.Is(err, context.DeadlineExceeded):
		return &promotion.Error{Kind: promotion.Unavailable, Text: repo.Registry() + " did not answer in time", Err: err}
	}
	return &promotion.Error{Kind: promotion.Unavailable, Text: repo.Registry() + " can't be reached", Err: err}
}
