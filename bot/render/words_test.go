package render_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func blocks(t *testing.T, m render.Message) string {
	t.Helper()
	b, err := json.Marshal(tree(t, m.Blocks))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(b))
}

func TestAnswers(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer promotion.Answer
		want   string
	}{
		{"an approval that counts says what is missing", promotion.Answer{Verb: promotion.Counted, Decision: promotion.Approve, App: "shop", Digest: sample.Build, Role: "leads", Missing: []string{"0 of 1 from security"}},
			"Approved *shop* `4f1c2a9b4f1c` as one of leads. Still missing: 0 of 1 from security."},
		{"the last approval says so", promotion.Answer{Verb: promotion.Counted, Decision: promotion.Approve, App: "shop", Digest: sample.Build, Role: "leads"},
			"Approved *shop* `4f1c2a9b4f1c` as one of leads. Nothing is missing any more."},
		{"a rejection repeats its reason, harmlessly", promotion.Answer{Verb: promotion.Counted, Decision: promotion.Reject, App: "shop", Digest: sample.Build, Reason: "<!here> it leaks."},
			"Rejected *shop* `4f1c2a9b4f1c`: &lt;!here&gt; it leaks. No tag was moved."},
		{"a rejection says its kind", promotion.Answer{Verb: promotion.Counted, Decision: promotion.Reject, App: "shop", Digest: sample.Build, Ground: promotion.OnSecurity, Reason: "it leaks"},
			"Rejected *shop* `4f1c2a9b4f1c`: security: it leaks. No tag was moved."},
		{"an approval that is taken back", promotion.Answer{Verb: promotion.Counted, Decision: promotion.Withdraw, App: "shop", Digest: sample.Build, Missing: []string{"1 of 2 from leads"}},
			"Your approval of *shop* `4f1c2a9b4f1c` is taken back. Still missing: 1 of 2 from leads."},
		{"nothing to take back", promotion.Answer{Verb: promotion.Refused, Decision: promotion.Withdraw, App: "shop", Digest: sample.Build, Reason: "you have not approved it, so there is nothing to take back"},
			"Your withdrawal of *shop* `4f1c2a9b4f1c` was not counted: you have not approved it, so there is nothing to take back. Nothing was changed."},
		{"a rejection that is lifted", promotion.Answer{Verb: promotion.Counted, Decision: promotion.Lift, App: "shop", Digest: sample.Build},
			"The rejection of *shop* `4f1c2a9b4f1c` is lifted: it is open again."},
		{"a click after the deadline", promotion.Answer{Verb: promotion.Closed, Decision: promotion.Approve, App: "shop", Digest: sample.Build, Reason: string(promotion.Expired)},
			"Your approval of *shop* `4f1c2a9b4f1c` was not counted: it has expired. Nothing was changed."},
		{"twice is once", promotion.Answer{Verb: promotion.Repeated, Decision: promotion.Approve, App: "shop", Digest: sample.Build},
			"You had approved *shop* `4f1c2a9b4f1c` already. A person counts once; nothing was changed."},
		{"a refusal says who could", promotion.Answer{Verb: promotion.Refused, Decision: promotion.Approve, App: "shop", Digest: sample.Build, Reason: "this takes a role that the person does not hold", Could: []string{"leads", "security"}},
			"Your approval of *shop* `4f1c2a9b4f1c` was not counted: this takes a role that the person does not hold. Nothing was changed. Who holds one of these roles could: leads, security."},
		{"a refused request", promotion.Answer{Verb: promotion.Refused, App: "shop", Reason: "the tag v9 does not exist"},
			"No promotion of *shop* was opened: the tag v9 does not exist."},
		{"an outdated card", promotion.Answer{Verb: promotion.Outdated, Decision: promotion.Reject, App: "shop", Digest: sample.Build, Reason: "what the card showed has changed since; look at it again and decide anew"},
			"Your rejection of *shop* `4f1c2a9b4f1c` was not counted: what the card showed has changed since; look at it again and decide anew. Nothing was changed."},
		{"a broken glass", promotion.Answer{Verb: promotion.Counted, Decision: promotion.BreakGlass, App: "shop", Digest: sample.Build, Reason: "<!here> it is down", Missing: []string{"reading in Slack who broke the glass, once more"}},
			"The glass of *shop* `4f1c2a9b4f1c` is broken: &lt;!here&gt; it is down. The channel is told, and another person has to review it. Still missing: reading in Slack who broke the glass, once more."},
		{"a broken glass that is broken again", promotion.Answer{Verb: promotion.Repeated, Decision: promotion.BreakGlass, App: "shop", Digest: sample.Build},
			"The glass of *shop* `4f1c2a9b4f1c` is broken already. Nothing was changed."},
		{"a glass that may not be broken", promotion.Answer{Verb: promotion.Refused, Decision: promotion.BreakGlass, App: "shop", Digest: sample.Build, Reason: "this takes a role that the person does not hold", Could: []string{"commanders"}},
			"Your breaking of the glass of *shop* `4f1c2a9b4f1c` was not counted: this takes a role that the person does not hold. Nothing was changed. Who holds one of these roles could: commanders."},
		{"a review", promotion.Answer{Verb: promotion.Counted, Decision: promotion.NotFine, App: "shop", Digest: sample.Build},
			"Your review of *shop* `4f1c2a9b4f1c` is on its card, and recorded."},
		{"a review by whoever broke it", promotion.Answer{Verb: promotion.Refused, Decision: promotion.Fine, App: "shop", Digest: sample.Build, Reason: "whoever broke the glass can't review that: somebody else has to"},
			"Your review of *shop* `4f1c2a9b4f1c` was not counted: whoever broke the glass can't review that: somebody else has to. Nothing was changed."},
		{"too late", promotion.Answer{Verb: promotion.Closed, Decision: promotion.Approve, App: "shop", Digest: sample.Build, Reason: string(promotion.Superseded)},
			"Your approval of *shop* `4f1c2a9b4f1c` was not counted: it has been superseded; its card says by what. Nothing was changed."},
		{"a vote by somebody who has to be looked up", promotion.Answer{Verb: promotion.Checking, Decision: promotion.Approve, Promotion: 12},
			"Your approval of promotion #12 is recorded. promotebot is asking Slack who you are before it counts, and tells you here what comes of it."},
		{"a request that has to be looked up", promotion.Answer{Verb: promotion.Checking, App: "shop"},
			"Your request for *shop* is recorded. promotebot is asking Slack who you are or the registry what the tag means, and tells you here what comes of it."},
		{"a request", promotion.Answer{Verb: promotion.Requested, App: "shop", Digest: sample.Build, Promotion: 12},
			"Promotion #12 of *shop* `4f1c2a9b4f1c` is open. Its card comes to the channel of the app; nothing is promoted before the policy is met."},
		{"a second request", promotion.Answer{Verb: promotion.Existing, App: "shop", Digest: sample.Build, Promotion: 12},
			"#12 is open for *shop* `4f1c2a9b4f1c` already: no second one was opened. `/promote why shop` says what it lacks."},
		{"nothing there", promotion.Answer{Verb: promotion.Missing, App: "shop"},
			"No such promotion of *shop* is open or on record, and nothing was changed. `/promote status shop` shows what is where, `/promote request shop` asks for a promotion."},
		{"a button of another promotebot", promotion.Answer{Verb: promotion.Missing, Promotion: 12},
			"There is no such promotion, and nothing was changed. Is another promotebot connected to this Slack app?"},
		{"what was typed in vain is said back, harmlessly", promotion.Answer{Verb: promotion.Refused, Deed: promotion.GestureHold, App: "shop", Reason: "guests can't decide promotions", Typed: "<!here> it leaks"},
			"It was not done: guests can't decide promotions. Nothing was changed.\nYou had written: “&lt;!here&gt; it leaks”"},
		{"a late answer says what it is about", promotion.Answer{Verb: promotion.Repeated, App: "shop", Late: true},
			"About what you did a moment ago:\nYou had approved *shop* already. A person counts once; nothing was changed."},
	} {
		t.Run(row.name, func(t *testing.T) {
			if m := render.Answer(row.answer); m.Text != row.want {
				t.Errorf("says %q\n not %q", m.Text, row.want)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	for _, row := range []struct {
		name string
		err  error
		want string
	}{
		{"an unknown text never leaves", errors.New("pq: password xoxb-canary"), "Something went wrong inside promotebot; nothing was changed. Its log says what it was."},
		{"nor does what wraps a known one", fmt.Errorf("xoxb-canary: %w", promotion.Errorf(promotion.Conflict, "2 promotions of shop are open: name the digest")),
			"2 promotions of shop are open: name the digest. Nothing was changed."},
		{"what is unavailable may be tried again", promotion.Errorf(promotion.Unavailable, "the database is busy"), "That can't be answered right now: the database is busy. Nothing was changed; try again in a moment."},
		{"or after the pause that was asked for", &promotion.Error{Kind: promotion.Unavailable, Text: "Slack asks to wait", RetryAfter: 90 * time.Second},
			"That can't be answered right now: Slack asks to wait. Nothing was changed; try again in 1m30s."},
		{"what is stale may make no sense now", promotion.Errorf(promotion.Stale, "the card changed"), "Somebody else was faster: the card changed. Nothing was changed; look again and repeat it if it still makes sense."},
		{"what is forbidden stays so", promotion.Errorf(promotion.Forbidden, "the bot is not in the channel"), "That is not allowed: the bot is not in the channel. Nothing was changed."},
	} {
		t.Run(row.name, func(t *testing.T) {
			if m := render.Problem(row.err); m.Text != row.want {
				t.Errorf("says %q\n not %q", m.Text, row.want)
			}
		})
	}
}

func view(t *testing.T, name string) policy.View {
	t.Helper()
	for _, s := range sample.All() {
		if s.Name == name {
			return s.View
		}
	}
	t.Fatalf("no state %q", name)
	return policy.View{}
}

func TestNotices(t *testing.T) {
	for _, row := range []struct {
		name  string
		work  promotion.NoticeWork
		state string
		want  string
	}{
		{"the end of a soak calls nobody", promotion.NoticeWork{Kind: promotion.NoticeSoaked}, "partially approved",
			"Soak complete: *shop* `4f1c2a9b4f1c` has been in staging for 48h.\nStill missing: 1 of 2 from leads (could approve: Bob), 0 of 1 from security (could approve: Sam)."},
		{"a vote names who voted", promotion.NoticeWork{Kind: promotion.NoticeVote, Person: sample.Ann, Decision: promotion.Approve}, "partially approved",
			"Ann approved *shop* `4f1c2a9b4f1c` for production.\nStill missing: 1 of 2 from leads (could approve: Bob), 0 of 1 from security (could approve: Sam)."},
		{"a reminder calls those who could", promotion.NoticeWork{Kind: promotion.NoticeReminder}, "partially approved",
			"Reminder: *shop* `4f1c2a9b4f1c` has soaked in staging and waits for approvals for production.\nStill missing: 1 of 2 from leads (could approve: <@U0000BOB>), 0 of 1 from security (could approve: <@U0000SAM>)."},
		{"a reminder of what is failing calls those who could choose", promotion.NoticeWork{Kind: promotion.NoticeReminder}, "failing",
			"Reminder: *shop* `4f1c2a9b4f1c` is *failing* in production: it was not deployed to eu: CrashLoopBackOff. It stays so until somebody has decided what becomes of it, and nothing newer goes there.\nCould decide: <@U0000BOB>, <@U0000SAM>."},
		{"those who are reminded directly are named", promotion.NoticeWork{Kind: promotion.NoticeReminder, Named: true, Person: sample.Eve}, "failing",
			"Reminder, because Eve asks for it: *shop* `4f1c2a9b4f1c` is *failing* in production: it was not deployed to eu: CrashLoopBackOff. It stays so until somebody has decided what becomes of it, and nothing newer goes there.\nCould decide: Bob, Sam."},
		{"a sign-off", promotion.NoticeWork{Kind: promotion.NoticeSigned, Person: sample.Sam, App: "shop", Check: "security-review", Status: promotion.CheckPassed, Reason: "read <all> of it."}, "promoted",
			"Sam signed off security-review of *shop*: read &lt;all&gt; of it."},
		{"a finding", promotion.NoticeWork{Kind: promotion.NoticeSigned, Person: sample.Sam, App: "shop", Check: "security-review", Status: promotion.CheckFailed, Reason: "a hole"}, "promoted",
			"Sam says that security-review of *shop* failed: a hole."},
		{"the beginning of the execution", promotion.NoticeWork{Kind: promotion.NoticeExecuting}, "executing", "The policy is met: exactly *shop* `4f1c2a9b4f1c` is being promoted to production."},
		{"a successor", promotion.NoticeWork{Kind: promotion.NoticeSuperseded}, "superseded", "*shop* `4f1c2a9b4f1c` gave way to a newer build, <https://example.slack.com/archives/C1/p1795597200000100|#13>. It was not promoted, and its buttons are gone."},
		{"a step that the configuration dropped", promotion.NoticeWork{Kind: promotion.NoticeSuperseded}, "displaced by the configuration",
			"*shop* `4f1c2a9b4f1c` was taken back: the configuration does not lead shop from staging to production any more. It was not promoted, and its buttons are gone."},
		{"a rejection says who and why", promotion.NoticeWork{Kind: promotion.NoticeEnded, Person: sample.Sam}, "rejected",
			"*shop* `4f1c2a9b4f1c`, staging → production: *Rejected* by Sam <!date^1795604403^{date_short_pretty} {time}|2026-11-25 11:00 UTC>: p99 &gt; 2s &lt;!channel&gt; &amp; rising.\nNo tag was moved. Whoever rejected can lift that, and whoever the policy names for it."},
		{"an approval that is taken back", promotion.NoticeWork{Kind: promotion.NoticeVote, Person: sample.Ann, Decision: promotion.Withdraw}, "taken back",
			"Ann took the approval of *shop* `4f1c2a9b4f1c` for production back.\nStill missing: 1 of 2 from leads (could approve: Ann), 0 of 1 from security (could approve: Sam)."},
		{"a broken glass says what is skipped", promotion.NoticeWork{Kind: promotion.NoticeBroken, Person: sample.Eve, Reason: "<!here> it is down"}, "glass broken and waiting",
			"*Break-glass*: Eve has *shop* `4f1c2a9b4f1c` go to production without all that its policy asks for: &lt;!here&gt; it is down.\n" +
				"Skipped: soaks 48h in staging, until <!date^1795597200^{date_short_pretty} {time}|2026-11-25 09:00 UTC>; 0 of 2 from leads; 0 of 1 from security.\n" +
				"*Review due* until <!date^1795611600^{date_short_pretty} {time}|2026-11-25 13:00 UTC>, by another person of security."},
		{"a review that is late calls those who could", promotion.NoticeWork{Kind: promotion.NoticeReview}, "review overdue",
			"Reminder: the glass was broken for *shop* `4f1c2a9b4f1c`.\n*Review OVERDUE* since <!date^1795611600^{date_short_pretty} {time}|2026-11-25 13:00 UTC>, by another person of security.\nCould review: <@U0000SAM>."},
		{"a review", promotion.NoticeWork{Kind: promotion.NoticeReviewed, Person: sample.Sam, Decision: promotion.NotFine, Reason: "a freeze was enough."}, "reviewed",
			"Sam has reviewed that the glass was broken for *shop* `4f1c2a9b4f1c`: it was *not right*: a freeze was enough."},
		{"going ahead past the policy says so", promotion.NoticeWork{Kind: promotion.NoticeExecuting}, "review due", "The glass is broken: exactly *shop* `4f1c2a9b4f1c` is being promoted to production."},
		{"a rejection that is lifted", promotion.NoticeWork{Kind: promotion.NoticeVote, Person: sample.Sam, Decision: promotion.Lift}, "waiting for approvals",
			"Sam lifted the rejection of *shop* `4f1c2a9b4f1c` for production: it is open again.\nStill missing: 0 of 2 from leads (could approve: Ann, Bob), 0 of 1 from security (could approve: Sam)."},
	} {
		t.Run(row.name, func(t *testing.T) {
			if m := render.Notice(row.work, view(t, row.state)); m.Text != row.want {
				t.Errorf("says %q\n not %q", m.Text, row.want)
			}
		})
	}
}

func TestASignOffIsAnswered(t *testing.T) {
	a := promotion.Answer{App: "shop", Digest: sample.Build, Check: "security-review", Role: "security"}
	for verb, want := range map[promotion.Verb]string{
		promotion.Counted:  "security-review of *shop* `4f1c2a9b4f1c` is recorded, by you as one of security. Nothing is missing any more.",
		promotion.Repeated: "You had said that about security-review of *shop* `4f1c2a9b4f1c` already. Nothing was changed.",
		promotion.Refused:  "What you said about security-review of *shop* `4f1c2a9b4f1c` was not recorded: guests can't. Nothing was changed. Who holds the role security could.",
		promotion.Closed:   "What you said about security-review of *shop* `4f1c2a9b4f1c` was not recorded: it has been promoted already. Nothing was changed.",
		promotion.Checking: "What you said about security-review of *shop* `4f1c2a9b4f1c` is kept. promotebot is asking Slack who you are before it counts, and tells you here what comes of it.",
	} {
		a.Verb, a.Reason, a.Could = verb, "", nil
		switch verb {
		case promotion.Refused:
			a.Reason, a.Could = "guests can't", []string{"security"}
		case promotion.Closed:
			a.Reason = string(promotion.Promoted)
		}
		if m := render.Answer(a); m.Text != want {
			t.Errorf("%s says %q\n not %q", verb, m.Text, want)
		}
	}
}

func TestDiscountedVotesAreCountedWhereTheyAreMany(t *testing.T) {
	var strangers []promotion.PersonID
	for i := range 8 {
		strangers = append(strangers, promotion.PersonID(fmt.Sprintf("U%04d", i)))
	}
	s := blocks(t, render.Card(sample.Shop(sample.Later, sample.Approved(strangers...))))
	if strings.Count(s, "Not counted") != 5 || !strings.Contains(s, "3 more approvals don't count; the details say why.") {
		t.Error(s)
	}
}

func TestWhoeverRequestedIsToldOfTheEnd(t *testing.T) {
	v := view(t, "promoted")
	v.Facts.Promotion.Requester = sample.Ann
	if m := render.Notice(promotion.NoticeWork{Kind: promotion.NoticeEnded}, v); !strings.HasPrefix(m.Text, "<@U0000ANN>: ") {
		t.Errorf("says %q", m.Text)
	}
}

// A new message with a mention in it notifies; an update does not.
func TestTheFirstPostOfACardMentionsNobody(t *testing.T) {
	if s := blocks(t, render.Card(view(t, "soaking, first post"))); strings.Contains(s, "<@") || !strings.Contains(s, "Bob") {
		t.Error(s)
	}
	if s := blocks(t, render.Card(view(t, "soaking"))); !strings.Contains(s, "<@U0000BOB>") {
		t.Error(s)
	}
}

func TestTheTextBesideTheBlocksIsComplete(t *testing.T) {
	for state, words := range map[string][]string{
		"partially approved":                    {"shop", "4f1c2a9b4f1c", "staging → production", "Waiting for approvals", "1 of 2 from leads", "Bob", "Sam"},
		"vote discounted because the tag moved": {"the approval of Ann", "0badcafe0bad"},
		"blocked by a version tag":              {"Blocked", "v1.4.2 already points at 0badcafe0bad"},
		"registry down":                         {"Waiting", "can't be read since", "503"},
		"conflict":                              {"Conflict", "0badcafe0bad", "/promote request shop", "Ann (leads)"},
		"waiting for evidence":                  {"Waiting for checks", "2 of 4", "scan has not been reported", "p99_ms is 240.5", "security-review waits for somebody of security", "ci.example.com"},
		"soaking with evidence":                 {"1 critical", "(on evil.example)", "advisory: e2e failed", "&lt;!channel&gt;"},
		"rejected":                              {"Rejected", "Sam", "p99"},
		"superseded":                            {"#13"},
		"moved by somebody else":                {"Moved by somebody else", "restore production", "0badcafe0bad", "was set to `4f1c2a9b4f1c`", "adopt it"},
		"moved by somebody else, and gone":      {"points at nothing"},
		"to be adopted":                         {"accepts `0badcafe0bad`", "No tag is moved"},
		"restored":                              {"Restored"},
		"copying":                               {"Copying", "production.example.com/team/shop", "40 MB of 105 MB", "3 of 12 layers", "1m37s left"},
		"copying refused":                       {"Blocked", "may not tag"},
		"promoted abroad":                       {"Promoted"},
		"a choice of approvals":                 {"one of these is enough", "0 of 1 from owners", "Olga", "1 of 2 from leads: Ann", "Expires", "The first of these approvals expires"},
		"provenance that does not count":        {"Blocked", "none of the keys has signed it", "the policy requires one"},
		"authors unknown":                       {"Blocked", "tom@example.com", "under people in the configuration"},
		"rejected and overtaken":                {"Rejected", "security: it leaks", "#14 has taken its place"},
		"expired":                               {"Expired", "/promote request shop"},
	} {
		for _, word := range words {
			if m := render.Card(view(t, state)); !strings.Contains(m.Text, word) {
				t.Errorf("%s: %q is not in %q", state, word, m.Text)
			}
		}
	}
}

// pressable are the buttons of a card that is open, in their order, and the
// entries of its menu.
func pressable(v policy.View) []string {
	p, asked := &v.Facts.Promotion, v.Document.Plan
	var want, menu []string
	if asked && p.Plan == "" {
		want = append(want, render.ActionPlan)
	}
	if p.Planned() && !v.Document.Automatic && (!asked || p.Plan != "") {
		want = append(want, render.ActionApprove)
	}
	if _, one := p.Found(); one {
		want = append(want, render.ActionAdopt)
	}
	for i := range policy.Unsigned(v.Document, v.Facts, v.At) {
		want = append(want, fmt.Sprintf("%s_%d", render.ActionSign, i))
	}
	want = append(want, render.ActionReject)
	if slices.ContainsFunc(v.Facts.Votes, func(v promotion.Vote) bool { return v.Decision == promotion.Approve }) {
		want = append(want, render.ActionWithdraw)
	}
	if len(v.Facts.Holds) > 0 {
		want, menu = append(want, render.ActionUnhold), append(menu, render.ActionHold)
	} else {
		want = append(want, render.ActionHold)
	}
	if asked && p.Plan != "" {
		menu = append(menu, render.ActionPlan)
	}
	if v.Document.BreakGlass != nil && !policy.Breaks(v.Document, v.Facts) {
		menu = append(menu, render.ActionGlass)
	}
	want = append(want, render.ActionDetails)
	if len(menu) > 0 {
		want = append(append(want, render.ActionMore), menu...)
	}
	return want
}

// Whatever can still be pressed can still do something. The first is what one
// reads first; a menu comes last.
func TestButtons(t *testing.T) {
	for _, s := range sample.All() {
		var want []string
		switch p := s.View.Facts.Promotion; {
		case p.State == promotion.Open:
			want = pressable(s.View)
		case p.State == promotion.Rejected && p.Successor == 0 && p.Purpose != promotion.Rollback:
			want = []string{render.ActionLift, render.ActionDetails}
		case p.State == promotion.Failing && len(s.View.Facts.Back) > 0:
			want = []string{render.ActionRetry, render.ActionKeep, render.ActionRollback, render.ActionDetails}
		case p.State == promotion.Failing:
			want = []string{render.ActionKeep, render.ActionDetails}
		case len(s.View.Facts.Back) > 0:
			want = []string{render.ActionRollback, render.ActionDetails}
		case p.State.Final() && p.Owed() != nil:
			want = []string{render.ActionFine, render.ActionReview, render.ActionDetails}
		default:
			want = []string{render.ActionDetails}
		}
		if len(want) > 7 {
			t.Errorf("%s: %d buttons fill a phone: %v", s.Name, len(want), want)
		}
		var got []string
		for _, m := range regexp.MustCompile(`"action_id":"(\w+)"|"value":"(promotebot_\w+) `).FindAllStringSubmatch(blocks(t, render.Card(s.View)), -1) {
			got = append(got, m[1]+m[2])
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, not %v", s.Name, got, want)
		}
		if shown := blocks(t, render.Show(s.View)); strings.Contains(shown, "action_id") {
			t.Errorf("%s: a private copy of a card can be clicked: %s", s.Name, shown)
		}
	}
}

func TestTheConfirmationCountsTheTagsThatDontFit(t *testing.T) {
	v := view(t, "soaking")
	v.Facts.Promotion.Targets = nil
	for i := range 80 {
		v.Facts.Promotion.Targets = append(v.Facts.Promotion.Targets, promotion.Target{Tag: fmt.Sprintf("tag-number-%d", i), ReadAt: sample.At(0)})
	}
	s := blocks(t, render.Card(v))
	if !regexp.MustCompile(`Exactly the digest 4f1c2a9b4f1c goes from staging to production[^"]*tag-number-0, [^"]*, \d+ more\. You fill one of: 0 of 2 from leads; 0 of 1 from security\."`).MatchString(s) {
		t.Error(s)
	}
}

func TestTheLongestConfirmationFits(t *testing.T) {
	for n := 1; n <= 128; n++ { // the longest tag that a registry takes
		v := view(t, "soaking")
		v.Facts.Promotion.Targets = nil
		for range 9 {
			v.Facts.Promotion.Targets = append(v.Facts.Promotion.Targets, promotion.Target{Tag: strings.Repeat("v", n), ReadAt: sample.At(0)})
		}
		checkMessage(t, fmt.Sprintf("tags of %d characters", n), render.Card(v))
	}
}

// A rejection says everything about one line of foreign text: it is cut, and
// what was at its end is whole or gone.
func TestALongReasonIsCutBetweenCharacters(t *testing.T) {
	for _, unit := range []string{"a", "&", "<", "🚢", "2026-11-23 09:00:00 UTC "} {
		v := view(t, "rejected")
		v.Facts.Promotion.Reason = strings.Repeat(unit, 5000)
		m := render.Card(v)
		checkMessage(t, unit, m)
		if !strings.Contains(m.Text, "….") {
			t.Errorf("%q: nothing says that it was cut: %s", unit, m.Text)
		}
	}
}

func TestValuesOfButtons(t *testing.T) {
	id, terms, err := render.ParseValue(render.Value(12, "abc"))
	if id != 12 || terms != "abc" || err != nil {
		t.Errorf("%d, %q, %v", id, terms, err)
	}
	for _, forged := range []string{"", "12", "x.abc", "0.abc", "-1.abc", "99999999999999999999.abc"} {
		if id, _, err := render.ParseValue(forged); !errors.Is(err, promotion.Invalid) {
			t.Errorf("%q is %d, %v", forged, id, err)
		}
	}
}

func TestCommitsAreLinkedOnlyWhereALinkIsHonest(t *testing.T) {
	const sha = "0123456789abcdef0123456789abcdef01234567"
	for _, row := range []struct{ name, source, revision, want string }{
		{"a forge", "https://github.com/example/shop", sha, "<https://github.com/example/shop/commit/" + sha + "|0123456789ab> on github.com"},
		{"a clone address", "https://gitlab.example.com/a/b/shop.git", sha, "<https://gitlab.example.com/a/b/shop/-/commit/" + sha + "|0123456789ab> on gitlab.example.com"},
		{"a short revision", "https://github.com/example/shop", "0123456", "<https://github.com/example/shop/commit/0123456|0123456> on github.com"},
		{"no forge", "", sha, "`0123456789ab`"},
		{"another scheme", "javascript://github.com/x", sha, "`0123456789ab`"},
		{"credentials before a host that looks like another", "https://github.com@evil.example/x", sha, "`0123456789ab`"},
		{"a host without a repository", "https://github.com/", sha, "`0123456789ab`"},
		{"a revision that is no commit", "https://github.com/example/shop", "../../../evil", "`../../../evil`"},
		{"a host that would end the link", "https://evil.example>/x", sha, "`0123456789ab`"},
		{"a path with characters that have an escape", "https://forge.example/a&b", sha, "<https://forge.example/a&amp;b/commit/" + sha + "|0123456789ab> on forge.example"},
		{"an address of a size that no forge has", "https://forge.example/" + strings.Repeat("a", 500), sha, "`0123456789ab`"},
		{"a query is not kept", "https://github.com/example/shop?next=evil#x", sha, "<https://github.com/example/shop/commit/" + sha + "|0123456789ab> on github.com"},
	} {
		v := view(t, "soaking")
		v.Facts.Promotion.Former = nil // by which the commit would be said beside another
		v.Facts.Promotion.Image.Labels = map[string]string{promotion.LabelSource: row.source, promotion.LabelRevision: row.revision}
		if s := blocks(t, render.Card(v)); !strings.Contains(s, "commit "+row.want+`"`) {
			t.Errorf("%s: %s", row.name, s)
		}
	}
}

func TestPeopleAndTagsAreCountedWhereTheyAreMany(t *testing.T) {
	many := sample.Shop(sample.Later, sample.With(func(f *policy.Facts) {
		roster := promotion.Roster{Role: "leads"}
		for i := range 60 {
			roster.Members = append(roster.Members, promotion.PersonID(fmt.Sprintf("U%04d", i)))
		}
		f.Rosters["leads"] = roster
		for i := range 20 {
			f.Promotion.Targets = append(f.Promotion.Targets, promotion.Target{Tag: fmt.Sprintf("t%d", i), ReadAt: sample.At(0)})
		}
	}))
	s := blocks(t, render.Card(many))
	for _, want := range []string{"Could approve: <@U0000>, <@U0001>, <@U0002>, <@U0003>, <@U0004>, 55 more", "`production`, `t0`, `t1`, `t2`, 17 more"} {
		if !strings.Contains(s, want) {
			t.Errorf("%q is not in %s", want, s)
		}
	}
	if m := render.Notice(promotion.NoticeWork{Kind: promotion.NoticeReminder}, many); strings.Count(m.Text, "<@") != 11 {
		t.Errorf("a reminder calls ten people for each role at most: %s", m.Text)
	}
}

// What is in the first sentence is not said again beneath it.
func TestAReasonIsSaidOnce(t *testing.T) {
	for state, reason := range map[string]string{"registry down": "can't be read since", "left staging": "not in staging any more", "waiting its turn": "is being promoted"} {
		if s := blocks(t, render.Card(view(t, state))); strings.Count(s, reason) != 1 {
			t.Errorf("%s: %s", state, s)
		}
	}
}

func TestLongListsAreCutByRule(t *testing.T) {
	v := view(t, "partially approved")
	var many []policy.View
	for range 60 {
		many = append(many, v)
	}
	m := render.List(many, render.Pages{})
	more := regexp.MustCompile(`(\d+) more: /promote show &lt;app&gt; shows each of them`)
	if !more.MatchString(m.Text) || !more.MatchString(blocks(t, m)) {
		t.Errorf("%s\n%s", m.Text, blocks(t, m))
	}
	if b, err := json.Marshal(m); err != nil || len(b) > 18_000 {
		t.Errorf("%d bytes don't fit into an acknowledgement (%v)", len(b), err)
	}
}

func TestUsageShowsWhatToType(t *testing.T) {
	m := render.Usage("There is no command “statsu <!here>”.", "<app> `now`", []string{"/promote status [app]: what is where", "/promote show <app>: it"})
	if want := "There is no command “statsu &lt;!here&gt;”.\nHere comes `&lt;app&gt; 'now'`.\n`/promote status [app]`  what is where\n`/promote show &lt;app&gt;`  it"; m.Text != want {
		t.Errorf("says %q", m.Text)
	}
}

func TestStatusSaysWhereNoCardCanBePosted(t *testing.T) {
	m := render.Status([]policy.AppStatus{{App: "shop", Channel: promotion.Channel{ID: "C0SHOP", Fault: "the channel is <!archived>", Since: sample.At(0)}}}, sample.Monday, render.Pages{})
	if !strings.Contains(m.Text, "*no card can be posted* in `C0SHOP` since ") || !strings.Contains(m.Text, "&lt;!archived&gt;") {
		t.Error(m.Text)
	}
}

func TestStatusSaysFirstWhatItCantSee(t *testing.T) {
	m := render.Status([]policy.AppStatus{{App: "shop", Environments: []policy.EnvironmentStatus{
		{Name: "staging", Watch: "passed", Fault: "timeout", Holds: []policy.Holding{{Digest: sample.Build, Tag: "passed", Since: sample.Monday}}},
	}}}, sample.Monday, render.Pages{})
	if !strings.Contains(m.Text, "• staging: *can't be read*: timeout. Seen last: `passed` at `4f1c2a9b4f1c` since ") {
		t.Error(m.Text)
	}
}
