package render

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// CallbackReject names the modal in which a reason is given.
const CallbackReject = "promotebot_reject"

const (
	reasonBlock  = "reason"
	reasonAction = "reason"
	minReason    = 3
	maxReason    = 500
)

// reference is what a modal has to remember of the card it was opened from.
type reference struct {
	Value   string `json:"value"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

func plainText(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}

// RejectModal asks why. channel and ts are the card's.
func RejectModal(v policy.View, channel, ts string) slack.ModalViewRequest {
	p := v.Facts.Promotion
	meta, err := json.Marshal(reference{Value: Value(p.ID, p.TermsNow().Hash()), Channel: channel, TS: ts})
	if err != nil {
		panic("render: three strings always marshal: " + err.Error())
	}
	input := slack.NewPlainTextInputBlockElement(plainText("What is wrong with it?"), reasonAction)
	input.Multiline, input.MinLength, input.MaxLength = true, minReason, maxReason
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: CallbackReject, PrivateMetadata: string(meta),
		Title: plainText("Reject"), Submit: plainText("Reject"), Close: plainText("Cancel"),
		Blocks: slack.Blocks{BlockSet: []slack.Block{
			section("Reject *%s* %s for *%s*? This digest will not be promoted; the next build can be.", p.App, digest(p.Digest), p.To),
			slack.NewInputBlock(reasonBlock, plainText("Reason"), plainText("Everybody in the channel will read it."), input),
		}},
	}
}

// Rejection is a submitted RejectModal.
type Rejection struct {
	Promotion   promotion.ID
	Terms       string
	Channel, TS string
	Reason      string
}

// ReadReject reads a submitted RejectModal, or says what is wrong with it,
// beneath the inputs that are meant.
func ReadReject(view slack.View) (Rejection, map[string]string) {
	var ref reference
	err := json.Unmarshal([]byte(view.PrivateMetadata), &ref)
	id, terms, err2 := ParseValue(ref.Value)
	if err != nil || err2 != nil {
		return Rejection{}, map[string]string{reasonBlock: "This dialog is from another version of promotebot. Close it and click Reject again."}
	}
	r := Rejection{Promotion: id, Terms: terms, Channel: ref.Channel, TS: ref.TS}
	if view.State != nil {
		r.Reason = strings.TrimSpace(view.State.Values[reasonBlock][reasonAction].Value)
	}
	switch n := utf8.RuneCountInString(r.Reason); {
	case n < minReason:
		return r, map[string]string{reasonBlock: "Say in a few words why; others will read it."}
	case n > maxReason:
		return r, map[string]string{reasonBlock: fmt.Sprintf("That is %d characters; %d are allowed.", n, maxReason)}
	}
	return r, nil
}

// Details is everything about a promotion, in a modal.
func Details(v policy.View) slack.ModalViewRequest {
	p := v.Facts.Promotion
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: plainText("Details"), Close: plainText("Close"),
		Blocks: slack.Blocks{BlockSet: details(v, fmt.Sprintf("%s → %s", p.App, p.To), maxView)},
	}
}

func details(v policy.View, title string, most int) []slack.Block {
	p := v.Facts.Promotion
	state, detail := headline(v)
	blocks := []slack.Block{
		header(title),
		section("*%s* (#%d). %s", state, p.ID, detail),
		section("Digest %s\n%s", code(string(p.Digest)), code(cut(string(p.Repository)+"@"+string(p.Digest), maxLine))),
	}
	if facts := image(p); facts != "" {
		blocks = append(blocks, section("%s", facts))
	}
	if p.State == promotion.Open {
		blocks = append(blocks, section("*Policy*: %s", english(v.Document, p)), section("%s", tree(v)))
	}
	if d := discounted(v); d != "" {
		blocks = append(blocks, context("%s", d))
	}
	blocks = append(blocks, context("%s", target(p)))
	if p.State == promotion.Promoted && len(p.Targets) > 0 {
		blocks = append(blocks, context("Check it yourself: %s", code("crane digest "+string(p.Repository)+":"+p.Targets[len(p.Targets)-1].Tag)))
	}
	return blocks[:min(most, len(blocks))]
}

// tree is the whole verdict, rule by rule.
func tree(v policy.View) string {
	var rows []string
	var walk func(f policy.Finding, indent string)
	walk = func(f policy.Finding, indent string) {
		row := fmt.Sprintf("%s%s: %s", indent, word(f.Outcome), quote(f.Reason))
		if len(f.Who) > 0 {
			row += " (could: " + mentions(f.Who, maxPeople) + ")"
		}
		rows = append(rows, row)
		for _, c := range f.Children {
			walk(c, indent+"      ")
		}
	}
	for _, f := range v.Verdict.Findings {
		walk(f, "• ")
	}
	return strings.Join(rows, "\n")
}

// english is the policy in sentences.
func english(d policy.Document, p promotion.Promotion) string {
	var s []string
	if d.Soak > 0 {
		s = append(s, fmt.Sprintf("the image has to be in %s for %s", p.From, span(d.Soak)))
	}
	for _, r := range d.Approvals {
		people := "person"
		if r.Count > 1 {
			people = "different people"
		}
		s = append(s, fmt.Sprintf("%d %s of %s must approve", r.Count, people, r.Role))
	}
	if !d.RequesterMayApprove {
		s = append(s, "whoever requested it can't approve it")
	}
	return strings.Join(s, "; ") + "."
}
