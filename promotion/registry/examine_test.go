package registry_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/promotion"
)

// uploads is a registry's part that opens uploads and gives them up again.
type uploads struct{ open, opened int }

func (u *uploads) serve(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
	switch {
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/blobs/uploads/"):
		u.open++
		u.opened++
		w.Header().Set("Location", r.URL.Path+"session")
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, "/blobs/uploads/session"):
		u.open--
		w.WriteHeader(http.StatusNoContent)
	default:
		return false
	}
	return true
}

func conditions(all []promotion.Diagnosis) []promotion.Condition {
	var found []promotion.Condition
	for _, d := range all {
		found = append(found, d.Condition)
	}
	return found
}

func TestWhatTheCredentialsMayIsFoundOutWithoutATrace(t *testing.T) {
	s := newShelf(t)
	d := s.push("staging", nil)
	var u uploads
	s.spoil(u.serve)
	var found []promotion.Diagnosis
	asked := s.counted(func() { found = s.client.Examine(t.Context(), s.repo, true) })
	if want := []promotion.Condition{promotion.Well, promotion.Well}; !slices.Equal(conditions(found), want) {
		t.Errorf("found %+v", found)
	}
	if u.open != 0 || u.opened != 1 {
		t.Errorf("%d uploads were opened, and %d left open", u.opened, u.open)
	}
	for _, request := range asked {
		if strings.HasPrefix(request, http.MethodPut) || strings.HasPrefix(request, http.MethodPatch) {
			t.Errorf("it sent %s", request)
		}
	}
	if s.points("staging") != d {
		t.Error("the tag has moved")
	}
}

func TestARepositoryThatIsOnlyReadIsAskedForNothingElse(t *testing.T) {
	s := newShelf(t)
	s.push("staging", nil)
	for _, request := range s.counted(func() {
		if found := s.client.Examine(t.Context(), s.repo, false); len(found) != 1 || found[0].Condition != promotion.Well {
			t.Errorf("found %+v", found)
		}
	}) {
		if !strings.HasPrefix(request, http.MethodGet) {
			t.Errorf("it sent %s", request)
		}
	}
}

func TestWhatIsInTheWayOfTheCredentialsIsSaid(t *testing.T) {
	refusing := func(status int, method string) func(http.ResponseWriter, *http.Request, http.Handler) bool {
		var u uploads
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
			if r.Method != method || strings.HasSuffix(r.URL.Path, "/v2/") {
				return u.serve(w, r, next)
			}
			w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
			w.WriteHeader(status)
			return true
		}
	}
	for name, c := range map[string]struct {
		status int
		method string
		want   []promotion.Condition
		says   string
	}{
		"may not read":         {http.StatusForbidden, http.MethodGet, []promotion.Condition{promotion.Ill, promotion.Well}, "may not read"},
		"may not push":         {http.StatusForbidden, http.MethodPost, []promotion.Condition{promotion.Well, promotion.Ill}, "may not push to"},
		"is not there yet":     {http.StatusNotFound, http.MethodGet, []promotion.Condition{promotion.Remarked, promotion.Well}, "the first promotion makes it"},
		"has to be made first": {http.StatusNotFound, http.MethodPost, []promotion.Condition{promotion.Well, promotion.Ill}, "created first"},
		"keeps its uploads":    {http.StatusMethodNotAllowed, http.MethodDelete, []promotion.Condition{promotion.Well, promotion.Remarked}, "expires there"},
		"does not answer":      {http.StatusBadGateway, http.MethodPost, []promotion.Condition{promotion.Well, promotion.Unexamined}, "in trouble"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			s.push("staging", nil)
			s.spoil(refusing(c.status, c.method))
			found := s.client.Examine(t.Context(), s.repo, true)
			if !slices.Equal(conditions(found), c.want) || !slices.ContainsFunc(found, func(d promotion.Diagnosis) bool { return strings.Contains(d.Says, c.says) }) {
				t.Errorf("found %+v", found)
			}
		})
	}
}
