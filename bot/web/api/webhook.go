package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/promotebot/promotebot/bot/web/hook"
	"github.com/promotebot/promotebot/promotion/gate"
)

// Hinted is what a webhook has set off.
type Hinted struct {
	LookingAt []Looking `json:"looking_at"`
}

// Looking is an environment of an app that is looked at now.
type Looking struct {
	App         string `json:"app"`
	Environment string `json:"environment"`
}

// webhook has those environments looked at whose images are in the repositories
// that the body names. A repository is known by its path: what a registry calls
// itself is often not what it is called here, and to look once too often does no
// harm.
func webhook(_ context.Context, s *server, c caller, r *http.Request, body []byte) (int, any, error) {
	kind := hook.Kind(r.PathValue("kind"))
	if c.hint && kind != hook.GitHub {
		return 0, nil, errUnauthorized()
	}
	paths, err := hook.Paths(kind, body)
	if err != nil {
		return 0, nil, err
	}
	answer := Hinted{LookingAt: []Looking{}}
	catalog := s.Gate.Catalog()
	for _, app := range catalog.Apps {
		if !c.hint && !c.token.About(app.Name) {
			continue
		}
		for _, env := range catalog.Environments {
			if !env.Watch.IsZero() && slices.Contains(paths, pathOf(app, env)) {
				s.Hint(app.Name, env.Name)
				answer.LookingAt = append(answer.LookingAt, Looking{app.Name, env.Name})
			}
		}
	}
	return http.StatusAccepted, answer, nil
}

func pathOf(app gate.App, env gate.Environment) string {
	repository := app.In(env.Name)
	return strings.TrimPrefix(string(repository), repository.Registry()+"/")
}
