// Package sample is a view of every state that a card can be in, and of what can
// be on it. The golden files of package render are made of them, and so is the
// gallery of the demo, where they can be looked at.
package sample

import (
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// The people: Ann and Bob are leads, Sam is of security, Olga owns it, and Eve has
// no role.
const (
	Ann  promotion.PersonID = "U0000ANN"
	Bob  promotion.PersonID = "U0000BOB"
	Eve  promotion.PersonID = "U0000EVE"
	Olga promotion.PersonID = "U000OLGA"
	Sam  promotion.PersonID = "U0000SAM"
)

// When it all begins, the build that is promoted, what is replaced, and a third
// digest.
var (
	Monday = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	Build  = promotion.Digest("sha256:" + strings.Repeat("4f1c2a9b", 8))
	Former = promotion.Digest("sha256:" + strings.Repeat("9e8d7c6b", 8))
	Other  = promotion.Digest("sha256:" + strings.Repeat("0badcafe", 8))
)

// At is d after the beginning.
func At(d time.Duration) *time.Time { t := Monday.Add(d); return &t }

// Stack are layers of an image, the lowest first.
func Stack(of ...string) []promotion.Layer {
	var all []promotion.Layer
	for _, c := range of {
		all = append(all, promotion.Layer{Digest: promotion.Digest("sha256:" + strings.Repeat(c, 64)), Size: 20_000_000})
	}
	return all
}

// Shop is a build of shop that came to staging on monday, and what its policy
// says d later. Each change makes one thing different.
func Shop(d time.Duration, changes ...func(*policy.Document, *policy.Facts)) policy.View {
	doc := policy.Document{Name: "careful", Soak: 48 * time.Hour, Approvals: []policy.Requirement{{Role: "leads", Count: 2}, {Role: "security", Count: 1}}}
	facts := policy.Facts{
		Promotion: promotion.Promotion{
			ID: 12, App: "shop", From: "staging", To: "production", Repository: "registry.example.com/team/shop", Destination: "registry.example.com/team/shop", Digest: Build,
			SourceTag: "v1.4.2-passed", State: promotion.Open, Revision: 3,
			Image: &promotion.Image{
				MediaType: "application/vnd.oci.image.index.v1+json", Platforms: []string{"linux/amd64", "linux/arm64"}, Created: At(-2 * time.Hour), ReadAt: Monday,
				Of: "linux/amd64", Layers: Stack("a", "b", "c", "6", "7"), Size: 104_900_000,
				Labels: map[string]string{
					promotion.LabelRevision: "0123456789abcdef0123456789abcdef01234567",
					promotion.LabelSource:   "https://github.com/example/shop", promotion.LabelVersion: "1.4.2",
					promotion.LabelBaseName: "docker.io/library/debian:12-slim", promotion.LabelBaseDigest: string(Other),
				},
			},
			Former: &promotion.Former{Digest: Former, Image: &promotion.Image{
				MediaType: "application/vnd.oci.image.index.v1+json", Platforms: []string{"linux/amd64", "linux/arm64"}, Created: At(-9 * 24 * time.Hour), ReadAt: Monday,
				Of: "linux/amd64", Layers: Stack("a", "b", "c", "d", "e"), Size: 101_200_000,
				Labels: map[string]string{
					promotion.LabelRevision: "89abcdef0123456789abcdef0123456789abcdef",
					promotion.LabelSource:   "https://github.com/example/shop", promotion.LabelVersion: "1.4.1",
					promotion.LabelBaseName: "docker.io/library/debian:12-slim", promotion.LabelBaseDigest: string(Other),
				},
			}},
			Targets: []promotion.Target{
				{Tag: "v1.4.2", ReadAt: At(time.Minute)},
				{Tag: "production", Floating: true, Now: Former, ReadAt: At(time.Minute)},
			},
			ObservedAt: Monday, OpenedAt: Monday, Card: promotion.Card{Channel: "C1", TS: "1.1", Revision: 2},
		},
		Presence: []promotion.Interval{{From: Monday}},
		Rosters: map[string]promotion.Roster{
			"leads":    {Role: "leads", Members: []promotion.PersonID{Ann, Bob}},
			"security": {Role: "security", Members: []promotion.PersonID{Sam}},
		},
		People: map[promotion.PersonID]promotion.Person{
			Ann: {ID: Ann, Name: "Ann", Standing: promotion.Member, ReadAt: Monday.Add(d)},
			Bob: {ID: Bob, Name: "Bob", Standing: promotion.Member, ReadAt: Monday.Add(d)},
			Eve: {ID: Eve, Name: "Eve", Standing: promotion.Member, ReadAt: Monday.Add(d)},
			Sam: {ID: Sam, Name: "Sam", Standing: promotion.Member, ReadAt: Monday.Add(d)},
		},
	}
	for _, change := range changes {
		change(&doc, &facts)
	}
	if p := &facts.Promotion; p.Former != nil && p.Former.Digest != p.Replaces() {
		p.Former = nil // what the change replaces has not been read
	}
	if p := &facts.Promotion; p.WayBack == nil {
		p.WayBack = &promotion.WayBack{Repository: p.Destination, Digests: p.WaysBack(), ReadAt: At(d), Proof: promotion.Proof{Manifests: 3, Blobs: 14}}
	}
	return policy.ViewAt(doc, facts, Monday.Add(d))
}

// Approved has people approve, a minute after each other.
func Approved(by ...promotion.PersonID) func(*policy.Document, *policy.Facts) {
	return func(_ *policy.Document, f *policy.Facts) {
		for i, who := range by {
			f.Votes = append(f.Votes, promotion.Vote{
				Promotion: f.Promotion.ID, Person: who, Decision: promotion.Approve, Terms: f.Promotion.TermsNow(), At: Monday.Add(time.Hour + time.Duration(i)*time.Minute),
			})
		}
	}
}

// Ended has it end.
func Ended(s promotion.State, reason string) func(*policy.Document, *policy.Facts) {
	return func(_ *policy.Document, f *policy.Facts) {
		f.Promotion.State, f.Promotion.Reason = s, reason
		f.Promotion.FinishedAt = At(50*time.Hour + 3*time.Second)
		if s == promotion.Promoted || s == promotion.Conflicted || s == promotion.Failed {
			f.Promotion.StartedAt = At(50 * time.Hour)
		}
	}
}

// With changes the facts alone.
func With(change func(*policy.Facts)) func(*policy.Document, *policy.Facts) {
	return func(_ *policy.Document, f *policy.Facts) { change(f) }
}

// evident has the policy ask for evidence, some of which has come.
func evident(d *policy.Document, f *policy.Facts) {
	d.Since = policy.SinceArrival
	d.Checks = []policy.Check{
		{Name: "perf", MaxAge: 72 * time.Hour, Numbers: []policy.Threshold{{Number: "p99_ms", Is: policy.AtMost, Limit: 250}}},
		{Name: "e2e", Advisory: true}, {Name: "scan"}, {Name: "security-review", ReviewedBy: "security"},
	}
	f.Checks = []promotion.Check{
		{ID: 1, Name: "perf", Status: promotion.CheckPassed, Numbers: map[string]float64{"p99_ms": 240.5}, URL: "https://ci.example.com/run?a=1&b=2", Token: "ci", At: *At(time.Hour)},
		{ID: 2, Name: "e2e", Status: promotion.CheckFailed, Summary: "3 of 40 failed: <!channel> & more", Token: "ci", At: *At(time.Hour)},
		{ID: 3, Name: "scan", Status: promotion.CheckFailed, Summary: "1 critical", URL: "https://evil.example/<x|y>", Token: "ci", At: *At(2 * time.Hour)},
	}
}

// State is a view and what is special about it.
type State struct {
	Name string
	View policy.View
}

// Abroad has production's images in a registry of their own.
func Abroad(_ *policy.Document, f *policy.Facts) {
	f.Promotion.Destination = "production.example.com/team/shop"
}

// drifted has somebody else move production away from the build.
func drifted(d *policy.Document, f *policy.Facts) {
	p := &f.Promotion
	p.Purpose, p.SourceTag, f.Presence, d.Soak = promotion.Restore, "", nil, 0
	p.Targets = []promotion.Target{{Tag: "production", Floating: true, Now: Other, ReadAt: At(Later)}}
}

// Choice asks for an owner, or for two leads and one of security, and lets
// everything expire.
func Choice(d *policy.Document, f *policy.Facts) {
	all := policy.Tree{Count: 2, Of: []policy.Tree{{Role: "leads", Count: 2}, {Role: "security", Count: 1}}}
	d.Approvals, d.Tree = nil, &policy.Tree{Count: 1, Of: []policy.Tree{{Role: "owners", Count: 1}, all}}
	d.Expires = policy.Expiry{Request: 7 * 24 * time.Hour, Approval: 72 * time.Hour}
	d.Reject = policy.Veto{By: []string{"security"}, Lift: []string{"owners"}, Grounds: []promotion.Ground{"security", "law"}}
	f.Rosters["owners"] = promotion.Roster{Role: "owners", Members: []promotion.PersonID{Olga}}
	f.People[Olga] = promotion.Person{ID: Olga, Name: "Olga", Standing: promotion.Member, ReadAt: Monday.Add(Later)}
}

// automatic asks nobody for an approval.
func automatic(d *policy.Document, _ *policy.Facts) { d.Approvals, d.Automatic = nil, true }

// breakable lets Eve break the glass.
func breakable(d *policy.Document, f *policy.Facts) {
	d.BreakGlass = &policy.BreakGlass{Role: "commanders", By: []string{"security"}, Within: 24 * time.Hour}
	f.Rosters["commanders"] = promotion.Roster{Role: "commanders", Members: []promotion.PersonID{Eve}}
}

// Broken has Eve break the glass.
func Broken(_ *policy.Document, f *policy.Facts) {
	f.Promotion.Broken = &promotion.Broken{
		By: Eve, Reason: "the checkout is down <!channel>", At: *At(28 * time.Hour), Terms: f.Promotion.TermsNow(),
		Skipped: []string{"soaks 48h in staging, until 2026-11-25 09:00:00 UTC", "0 of 2 from leads", "0 of 1 from security"}, Due: *At(52 * time.Hour), Reviewers: []string{"security"},
	}
}

// proved asks for provenance with authors, of which there is some that no key of the
// configuration has signed.
func proved(d *policy.Document, f *policy.Facts) {
	d.AuthorsCannotApprove, d.Provenance = true, policy.Provenance{By: "k1", Required: true}
	f.Authors, f.Identities.Addresses = []string{"ben@example.com"}, map[string]promotion.PersonID{"ben@example.com": ""}
	f.Promotion.Provenance = &promotion.Provenance{Repository: f.Promotion.Repository, By: "k1", ReadAt: At(Later), Found: promotion.Attested{Refused: []string{"4f1c2a9b4f1c: none of the keys has signed it"}}}
}

// queue has builds go one after the other, oldest keeps the oldest.
func queue(d *policy.Document, f *policy.Facts) {
	f.Promotion.Purpose, d.Supersede = promotion.Forward, policy.Queue
}

func oldest(d *policy.Document, f *policy.Facts) {
	f.Promotion.Purpose, d.RideOldest = promotion.Forward, true
}

// behind has something before it.
func behind(_ *policy.Document, f *policy.Facts) { f.Ahead = &promotion.Promotion{ID: 5} }

func asksForAPlan(d *policy.Document, _ *policy.Facts) { d.Plan = true }
