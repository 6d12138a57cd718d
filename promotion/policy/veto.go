package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// Veto is who can say no, with which kinds of reason, and who besides them can
// take it back.
type Veto struct {
	By      []string           `json:",omitempty"` // roles; none means those that can approve
	Lift    []string           `json:",omitempty"` // roles
	Grounds []promotion.Ground `json:",omitempty"` // none means the usual ones
}

// Grounds are the kinds of reason that a rejection can have.
func (d Document) Grounds() []promotion.Ground {
	if len(d.Reject.Grounds) > 0 {
		return d.Reject.Grounds
	}
	return []promotion.Ground{promotion.OnSecurity, promotion.OnQuality, promotion.OnTiming, promotion.OnOther}
}

// MayVeto are the roles that can say no.
func (d Document) MayVeto() []string {
	if len(d.Reject.By) > 0 {
		return d.Reject.By
	}
	return d.Approvers()
}

// MayReject says why the person can't reject, or "". It takes one of the roles
// that the policy names for it, or one that could approve; the requester always
// can.
func MayReject(d Document, f Facts, id promotion.PersonID) (refusal string) {
	return mayObject(f, d.MayVeto(), id)
}

// MayAdopt says why the person can't ask that what somebody else put behind a
// tag be adopted, or "".
func MayAdopt(d Document, f Facts, id promotion.PersonID) (refusal string) {
	return mayObject(f, d.Approvers(), id)
}

func mayObject(f Facts, roles []string, id promotion.PersonID) string {
	if refusal := notAMember(&f, id); refusal != "" {
		return refusal
	}
	if f.requested(id) || holdsOne(f, roles, id) {
		return ""
	}
	if len(roles) == 0 {
		return "nobody is asked for an approval here, so nobody has a role that could say no; whoever requested it can"
	}
	return noRole(f, roles)
}

func (f Facts) requested(id promotion.PersonID) bool {
	return f.Promotion.Requester != "" && f.Identities.Same(id, f.Promotion.Requester)
}

// MayLift says why the person can't lift the rejection, or "". Whoever rejected
// can, and holders of the roles that the policy names for it; nobody else, and
// nobody once something else has taken its place. What a rollback would take back
// may not be there any more, so it is asked for anew.
func MayLift(d Document, f Facts, id promotion.PersonID) (refusal string) {
	if refusal := notAMember(&f, id); refusal != "" {
		return refusal
	}
	if f.Promotion.Purpose == promotion.Rollback {
		return "a rollback that was rejected is not opened again: ask for another"
	}
	by := f.Promotion.EndedBy
	if (by == "" || !f.Identities.Same(id, by)) && !holdsOne(f, d.Reject.Lift, id) {
		for _, role := range d.Reject.Lift {
			if fault := f.Rosters[role].Fault; fault != "" {
				return fmt.Sprintf("the members of %s can't be read: %s", role, fault)
			}
		}
		return "a rejection can be lifted by whoever rejected, and by holders of the roles that the policy names for it"
	}
	if next := f.Promotion.Successor; next != 0 {
		return fmt.Sprintf("#%d has taken its place since: what is to be promoted is decided there", next)
	}
	return ""
}

// Objection is the ground and the reason of a rejection. Who types may begin the
// reason with the ground, as in "security: it leaks memory". The refusal says
// which grounds there are.
func Objection(d Document, g promotion.Ground, reason string) (promotion.Ground, string, string) {
	grounds := d.Grounds()
	if begins, rest, named := strings.Cut(reason, ":"); g == "" && named && slices.Contains(grounds, promotion.Ground(strings.ToLower(strings.TrimSpace(begins)))) {
		g, reason = promotion.Ground(strings.ToLower(strings.TrimSpace(begins))), strings.TrimSpace(rest)
	}
	switch {
	case reason == "":
		return "", "", "it has to be said why: others will read it"
	case slices.Contains(grounds, g):
		return g, reason, ""
	case g == "" && slices.Contains(grounds, promotion.OnOther):
		return promotion.OnOther, reason, ""
	case g == "" && len(grounds) == 1:
		return grounds[0], reason, ""
	}
	var names []string
	for _, known := range grounds {
		names = append(names, string(known))
	}
	return "", "", fmt.Sprintf("it has to be said what kind of reason it is: begin with one of %s, and a colon", strings.Join(names, ", "))
}
