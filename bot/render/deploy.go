package render

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// ActionKeep is the button that leaves what is failing as it is.
const ActionKeep = "promotebot_keep"

// ActionRetry is what the button is called that has targets told again.
const ActionRetry = "promotebot_retry"

// What is shown of each target: enough to see why, on a card that shows several.
const (
	maxTargets = 10
	maxSaid    = 6   // lines that a target gives
	maxSaidIn  = 200 // characters of each
)

// following says, before it is decided, what follows the tags.
func following(v policy.View) page.Text {
	d := v.Document
	var steps []page.Text
	if v.Facts.Promotion.Abroad() {
		steps = append(steps, "it is copied")
	}
	steps = append(steps, "its tags are set")
	if len(d.Deploys) > 0 {
		var names []page.Text
		for _, name := range d.Deploys {
			names = append(names, page.Writef("*%s*", name))
		}
		how := page.Text("")
		if len(names) > 1 {
			how = ", one after the other"
			if d.Together {
				how = ", all at once"
			}
		}
		steps = append(steps, "it is deployed to "+page.Join(names, maxTargets)+how)
	}
	if d.After != nil {
		steps = append(steps, page.Writef("it is watched for %s", span(d.After.Watch)))
	}
	if len(d.Deploys) == 0 && d.After == nil {
		return ""
	}
	s := page.Text("*When it goes ahead*: ")
	for i, step := range steps {
		if i > 0 {
			s += ", then "
		}
		s += step
	}
	return s + "."
}

// deployments is how far each target is.
func deployments(v policy.View) []page.Text {
	all := v.Facts.Deployments
	if len(all) == 0 || v.Facts.Promotion.MovedAt == nil {
		return nil
	}
	lines := []page.Text{"*Deployment*"}
	for i, d := range all {
		if i == maxTargets {
			lines = append(lines, page.Writef("%d more targets", len(all)-i))
			break
		}
		lines = append(lines, "• "+target(d))
		if d.Rollout.Phase != promotion.RolloutFailed {
			continue
		}
		said := d.Rollout.Lines
		if over := len(said) - maxSaid; over > 0 {
			lines = append(lines, page.Writef("      … %d lines before these", over))
			said = said[over:]
		}
		for _, line := range said {
			if s := page.Foreign(line, maxSaidIn); s != "" {
				lines = append(lines, "      `"+s+"`")
			}
		}
	}
	return lines
}

// target is how far one of them is.
func target(d promotion.Deployment) page.Text {
	r := d.Rollout
	s := page.Writef("*%s*: ", d.Order.Target)
	switch r.Phase {
	case promotion.RolloutPlanned:
		return s + "not told yet"
	case promotion.RolloutOrdered:
		s += page.Writef("being told since %s", d.Order.OrderedAt)
	case promotion.RolloutAsked:
		s += page.Writef("told %s", d.Order.OrderedAt)
	case promotion.RolloutUnder:
		s += "under way"
	case promotion.RolloutDone:
		s += page.Writef("done %s", when(d.EndedAt))
	case promotion.RolloutFailed:
		s += page.Writef("*failed* %s", when(d.EndedAt))
	}
	if r.Total > 0 {
		s += page.Writef(", %d of %d ready", r.Ready, r.Total)
	}
	if r.Detail != "" {
		s += page.Writef(": %s", because(r.Detail))
	}
	if !r.Phase.Ended() {
		s += page.Writef(", until %s at the latest", d.Order.Deadline)
	}
	if d.Fault != "" {
		s += page.Writef(". *It can't be asked* so far: %s", because(d.Fault))
	}
	return s + linked(r.URL)
}

// linked is a link to where a target shows more. The host is shown: it is the target
// that names it.
func linked(address string) page.Text {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(address) > 500 {
		return ""
	}
	link := strings.ReplaceAll(u.String(), "&", "&amp;")
	if strings.ContainsAny(link, "<>|` ") || link != page.Clean(link) {
		return ""
	}
	return page.Writef(" (<%s|more> on %s)", page.Text(link), u.Host)
}

// afterTags is the state of what has moved its tags and has not ended, or "".
func afterTags(v policy.View) (word string, sentence page.Text) {
	p := &v.Facts.Promotion
	switch p.State {
	case promotion.Deploying:
		return "deploying", page.Writef("*Deploying*: the tags of %s were set %s, and now its targets are told to run exactly this digest.", p.To, when(p.MovedAt)) + heldUp(v)
	case promotion.Watching:
		return "being watched", page.Writef("*Being watched* in %s until %s (%s): what goes wrong there until then counts.", p.To, when(p.WatchUntil), ago(p))
	case promotion.Failing:
		return "failing", page.Writef("*Failing*: %s.\nIts tags are set, and nothing newer goes to %s before somebody has decided. Who could approve it can %skeep it as it is; %s goes back.", because(p.Reason), p.To, retriable(v), page.Code("/promote rollback "+p.App+" <reason>"))
	}
	return "", ""
}

// onItsWay is how far a promotion is that has moved its tags, in a line.
func onItsWay(f policy.Following) page.Text {
	p := &f.Promotion
	s := page.Writef("#%d %s in %s is ", p.ID, p.Digest, p.To)
	switch p.State {
	case promotion.Watching:
		return s + page.Writef("being watched until %s", when(p.WatchUntil))
	case promotion.Failing:
		return s + page.Writef("*failing*: %s", because(p.Reason))
	}
	var each []page.Text
	for _, d := range f.Deployments {
		each = append(each, page.Writef("%s %s", d.Order.Target, string(d.Rollout.Phase)))
	}
	return s + "being deployed: " + page.Join(each, maxTargets)
}

func ago(p *promotion.Promotion) page.Text {
	if p.WatchUntil == nil {
		return ""
	}
	return page.Ago(*p.WatchUntil)
}

// heldUp says why the next target is not told.
func heldUp(v policy.View) page.Text {
	var by []promotion.PersonID
	for _, h := range v.Facts.Holds {
		if h.Stops(&v.Facts.Promotion) {
			by = append(by, h.By)
		}
	}
	for _, d := range v.Facts.Deployments {
		if d.Rollout.Phase == promotion.RolloutPlanned && len(by) > 0 {
			return page.Writef(" *The next target is not told* while %s holds it.", cast(v.Facts.People).all(by, maxPeople))
		}
	}
	return ""
}

// kept says of what was failing that somebody has left it as it is.
func kept(p *promotion.Promotion) page.Text {
	if p.MovedAt == nil || p.EndedBy == "" {
		return ""
	}
	return page.Writef("\n%s kept it although it was failing: %s.", page.Mention(p.EndedBy), because(p.Reason))
}

// retriable says that it can be tried again, where it can.
func retriable(v policy.View) page.Text {
	if len(untold(v)) == 0 {
		return ""
	}
	return "try again where it does not run, or "
}

// untold are the targets that are told again when it is tried again: none while
// something is still under way.
func untold(v policy.View) (names []string) {
	if slices.ContainsFunc(v.Facts.Deployments, promotion.Deployment.Under) {
		return nil
	}
	for _, d := range promotion.Untold(v.Facts.Deployments) {
		names = append(names, d.Order.Target)
	}
	return names
}

// settleButtons are there while somebody has to decide what becomes of what is
// failing.
func settleButtons(v policy.View, value string) (all []slack.BlockElement) {
	p := &v.Facts.Promotion
	if p.State != promotion.Failing {
		return nil
	}
	if names := untold(v); len(names) > 0 {
		retry := slack.NewButtonBlockElement(ActionRetry, value, page.Words("Try again"))
		says := fmt.Sprintf("Exactly the digest %s is deployed once more, to: ", page.Plain(p.Digest.Short(), 12))
		for i, name := range names {
			names[i] = page.Plain(name, 40)
		}
		says += within(names, page.MaxConfirm-utf8.RuneCountInString(says))
		retry.Confirm = slack.NewConfirmationBlockObject(page.Words("Deploy "+page.Plain(p.App, 40)+" again?"), page.Words(says), page.Words("Try again"), page.Words("Not yet"))
		all = append(all, retry)
	}
	return append(all, slack.NewButtonBlockElement(ActionKeep, value, page.Words("Keep…")))
}

// KeepModal asks why what is failing stays as it is. channel and ts are the card's.
func KeepModal(v policy.View, channel, ts string) slack.ModalViewRequest {
	p := &v.Facts.Promotion
	input := slack.NewPlainTextInputBlockElement(page.Words("Why does it stay?"), reasonAction)
	input.Multiline, input.MinLength, input.MaxLength = true, minReason, maxReason
	var body page.Page
	body.Section(page.Writef("Keep *%s* %s in *%s* although it is failing?", p.App, p.Digest, p.To), page.Writef("%s.", because(p.Reason)))
	body.Section("It counts as promoted then, and the next build can go ahead. Nothing is told to any target by that.")
	body.Section(deployments(v)...)
	body.Section(measured(v)...)
	body.Add(slack.NewInputBlock(reasonBlock, page.Words("Reason"), page.Words("Everybody in the channel will read it."), input))
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: ActionKeep, PrivateMetadata: remembered(v, channel, ts),
		Title: page.Words("Keep it"), Submit: page.Words("Keep it"), Close: page.Words("Cancel"), Blocks: slack.Blocks{BlockSet: body.Blocks},
	}
}
