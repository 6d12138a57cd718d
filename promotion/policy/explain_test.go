package policy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// A rule that is not in the list can't be named in a scenario.
func TestTheListOfRulesIsWhole(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "verdict.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []policy.Rule
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		kind, typed := v.Type.(*ast.Ident)
		text, literal := v.Values[0].(*ast.BasicLit)
		if typed && literal && kind.Name == "Rule" {
			declared = append(declared, policy.Rule(strings.Trim(text.Value, `"`)))
		}
		return true
	})
	if len(declared) == 0 || !slices.Equal(declared, policy.Rules) {
		t.Errorf("there are %q, and listed are %q", declared, policy.Rules)
	}
}

func TestADocumentReadsAsEnglish(t *testing.T) {
	for _, c := range []struct {
		name  string
		d     policy.Document
		train bool
		want  []string
	}{
		{name: "nothing", want: []string{"There is no policy for promotions to production, so none can go ahead."}},
		{name: "one click", d: policy.Document{Approvals: []policy.Requirement{{Role: "developers", Count: 1}}, RequesterMayApprove: true}, want: []string{
			"Approvals: 1 from developers, all from different people.",
			"Whoever requested it may be one of them.",
			"It can be rejected by whoever could approve it, and by whoever requested it.",
			"When something newer comes, that takes its place.",
			"What it replaces has to be in the registry, whole, before it goes ahead.",
		}},
		{name: "nobody", d: policy.Document{Automatic: true}, want: []string{
			"Nobody has to approve: it goes ahead by itself when everything else is met.",
			"When something newer comes, that takes its place.",
			"What it replaces has to be in the registry, whole, before it goes ahead.",
		}},
		{name: "checks", d: policy.Document{Automatic: true, Checks: []policy.Check{
			{Name: "perf", MaxAge: 24 * time.Hour, Numbers: []policy.Threshold{{Number: "p99_ms", Is: policy.AtMost, Limit: 250}, {Number: "errors", Is: policy.Equals}}},
			{Name: "e2e", Advisory: true}, {Name: "scan-review", ReviewedBy: "security"},
		}}, want: []string{
			"The check perf has to be reported as passed, with p99_ms <= 250 and errors == 0, not more than 24h ago.",
			"The check e2e has to be reported as passed; that is only shown and never in the way.",
			"scan-review has to be signed off by somebody of security.",
			"Nobody has to approve: it goes ahead by itself when everything else is met.",
			"When something newer comes, that takes its place.",
			"What it replaces has to be in the registry, whole, before it goes ahead.",
		}},
		{name: "what interrupts and what stops", d: policy.Document{
			Automatic: true, Soak: time.Hour, Incidents: policy.Interruptions{Pause: []promotion.Severity{"minor", "major"}, Reset: []promotion.Severity{"critical"}},
			Exposure: promotion.Exposure{Requests: 1000, PodTime: 48 * time.Hour}, FreezeOn: []promotion.Severity{"critical"},
			Windows: policy.Windows{Allow: []policy.Window{window(t, "0 9 * * MON-THU", "Europe/Berlin", 8*time.Hour), window(t, "0 9 * * FRI", "Europe/Berlin", 3*time.Hour)}, Deny: []policy.Window{window(t, "0 12 * * *", "Europe/Berlin", time.Hour)}},
			Freezes: []promotion.Freeze{{From: noon, Reason: "stocktaking"}},
		}, want: []string{
			"The digest has to have been in staging for 1h; time during which it was not there does not count.",
			"The soak stands still during incidents that are minor or major.",
			"It begins again after incidents that are critical.",
			"It has to have been used there for 1000 requests or 48.0 pod hours.",
			"Nobody has to approve: it goes ahead by itself when everything else is met.",
			"It goes ahead only for 8h from every 0 9 * * MON-THU (Europe/Berlin), or for 3h from every 0 9 * * FRI (Europe/Berlin).",
			"It does not go ahead for 1h from every 0 12 * * * (Europe/Berlin).",
			"It is frozen from 2026-03-02 12:00:00 UTC until somebody lifts it: stocktaking.",
			"It is frozen during incidents that are critical.",
			"When something newer comes, that takes its place.",
			"What it replaces has to be in the registry, whole, before it goes ahead.",
		}},
		{name: "a choice", d: policy.Document{
			Tree:                 &policy.Tree{Count: 1, Of: []policy.Tree{{Role: "owners", Count: 1}, {Count: 2, Of: []policy.Tree{{Role: "leads", Count: 1}, {Role: "sre", Count: 1}, {Role: "security", Count: 1}}}}},
			AuthorsCannotApprove: true, Provenance: policy.Provenance{By: "k1", Required: true}, Reject: policy.Veto{By: []string{"leads"}, Lift: []string{"owners"}}, Expires: policy.Expiry{Request: 7 * 24 * time.Hour, Approval: 48 * time.Hour},
		}, want: []string{
			"Approvals: any one of: 1 from owners, (any 2 of: 1 from leads, 1 from sre, 1 from security), all from different people.",
			"Whoever requested it can't be one of them.",
			"Nor can the authors of the image, as its label org.opencontainers.image.authors and reports of its commits name them.",
			"Nor can those whom its provenance names, where one of the keys has signed it.",
			"Without such provenance that names an author it does not go ahead.",
			"It can be rejected by leads, and by whoever requested it.",
			"A rejection can be lifted by whoever rejected, and by owners.",
			"A request expires after 168h.",
			"An approval expires after 48h.",
			"When something newer comes, that takes its place.",
			"What it replaces has to be in the registry, whole, before it goes ahead.",
		}},
		{name: "a glass to break", d: policy.Document{
			Approvals: []policy.Requirement{{Role: "leads", Count: 1}}, BreakGlass: &policy.BreakGlass{Role: "commanders", By: []string{"security", "owners"}, Within: 24 * time.Hour},
		}, want: []string{
			"Approvals: 1 from leads, all from different people.",
			"Whoever requested it can't be one of them.",
			"It can be rejected by whoever could approve it, and by whoever requested it.",
			"When something newer comes, that takes its place.",
			"What it replaces has to be in the registry, whole, before it goes ahead.",
			"Who holds commanders can break the glass and have it go ahead all the same, with a reason; within 24h another person of security or owners has to say whether that was right.",
		}},
		{name: "a channel of our own", d: policy.Document{Automatic: true, RefuseShared: true}, want: []string{
			"Nobody has to approve: it goes ahead by itself when everything else is met.",
			"When something newer comes, that takes its place.",
			"What it replaces has to be in the registry, whole, before it goes ahead.",
			"Nothing goes ahead whose card is in a channel that is shared with another organisation.",
		}},
		{name: "a train that is careful", train: true, d: policy.Document{
			Soak: 48 * time.Hour, Approvals: []policy.Requirement{{Role: "leads", Count: 2}, {Role: "security", Count: 1}}, OnFailure: promotion.TakeBack,
		}, want: []string{
			"Each digest has to have been in staging for 48h; time during which it was not there does not count.",
			"Approvals: 2 from leads, 1 from security, all from different people.",
			"Whoever requested it can't be one of them.",
			"It can be rejected by whoever could approve it, and by whoever requested it.",
			"When something newer comes, that takes its place.",
			"What it replaces has to be in the registry, whole, before it goes ahead.",
			"If one app fails, the tags of the others that were moved are moved back; tags that are set once stay.",
		}},
	} {
		if len(c.want) > 1 && !c.train || c.d.Automatic {
			c.want = append(c.want, c.d.GoingBack())
		}
		if got := c.d.Sentences("staging", "production", c.train); !slices.Equal(got, c.want) {
			t.Errorf("%s reads %q", c.name, got)
		}
	}
}
