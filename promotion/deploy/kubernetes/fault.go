package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/promotebot/promotebot/promotion"
)

// fault makes the error of a request, if it failed. Its text is ours; what the
// cluster says is kept for the log, since any webhook may have written it.
func (c *Cluster) fault(verb, group string, at place, err error) error {
	if err == nil {
		return nil
	}
	what := at.resource
	if group != "" {
		what += "." + group
	}
	made := func(kind promotion.Kind, format string, args ...any) error {
		return &promotion.Error{Kind: kind, Text: fmt.Sprintf(format, args...), RetryAfter: pause(err), Err: err}
	}
	status, answered := errors.AsType[*apierrors.StatusError](err)
	if !answered {
		if errors.Is(err, context.DeadlineExceeded) {
			return made(promotion.Unavailable, "%s did not answer in time", c.name)
		}
		return made(promotion.Unavailable, "%s can't be reached", c.name)
	}
	code := status.Status().Code
	switch {
	case code == http.StatusUnauthorized:
		return made(promotion.Forbidden, "%s does not accept the credentials of promotebot (401): they may have expired", c.name)
	case code == http.StatusForbidden && strings.Contains(status.Status().Message, "cannot "+verb+" resource"):
		return made(promotion.Forbidden, "promotebot may not %s %s in the namespace %s of %s: apply there what \"promotebot manifest kubernetes %s\" prints", verb, what, at.namespace, c.name, at.namespace)
	case code == http.StatusNotFound:
		return made(promotion.NotFound, "%s has no such %s in the namespace %s, or no such namespace", c.name, what, at.namespace)
	case code == http.StatusTooManyRequests || code >= 500:
		return made(promotion.Unavailable, "%s is in trouble (%d)", c.name, code)
	case code == http.StatusGone:
		return made(promotion.Unavailable, "%s no longer knows where the watch of %s had been", c.name, what)
	case code == http.StatusForbidden || code == http.StatusBadRequest || code == http.StatusUnprocessableEntity:
		return made(promotion.Invalid, "%s refuses to %s %s in the namespace %s (%d): a rule of the cluster stands against it", c.name, verb, what, at.namespace, code)
	}
	return made(promotion.Unavailable, "%s answers %d", c.name, code)
}

// pause is what the server asked for.
func pause(err error) time.Duration {
	seconds, ok := apierrors.SuggestsClientDelay(err)
	if !ok {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// words are what the cluster says of an error, as one line.
func words(err error) string {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok {
		return ""
	}
	return line(status.Status().Message)
}

// maxLine is what a line of others may take.
const maxLine = 300

// line makes one line of a foreign text, and a short one.
func line(text string) string {
	text = promotion.Line(text)
	if runes := []rune(text); len(runes) > maxLine {
		text = string(runes[:maxLine]) + "…"
	}
	return text
}

// claim is a field that another manager owns.
type claim struct{ field, manager string }

// claims are why an apply was a conflict; none when somebody only was faster.
func claims(err error) (all []claim) {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || status.Status().Details == nil {
		return nil
	}
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		// The message is: conflict with "kubectl" using apps/v1 at 2026-01-02T15:04:05Z
		manager, _, _ := strings.Cut(strings.TrimPrefix(cause.Message, `conflict with "`), `"`)
		all = append(all, claim{line(cause.Field), line(manager)})
	}
	return all
}
