package render

import (
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// ActionRollback is the button on the card of what is in an environment.
const ActionRollback = "promotebot_rollback"

// maxEarlier is how many builds there are to choose from; whatever is older can be
// typed.
const maxEarlier = 25

// Returnable tells whether there is something that could be gone back to.
func Returnable(v policy.View) bool {
	return slices.ContainsFunc(v.Facts.Back, func(e policy.Earlier) bool { return e.Against == "" })
}

// RollbackModal asks where to and why. channel and ts are the card's.
func RollbackModal(v policy.View, channel, ts string) slack.ModalViewRequest {
	p := &v.Facts.Promotion
	input := slack.NewPlainTextInputBlockElement(page.Words("What is wrong with what is there now?"), reasonAction)
	input.Multiline, input.MinLength, input.MaxLength = true, minReason, maxReason
	var options []*slack.OptionBlockObject
	var previous *slack.OptionBlockObject
	first, some := policy.Previous(v.Facts.Back)
	for _, e := range v.Facts.Back {
		if e.Against != "" || len(options) == maxEarlier {
			continue
		}
		options = append(options, slack.NewOptionBlockObject(string(e.Promotion.Digest), page.Words(earlier(e.Promotion)), nil))
		if some && e.Promotion.ID == first.Promotion.ID {
			previous = options[len(options)-1]
		}
	}
	choice := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, page.Words("Choose"), groundAction, options...)
	choice.InitialOption = previous
	var body page.Page
	body.Section(
		page.Writef("Roll *%s* back in *%s*, from %s?", p.App, p.To, p.Digest),
		page.Writef("The tags that say what is in %s go back to exactly the build that you choose. %s is held after that: it comes again only when somebody lifts the hold.", p.To, p.Digest))
	body.Section(because(v.Document.GoingBack()) + ".")
	body.Add(slack.NewInputBlock(groundBlock, page.Words("Back to"), nil, choice))
	body.Add(slack.NewInputBlock(reasonBlock, page.Words("Reason"), page.Words("Everybody in the channel will read it."), input))
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: ActionRollback, PrivateMetadata: remembered(v, channel, ts),
		Title: page.Words("Roll back"), Submit: page.Words("Roll back"), Close: page.Words("Cancel"), Blocks: slack.Blocks{BlockSet: body.Blocks},
	}
}

// earlier is a build that was promoted before, in the 75 characters of an option.
func earlier(p promotion.Promotion) string {
	s := p.Digest.Short()
	if p.Image != nil {
		if version := p.Image.Labels[promotion.LabelVersion]; version != "" {
			s = page.Plain(version, 20) + ", " + s
		}
	}
	if p.FinishedAt != nil {
		s += p.FinishedAt.UTC().Format(", 2006-01-02 15:04 UTC")
	}
	if p.Undone() {
		s += ", rolled back"
	}
	return s
}

// rollbackButton is there on the card of what is in an environment now.
func rollbackButton(v policy.View, value string) []slack.BlockElement {
	if !Returnable(v) {
		return nil
	}
	return []slack.BlockElement{slack.NewButtonBlockElement(ActionRollback, value, page.Words("Roll back…")).WithStyle(slack.StyleDanger)}
}

// goesBack is what an open rollback is about.
func goesBack(p *promotion.Promotion, c cast) page.Text {
	by := page.Text("promotebot, as the policy says")
	if p.Requester != "" {
		by = c.call(p.Requester)
	}
	return page.Writef("*Rollback* of %s from %s (#%d, there since %s) to %s, asked for by %s: %s.\n", p.To, p.Back.Bad, p.Back.Of, p.Back.Since, p.Digest, by, because(p.Back.Reason))
}

// wentBack says what follows from a rollback.
func wentBack(p *promotion.Promotion) page.Text {
	s := page.Writef("\nTaken back: %s (#%d), %s after it came. It is held, and comes again only when somebody lifts that: `/promote unhold %s@%s`.",
		p.Back.Bad, p.Back.Of, span(p.Restored().Round(time.Second)), p.App, page.Text(p.Back.Bad.Short()))
	return s + page.Writef("\nReason: %s.", because(p.Back.Reason))
}

// undone says of what a promotion brought that it was taken back.
func undone(v policy.View, c cast) page.Text {
	by := v.Facts.Undone
	if by == nil {
		return ""
	}
	who := page.Text("promotebot, as the policy says,")
	if by.Requester != "" {
		who = c.call(by.Requester)
	}
	at := by.FinishedAt
	if by.MovedAt != nil { // it goes on after that, and may be watched
		at = by.MovedAt
	}
	s := page.Writef("*Rolled back* %s by %s to %s, in #%d", when(at), who, by.Digest, by.ID)
	if by.Back != nil {
		s += page.Writef(": %s", because(by.Back.Reason))
	}
	return s + ".\n"
}

// withdrawn says that a digest is known to be bad.
func withdrawn(w *promotion.Withdrawal, c cast) []page.Text {
	if w == nil {
		return nil
	}
	return []page.Text{page.Writef("• *Withdrawn* by %s %s: %s. It is not promoted any more, and not gone back to.", c.call(w.By), w.At, because(w.Reason))}
}

// stillIn says where a digest is that ought to be nowhere.
func stillIn(a policy.AppStatus, d promotion.Digest) page.Text {
	var in []string
	for _, e := range a.Environments {
		if e.Target && slices.ContainsFunc(e.Holds, func(h policy.Holding) bool { return h.Digest == d }) {
			in = append(in, e.Name)
		}
	}
	if len(in) == 0 {
		return ""
	}
	return page.Writef(". *It is in %s now*", listing(in))
}

// aboutBuild is what came of a rollback, or of what was said of a digest.
func aboutBuild(a promotion.Answer, it page.Text) (m page.Text, some bool) {
	switch {
	case a.Deed == promotion.GestureRollback && a.Verb == promotion.Requested:
		m = page.Writef("Rolling *%s* back in %s, from %s to %s: #%d, %s.", a.App, listing(a.In), a.Bad, a.Digest, a.Promotion, because(a.Reason))
		if a.Role != "" {
			m += page.Writef(" Asking counts as the approval of one of %s.", a.Role)
		}
		if len(a.Missing) > 0 {
			m += page.Text(strings.TrimPrefix(string(stillMissing(a)), "."))
		}
		return m, true
	case a.Deed == promotion.GestureRollback && a.Verb == promotion.Existing:
		return page.Writef("#%d is about rolling *%s* back already, from %s to %s: no second one was opened. To go elsewhere, reject that first.", a.Promotion, a.App, a.Bad, a.Digest), true
	case a.Deed == promotion.GestureRollback && a.Verb == promotion.Outdated:
		return page.Writef("Nothing was rolled back: %s. `/promote status %s` shows what is where.", because(a.Reason), a.App), true
	case a.Deed == promotion.GestureWithdraw && a.Verb == promotion.Counted:
		m = page.Writef("Withdrawn: %s: %s. It is not promoted any more, and not gone back to; only somebody else can take that back, with %s.",
			it, because(a.Reason), page.Code("/promote restore-digest "+a.App+"@"+a.Digest.Short()))
		if len(a.In) > 0 {
			m += page.Writef(" *It is in %s now*: %s goes back.", listing(a.In), page.Code("/promote rollback "+a.App+" <reason>"))
		}
		if len(a.Targets) > 0 {
			m += page.Writef(" *It was last seen to run in %s*, where something else was promoted.", listing(a.Targets))
		}
		return m, true
	case a.Deed == promotion.GestureWithdraw && a.Verb == promotion.Repeated:
		return page.Writef("%s is withdrawn already. Nothing was changed.", it), true
	case a.Deed == promotion.GestureReinstate && a.Verb == promotion.Counted:
		return page.Writef("Not withdrawn any more: %s: %s. It can be promoted again.", it, because(a.Reason)), true
	}
	return "", false
}

// listing names environments or targets.
func listing(names []string) page.Text {
	var all []page.Text
	for _, name := range names {
		all = append(all, page.Writef("%s", name))
	}
	return page.Join(all, maxTags)
}

// tookBack is told in the threads of what it is about.
func tookBack(w promotion.NoticeWork, v policy.View, c cast, it page.Text) Message {
	who := page.Text("promotebot, as the policy says,")
	if w.Person != "" {
		who = c.call(w.Person)
	}
	switch w.Kind {
	case promotion.NoticeWithdrawn:
		m := page.Writef("%s has withdrawn %s: %s. It is not promoted any more, and not gone back to.", who, it, because(w.Reason))
		if v.Facts.Promotion.State == promotion.Promoted {
			m += page.Writef(" *It is in %s now.*", v.Facts.Promotion.To)
		}
		return page.Say(m)
	case promotion.NoticeReinstated:
		return page.Say(page.Writef("%s says that %s can be promoted after all: %s.", who, it, because(w.Reason)), missing(v, c))
	}
	return page.Say(page.Writef("%s has rolled %s back in %s (#%d): %s.", who, it, v.Facts.Promotion.To, w.Rollback, because(w.Reason)))
}
