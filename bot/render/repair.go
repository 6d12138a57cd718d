package render

import (
	"fmt"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
)

// ActionAdopt is the button on a card about a tag that somebody else moved.
const ActionAdopt = "promotebot_adopt"

// way is where a promotion leads, or what it puts right.
func way(p *promotion.Promotion) string {
	switch p.Purpose {
	case promotion.Restore:
		return "restore " + p.To
	case promotion.Adopt:
		return "adopt in " + p.To
	case promotion.Rollback:
		return "roll back " + p.To
	}
	return p.From + " → " + p.To
}

// happened is what an open promotion would put right, and how.
func happened(p *promotion.Promotion) page.Text {
	if !p.Repairs() {
		return ""
	}
	var tags []page.Text
	for _, t := range p.Targets {
		if p.Purpose == promotion.Adopt {
			tags = append(tags, page.Code(t.Tag))
			continue
		}
		tags = append(tags, page.Writef("%s points at %s", page.Code(t.Tag), t.Now))
	}
	if p.Purpose == promotion.Adopt {
		return page.Writef("*Moved by somebody else*: approving accepts %s, which is behind %s already. No tag is moved.\n", p.Digest, page.Join(tags, maxTags))
	}
	s := page.Writef("*Moved by somebody else*: %s and was set to %s. Approving puts that back", page.Join(tags, maxTags), p.Digest)
	if found, one := p.Found(); one {
		s += page.Writef("; to accept %s instead, adopt it", found)
	}
	return s + ".\n"
}

// done is the word for a promotion that has reached its end.
func done(p *promotion.Promotion) page.Text {
	switch p.Purpose {
	case promotion.Restore:
		return "Restored"
	case promotion.Adopt:
		return "Adopted"
	case promotion.Rollback:
		return "Rolled back"
	}
	return "Promoted"
}

func adoptButton(p *promotion.Promotion, value string) (*slack.ButtonBlockElement, bool) {
	found, one := p.Found()
	if !one {
		return nil, false
	}
	b := slack.NewButtonBlockElement(ActionAdopt, value, page.Words("Adopt…"))
	b.Confirm = slack.NewConfirmationBlockObject(
		page.Words("Adopt "+found.Short()+"?"),
		page.Words(fmt.Sprintf("Instead of putting %s back, %s is put to the approvers. Nothing changes before they agree.", page.Plain(p.To, 40), found.Short())),
		page.Words("Adopt"), page.Words("Not yet"))
	return b, true
}
