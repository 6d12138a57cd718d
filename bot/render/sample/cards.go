package sample

import (
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Later is after the soak.
const Later = 49 * time.Hour

// All are all of them, in the order in which a promotion comes by them.
func All() []State { return slices.Concat(States(), Deployments(), Stops(), Rollbacks(), Trains()) }

// States are those of one app by itself.
func States() []State {
	return []State{
		{"just noticed", Shop(time.Second, With(func(f *policy.Facts) {
			f.Promotion.Image, f.Promotion.Targets, f.Promotion.Card = nil, nil, promotion.Card{Channel: "C1"}
		}))},
		{"soaking, first post", Shop(time.Minute, With(func(f *policy.Facts) { f.Promotion.Card = promotion.Card{Channel: "C1"} }))},
		{"soaking", Shop(29 * time.Hour)},
		{"loses a platform", Shop(29*time.Hour, With(func(f *policy.Facts) {
			f.Promotion.Image.Platforms = []string{"linux/amd64", "linux/s390x"}
			f.Promotion.Image.Labels[promotion.LabelBaseName], f.Promotion.Image.Labels[promotion.LabelBaseDigest] = "docker.io/library/debian:13-slim", string(Build)
		}))},
		{"what is replaced is being read", Shop(time.Minute, With(func(f *policy.Facts) { f.Promotion.Former.Image = nil }))},
		{"what is replaced can't be read", Shop(29*time.Hour, With(func(f *policy.Facts) {
			f.Promotion.Former = &promotion.Former{Digest: Former, Fault: "registry.example.com answers 503 Service Unavailable"}
		}))},
		{"the first of its kind", Shop(29*time.Hour, With(func(f *policy.Facts) { f.Promotion.Targets[1].Now = "" }))},
		{"both tell little", Shop(29*time.Hour, With(func(f *policy.Facts) {
			for _, i := range []*promotion.Image{f.Promotion.Image, f.Promotion.Former.Image} {
				i.Labels, i.Created, i.Platforms, i.Of = nil, nil, nil, ""
			}
		}))},
		{"soaking, approved", Shop(29*time.Hour, Approved(Ann, Bob, Sam))},
		{"soaking, goes by itself", Shop(29*time.Hour, automatic)},
		{"blocked, and would go by itself", Shop(Later, automatic, With(func(f *policy.Facts) { f.Promotion.Targets[0].Now = Other }))},
		{"first of a queue", Shop(Later, queue)},
		{"waiting in a queue", Shop(Later, queue, Approved(Ann), behind)},
		{"soaking in a queue", Shop(29*time.Hour, queue, Approved(Ann, Bob, Sam), behind)},
		{"riding", Shop(29*time.Hour, oldest)},
		{"waiting for the one that rides", Shop(Later, oldest, behind)},
		{"kept beside newer ones", Shop(Later, func(d *policy.Document, _ *policy.Facts) { d.Supersede = policy.Keep })},
		{"replaced while it waited", Shop(Later, oldest, Ended(promotion.Superseded, "#5 keeps maturing, and of the builds that wait for it only the newest does"), With(func(f *policy.Facts) { f.Promotion.Successor = 13 }))},
		{"ready, the way back is being read", Shop(Later, Approved(Ann, Bob, Sam), With(func(f *policy.Facts) { f.Promotion.WayBack = &promotion.WayBack{} }))},
		{"blocked because the way back is gone", Shop(Later, Approved(Ann, Bob, Sam), With(func(f *policy.Facts) {
			f.Promotion.WayBack = &promotion.WayBack{Repository: f.Promotion.Destination, Digests: []promotion.Digest{Former}, ReadAt: At(Later), Proof: promotion.Proof{Manifests: 2, Missing: "the manifest 0123456789ab is gone"}}
		}))},
		{"without the plan that is asked for", Shop(Later, asksForAPlan)},
		{"with a plan", Shop(Later, asksForAPlan, With(func(f *policy.Facts) {
			f.Promotion.Plan = "Back to *v1*, then <https://wiki.example.com|undo> the migration."
		}), Approved(Ann))},
		{"waiting for approvals", Shop(Later)},
		{"partially approved", Shop(Later, Approved(Ann))},
		{"vote discounted because the tag moved", Shop(Later, Approved(Ann), With(func(f *policy.Facts) { f.Promotion.Targets[1].Now = Other }))},
		{"vote discounted for lack of role", Shop(Later, Approved(Eve, Ann))},
		{"requested by an approver", Shop(Later, With(func(f *policy.Facts) { f.Promotion.Requester, f.Promotion.SourceTag = Ann, "" }))},
		{"ready", Shop(Later, Approved(Ann, Bob, Sam))},
		{"ready, approvers read again", Shop(Later, Approved(Ann, Bob, Sam), With(func(f *policy.Facts) {
			f.People[Ann] = promotion.Person{ID: Ann, Name: "Ann", Standing: promotion.Member, ReadAt: Monday}
		}))},
		{"waiting its turn", Shop(Later, Approved(Ann, Bob, Sam), With(func(f *policy.Facts) { f.Executing = 11 }))},
		{"blocked by a version tag", Shop(Later, With(func(f *policy.Facts) { f.Promotion.Targets[0].Now = Other }))},
		{"blocked by a newer build", Shop(Later, With(func(f *policy.Facts) { f.Newer = &promotion.Promotion{ID: 14, Digest: Other} }))},
		{"blocked without a policy", Shop(Later, func(d *policy.Document, _ *policy.Facts) { *d = policy.Document{} })},
		{"registry down", Shop(29*time.Hour, With(func(f *policy.Facts) {
			f.Source = policy.Look{Fault: "registry.example.com answers 503 Service Unavailable", Since: Monday.Add(28 * time.Hour)}
		}))},
		{"user group unreadable", Shop(Later, With(func(f *policy.Facts) {
			f.Rosters["security"] = promotion.Roster{Role: "security", Groups: []promotion.GroupID{"S1"}, Fault: "user groups need a paid Slack plan: name people instead"}
		}))},
		{"left staging", Shop(29*time.Hour, With(func(f *policy.Facts) { f.Presence[0].Until = At(5 * time.Hour) }))},
		{"soaking with evidence", Shop(29*time.Hour, evident)},
		{"waiting for evidence", Shop(Later, Approved(Ann, Bob, Sam), evident, With(func(f *policy.Facts) { f.Checks = f.Checks[:1] }))},
		{"copying", Shop(Later+time.Minute, Abroad, Approved(Ann, Bob, Sam), With(func(f *policy.Facts) {
			f.Promotion.Copy = &promotion.Copy{
				StartedAt: Monday.Add(Later), Manifests: promotion.Count{All: 3}, Blobs: promotion.Count{Done: 3, All: 12},
				Bytes: promotion.Count{Done: 40_000_000, All: 104_900_000}, Sent: 31_000_000,
			}
		}))},
		{"copying refused", Shop(Later, Abroad, Approved(Ann, Bob, Sam), With(func(f *policy.Facts) {
			f.Promotion.Copy = &promotion.Copy{StartedAt: Monday.Add(Later), Stuck: true, Fault: "the credentials may not tag production.example.com/team/shop (403 DENIED): check docker login, or the permissions of the account"}
		}))},
		{"promoted abroad", Shop(Later, Abroad, Approved(Ann, Bob, Sam), Ended(promotion.Promoted, ""), With(func(f *policy.Facts) {
			f.Promotion.Copy = &promotion.Copy{StartedAt: Monday.Add(Later), DoneAt: At(Later), Attached: []promotion.Attachment{
				{Digest: Other, Subject: Build, Type: "cosign/sig"}, {Digest: Former, Subject: Build, Type: "application/spdx+json"}, {Digest: Former, Subject: Other, Type: "application/spdx+json"},
			}}
			f.Promotion.Moves = []promotion.Move{{Tag: "v1.4.2", Outcome: promotion.MoveDone, Found: Build}, {Tag: "production", Outcome: promotion.MoveDone, Found: Build}}
		}))},
		{"moved by somebody else", Shop(Later, drifted)},
		{"moved by somebody else, and gone", Shop(Later, drifted, With(func(f *policy.Facts) { f.Promotion.Targets[0].Now = "" }))},
		{"restored", Shop(Later, drifted, Approved(Ann, Bob, Sam), Ended(promotion.Promoted, ""), With(func(f *policy.Facts) {
			f.Promotion.Moves = []promotion.Move{{Tag: "production", Outcome: promotion.MoveDone, Found: Build}}
		}))},
		{"to be adopted", Shop(Later, drifted, With(func(f *policy.Facts) {
			f.Promotion.Purpose, f.Promotion.Digest, f.Promotion.Requester = promotion.Adopt, Other, Ann
		}))},
		{"executing", Shop(Later, Approved(Ann, Bob, Sam), With(func(f *policy.Facts) { f.Promotion.State, f.Promotion.StartedAt = promotion.Executing, At(Later) }))},
		{"executing, registry down", Shop(Later, Approved(Ann, Bob, Sam), With(func(f *policy.Facts) {
			f.Promotion.State, f.Promotion.StartedAt, f.Promotion.ReadFault = promotion.Executing, At(Later), "registry.example.com answers 503 Service Unavailable"
		}))},
		{"promoted", Shop(Later, Approved(Ann, Bob, Sam), Ended(promotion.Promoted, ""), With(func(f *policy.Facts) {
			f.Promotion.Moves = []promotion.Move{{Tag: "v1.4.2", Outcome: promotion.MoveAlready, Found: Build}, {Tag: "production", Outcome: promotion.MoveDone, Found: Build}}
		}))},
		{"conflict", Shop(Later, Approved(Ann, Bob, Sam), Ended(promotion.Conflicted, "production points at 0badcafe0bad, which nobody expected"), With(func(f *policy.Facts) {
			f.Promotion.Moves = []promotion.Move{{Tag: "v1.4.2", Outcome: promotion.MoveSkipped}, {Tag: "production", Outcome: promotion.MoveConflict, Found: Other}}
		}))},
		{"failed", Shop(Later, Approved(Ann, Bob, Sam), Ended(promotion.Failed, "the registry refuses to set tags: the credentials may only read"))},
		{"rejected", Shop(Later, Approved(Ann), Ended(promotion.Rejected, "p99 > 2s <!channel> & rising"), With(func(f *policy.Facts) {
			f.Votes = append(f.Votes, promotion.Vote{Person: Sam, Decision: promotion.Reject, Reason: f.Promotion.Reason, At: *At(50 * time.Hour)})
		}))},
		{"rejected and overtaken", Shop(Later, Approved(Ann), Ended(promotion.Rejected, "it leaks"), With(func(f *policy.Facts) {
			f.Votes = append(f.Votes, promotion.Vote{Person: Sam, Decision: promotion.Reject, Ground: promotion.OnSecurity, Reason: f.Promotion.Reason, At: *At(50 * time.Hour)})
			f.Promotion.EndedBy, f.Promotion.Successor = Sam, 14
		}))},
		{"taken back", Shop(Later, Approved(Bob), With(func(f *policy.Facts) {
			f.Votes = append(f.Votes, promotion.Vote{Person: Ann, Decision: promotion.Withdraw, At: *At(48 * time.Hour)},
				promotion.Vote{Person: Sam, Decision: promotion.Reject, Ground: promotion.OnTiming, Reason: "not on a Friday", LiftedBy: Ann, At: *At(48 * time.Hour)})
		}))},
		{"a choice of approvals", Shop(Later, Choice, Approved(Ann))},
		{"a choice that was made", Shop(Later, Choice, Approved(Ann, Olga))},
		{"provenance that does not count", Shop(Later, Approved(Ann), proved)},
		{"provenance is missing", Shop(Later, Approved(Ann, Bob, Sam), proved, With(func(f *policy.Facts) { f.Promotion.Provenance.Found.Refused = nil }))},
		{"provenance is being read", Shop(Later, Approved(Ann, Bob, Sam), proved, With(func(f *policy.Facts) { f.Promotion.Provenance = nil }))},
		{"provenance can't be read", Shop(Later, Approved(Ann, Bob, Sam), proved, With(func(f *policy.Facts) {
			f.Promotion.Provenance.ReadAt, f.Promotion.Provenance.Fault = nil, "registry.example.com answers 503 Service Unavailable"
		}))},
		{"authors unknown", Shop(Later, Choice, Approved(Ann), func(d *policy.Document, f *policy.Facts) {
			d.AuthorsCannotApprove = true
			f.Promotion.Image.Labels[promotion.LabelAuthors] = "Tom <tom@example.com>"
		})},
		{"expired", Shop(Later, Choice, Ended(promotion.Expired, "the request expired 2026-11-30 09:00:00 UTC"))},
		{"glass to break", Shop(29*time.Hour, breakable, Approved(Ann))},
		{"glass broken and waiting", Shop(29*time.Hour, breakable, Broken, With(func(f *policy.Facts) {
			f.Source = policy.Look{Fault: "registry.example.com answers 503 Service Unavailable", Since: Monday.Add(28 * time.Hour)}
		}))},
		{"glass broken for another policy", Shop(29*time.Hour, breakable, Broken, With(func(f *policy.Facts) { f.Promotion.PolicyHash = "another" }))},
		{"review due", Shop(Later, breakable, Broken, Ended(promotion.Promoted, ""))},
		{"review overdue", Shop(Later+24*time.Hour, breakable, Broken, Ended(promotion.Promoted, ""))},
		{"reviewed", Shop(Later, breakable, Broken, Ended(promotion.Promoted, ""), With(func(f *policy.Facts) {
			f.Promotion.Broken.Review = &promotion.Review{By: Sam, At: *At(50 * time.Hour), Fine: false, Note: "a freeze <!here> was enough"}
		}))},
		{"superseded", Shop(Later, Ended(promotion.Superseded, ""), With(func(f *policy.Facts) {
			f.Promotion.Successor, f.SuccessorLink = 13, "https://example.slack.com/archives/C1/p1795597200000100"
		}))},
		{"superseded, by what has no card yet", Shop(Later, Ended(promotion.Superseded, ""), With(func(f *policy.Facts) { f.Promotion.Successor = 13 }))},
		{"displaced by the configuration", Shop(Later, Ended(promotion.Superseded, "the configuration does not lead shop from staging to production any more"))},
	}
}
