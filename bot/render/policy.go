package render

import (
	"strings"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// agreement is who has to approve, and who can't.
func agreement(d policy.Document) page.Text {
	s := "Approvals: " + combination(d.Asks(), true) + ", all from different people. "
	if d.RequesterMayApprove {
		s += "Whoever requested it may be one of them."
	} else {
		s += "Whoever requested it can't be one of them."
	}
	if d.AuthorsCannotApprove {
		s += page.Writef(" Nor can the authors of the image, as its label %s names them.", page.Code(promotion.LabelAuthors))
	}
	return s + objections(d.Reject) + deadlines(d.Expires)
}

func combination(t policy.Tree, top bool) page.Text {
	if t.Role != "" {
		return page.Writef("%d from %s", t.Count, t.Role)
	}
	var parts []page.Text
	for _, of := range t.Of {
		parts = append(parts, combination(of, false))
	}
	all := page.Join(parts, policy.MaxApprovals)
	switch {
	case top && t.Count == len(t.Of):
		return all
	case t.Count == 1:
		all = "any one of: " + all
	case t.Count < len(t.Of):
		all = page.Writef("any %d of: ", t.Count) + all
	default:
		all = page.Text(strings.Join(texts(parts), " and "))
	}
	if top {
		return all
	}
	return "(" + all + ")"
}

func texts(parts []page.Text) (all []string) {
	for _, p := range parts {
		all = append(all, string(p))
	}
	return all
}

func objections(v policy.Veto) page.Text {
	var s page.Text
	if len(v.By) > 0 {
		s += page.Writef(" It can be rejected by %s, and by whoever requested it.", strings.Join(v.By, ", "))
	}
	if len(v.Lift) > 0 {
		s += page.Writef(" A rejection can be lifted by whoever rejected, and by %s.", strings.Join(v.Lift, ", "))
	}
	return s
}

func deadlines(e policy.Expiry) page.Text {
	var s page.Text
	if e.Request > 0 {
		s += page.Writef(" A request expires after %s.", span(e.Request))
	}
	if e.Approval > 0 {
		s += page.Writef(" An approval expires after %s.", span(e.Approval))
	}
	return s
}
