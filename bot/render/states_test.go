package render_test

import (
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	ann  promotion.PersonID = "U0000ANN"
	bob  promotion.PersonID = "U0000BOB"
	eve  promotion.PersonID = "U0000EVE"
	olga promotion.PersonID = "U000OLGA"
	sam  promotion.PersonID = "U0000SAM"
)

var (
	monday = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	build  = promotion.Digest("sha256:" + strings.Repeat("4f1c2a9b", 8))
	former = promotion.Digest("sha256:" + strings.Repeat("9e8d7c6b", 8))
	other  = promotion.Digest("sha256:" + strings.Repeat("0badcafe", 8))
)

func at(d time.Duration) *time.Time { t := monday.Add(d); return &t }

// stack are layers of an image, the lowest first.
func stack(of ...string) []promotion.Layer {
	var all []promotion.Layer
	for _, c := range of {
		all = append(all, promotion.Layer{Digest: promotion.Digest("sha256:" + strings.Repeat(c, 64)), Size: 20_000_000})
	}
	return all
}

// shop is a build of shop that came to staging on monday, and what its policy
// says d later. Each change makes one thing different.
func shop(d time.Duration, changes ...func(*policy.Document, *policy.Facts)) policy.View {
	doc := policy.Document{Name: "careful", Soak: 48 * time.Hour, Approvals: []policy.Requirement{{Role: "leads", Count: 2}, {Role: "security", Count: 1}}}
	facts := policy.Facts{
		Promotion: promotion.Promotion{
			ID: 12, App: "shop", From: "staging", To: "production", Repository: "registry.example.com/team/shop", Destination: "registry.example.com/team/shop", Digest: build,
			SourceTag: "v1.4.2-passed", State: promotion.Open, Revision: 3,
			Image: &promotion.Image{
				MediaType: "application/vnd.oci.image.index.v1+json", Platforms: []string{"linux/amd64", "linux/arm64"}, Created: at(-2 * time.Hour), ReadAt: monday,
				Of: "linux/amd64", Layers: stack("a", "b", "c", "g", "h"), Size: 104_900_000,
				Labels: map[string]string{
					promotion.LabelRevision: "0123456789abcdef0123456789abcdef01234567",
					promotion.LabelSource:   "https://github.com/example/shop", promotion.LabelVersion: "1.4.2",
					promotion.LabelBaseName: "docker.io/library/debian:12-slim", promotion.LabelBaseDigest: string(other),
				},
			},
			Former: &promotion.Former{Digest: former, Image: &promotion.Image{
				MediaType: "application/vnd.oci.image.index.v1+json", Platforms: []string{"linux/amd64", "linux/arm64"}, Created: at(-9 * 24 * time.Hour), ReadAt: monday,
				Of: "linux/amd64", Layers: stack("a", "b", "c", "d", "e"), Size: 101_200_000,
				Labels: map[string]string{
					promotion.LabelRevision: "89abcdef0123456789abcdef0123456789abcdef",
					promotion.LabelSource:   "https://github.com/example/shop", promotion.LabelVersion: "1.4.1",
					promotion.LabelBaseName: "docker.io/library/debian:12-slim", promotion.LabelBaseDigest: string(other),
				},
			}},
			Targets: []promotion.Target{
				{Tag: "v1.4.2", ReadAt: at(time.Minute)},
				{Tag: "production", Floating: true, Now: former, ReadAt: at(time.Minute)},
			},
			ObservedAt: monday, OpenedAt: monday, Card: promotion.Card{Channel: "C1", TS: "1.1", Revision: 2},
		},
		Presence: []promotion.Interval{{From: monday}},
		Rosters: map[string]promotion.Roster{
			"leads":    {Role: "leads", Members: []promotion.PersonID{ann, bob}},
			"security": {Role: "security", Members: []promotion.PersonID{sam}},
		},
		People: map[promotion.PersonID]promotion.Person{
			ann: {ID: ann, Name: "Ann", Standing: promotion.Member, ReadAt: monday.Add(d)},
			bob: {ID: bob, Name: "Bob", Standing: promotion.Member, ReadAt: monday.Add(d)},
			eve: {ID: eve, Name: "Eve", Standing: promotion.Member, ReadAt: monday.Add(d)},
			sam: {ID: sam, Name: "Sam", Standing: promotion.Member, ReadAt: monday.Add(d)},
		},
	}
	for _, change := range changes {
		change(&doc, &facts)
	}
	if p := &facts.Promotion; p.Former != nil && p.Former.Digest != p.Replaces() {
		p.Former = nil // what the change replaces has not been read
	}
	if p := &facts.Promotion; p.WayBack == nil {
		p.WayBack = &promotion.WayBack{Repository: p.Destination, Digests: p.WaysBack(), ReadAt: at(d), Proof: promotion.Proof{Manifests: 3, Blobs: 14}}
	}
	return policy.ViewAt(doc, facts, monday.Add(d))
}

func approved(by ...promotion.PersonID) func(*policy.Document, *policy.Facts) {
	return func(_ *policy.Document, f *policy.Facts) {
		for i, who := range by {
			f.Votes = append(f.Votes, promotion.Vote{
				Promotion: f.Promotion.ID, Person: who, Decision: promotion.Approve, Terms: f.Promotion.TermsNow(), At: monday.Add(time.Hour + time.Duration(i)*time.Minute),
			})
		}
	}
}

func ended(s promotion.State, reason string) func(*policy.Document, *policy.Facts) {
	return func(_ *policy.Document, f *policy.Facts) {
		f.Promotion.State, f.Promotion.Reason = s, reason
		f.Promotion.StartedAt, f.Promotion.FinishedAt = at(50*time.Hour), at(50*time.Hour+3*time.Second)
	}
}

func with(change func(*policy.Facts)) func(*policy.Document, *policy.Facts) {
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
		{ID: 1, Name: "perf", Status: promotion.CheckPassed, Numbers: map[string]float64{"p99_ms": 240.5}, URL: "https://ci.example.com/run?a=1&b=2", Token: "ci", At: *at(time.Hour)},
		{ID: 2, Name: "e2e", Status: promotion.CheckFailed, Summary: "3 of 40 failed: <!channel> & more", Token: "ci", At: *at(time.Hour)},
		{ID: 3, Name: "scan", Status: promotion.CheckFailed, Summary: "1 critical", URL: "https://evil.example/<x|y>", Token: "ci", At: *at(2 * time.Hour)},
	}
}

type named struct {
	name string
	view policy.View
}

// abroad has production's images in a registry of their own.
func abroad(_ *policy.Document, f *policy.Facts) {
	f.Promotion.Destination = "production.example.com/team/shop"
}

// drifted has somebody else move production away from the build.
func drifted(d *policy.Document, f *policy.Facts) {
	p := &f.Promotion
	p.Purpose, p.SourceTag, f.Presence, d.Soak = promotion.Restore, "", nil, 0
	p.Targets = []promotion.Target{{Tag: "production", Floating: true, Now: other, ReadAt: at(later)}}
}

// choice asks for an owner, or for two leads and one of security, and lets
// everything expire.
func choice(d *policy.Document, f *policy.Facts) {
	all := policy.Tree{Count: 2, Of: []policy.Tree{{Role: "leads", Count: 2}, {Role: "security", Count: 1}}}
	d.Approvals, d.Tree = nil, &policy.Tree{Count: 1, Of: []policy.Tree{{Role: "owners", Count: 1}, all}}
	d.Expires = policy.Expiry{Request: 7 * 24 * time.Hour, Approval: 72 * time.Hour}
	d.Reject = policy.Veto{By: []string{"security"}, Lift: []string{"owners"}, Grounds: []promotion.Ground{"security", "law"}}
	f.Rosters["owners"] = promotion.Roster{Role: "owners", Members: []promotion.PersonID{olga}}
	f.People[olga] = promotion.Person{ID: olga, Name: "Olga", Standing: promotion.Member, ReadAt: monday.Add(later)}
}

// automatic asks nobody for an approval.
func automatic(d *policy.Document, _ *policy.Facts) { d.Approvals, d.Automatic = nil, true }

// breakable lets Eve break the glass, and broken has her do so.
func breakable(d *policy.Document, f *policy.Facts) {
	d.BreakGlass = &policy.BreakGlass{Role: "commanders", By: []string{"security"}, Within: 24 * time.Hour}
	f.Rosters["commanders"] = promotion.Roster{Role: "commanders", Members: []promotion.PersonID{eve}}
}

func broken(_ *policy.Document, f *policy.Facts) {
	f.Promotion.Broken = &promotion.Broken{
		By: eve, Reason: "the checkout is down <!channel>", At: *at(28 * time.Hour), Terms: f.Promotion.TermsNow(),
		Skipped: []string{"soaks 48h in staging, until 2026-11-25 09:00:00 UTC", "0 of 2 from leads", "0 of 1 from security"}, Due: *at(52 * time.Hour), Reviewers: []string{"security"},
	}
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

const later = 49 * time.Hour

func states() []named {
	return []named{
		{"just noticed", shop(time.Second, with(func(f *policy.Facts) {
			f.Promotion.Image, f.Promotion.Targets, f.Promotion.Card = nil, nil, promotion.Card{Channel: "C1"}
		}))},
		{"soaking, first post", shop(time.Minute, with(func(f *policy.Facts) { f.Promotion.Card = promotion.Card{Channel: "C1"} }))},
		{"soaking", shop(29 * time.Hour)},
		{"loses a platform", shop(29*time.Hour, with(func(f *policy.Facts) {
			f.Promotion.Image.Platforms = []string{"linux/amd64", "linux/s390x"}
			f.Promotion.Image.Labels[promotion.LabelBaseName], f.Promotion.Image.Labels[promotion.LabelBaseDigest] = "docker.io/library/debian:13-slim", string(build)
		}))},
		{"what is replaced is being read", shop(time.Minute, with(func(f *policy.Facts) { f.Promotion.Former.Image = nil }))},
		{"what is replaced can't be read", shop(29*time.Hour, with(func(f *policy.Facts) {
			f.Promotion.Former = &promotion.Former{Digest: former, Fault: "registry.example.com answers 503 Service Unavailable"}
		}))},
		{"the first of its kind", shop(29*time.Hour, with(func(f *policy.Facts) { f.Promotion.Targets[1].Now = "" }))},
		{"both tell little", shop(29*time.Hour, with(func(f *policy.Facts) {
			for _, i := range []*promotion.Image{f.Promotion.Image, f.Promotion.Former.Image} {
				i.Labels, i.Created, i.Platforms, i.Of = nil, nil, nil, ""
			}
		}))},
		{"soaking, approved", shop(29*time.Hour, approved(ann, bob, sam))},
		{"soaking, goes by itself", shop(29*time.Hour, automatic)},
		{"blocked, and would go by itself", shop(later, automatic, with(func(f *policy.Facts) { f.Promotion.Targets[0].Now = other }))},
		{"first of a queue", shop(later, queue)},
		{"waiting in a queue", shop(later, queue, approved(ann), behind)},
		{"soaking in a queue", shop(29*time.Hour, queue, approved(ann, bob, sam), behind)},
		{"riding", shop(29*time.Hour, oldest)},
		{"waiting for the one that rides", shop(later, oldest, behind)},
		{"kept beside newer ones", shop(later, func(d *policy.Document, _ *policy.Facts) { d.Supersede = policy.Keep })},
		{"replaced while it waited", shop(later, oldest, ended(promotion.Superseded, "#5 keeps maturing, and of the builds that wait for it only the newest does"), with(func(f *policy.Facts) { f.Promotion.Successor = 13 }))},
		{"ready, the way back is being read", shop(later, approved(ann, bob, sam), with(func(f *policy.Facts) { f.Promotion.WayBack = &promotion.WayBack{} }))},
		{"blocked because the way back is gone", shop(later, approved(ann, bob, sam), with(func(f *policy.Facts) {
			f.Promotion.WayBack = &promotion.WayBack{Repository: f.Promotion.Destination, Digests: []promotion.Digest{former}, ReadAt: at(later), Proof: promotion.Proof{Manifests: 2, Missing: "the manifest 0123456789ab is gone"}}
		}))},
		{"without the plan that is asked for", shop(later, asksForAPlan)},
		{"with a plan", shop(later, asksForAPlan, with(func(f *policy.Facts) {
			f.Promotion.Plan = "Back to *v1*, then <https://wiki.example.com|undo> the migration."
		}), approved(ann))},
		{"waiting for approvals", shop(later)},
		{"partially approved", shop(later, approved(ann))},
		{"vote discounted because the tag moved", shop(later, approved(ann), with(func(f *policy.Facts) { f.Promotion.Targets[1].Now = other }))},
		{"vote discounted for lack of role", shop(later, approved(eve, ann))},
		{"requested by an approver", shop(later, with(func(f *policy.Facts) { f.Promotion.Requester, f.Promotion.SourceTag = ann, "" }))},
		{"ready", shop(later, approved(ann, bob, sam))},
		{"ready, approvers read again", shop(later, approved(ann, bob, sam), with(func(f *policy.Facts) {
			f.People[ann] = promotion.Person{ID: ann, Name: "Ann", Standing: promotion.Member, ReadAt: monday}
		}))},
		{"waiting its turn", shop(later, approved(ann, bob, sam), with(func(f *policy.Facts) { f.Executing = 11 }))},
		{"blocked by a version tag", shop(later, with(func(f *policy.Facts) { f.Promotion.Targets[0].Now = other }))},
		{"blocked by a newer build", shop(later, with(func(f *policy.Facts) { f.Newer = &promotion.Promotion{ID: 14, Digest: other} }))},
		{"blocked without a policy", shop(later, func(d *policy.Document, _ *policy.Facts) { *d = policy.Document{} })},
		{"registry down", shop(29*time.Hour, with(func(f *policy.Facts) {
			f.Source = policy.Look{Fault: "registry.example.com answers 503 Service Unavailable", Since: monday.Add(28 * time.Hour)}
		}))},
		{"user group unreadable", shop(later, with(func(f *policy.Facts) {
			f.Rosters["security"] = promotion.Roster{Role: "security", Groups: []promotion.GroupID{"S1"}, Fault: "user groups need a paid Slack plan: name people instead"}
		}))},
		{"left staging", shop(29*time.Hour, with(func(f *policy.Facts) { f.Presence[0].Until = at(5 * time.Hour) }))},
		{"soaking with evidence", shop(29*time.Hour, evident)},
		{"waiting for evidence", shop(later, approved(ann, bob, sam), evident, with(func(f *policy.Facts) { f.Checks = f.Checks[:1] }))},
		{"copying", shop(later+time.Minute, abroad, approved(ann, bob, sam), with(func(f *policy.Facts) {
			f.Promotion.Copy = &promotion.Copy{
				StartedAt: monday.Add(later), Manifests: promotion.Count{All: 3}, Blobs: promotion.Count{Done: 3, All: 12},
				Bytes: promotion.Count{Done: 40_000_000, All: 104_900_000}, Sent: 31_000_000,
			}
		}))},
		{"copying refused", shop(later, abroad, approved(ann, bob, sam), with(func(f *policy.Facts) {
			f.Promotion.Copy = &promotion.Copy{StartedAt: monday.Add(later), Stuck: true, Fault: "the credentials may not tag production.example.com/team/shop (403 DENIED): check docker login, or the permissions of the account"}
		}))},
		{"promoted abroad", shop(later, abroad, approved(ann, bob, sam), ended(promotion.Promoted, ""), with(func(f *policy.Facts) {
			f.Promotion.Copy = &promotion.Copy{StartedAt: monday.Add(later), DoneAt: at(later), Attached: []promotion.Attachment{
				{Digest: other, Subject: build, Type: "cosign/sig"}, {Digest: former, Subject: build, Type: "application/spdx+json"}, {Digest: former, Subject: other, Type: "application/spdx+json"},
			}}
			f.Promotion.Moves = []promotion.Move{{Tag: "v1.4.2", Outcome: promotion.MoveDone, Found: build}, {Tag: "production", Outcome: promotion.MoveDone, Found: build}}
		}))},
		{"moved by somebody else", shop(later, drifted)},
		{"moved by somebody else, and gone", shop(later, drifted, with(func(f *policy.Facts) { f.Promotion.Targets[0].Now = "" }))},
		{"restored", shop(later, drifted, approved(ann, bob, sam), ended(promotion.Promoted, ""), with(func(f *policy.Facts) {
			f.Promotion.Moves = []promotion.Move{{Tag: "production", Outcome: promotion.MoveDone, Found: build}}
		}))},
		{"to be adopted", shop(later, drifted, with(func(f *policy.Facts) {
			f.Promotion.Purpose, f.Promotion.Digest, f.Promotion.Requester = promotion.Adopt, other, ann
		}))},
		{"executing", shop(later, approved(ann, bob, sam), with(func(f *policy.Facts) { f.Promotion.State, f.Promotion.StartedAt = promotion.Executing, at(later) }))},
		{"executing, registry down", shop(later, approved(ann, bob, sam), with(func(f *policy.Facts) {
			f.Promotion.State, f.Promotion.StartedAt, f.Promotion.ReadFault = promotion.Executing, at(later), "registry.example.com answers 503 Service Unavailable"
		}))},
		{"promoted", shop(later, approved(ann, bob, sam), ended(promotion.Promoted, ""), with(func(f *policy.Facts) {
			f.Promotion.Moves = []promotion.Move{{Tag: "v1.4.2", Outcome: promotion.MoveAlready, Found: build}, {Tag: "production", Outcome: promotion.MoveDone, Found: build}}
		}))},
		{"conflict", shop(later, approved(ann, bob, sam), ended(promotion.Conflicted, "production points at 0badcafe0bad, which nobody expected"), with(func(f *policy.Facts) {
			f.Promotion.Moves = []promotion.Move{{Tag: "v1.4.2", Outcome: promotion.MoveSkipped}, {Tag: "production", Outcome: promotion.MoveConflict, Found: other}}
		}))},
		{"failed", shop(later, approved(ann, bob, sam), ended(promotion.Failed, "the registry refuses to set tags: the credentials may only read"))},
		{"rejected", shop(later, approved(ann), ended(promotion.Rejected, "p99 > 2s <!channel> & rising"), with(func(f *policy.Facts) {
			f.Votes = append(f.Votes, promotion.Vote{Person: sam, Decision: promotion.Reject, Reason: f.Promotion.Reason, At: *at(50 * time.Hour)})
		}))},
		{"rejected and overtaken", shop(later, approved(ann), ended(promotion.Rejected, "it leaks"), with(func(f *policy.Facts) {
			f.Votes = append(f.Votes, promotion.Vote{Person: sam, Decision: promotion.Reject, Ground: promotion.OnSecurity, Reason: f.Promotion.Reason, At: *at(50 * time.Hour)})
			f.Promotion.EndedBy, f.Promotion.Successor = sam, 14
		}))},
		{"taken back", shop(later, approved(bob), with(func(f *policy.Facts) {
			f.Votes = append(f.Votes, promotion.Vote{Person: ann, Decision: promotion.Withdraw, At: *at(48 * time.Hour)},
				promotion.Vote{Person: sam, Decision: promotion.Reject, Ground: promotion.OnTiming, Reason: "not on a Friday", LiftedBy: ann, At: *at(48 * time.Hour)})
		}))},
		{"a choice of approvals", shop(later, choice, approved(ann))},
		{"a choice that was made", shop(later, choice, approved(ann, olga))},
		{"authors unknown", shop(later, choice, approved(ann), func(d *policy.Document, f *policy.Facts) {
			d.AuthorsCannotApprove = true
			f.Promotion.Image.Labels[promotion.LabelAuthors] = "Tom <tom@example.com>"
		})},
		{"expired", shop(later, choice, ended(promotion.Expired, "the request expired 2026-11-30 09:00:00 UTC"))},
		{"glass to break", shop(29*time.Hour, breakable, approved(ann))},
		{"glass broken and waiting", shop(29*time.Hour, breakable, broken, with(func(f *policy.Facts) {
			f.Source = policy.Look{Fault: "registry.example.com answers 503 Service Unavailable", Since: monday.Add(28 * time.Hour)}
		}))},
		{"glass broken for another policy", shop(29*time.Hour, breakable, broken, with(func(f *policy.Facts) { f.Promotion.PolicyHash = "another" }))},
		{"review due", shop(later, breakable, broken, ended(promotion.Promoted, ""))},
		{"review overdue", shop(later+24*time.Hour, breakable, broken, ended(promotion.Promoted, ""))},
		{"reviewed", shop(later, breakable, broken, ended(promotion.Promoted, ""), with(func(f *policy.Facts) {
			f.Promotion.Broken.Review = &promotion.Review{By: sam, At: *at(50 * time.Hour), Fine: false, Note: "a freeze <!here> was enough"}
		}))},
		{"superseded", shop(later, ended(promotion.Superseded, ""), with(func(f *policy.Facts) {
			f.Promotion.Successor, f.SuccessorLink = 13, "https://example.slack.com/archives/C1/p1795597200000100"
		}))},
		{"superseded, by what has no card yet", shop(later, ended(promotion.Superseded, ""), with(func(f *policy.Facts) { f.Promotion.Successor = 13 }))},
		{"displaced by the configuration", shop(later, ended(promotion.Superseded, "the configuration does not lead shop from staging to production any more"))},
	}
}

// storefront is a train of two apps that was asked for on monday, and what its
// policy says d later.
func storefront(d time.Duration, changes ...func(*policy.Document, *policy.Facts)) policy.View {
	return train([]string{"shop", "cart"}, d, changes...)
}

func train(apps []string, d time.Duration, changes ...func(*policy.Document, *policy.Facts)) policy.View {
	coupled := func(doc *policy.Document, f *policy.Facts) {
		doc.OnFailure = promotion.TakeBack
		var rides []*promotion.Promotion
		for i, app := range apps {
			r := shop(d).Facts
			p := &r.Promotion
			p.ID, p.Purpose, p.Train, p.App, p.Requester, p.Card = promotion.ID(21+i), promotion.Ride, 20, app, eve, promotion.Card{}
			p.Repository, p.Destination = promotion.Repository("registry.example.com/team/"+app), promotion.Repository("registry.example.com/team/"+app)
			if i > 0 {
				p.Digest = other
			}
			f.Rides = append(f.Rides, policy.Facts{Promotion: r.Promotion, Presence: r.Presence})
			rides = append(rides, p)
		}
		f.Promotion = promotion.Promotion{
			ID: 20, Purpose: promotion.Train, App: "storefront", From: "staging", To: "production", Digest: promotion.Consist(rides), Requester: eve,
			State: promotion.Open, Revision: 4, Targets: promotion.Coupled(rides), ObservedAt: monday, OpenedAt: monday, Card: promotion.Card{Channel: "C1", TS: "1.1", Revision: 3},
		}
		f.Presence = nil
	}
	return shop(d, append([]func(*policy.Document, *policy.Facts){coupled}, changes...)...)
}

// rode ends a ride.
func rode(i int, s promotion.State, reason string) func(*policy.Document, *policy.Facts) {
	return func(d *policy.Document, f *policy.Facts) {
		ended(s, reason)(d, &f.Rides[i])
	}
}

func trains() []named {
	return []named{
		{"train just asked for", storefront(time.Second, with(func(f *policy.Facts) {
			f.Promotion.Targets, f.Promotion.Card = nil, promotion.Card{Channel: "C1"}
			for i := range f.Rides {
				f.Rides[i].Promotion.Image, f.Rides[i].Promotion.Targets = nil, nil
			}
		}))},
		{"train soaking", storefront(29*time.Hour, with(func(f *policy.Facts) { f.Rides[1].Presence[0].From = monday.Add(3 * time.Hour) }))},
		{"train waiting for approvals", storefront(later)},
		{"train of which an app left staging", storefront(later, approved(ann), with(func(f *policy.Facts) { f.Rides[1].Presence[0].Until = at(5 * time.Hour) }))},
		{"train blocked by a newer build", storefront(later, approved(ann), with(func(f *policy.Facts) { f.Rides[1].Newer = &promotion.Promotion{ID: 25, Digest: former} }))},
		{"train whose vote was for another production", storefront(later, approved(ann), with(func(f *policy.Facts) {
			f.Rides[1].Promotion.Targets[1].Now, f.Promotion.Targets[3].Now = build, build
		}))},
		{"train copying", storefront(later+time.Minute, approved(ann, bob, sam), with(func(f *policy.Facts) {
			f.Rides[1].Promotion.Destination = "production.example.com/cart"
			f.Rides[1].Promotion.Copy = &promotion.Copy{StartedAt: monday.Add(later), Blobs: promotion.Count{Done: 3, All: 12}, Bytes: promotion.Count{Done: 40_000_000, All: 104_900_000}}
		}))},
		{"train executing", storefront(later, approved(ann, bob, sam), with(func(f *policy.Facts) {
			f.Promotion.State, f.Promotion.StartedAt = promotion.Executing, at(later)
			f.Rides[0].Promotion.State, f.Rides[0].Promotion.Moves = promotion.Executing, []promotion.Move{{Tag: "production", Outcome: promotion.MoveDone}}
			f.Rides[1].Promotion.State, f.Rides[1].Promotion.ReadFault = promotion.Executing, "registry.example.com answers 503 Service Unavailable"
		}))},
		{"train promoted", storefront(later, approved(ann, bob, sam), ended(promotion.Promoted, ""), rode(0, promotion.Promoted, ""), rode(1, promotion.Promoted, ""))},
		{"train taken back", storefront(later, approved(ann, bob, sam),
			ended(promotion.Failed, "shop: it was taken back; cart: production points at 0badcafe0bad; it was expected to point at 9e8d7c6b9e8d; promoted: nothing"),
			rode(0, promotion.Failed, "it was taken back"), rode(1, promotion.Conflicted, "production points at 0badcafe0bad; it was expected to point at 9e8d7c6b9e8d"))},
		{"superseded by a train", shop(later, ended(promotion.Superseded, "it goes with the train storefront"), with(func(f *policy.Facts) { f.Promotion.Successor = 20 }))},
	}
}
