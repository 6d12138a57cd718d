package render

import (
	"maps"
	"slices"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// The inputs of a dialog, and how long a reason may be, in characters: long
// enough to say something, short enough for a card.
const (
	reasonBlock  = "reason"
	reasonAction = "reason"
	groundBlock  = "ground"
	groundAction = "ground"
	minReason    = 3
	maxReason    = 500
)

// RejectModal asks why. channel and ts are the card's.
func RejectModal(v policy.View, channel, ts string) slack.ModalViewRequest {
	p := &v.Facts.Promotion
	input := slack.NewPlainTextInputBlockElement(page.Words("What is wrong with it?"), reasonAction)
	input.Multiline, input.MinLength, input.MaxLength = true, minReason, maxReason
	var body page.Page
	body.Section(
		page.Writef("Reject *%s* %s for *%s*?", p.App, p.Digest, p.To),
		"This ends the promotion for everybody, unless the rejection is lifted. "+stays(p))
	body.Add(slack.NewInputBlock(reasonBlock, page.Words("Reason"), page.Words("Everybody in the channel will read it."), input))
	body.Add(grounds(v.Document))
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: ActionReject, PrivateMetadata: remembered(v, channel, ts),
		Title: page.Words("Reject"), Submit: page.Words("Reject"), Close: page.Words("Cancel"), Blocks: slack.Blocks{BlockSet: body.Blocks},
	}
}

func stays(p *promotion.Promotion) page.Text {
	if p.Purpose == promotion.Train {
		return "The digests stay where they are, and each app can be promoted by itself."
	}
	return "The digest stays where it is, and the next build can be promoted."
}

// ShortcutWhatIs names the shortcut in the menu of a message.
const ShortcutWhatIs = "promotebot_what_is_this"

// NotThis is what is said of a message that is about no promotion: that of the app
// that it names there is none, or that it names none of the apps.
func NotThis(app string, apps []string) slack.ModalViewRequest {
	var body page.Page
	if app != "" {
		body.Section(page.Writef("The message names *%s*. No promotion of %s is on record. `/promote status %s` shows what is where.", app, page.Writef("*%s*", app), app))
	} else {
		var names []page.Text
		for _, a := range apps {
			names = append(names, page.Writef("%s", a))
		}
		body.Section(
			"The message is no card and no reply to one, and it names no app and no digest that was ever on a card.",
			"There is "+page.Join(names, maxCalled)+". `/promote list` shows what is open.")
	}
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: page.Words("Not about a promotion"), Close: page.Words("Close"), Blocks: slack.Blocks{BlockSet: body.Blocks},
	}
}

// Details is everything about a promotion, in a modal.
func Details(v policy.View) slack.ModalViewRequest {
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: page.Words("Details"), Close: page.Words("Close"), Blocks: slack.Blocks{BlockSet: details(v)},
	}
}

func details(v policy.View) []slack.Block {
	promoted := &v.Facts.Promotion
	p := page.Page{Of: promoted}
	word, sentence := state(v, nil)
	p.Header(title(promoted, word))
	p.Section(sentence)
	if promoted.Purpose == promotion.Train {
		carriage(&p, v)
	} else {
		p.Section("*Digest*", page.Code(string(promoted.Digest)), page.Code(string(promoted.Repository)+"@"+string(promoted.Digest)))
		if f := promoted.Former; f != nil {
			p.Section("*Takes the place of*", page.Code(string(promoted.Destination)+"@"+string(f.Digest)))
		}
	}
	p.Section(deployments(v)...)
	p.Section(strays(v)...)
	p.Section(measured(v)...)
	p.Section(glass(v, nil)...)
	p.Section(stopped(v, nil)...)
	p.Section(changes(promoted)...)
	rules(&p, "*Rules*", v.Verdict.Findings)
	p.Section(english(v.Document, promoted)...)
	p.Section(votes(v)...)
	p.Context(consulted(v)...)
	p.Fields(besides(promoted, nil)...) // the digest is above, in full
	p.Section(planned(promoted)...)
	p.Section(labels(promoted.Image)...)
	p.Section(check(promoted)...)
	p.Context(page.Writef("Promotion #%d, opened %s", promoted.ID, promoted.OpenedAt))
	p.Within(page.Writef("More than Slack takes here: %s shows what holds it up.", page.Code("/promote why "+promoted.App)))
	return p.Blocks
}

// tree is the whole verdict, rule by rule.
func tree(findings []policy.Finding, indent page.Text) []page.Text {
	var lines []page.Text
	for _, f := range findings {
		line := indent + page.Writef("• *%s*: %s", outcome(f), gist(f))
		if len(f.Who) > 0 && len(f.Children) == 0 && f.Outcome != policy.Met {
			line += " (" + could(f.Rule) + cast(nil).all(f.Who, maxCalled) + ")"
		}
		if f.ChangesAt != nil {
			line += page.Writef(" (changes by itself %s)", page.Ago(*f.ChangesAt))
		}
		lines = append(append(lines, line), tree(f.Children, indent+"      ")...)
	}
	return lines
}

// english is the policy in sentences, a line each.
func english(d policy.Document, p *promotion.Promotion) []page.Text {
	all := []page.Text{"*Policy*" + named(" ", d.Name)}
	for _, sentence := range d.Sentences(p.From, p.To, p.Purpose == promotion.Train) {
		all = append(all, because(sentence)+".")
	}
	return all
}

func labels(i *promotion.Image) []page.Text {
	if i == nil {
		return nil
	}
	lines := []page.Text{page.Writef("*Image*, as read %s", i.ReadAt), page.Code(i.MediaType)}
	if i.Size > 0 {
		lines = append(lines, page.Writef("%d MB of layers, compressed", (i.Size+999_999)/1_000_000))
	}
	for _, key := range slices.Sorted(maps.Keys(i.Labels)) {
		lines = append(lines, page.Writef("%s = %s", page.Code(key), page.Code(i.Labels[key])))
	}
	return lines
}

// check says how anybody can see for themselves what the tags point at.
func check(p *promotion.Promotion) []page.Text {
	lines := []page.Text{"*See for yourself*"}
	add := func(r promotion.Repository, tag string) {
		lines = append(lines, page.Code("crane digest "+string(r)+":"+tag))
	}
	if p.SourceTag != "" {
		add(p.Repository, p.SourceTag)
	}
	for _, t := range p.Targets {
		if p.Purpose == promotion.Train {
			lines = append(lines, page.Code("crane digest "+t.Tag))
			continue
		}
		add(p.Destination, t.Tag)
	}
	if len(lines) == 1 {
		return nil
	}
	return lines[:min(maxTags+1, len(lines))]
}
