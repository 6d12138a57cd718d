package render_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/fixtures/slack/blockkit"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// limits of Slack by the path at which a text stands in the JSON, in
// characters (docs.slack.dev/reference/block-kit). They are written down here
// a second time, on purpose: the fake Slack's validator has its own.
var limits = []struct {
	path *regexp.Regexp
	most int
}{
	{regexp.MustCompile(`/header/text/text$`), 150},
	{regexp.MustCompile(`/section/text/text$`), 3000},
	{regexp.MustCompile(`/fields/text$`), 2000},
	{regexp.MustCompile(`/confirm/title/text$`), 100},
	{regexp.MustCompile(`/confirm/text/text$`), 300},
	{regexp.MustCompile(`/confirm/(confirm|deny)/text$`), 30},
	{regexp.MustCompile(`/button/text/text$`), 75},
	{regexp.MustCompile(`/button/value$`), 2000},
	{regexp.MustCompile(`/action_id$|/block_id$|/callback_id$`), 255},
	{regexp.MustCompile(`/input/(label|hint)/text$`), 2000},
	{regexp.MustCompile(`/placeholder/text$`), 150},
	{regexp.MustCompile(`^/(title|submit|close)/text$`), 24},
	{regexp.MustCompile(`^/private_metadata$`), 3000},
	{regexp.MustCompile(`/context/elements/text$`), 3000},
}

// counts are the most things in a list, by its path.
var counts = map[string]int{"/blocks": 50, "/blocks/section/fields": 10, "/blocks/context/elements": 10, "/blocks/actions/elements": 25}

// walk visits every string of a JSON document; objects with a type are named by
// it in the path.
func walk(path string, v any, visit func(path, s string), list func(path string, n int)) {
	switch v := v.(type) {
	case string:
		visit(path, v)
	case []any:
		list(path, len(v))
		for _, e := range v {
			p := path
			if o, ok := e.(map[string]any); ok {
				if kind, _ := o["type"].(string); kind != "mrkdwn" && kind != "plain_text" {
					p += "/" + kind
				}
			}
			walk(p, e, visit, list)
		}
	case map[string]any:
		for key, e := range v {
			walk(path+"/"+key, e, visit, list)
		}
	}
}

// control is everything that may begin with < in what we send.
var control = regexp.MustCompile(`^<(@[UW][A-Z0-9]{1,30}|!date\^-?\d+\^[{}a-z_ ]+\|[-0-9: UTC]+|https://[^<>|\s]+\|([0-9a-f]{7,12}|report|compare|more|#\d+))>`)

// entity is every escape there is.
var entity = regexp.MustCompile(`^&(amp|lt|gt);`)

type failing interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// harmless fails on a control sequence or escape that is not whole or not one
// of ours, and on a code span without an end.
func harmless(t failing, where, s string) {
	t.Helper()
	for i, r := range s {
		switch {
		case r == '<' && !control.MatchString(s[i:]):
			t.Errorf("%s: a control sequence that is not ours, or is cut: %.60q", where, s[i:])
		case r == '&' && !entity.MatchString(s[i:]):
			t.Errorf("%s: half an escape: %.20q", where, s[i:])
		case r != '\n' && unicode.IsControl(r), r == '\u202e', r == '\u2066', r == utf8.RuneError && !strings.Contains(s[i:], "\uFFFD"):
			t.Errorf("%s: %U", where, r)
		}
	}
	for line := range strings.SplitSeq(s, "\n") {
		if strings.Count(line, "`")%2 != 0 {
			t.Errorf("%s: a code span without an end: %.200q", where, line)
		}
	}
}

func tree(t failing, v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%v", err)
	}
	var doc any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatalf("%v", err)
	}
	return doc
}

func checked(t failing, what string, doc any, blocks int) {
	t.Helper()
	ids := map[string]bool{}
	walk("", doc, func(path, s string) {
		for _, l := range limits {
			if n := utf8.RuneCountInString(s); l.path.MatchString(path) && n > l.most {
				t.Errorf("%s: %d characters at %s, %d are allowed", what, n, path, l.most)
			}
		}
		if strings.HasSuffix(path, "/block_id") {
			if ids[s] {
				t.Errorf("%s: block_id %q twice", what, s)
			}
			ids[s] = true
		}
		if strings.HasSuffix(path, "/text") && s == "" {
			t.Errorf("%s: nothing at %s", what, path)
		}
		if strings.HasPrefix(path, "/blocks/section") || strings.HasPrefix(path, "/blocks/context") {
			if strings.HasSuffix(path, "/text") {
				harmless(t, what+path, s)
			}
		}
	}, func(path string, n int) {
		most := counts[path]
		if path == "/blocks" {
			most = blocks
		}
		if most > 0 && n > most {
			t.Errorf("%s: %d things at %s, %d are allowed", what, n, path, most)
		}
	})
}

func checkMessage(t failing, what string, m render.Message) {
	t.Helper()
	if n := utf8.RuneCountInString(m.Text); n == 0 || n > 4000 {
		t.Errorf("%s: a text of %d characters", what, n)
	}
	harmless(t, what+" text", m.Text)
	if len(m.Blocks) == 0 {
		t.Errorf("%s: no blocks", what)
	}
	checked(t, what, tree(t, map[string]any{"blocks": m.Blocks}), 50)
	raw, err := json.Marshal(m.Blocks)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if _, problems := blockkit.Message(raw); len(problems) > 0 {
		t.Errorf("%s: Slack would say %q", what, problems)
	}
}

// checkView is for modals and homes.
func checkView(t failing, what string, view any) {
	t.Helper()
	checked(t, what, tree(t, view), 100)
	raw, err := json.Marshal(view)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if _, problems := blockkit.View(raw); len(problems) > 0 {
		t.Errorf("%s: Slack would say %q", what, problems)
	}
	if n := len(raw); n > 250_000 {
		t.Errorf("%s: %d bytes, 250 kB are allowed", what, n)
	}
}

// checkAll renders everything that there is of a view.
func checkAll(t failing, v policy.View) {
	t.Helper()
	p := v.Facts.Promotion
	checkMessage(t, "card", render.Card(v))
	checkMessage(t, "show", render.Show(v))
	checkMessage(t, "why", render.Why(v))
	checkMessage(t, "list", render.List(slices.Repeat([]policy.View{v}, 15), render.Pages{}))
	checkMessage(t, "history", render.History(slices.Repeat([]promotion.Promotion{p}, 30), slices.Repeat([]promotion.Withdrawal{{App: p.App, Digest: p.Digest, By: p.Requester, Reason: p.Reason}}, 3), render.Pages{}))
	views, past := slices.Repeat([]policy.View{v}, 12), slices.Repeat([]promotion.Promotion{p}, 12)
	checkMessage(t, "digest", render.Digest(policy.Digest{Failing: views, RolledBack: past, Waiting: views, Soaking: views, Open: views, Overdue: views, Promoted: past, PutBack: past, Ended: past, Figures: promotion.Figures{Environment: p.To, Promoted: 1}}))
	wants := append(v.Wants(), policy.Want{Kind: policy.WantAnybody, Role: p.Reason, Since: &v.At, Who: []promotion.PersonID{sample.Sam}})
	checkMessage(t, "reminder", render.Reminder(policy.Reminder{Items: slices.Repeat([]policy.Reminded{{View: v, Wants: wants}}, 12)}))
	freeze := promotion.Freeze{By: promotion.PersonID(p.App), Reason: p.Reason, Until: &v.At}
	did := promotion.Decided{Answer: promotion.Answer{Verb: promotion.Counted, App: p.App, Digest: p.Digest, Check: p.Reason, Deed: promotion.GestureKind(p.SourceTag)}}
	app := policy.AppStatus{App: p.App, Repository: p.Repository, Freezes: slices.Repeat([]promotion.Freeze{freeze}, 20)}
	if p.Broken != nil {
		app.Unreviewed = past
	}
	checkView(t, "home", render.Home(policy.Home{
		Known: true, At: v.At, Waiting: views, Asked: views, Apps: slices.Repeat([]policy.AppStatus{app}, 12), MoreApps: 30,
		Freezes: slices.Repeat([]promotion.Freeze{freeze}, 30), Decisions: slices.Repeat([]promotion.Decided{did}, 10),
	}))
	checkView(t, "home of a stranger", render.Home(policy.Home{Known: true, Refusal: p.Reason}))
	checkView(t, "details", render.Details(v))
	checkView(t, "glass", render.GlassModal(v, "C0123456789", "1795424400.000100", p.Reason))
	checkView(t, "review", render.ReviewModal(v, "C0123456789", "1795424400.000100"))
	checkView(t, "keep", render.KeepModal(v, "C0123456789", "1795424400.000100"))
	checkView(t, "reject", render.RejectModal(v, "C0123456789", "1795424400.000100"))
	if render.Returnable(v) {
		checkView(t, "rollback", render.RollbackModal(v, "C0123456789", "1795424400.000100"))
	}
	checkMessage(t, "figures", render.Figures(p.App, slices.Repeat([]promotion.Figures{{Environment: p.To, Promoted: 1}}, 3)...))
	for _, kind := range []promotion.NoticeKind{
		promotion.NoticeRolledBack, promotion.NoticeWithdrawn, promotion.NoticeReinstated, promotion.NoticeHeld,
		promotion.NoticeSoaked, promotion.NoticeVote, promotion.NoticeExecuting, promotion.NoticeEnded, promotion.NoticeReminder, promotion.NoticeSuperseded, promotion.NoticeSigned,
		promotion.NoticeBroken, promotion.NoticeReviewed, promotion.NoticeReview, promotion.NoticeFailing, promotion.NoticeRetried,
	} {
		for _, d := range []promotion.Decision{promotion.Approve, promotion.Reject} {
			checkMessage(t, "notice "+string(kind), render.Notice(promotion.NoticeWork{Kind: kind, Person: p.Requester, Decision: d, Reason: p.Reason, App: p.App, Check: p.SourceTag}, v))
		}
	}
}

func TestEveryStateKeepsTheLimits(t *testing.T) {
	for _, s := range sample.All() {
		t.Run(s.Name, func(t *testing.T) { checkAll(t, s.View) })
	}
}

// hostile are texts that somebody who can set a tag, a label or a name would
// try. The long ones pass 3,000 characters, the most that a text of a block takes
// (docs.slack.dev/reference/block-kit/composition-objects/text-object).
var hostile = []string{
	"", "<!channel>", "<http://evil.example|Approve>", "`<@U0000ANN>`", "a\u202eb\u2066c", "x\ny\n> z", "```", "&amp;&lt;", "<<<>>>|||", "\xff\xfe", strings.Repeat("&", 3_100),
	strings.Repeat("`", 3_100), strings.Repeat("<!here>", 450), strings.Repeat("🚢", 3_100), strings.Repeat("word ", 620), "2026-11-23 09:00:00 UTC", strings.Repeat("2026-11-23 09:00:00 UTC ", 135),
	"https://github.com/a|b>/c", "https://u:p@github.com/a/b", "javascript:alert(1)", "https://forge.example/a b/<c>", "0123456789abcdef0123456789abcdef01234567", strings.Repeat("f", 3_100),
	"https://github.com/a/b?x=1&y=<2>", "https://forge.example/" + strings.Repeat("a&", 300),
}

func drawImage(t *rapid.T, text *rapid.Generator[string], maybe *rapid.Generator[*time.Time]) *promotion.Image {
	i := &promotion.Image{
		MediaType: text.Draw(t, "media type"), Of: text.Draw(t, "of"), Size: rapid.Int64Min(0).Draw(t, "size"), Platforms: rapid.SliceOfN(text, 0, 80).Draw(t, "platforms"), Created: maybe.Draw(t, "created"),
		Labels: rapid.MapOfN(text, text, 0, 20).Draw(t, "labels"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "layers") {
		i.Layers = append(i.Layers, promotion.Layer{Digest: rapid.SampledFrom([]promotion.Digest{sample.Build, sample.Former, sample.Other}).Draw(t, "layer")})
	}
	for _, label := range []string{promotion.LabelSource, promotion.LabelRevision, promotion.LabelVersion, promotion.LabelBaseName, promotion.LabelBaseDigest} {
		i.Labels[label] = text.Draw(t, label)
	}
	return i
}

func drawView(t *rapid.T) policy.View {
	text := rapid.OneOf(rapid.SampledFrom(hostile), rapid.String())
	person := rapid.Custom(func(t *rapid.T) promotion.PersonID {
		if n := rapid.IntRange(0, 9).Draw(t, "kind of id"); n == 0 {
			return promotion.PersonID(text.Draw(t, "id"))
		}
		return promotion.PersonID(fmt.Sprintf("U%08d", rapid.IntRange(1, 60).Draw(t, "person")))
	})
	digest := rapid.Custom(func(t *rapid.T) promotion.Digest {
		if n := rapid.IntRange(0, 4).Draw(t, "kind of digest"); n == 0 {
			return promotion.Digest(text.Draw(t, "digest"))
		}
		return rapid.SampledFrom([]promotion.Digest{sample.Build, sample.Former, sample.Other, ""}).Draw(t, "digest")
	})
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return sample.Monday.Add(time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "moment")))
	})
	maybe := rapid.Ptr(moment, true)
	p := promotion.Promotion{
		ID: promotion.ID(rapid.Int64Min(1).Draw(t, "number")), App: text.Draw(t, "app"), From: text.Draw(t, "from"), To: text.Draw(t, "to"),
		Repository: promotion.Repository(text.Draw(t, "repository")), Digest: digest.Draw(t, "digest"), SourceTag: text.Draw(t, "source tag"), Requester: person.Draw(t, "requester"),
		State: rapid.SampledFrom([]promotion.State{
			promotion.Open, promotion.Open, promotion.Open, promotion.Executing, promotion.Deploying, promotion.Watching, promotion.Failing, promotion.Promoted, promotion.Conflicted, promotion.Failed, promotion.Rejected, promotion.Superseded, promotion.Expired, "another",
		}).Draw(t, "state"),
		Reason: text.Draw(t, "reason"), Revision: rapid.Int64().Draw(t, "revision"), PlanFault: text.Draw(t, "plan fault"), ReadFault: text.Draw(t, "read fault"),
		ObservedAt: moment.Draw(t, "observed"), StartedAt: maybe.Draw(t, "started"), FinishedAt: maybe.Draw(t, "finished"), MovedAt: maybe.Draw(t, "moved"), WatchUntil: maybe.Draw(t, "watched"), EndedBy: person.Draw(t, "ended by"),
		Card: promotion.Card{TS: rapid.SampledFrom([]string{"", "1.1"}).Draw(t, "ts")},
	}
	if rapid.Bool().Draw(t, "image read") {
		p.Image = drawImage(t, text, maybe)
	}
	if rapid.Bool().Draw(t, "former known") {
		p.Former = &promotion.Former{Digest: digest.Draw(t, "former"), Fault: text.Draw(t, "former fault")}
		if rapid.Bool().Draw(t, "former read") {
			p.Former.Image = drawImage(t, text, maybe)
		}
	}
	for range rapid.SampledFrom([]int{0, 1, 2, 7, 80}).Draw(t, "targets") {
		target := promotion.Target{Tag: text.Draw(t, "tag"), Floating: rapid.Bool().Draw(t, "floating"), Now: digest.Draw(t, "now"), ReadAt: maybe.Draw(t, "read")}
		p.Targets = append(p.Targets, target)
		outcome := rapid.SampledFrom([]promotion.MoveOutcome{promotion.MoveDone, promotion.MoveAlready, promotion.MoveConflict, promotion.MoveSkipped}).Draw(t, "outcome")
		p.Moves = append(p.Moves, promotion.Move{Tag: target.Tag, Outcome: outcome, Found: digest.Draw(t, "found")})
	}
	f := policy.Facts{
		Promotion: p, Rosters: map[string]promotion.Roster{}, People: map[promotion.PersonID]promotion.Person{},
		Presence: []promotion.Interval{{From: p.ObservedAt, Until: maybe.Draw(t, "left")}}, Executing: promotion.ID(rapid.Int64Range(0, 1).Draw(t, "executing")),
	}
	for range rapid.SampledFrom([]int{0, 1, 2, 30}).Draw(t, "deployments") {
		f.Deployments = append(f.Deployments, promotion.Deployment{
			Order: promotion.Order{Target: text.Draw(t, "target"), OrderedAt: moment.Draw(t, "ordered"), Deadline: moment.Draw(t, "deadline")},
			Rollout: promotion.Rollout{
				Phase: rapid.SampledFrom([]promotion.RolloutPhase{promotion.RolloutPlanned, promotion.RolloutOrdered, promotion.RolloutAsked, promotion.RolloutUnder, promotion.RolloutDone, promotion.RolloutFailed}).Draw(t, "phase"),
				Ready: rapid.IntRange(0, 9).Draw(t, "ready"), Total: rapid.IntRange(0, 9).Draw(t, "total"), Detail: text.Draw(t, "detail"), URL: text.Draw(t, "url"), Lines: rapid.SliceOfN(text, 0, 20).Draw(t, "lines"),
			},
			Fault: text.Draw(t, "fault"), EndedAt: maybe.Draw(t, "done"),
		})
	}
	if rapid.Bool().Draw(t, "source down") {
		f.Source = policy.Look{Fault: text.Draw(t, "source fault"), Since: sample.Monday}
	}
	f.Promotion.Successor, f.SuccessorLink = promotion.ID(rapid.Int64Range(0, 2).Draw(t, "successor")), text.Draw(t, "successor's card")
	d := policy.Document{Name: text.Draw(t, "policy"), Soak: time.Duration(rapid.Int64Min(0).Draw(t, "soak"))}
	for range rapid.IntRange(0, 6).Draw(t, "requirements") {
		r := promotion.Roster{Role: text.Draw(t, "role"), Members: rapid.SliceOfN(person, 0, 60).Draw(t, "members"), Fault: text.Draw(t, "group fault")}
		f.Rosters[r.Role] = r
		d.Approvals = append(d.Approvals, policy.Requirement{Role: r.Role, Count: rapid.IntRange(1, 4).Draw(t, "count")})
		for _, id := range r.Members {
			f.People[id] = promotion.Person{ID: id, Name: text.Draw(t, "name"), Standing: promotion.Member, ReadAt: sample.Monday}
		}
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 20}).Draw(t, "checks") {
		c := policy.Check{Name: text.Draw(t, "check"), Advisory: rapid.Bool().Draw(t, "advisory")}
		if rapid.Bool().Draw(t, "reviewed") && len(d.Approvals) > 0 {
			c.ReviewedBy = d.Approvals[0].Role
		}
		d.Checks = append(d.Checks, c)
		f.Checks = append(f.Checks, promotion.Check{
			Name: c.Name, Status: rapid.SampledFrom([]promotion.CheckStatus{promotion.CheckPassed, promotion.CheckFailed, promotion.CheckRunning}).Draw(t, "status"),
			URL: text.Draw(t, "url"), Summary: text.Draw(t, "summary"), Person: person.Draw(t, "signer"), At: moment.Draw(t, "reported"),
		})
	}
	if n := len(d.Approvals); n > 1 && rapid.Bool().Draw(t, "tree") {
		of := make([]policy.Tree, n)
		for i, r := range d.Approvals {
			of[i] = policy.Tree{Role: r.Role, Count: r.Count}
		}
		choice := policy.Tree{Count: rapid.IntRange(1, n).Draw(t, "enough"), Of: of}
		d.Tree, d.Approvals = &policy.Tree{Count: 2, Of: []policy.Tree{choice, of[0]}}, nil
	}
	d.Expires = policy.Expiry{Request: time.Duration(rapid.Int64Min(0).Draw(t, "request")), Approval: time.Duration(rapid.Int64Min(0).Draw(t, "approval"))}
	d.AuthorsCannotApprove = rapid.Bool().Draw(t, "authors")
	d.Reject = policy.Veto{Lift: rapid.SliceOfN(text, 0, 60).Draw(t, "lift"), By: rapid.SliceOfN(text, 0, 60).Draw(t, "by")}
	f.Promotion.EndedBy = person.Draw(t, "ended by")
	for _, id := range rapid.SliceOfN(person, 0, 60).Draw(t, "voters") {
		vote := promotion.Vote{Person: id, Decision: promotion.Approve, Terms: p.TermsNow(), At: moment.Draw(t, "voted")}
		if rapid.IntRange(0, 9).Draw(t, "rejects") == 0 {
			vote.Decision, vote.Reason, vote.Ground = promotion.Reject, text.Draw(t, "reason"), promotion.Ground(text.Draw(t, "ground"))
			vote.LiftedBy = rapid.SampledFrom([]promotion.PersonID{"", id}).Draw(t, "lifted")
		}
		f.Votes = append(f.Votes, vote)
	}
	drawStops(t, text, person, moment, &d, &f)
	drawGlass(t, text, person, moment, &d, &f)
	drawBack(t, text, person, moment, &f)
	return policy.ViewAt(d, f, moment.Draw(t, "now"))
}

// The largest that there is: hundreds of everything, and texts of three thousand
// characters, each of which alone would fill a section.
func TestTheLargestViewKeepsTheLimits(t *testing.T) {
	for name, unit := range map[string]string{"waiting for approvals": "word ", "on hold": "&<>", "promoted": "🚢", "waiting for evidence": "`"} {
		long := strings.Repeat(unit, 3000/len(unit))
		v := view(t, name)
		f := &v.Facts
		f.Votes = slices.Clone(f.Votes)
		labels := map[string]string{}
		for i := range 200 {
			id := promotion.PersonID(fmt.Sprintf("U%06d", i))
			f.People[id] = promotion.Person{ID: id, Name: long, Standing: promotion.Member, ReadAt: v.At}
			role := fmt.Sprint("role ", i, long)
			f.Rosters[role] = promotion.Roster{Role: role, Members: []promotion.PersonID{id}}
			if v.Document.Tree == nil && !v.Document.Automatic {
				v.Document.Approvals = append(v.Document.Approvals, policy.Requirement{Role: role, Count: 1})
			}
			v.Document.Checks = append(v.Document.Checks, policy.Check{Name: fmt.Sprint(i, long)})
			f.Checks = append(f.Checks, promotion.Check{Name: fmt.Sprint(i, long), Status: promotion.CheckFailed, Summary: long, At: sample.Monday})
			f.Holds = append(f.Holds, promotion.Hold{By: id, Reason: long, At: sample.Monday})
			f.Freezes = append(f.Freezes, promotion.Freeze{From: sample.Monday, Reason: long, By: id})
			f.Incidents = append(f.Incidents, promotion.Incident{ID: promotion.IncidentID(i + 1), Severity: "critical", Summary: long, From: sample.Monday, ReportedAt: sample.Monday})
			f.Votes = append(f.Votes, promotion.Vote{Person: id, Decision: promotion.Approve, Reason: long, Terms: f.Promotion.TermsNow(), At: sample.Monday})
			labels[fmt.Sprint(i, long)] = long
		}
		for _, label := range []string{promotion.LabelVersion, promotion.LabelRevision, promotion.LabelSource, promotion.LabelBaseName, promotion.LabelBaseDigest} {
			labels[label] = long
		}
		platforms := slices.Repeat([]string{long}, 200)
		f.Promotion.Image = &promotion.Image{Labels: labels, Platforms: platforms, MediaType: long, Of: long}
		f.Promotion.Former = &promotion.Former{Digest: sample.Former, Image: &promotion.Image{Labels: map[string]string{promotion.LabelBaseName: long + "1"}, Platforms: []string{"linux/" + long}, Of: long}}
		f.Promotion.Plan, f.Promotion.Reason, f.SuccessorLink = long, long, "https://example.com/"+long
		v = policy.ViewAt(v.Document, v.Facts, v.At)
		t.Run(name, func(t *testing.T) { checkAll(t, v) })
	}
}

func TestAnyViewKeepsTheLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkAll(t, drawView(t)) })
}

func TestAnyAnswerKeepsTheLimits(t *testing.T) {
	text := rapid.OneOf(rapid.SampledFrom(hostile), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		checkMessage(t, "answer", render.Answer(promotion.Answer{
			Verb: rapid.SampledFrom([]promotion.Verb{
				promotion.Counted, promotion.Repeated, promotion.Refused, promotion.Outdated, promotion.Closed, promotion.Checking, promotion.Requested, promotion.Existing, promotion.Missing, "another",
			}).Draw(t, "verb"),
			Decision: rapid.SampledFrom([]promotion.Decision{"", promotion.Approve, promotion.Reject, promotion.Withdraw, promotion.Lift, promotion.BreakGlass, promotion.NotFine}).Draw(t, "decision"), Promotion: promotion.ID(rapid.Int64Min(0).Draw(t, "id")),
			App: text.Draw(t, "app"), Digest: promotion.Digest(text.Draw(t, "digest")), Role: text.Draw(t, "role"), Reason: text.Draw(t, "reason"),
			Could: rapid.SliceOfN(text, 0, 60).Draw(t, "could"), Missing: rapid.SliceOfN(text, 0, 60).Draw(t, "missing"), Late: rapid.Bool().Draw(t, "late"),
			Check: rapid.OneOf(rapid.Just(""), text).Draw(t, "check"), In: rapid.SliceOfN(text, 0, 60).Draw(t, "in"), Bad: promotion.Digest(text.Draw(t, "bad")),
			Deed: rapid.SampledFrom([]promotion.GestureKind{"", promotion.GestureRollback, promotion.GestureWithdraw, promotion.GestureReinstate}).Draw(t, "deed"),
		}))
		lines := rapid.SliceOfN(text, 0, 60).Draw(t, "lines")
		checkMessage(t, "usage", render.Usage("x"+text.Draw(t, "problem"), text.Draw(t, "next"), lines))
		checkMessage(t, "help", render.Help(append(lines, "/promote list: all")))
		checkMessage(t, "problem", render.Problem(promotion.Errorf(rapid.SampledFrom([]promotion.Kind{
			promotion.Invalid, promotion.NotFound, promotion.Forbidden, promotion.Conflict, promotion.Stale, promotion.Unavailable,
		}).Draw(t, "kind"), "%s", text.Draw(t, "error"))))
		var apps []policy.AppStatus
		for range rapid.SampledFrom([]int{0, 1, 3, 60}).Draw(t, "apps") {
			app := policy.AppStatus{App: text.Draw(t, "app"), Repository: promotion.Repository(text.Draw(t, "repository"))}
			for range rapid.IntRange(0, 3).Draw(t, "environments") {
				e := policy.EnvironmentStatus{Name: text.Draw(t, "environment"), Watch: text.Draw(t, "watch"), Fault: text.Draw(t, "fault")}
				for range rapid.SampledFrom([]int{0, 1, 20}).Draw(t, "holds") {
					e.Holds = append(e.Holds, policy.Holding{Digest: promotion.Digest(text.Draw(t, "digest")), Tag: text.Draw(t, "tag"), Since: sample.Monday})
				}
				app.Environments = append(app.Environments, e)
			}
			apps = append(apps, app)
		}
		checkMessage(t, "status", render.Status(apps, sample.Monday, render.Pages{}))
	})
}
