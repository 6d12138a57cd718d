package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What is reported about the environments that digests soak in. Programs report
// with a token, and people with a command; what follows is the same. Nothing is
// reported of the future, and only an incident about the past, as far as its
// reporter says since when.

// maxSummary bounds what is said about an incident, in characters: it stands on
// cards.
const maxSummary = 500

// reportHealth says how an environment is doing from now on. Time during which
// it is unhealthy counts for no soak in it.
func (t *turn) reportHealth(r promotion.HealthReport) error {
	if err := t.catalog.knows(r.App, r.Environment); err != nil {
		return err
	}
	if r.Environment == "" {
		return promotion.Errorf(promotion.Invalid, "the report names no environment")
	}
	had, err := t.Unhealth(r.App, r.Environment, nil)
	if err != nil {
		return err
	}
	ill := slices.ContainsFunc(had, func(u promotion.Unhealth) bool { return u.App == r.App })
	switch {
	case ill == !r.Healthy:
		return nil
	case r.Healthy:
		err = t.CloseUnhealth(r.App, r.Environment, t.now)
	default:
		err = t.OpenUnhealth(promotion.Unhealth{App: r.App, Environment: r.Environment, Reason: clipped(r.Reason), From: t.now})
	}
	if err != nil {
		return err
	}
	if err := t.record(audit.HealthChanged, nil, map[string]any{"app": r.App, "environment": r.Environment, "healthy": r.Healthy}); err != nil {
		return err
	}
	if err := t.overseeAll(r.App, r.Environment); err != nil {
		return err
	}
	return t.settleAll(Query{App: r.App, From: r.Environment, States: []promotion.State{promotion.Open}}, true)
}

// reportExposure takes the newest reading of a counter. What it says nothing
// about, which is 0, stays as it was; the error is Conflict when it is below
// what it was before.
func (t *turn) reportExposure(r promotion.ExposureReport) error {
	if err := t.catalog.knows(r.App, r.Environment); err != nil {
		return err
	}
	if _, err := promotion.ParseDigest(string(r.Digest)); err != nil || r.App == "" || r.Environment == "" || r.Requests < 0 || r.PodTime < 0 {
		return promotion.Errorf(promotion.Invalid, "a report of exposure names an app, an environment and a digest, and counts from 0")
	}
	sources, err := t.Exposure(r.App, r.Environment, r.Digest)
	if err != nil {
		return err
	}
	had := sources[r.Source]
	if r.Requests > 0 && r.Requests < had.Requests || r.PodTime > 0 && r.PodTime < had.PodTime {
		return promotion.Errorf(promotion.Conflict, "the counter %q stood higher before: a counter only grows, and whoever begins to count anew is another source", r.Source)
	}
	r.Requests, r.PodTime = max(r.Requests, had.Requests), max(r.PodTime, had.PodTime)
	if r.Exposure == had {
		return nil
	}
	if err := t.SaveExposure(r); err != nil {
		return err
	}
	detail := map[string]any{"app": r.App, "environment": r.Environment, "digest": r.Digest, "source": r.Source, "requests": r.Requests, "pod_hours": r.PodTime.Hours()}
	if err := t.record(audit.Exposed, nil, detail); err != nil {
		return err
	}
	return t.settleAll(Query{App: r.App, From: r.Environment, Digest: r.Digest, States: []promotion.State{promotion.Open}}, true)
}

// knows says what is not configured of an app and an environment, either of
// which may be empty.
func (c *Catalog) knows(app, environment string) error {
	if _, ok := c.App(app); !ok && app != "" {
		return promotion.Errorf(promotion.NotFound, "no app %q is configured", app)
	}
	if _, ok := c.Environment(environment); !ok && environment != "" {
		return promotion.Errorf(promotion.NotFound, "no environment %q is configured", environment)
	}
	return nil
}

func clipped(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
	if utf8.RuneCountInString(s) > maxSummary {
		return string([]rune(s)[:maxSummary-1]) + "…"
	}
	return s
}

// openIncident records an incident, unless there is one with its key already:
// that one is returned as it is. The error is Invalid for what makes no sense and
// NotFound for what is not configured.
func (t *turn) openIncident(r promotion.IncidentReport) (promotion.Incident, error) {
	i := promotion.Incident{
		Key: r.Key, App: r.App, Environment: r.Environment, Severity: r.Severity, Summary: clipped(r.Summary), From: t.now, ReportedAt: t.now, ReportedBy: t.actor,
	}
	if err := t.catalog.knows(r.App, r.Environment); err != nil {
		return i, err
	}
	if _, err := promotion.ParseSeverity(string(r.Severity)); err != nil {
		return i, err
	}
	if i.Summary == "" {
		return i, promotion.Errorf(promotion.Invalid, "an incident needs a summary: say in a few words what is wrong")
	}
	if r.Since != nil && r.Since.Before(t.now) {
		i.From = r.Since.UTC().Truncate(time.Microsecond)
	}
	if r.Key != "" {
		switch had, err := t.IncidentByKey(r.Key); {
		case err == nil && (had.ResolvedAt == nil || r.Since != nil && had.From.Equal(i.From)): // what began then is over
			return had, nil
		case err != nil && !errors.Is(err, promotion.NotFound):
			return i, err
		}
	}
	if err := t.AddIncident(&i); err != nil {
		return i, err
	}
	detail := about(i)
	detail["since"], detail["summary_sha256"] = i.From, sealed(fmt.Sprintf("incident/%d", i.ID), i.Summary)
	if err := t.record(audit.IncidentOpened, nil, detail); err != nil {
		return i, err
	}
	return i, t.upset(i, promotion.NoticeIncident)
}

func (t *turn) resolveIncident(i promotion.Incident) (promotion.Incident, error) {
	now := t.now
	i.ResolvedAt, i.ResolvedBy = &now, t.actor
	if err := t.ResolveIncident(i.ID, now, t.actor); err != nil {
		return i, err
	}
	if err := t.record(audit.IncidentResolved, nil, about(i)); err != nil {
		return i, err
	}
	return i, t.upset(i, promotion.NoticeResolved)
}

func about(i promotion.Incident) map[string]any {
	return map[string]any{"incident": i.ID, "app": i.App, "environment": i.Environment, "severity": i.Severity}
}

// sealed stands in the log for what somebody wrote, which is kept in a row,
// where it can be erased.
func sealed(of, text string) string {
	sum := sha256.Sum256([]byte(of + "\n" + text))
	return hex.EncodeToString(sum[:])
}

// upset settles what is open where the incident is, and tells those whom it
// makes wait.
func (t *turn) upset(i promotion.Incident, kind promotion.NoticeKind) error {
	if err := t.overseeAll(i.App, i.Environment); err != nil {
		return err
	}
	w := promotion.NoticeWork{Kind: kind, Person: actorPerson(t.actor), Reason: i.Summary, Incident: i.ID, Severity: i.Severity}
	return t.stir(i.App, func(p *promotion.Promotion) (bool, *promotion.NoticeWork, error) {
		if !i.Concerns(p.App, p.From, p.To) {
			return false, nil, nil
		}
		d, err := t.document(p)
		if !slices.Contains(d.FreezeOn, i.Severity) && !(d.Incidents.Interrupts(i.Severity) && i.Concerns(p.App, p.From)) {
			return true, nil, err
		}
		return true, &w, err
	}, fmt.Sprintf("%s/%d", kind, i.ID))
}

// stir touches and settles what is open of an app, or all of it, as far as it is
// concerned, and tells it in the threads of the cards on which that is shown.
func (t *turn) stir(app string, concerned func(*promotion.Promotion) (bool, *promotion.NoticeWork, error), occasion string) error {
	open, err := t.query(Query{App: app, States: []promotion.State{promotion.Open}})
	if err != nil {
		return err
	}
	for _, p := range open {
		is, w, err := concerned(p)
		if err != nil {
			return err
		}
		if !is {
			continue
		}
		if w != nil {
			shown := *p
			if p.Purpose == promotion.Ride {
				if shown, err = t.Promotion(p.Train); err != nil {
					return err
				}
			}
			if err := t.notice(&shown, occasion, *w); err != nil {
				return err
			}
		}
		p.Touch()
		if _, err := t.settle(p); err != nil {
			return err
		}
	}
	return nil
}

// raise takes a person's report.
func (t *turn) raise(g promotion.Gesture, answer promotion.Answer) (promotion.Answer, error) {
	i, err := t.openIncident(promotion.IncidentReport{App: g.App, Severity: g.Severity, Summary: g.Reason})
	if k := promotion.KindOf(err); err != nil && (k == promotion.Invalid || k == promotion.NotFound) {
		return t.refuseDeed(g, answer, policy.Document{}, err.Error())
	}
	answer.Verb, answer.Incident, answer.Reason = promotion.Counted, i.ID, i.Summary
	return answer, err
}

// over is a person's word that an incident is over. Whoever reported it may
// say so, and whoever has a say in what it holds up.
func (t *turn) over(g promotion.Gesture, u unknown, answer promotion.Answer) (promotion.Answer, error) {
	i, refusal, err := t.meantIncident(g)
	if err != nil {
		return answer, err
	}
	d := t.catalog.asked(i.App)
	if refusal == "" {
		var f policy.Facts
		var wait bool
		if f, wait, refusal, err = t.who(g, u, d); err != nil || wait {
			answer.Verb = promotion.Checking
			return answer, err
		}
		if refusal == "" && i.ReportedBy == string(g.Person) {
			refusal = policy.MayHold(f, g.Person)
		} else if refusal == "" {
			refusal = policy.MayStop(d, f, g.Person)
		}
	}
	if refusal != "" {
		return t.refuseDeed(g, answer, d, refusal)
	}
	i, err = t.resolveIncident(i)
	answer.Verb, answer.App, answer.Incident, answer.Severity, answer.Reason = promotion.Counted, i.App, i.ID, i.Severity, i.Summary
	return answer, err
}

// meantIncident is the open one of the number, or the only open one of the app.
func (t *turn) meantIncident(g promotion.Gesture) (i promotion.Incident, refusal string, err error) {
	if g.Incident != 0 {
		i, err = t.Incident(g.Incident)
		switch {
		case errors.Is(err, promotion.NotFound):
			return i, fmt.Sprintf("there is no incident #%d", g.Incident), nil
		case err == nil && i.ResolvedAt != nil:
			return i, fmt.Sprintf("incident #%d has been resolved already", g.Incident), nil
		}
		return i, "", err
	}
	open, err := t.Incidents(g.App, nil)
	open = slices.DeleteFunc(open, func(i promotion.Incident) bool { return i.App != g.App })
	if err != nil || len(open) == 1 {
		if err == nil {
			i = open[0]
		}
		return i, "", err
	}
	if len(open) == 0 {
		return i, "no incident of it is open", nil
	}
	var numbers []string
	for _, i := range open {
		numbers = append(numbers, fmt.Sprintf("#%d", i.ID))
	}
	return i, fmt.Sprintf("%d incidents of it are open: name one by its number, %s", len(open), strings.Join(numbers, ", ")), nil
}
