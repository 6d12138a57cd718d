package gitops

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/promotebot/promotebot/promotion"
)

// application is what is read of Argo CD's answer (Application, v1alpha1).
type application struct {
	Status struct {
		Sync struct {
			Status    string   `json:"status"`
			Revision  string   `json:"revision"`
			Revisions []string `json:"revisions"` // of an application with several sources
		} `json:"sync"`
		Health struct {
			Status  string `json:"status"`
			Message string `json:"message"`
		} `json:"health"`
		OperationState struct {
			Phase      string `json:"phase"`
			Message    string `json:"message"`
			SyncResult struct {
				Revision  string   `json:"revision"`
				Revisions []string `json:"revisions"`
			} `json:"syncResult"`
		} `json:"operationState"`
		Conditions []struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"conditions"`
	} `json:"status"`
}

// discreet takes what Argo CD was shown out of what it says.
func (app *application) discreet(c Credentials) {
	s := &app.Status
	for _, text := range []*string{&s.Sync.Status, &s.Health.Status, &s.Health.Message, &s.OperationState.Message} {
		*text = c.hide(*text)
	}
	for i := range s.Conditions {
		s.Conditions[i].Type, s.Conditions[i].Message = c.hide(s.Conditions[i].Type), c.hide(s.Conditions[i].Message)
	}
}

// maxApplication bounds the answer, which names every object of the application.
const maxApplication = 16 << 20

// argo asks how far Argo CD is. Its revision is compared before anything is
// applied, so that it counts only together with Synced; and a newer revision
// counts when our commit is among what it is made on.
func (a *attempt) argo(ctx context.Context, branch plumbing.ReferenceName, head plumbing.Hash) (promotion.Rollout, error) {
	app, err := a.application(ctx)
	if err != nil {
		return promotion.Rollout{}, err
	}
	status := app.Status
	ours, err := a.holds(ctx, branch, head, append(status.Sync.Revisions, status.Sync.Revision))
	if err != nil {
		return promotion.Rollout{}, err
	}
	r := promotion.Rollout{
		Handle: a.order.Handle, ReadAt: time.Now(), Phase: promotion.RolloutUnder,
		URL:    strings.TrimSuffix(a.d.opts.Argo.Server, "/") + "/applications/" + a.target.argo,
		Detail: fmt.Sprintf("Argo CD: %s, %s", clip(status.Sync.Status), clip(status.Health.Status)),
	}
	switch operation := status.OperationState; {
	case !ours:
		r.Phase, r.Detail = promotion.RolloutAsked, fmt.Sprintf("Argo CD has not come to %.8s yet", a.order.Handle)
	case status.Sync.Status == "Synced" && status.Health.Status == "Healthy":
		r.Phase = promotion.RolloutDone
	case status.Sync.Status == "Synced" && status.Health.Status == "Degraded":
		r.Phase, r.Lines = promotion.RolloutFailed, linesOf(status.Health.Message)
	case operation.Phase == "Failed" || operation.Phase == "Error":
		// Only of a sync of our commit: one of an earlier commit says nothing about it.
		tried, err := a.holds(ctx, branch, head, append(operation.SyncResult.Revisions, operation.SyncResult.Revision))
		if err != nil {
			return promotion.Rollout{}, err
		}
		if tried {
			r.Phase, r.Lines = promotion.RolloutFailed, linesOf(operation.Message)
		}
	}
	if r.Phase == promotion.RolloutFailed {
		for _, condition := range status.Conditions {
			r.Lines = append(r.Lines, clip(condition.Type+": "+condition.Message))
		}
	}
	return r, nil
}

func (a *attempt) application(ctx context.Context) (app application, err error) {
	server := a.d.opts.Argo.Server
	u, err := url.Parse(server)
	if err != nil {
		return app, promotion.Errorf(promotion.Invalid, "the server of Argo CD is no address: write https://argocd.example.com")
	}
	namespace, name, apart := strings.Cut(a.target.argo, "/")
	if !apart {
		namespace, name = "", a.target.argo
	}
	u = u.JoinPath("api/v1/applications", name)
	if apart {
		u.RawQuery = url.Values{"appNamespace": {namespace}}.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return app, promotion.Errorf(promotion.Invalid, "the server of Argo CD is no address: write https://argocd.example.com")
	}
	req.Header.Set("Authorization", "Bearer "+a.credentials.Argo.Reveal())
	client := httpClient(a.d.opts.Roots)
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return app, promotion.Errorf(promotion.Unavailable, "Argo CD at %s can't be reached: %w", u.Host, cause(err))
	}
	defer resp.Body.Close() //nolint:errcheck // it was read, or there is an error already
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		// Argo CD says so of an application that does not exist, too.
		return app, promotion.Errorf(promotion.Forbidden, "Argo CD at %s does not show the application %s (%d): its token has to be allowed to get it, and the application to be there", u.Host, a.target.argo, status)
	case status == http.StatusNotFound:
		return app, promotion.Errorf(promotion.NotFound, "Argo CD at %s has no application %s: write the name under which it is listed", u.Host, a.target.argo)
	case status >= 300 && status < 400:
		return app, promotion.Errorf(promotion.Forbidden, "Argo CD at %s sends promotebot elsewhere (%d): refused, because the token is for this address alone; write the new one", u.Host, status)
	case status != http.StatusOK:
		return app, promotion.Errorf(promotion.Unavailable, "Argo CD at %s answers with %d", u.Host, status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxApplication)).Decode(&app); err != nil {
		return app, promotion.HideIn(promotion.Errorf(promotion.Unavailable, "Argo CD at %s does not answer as it should: %w", u.Host, err), a.credentials.secrets()...)
	}
	app.discreet(a.credentials)
	return app, nil
}
