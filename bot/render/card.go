package render

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What the buttons are called in Slack's payloads.
const (
	ActionApprove = "promotebot_approve"
	ActionReject  = "promotebot_reject"
	ActionDetails = "promotebot_details"
)

// Value is what a button carries: which promotion, and on which terms it was
// shown. Everything else is looked up when it is clicked.
func Value(id promotion.ID, terms string) string { return fmt.Sprintf("%d.%s", id, terms) }

// ParseValue reads what Value wrote. The error is Invalid.
func ParseValue(s string) (promotion.ID, string, error) {
	number, terms, ok := strings.Cut(s, ".")
	id, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || id <= 0 {
		return 0, "", promotion.Errorf(promotion.Invalid, "a button without a promotion")
	}
	return promotion.ID(id), terms, nil
}

// Card is the message that stands for a promotion from its beginning to its
// end. It is redrawn whenever something on it changes.
func Card(v policy.View) Message {
	p := v.Facts.Promotion
	state, detail := headline(v)
	blocks := []slack.Block{
		header(fmt.Sprintf("%s → %s: %s", p.App, p.To, state)),
		section("%s", what(p)),
	}
	if facts := image(p); facts != "" {
		blocks = append(blocks, context("%s", facts))
	}
	if detail != "" {
		blocks = append(blocks, section("%s", detail))
	}
	if p.State == promotion.Open {
		blocks = append(blocks, open(v)...)
	} else if counted := approvers(v); counted != "" {
		blocks = append(blocks, context("%s", counted))
	}
	blocks = append(blocks, context("%s", target(p)), buttons(p))
	return Message{Text: cut(summary(v, state, detail), maxText), Blocks: blocks}
}

// headline is the state in a few words, and what there is to say about it.
func headline(v policy.View) (state, detail string) {
	p := v.Facts.Promotion
	switch p.State {
	case promotion.Executing:
		if p.ReadFault != "" {
			return "being promoted", "It has not worked so far and is tried again: " + quote(p.ReadFault)
		}
		return "being promoted", ""
	case promotion.Promoted:
		return "promoted", fmt.Sprintf("Promoted %s. %s", date(*p.FinishedAt), moves(p))
	case promotion.Conflicted:
		return "conflict, not promoted", fmt.Sprintf("%s.\nNothing that was there was overwritten. Find out who moved it; then ask again with `/promote request %s`.", quote(p.Reason), p.App)
	case promotion.Failed:
		return "failed", fmt.Sprintf("%s.\n%s When the cause is gone, ask again with `/promote request %s`.", quote(p.Reason), moves(p), p.App)
	case promotion.Rejected:
		by := "somebody"
		for _, vote := range v.Facts.Votes {
			if vote.Decision == promotion.Reject {
				by = mention(vote.Person)
			}
		}
		return "rejected", fmt.Sprintf("Rejected by %s: “%s”", by, quote(p.Reason))
	case promotion.Superseded:
		return "superseded", fmt.Sprintf("A newer build took its place: #%d.", p.Successor)
	}
	return waiting(v), ""
}

func waiting(v policy.View) string {
	if v.Verdict.Outcome == policy.Blocked {
		return "blocked"
	}
	if v.Verdict.OnlyApprovals() {
		return "ready, waiting for approvals"
	}
	if f, _ := v.Verdict.Finding(policy.RuleSource); f.Outcome != policy.Met {
		return "waiting"
	}
	if f, _ := v.Verdict.Finding(policy.RuleSoak); f.Outcome != policy.Met {
		return "soaking"
	}
	return "waiting"
}

func what(p promotion.Promotion) string {
	s := fmt.Sprintf("*%s* %s, from *%s* to *%s*", p.App, digest(p.Digest), p.From, p.To)
	if p.SourceTag != "" {
		s += ", noticed behind " + code(p.SourceTag)
	}
	if p.Requester != "" {
		s += ", requested by " + mention(p.Requester)
	}
	return s + fmt.Sprintf(" (#%d)", p.ID)
}

// image says what the image says of itself.
func image(p promotion.Promotion) string {
	if p.Image == nil {
		return ""
	}
	var facts []string
	if version := p.Image.Labels[promotion.LabelVersion]; version != "" {
		facts = append(facts, "version "+code(version))
	}
	if revision := p.Image.Labels[promotion.LabelRevision]; revision != "" {
		facts = append(facts, "commit "+commit(p.Image.Labels[promotion.LabelSource], revision))
	}
	if p.Image.Created != nil {
		facts = append(facts, "built "+ago(*p.Image.Created))
	}
	if n := len(p.Image.Platforms); n > 0 {
		facts = append(facts, line(strings.Join(p.Image.Platforms[:min(3, n)], ", ")))
	}
	return strings.Join(facts, " · ")
}

// commit is a link where the source label is a web address, and else a word.
func commit(source, revision string) string {
	u, err := url.Parse(source)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(source, "|<> \t\n`") || !isHex(revision) {
		return code(cut(revision, 12))
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".git") + "/commit/" + revision
	u.RawQuery, u.Fragment = "", ""
	return fmt.Sprintf("<%s|%s>", escape(u.String()), cut(revision, 12))
}

func isHex(s string) bool {
	return len(s) >= 7 && len(s) <= 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// open is what an approver of an open promotion has to know.
func open(v policy.View) []slack.Block {
	var blocks []slack.Block
	if soak := soak(v); soak != "" {
		blocks = append(blocks, section("%s", soak))
	}
	blocks = append(blocks, section("%s", approvals(v)))
	if d := discounted(v); d != "" {
		blocks = append(blocks, context("%s", d))
	}
	if h := hindrances(v); h != "" {
		blocks = append(blocks, section("%s", h))
	}
	return blocks
}

// soak is a picture and the words for it.
func soak(v policy.View) string {
	if v.Document.Soak == 0 {
		return ""
	}
	const cells = 10
	done := min(cells, int(cells*v.Facts.Soaked(v.At)/v.Document.Soak))
	bar := strings.Repeat("▓", done) + strings.Repeat("░", cells-done)
	p := v.Facts.Promotion
	if done == cells {
		return fmt.Sprintf("*Soak* %s complete: %s in %s", bar, span(v.Document.Soak), p.From)
	}
	ends, running := v.Facts.SoakEnds(v.Document, v.At)
	if !running {
		return fmt.Sprintf("*Soak* %s stands still: the image is not in %s now", bar, p.From)
	}
	return fmt.Sprintf("*Soak* %s %d %% of %s, complete %s (%s)", bar, 100*v.Facts.Soaked(v.At)/v.Document.Soak, span(v.Document.Soak), date(ends), ago(ends))
}

// span writes a duration without the zero units of time.Duration.
func span(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if n := len(s) - len(zero); n > 0 && s[n:] == zero {
			s = s[:n+1]
		}
	}
	return s
}

func approvals(v policy.View) string {
	finding, _ := v.Verdict.Finding(policy.RuleApprovals)
	rows := []string{"*Approvals*: " + line(finding.Reason)}
	for _, f := range finding.Children {
		row := "• " + line(f.Reason)
		var by []string
		for _, a := range v.Verdict.Assigned {
			if strings.HasSuffix(f.Reason, "from "+a.Role) || strings.Contains(f.Reason, "from "+a.Role+";") {
				by = append(by, mention(a.Person))
			}
		}
		if len(by) > 0 {
			row += ": " + strings.Join(by[:min(maxPeople, len(by))], ", ")
		}
		if len(f.Who) > 0 {
			row += ". Could approve: " + mentions(f.Who, maxPeople)
		}
		rows = append(rows, row)
	}
	return strings.Join(rows, "\n")
}

func approvers(v policy.View) string {
	var by []string
	for _, a := range v.Verdict.Assigned {
		by = append(by, fmt.Sprintf("%s as %s", mention(a.Person), a.Role))
	}
	if len(by) == 0 {
		return ""
	}
	return "Approved by " + strings.Join(by[:min(2*maxPeople, len(by))], ", ")
}

func discounted(v policy.View) string {
	var rows []string
	for _, d := range v.Verdict.Discounted[:min(maxPeople, len(v.Verdict.Discounted))] {
		rows = append(rows, fmt.Sprintf("The approval of %s does not count: %s.", mention(d.Person), line(d.Reason)))
	}
	if more := len(v.Verdict.Discounted) - len(rows); more > 0 {
		rows = append(rows, fmt.Sprintf("%d more don't count.", more))
	}
	return strings.Join(rows, "\n")
}

// hindrances are the rules that are not met and have no row of their own.
func hindrances(v policy.View) string {
	var rows []string
	for _, f := range v.Verdict.Findings {
		if f.Outcome == policy.Met || f.Rule == policy.RuleSoak || f.Rule == policy.RuleApprovals && f.Outcome != policy.Blocked {
			continue
		}
		rows = append(rows, fmt.Sprintf("*%s*: %s.", word(f.Outcome), quote(f.Reason)))
	}
	return strings.Join(rows, "\n")
}

func word(o policy.Outcome) string {
	return map[policy.Outcome]string{policy.Met: "Met", policy.Waiting: "Waiting", policy.Blocked: "Blocked"}[o]
}

// target says what is there now and what would be set.
func target(p promotion.Promotion) string {
	if len(p.Targets) == 0 {
		return fmt.Sprintf("What %s points at has not been read yet.", p.To)
	}
	var rows []string
	for _, t := range p.Targets[:min(maxTags, len(p.Targets))] {
		switch now := t.Now; {
		case p.State == promotion.Promoted:
			rows = append(rows, fmt.Sprintf("%s was %s", code(t.Tag), digest(now)))
		case t.ReadAt == nil:
			rows = append(rows, code(t.Tag)+" not read yet")
		default:
			rows = append(rows, fmt.Sprintf("%s points at %s now", code(t.Tag), digest(now)))
		}
	}
	if more := len(p.Targets) - len(rows); more > 0 {
		rows = append(rows, fmt.Sprintf("%d more", more))
	}
	if p.State == promotion.Promoted {
		return "Before: " + strings.Join(rows, ", ")
	}
	return "Tags to set: " + strings.Join(rows, ", ")
}

func moves(p promotion.Promotion) string {
	var rows []string
	for _, m := range p.Moves[:min(maxTags, len(p.Moves))] {
		switch m.Outcome {
		case promotion.MoveDone, promotion.MoveAlready:
			rows = append(rows, fmt.Sprintf("%s is %s", code(m.Tag), digest(m.Found)))
		case promotion.MoveConflict:
			rows = append(rows, line(m.Detail))
		case promotion.MoveSkipped:
			rows = append(rows, code(m.Tag)+" was left alone")
		}
	}
	if len(rows) == 0 {
		return ""
	}
	return strings.Join(rows, ", ") + ", read back from the registry."
}

// buttons are there only while they can do something; Details always can.
func buttons(p promotion.Promotion) slack.Block {
	value := Value(p.ID, p.TermsNow().Hash())
	text := func(s string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
	}
	details := slack.NewButtonBlockElement(ActionDetails, value, text("Details"))
	// Slack asks for a new block_id whenever a message is updated.
	id := fmt.Sprintf("promotebot/%d/%d", p.ID, p.Revision)
	if p.State != promotion.Open {
		return slack.NewActionBlock(id, details)
	}
	reject := slack.NewButtonBlockElement(ActionReject, value, text("Reject…"))
	reject.Style = slack.StyleDanger
	if !p.Planned() {
		return slack.NewActionBlock(id, reject, details)
	}
	approve := slack.NewButtonBlockElement(ActionApprove, value, text("Approve"))
	approve.Style = slack.StylePrimary
	approve.Confirm = slack.NewConfirmationBlockObject(
		text(cut("Approve "+p.App+" for "+p.To+"?", 100)), text(cut(confirmation(p), maxConfirm)), text("Approve"), text("Not yet"))
	return slack.NewActionBlock(id, approve, reject, details)
}

func confirmation(p promotion.Promotion) string {
	var tags []string
	for _, t := range p.Targets {
		tags = append(tags, t.Tag)
	}
	return fmt.Sprintf("The digest is %s. When the policy is satisfied, exactly this digest goes from %s to %s as %s.", p.Digest.Short(), p.From, p.To, strings.Join(tags, ", "))
}

// summary is the card for whoever hears it or sees only its beginning.
func summary(v policy.View, state, detail string) string {
	p := v.Facts.Promotion
	s := fmt.Sprintf("%s %s from %s to %s: %s.", p.App, p.Digest.Short(), p.From, p.To, state)
	if p.State != promotion.Open {
		return strings.TrimSpace(s + " " + detail)
	}
	finding, _ := v.Verdict.Finding(policy.RuleApprovals)
	s += " " + line(finding.Reason) + "."
	for _, f := range v.Verdict.Missing() {
		if !slices.Contains([]policy.Rule{policy.RuleApprovals, policy.RuleRole}, f.Rule) {
			s += " " + line(f.Reason) + "."
		}
	}
	return s
}
