package promotion

import (
	"slices"
	"strings"
	"time"
)

// Severity is how bad an incident is, in the words of whoever reports it: a
// severity is declared by using it.
type Severity string

// ParseSeverity accepts what ParseName does. Its error is Invalid.
func ParseSeverity(s string) (Severity, error) {
	_, err := ParseName(s)
	return Severity(s), err
}

// IncidentID numbers incidents in the order in which they were reported, from 1.
type IncidentID int64

// Incident is something that is wrong with an app where it runs, from when it
// was noticed until somebody says that it is over.
type Incident struct {
	ID          IncidentID
	Key         string // what the reporter calls it; the same key opened twice is one incident
	App         string // empty for all apps
	Environment string // empty for whichever environment is asked about
	Severity    Severity
	Summary     string
	From        time.Time  // since when it counts; never after ReportedAt
	ReportedAt  time.Time  // when it was recorded
	ReportedBy  string     // id of a person, or "token:NAME"
	ResolvedAt  *time.Time // nil while it is open
	ResolvedBy  string
}

// Concerns tells whether the incident is one of the app in one of the
// environments.
func (i Incident) Concerns(app string, environments ...string) bool {
	return (i.App == "" || i.App == app) && (i.Environment == "" || slices.Contains(environments, i.Environment))
}

// Interval is when it was open.
func (i Incident) Interval() Interval { return Interval{From: i.From, Until: i.ResolvedAt} }

// IncidentReport is what somebody says is wrong.
type IncidentReport struct {
	Key         string
	App         string
	Environment string
	Severity    Severity
	Summary     string
	Since       *time.Time // when it began, if that was earlier
}

// Unhealth is a stretch of time during which an environment, or one app in it,
// was reported unhealthy.
type Unhealth struct {
	App         string // empty for all apps
	Environment string
	Reason      string
	From        time.Time
	Until       *time.Time // nil while it lasts
}

// Interval is when that was.
func (u Unhealth) Interval() Interval { return Interval{From: u.From, Until: u.Until} }

// HealthReport says how an environment, or one app in it, is doing from now on.
type HealthReport struct {
	App         string // empty for all apps
	Environment string
	Healthy     bool
	Reason      string // why it is not
}

// Exposure is how much a digest has been used: requests that it served and the
// time that its pods ran, added up over all of them.
type Exposure struct {
	Requests int64         `json:",omitempty"`
	PodTime  time.Duration `json:",omitempty"`
}

// IsZero tells whether it is none at all.
func (e Exposure) IsZero() bool { return e == Exposure{} }

// Plus is the sum of both.
func (e Exposure) Plus(other Exposure) Exposure {
	return Exposure{Requests: e.Requests + other.Requests, PodTime: e.PodTime + other.PodTime}
}

// ExposureReport is the reading of one counter, such as that of a cluster. It
// only ever grows: whoever begins to count anew is another source.
type ExposureReport struct {
	App         string
	Environment string
	Digest      Digest
	Source      string
	Exposure
}

// PersonOf is the person behind an actor, or "" when a program acted.
func PersonOf(actor string) PersonID {
	if strings.Contains(actor, ":") { // no person's id has one
		return ""
	}
	return PersonID(actor)
}
