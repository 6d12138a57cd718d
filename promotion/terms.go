package promotion

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Terms are what a voter saw and agreed to. A vote stops counting as soon as
// one of them is no longer true.
type Terms struct {
	Digest      Digest      `json:"digest"`
	Destination Repository  `json:"destination,omitempty"` // only when it is another repository
	Targets     []TermsItem `json:"targets"`
	Policy      string      `json:"policy"`         // hash of the policy document
	Plan        string      `json:"plan,omitempty"` // hash of the rollback plan, if there is one
}

// TermsItem is a target tag and what it was expected to point at.
type TermsItem struct {
	Tag string `json:"tag"`
	Now Digest `json:"now"`
}

// TermsNow are the promotion's present terms.
func (p *Promotion) TermsNow() Terms {
	t := Terms{Digest: p.Digest, Policy: p.PolicyHash, Targets: []TermsItem{}}
	if p.Plan != "" {
		sum := sha256.Sum256([]byte(p.Plan))
		t.Plan = hex.EncodeToString(sum[:])
	}
	if p.Abroad() {
		t.Destination = p.Destination
	}
	for _, target := range p.Targets {
		t.Targets = append(t.Targets, TermsItem{Tag: target.Tag, Now: target.Now})
	}
	return t
}

// Hash identifies the terms. It travels in the buttons of a card.
func (t Terms) Hash() string {
	b, err := json.Marshal(t)
	if err != nil {
		panic("promotion: terms hold only strings, which always marshal: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Differs says in words how the terms have changed since they were t, or ""
// when they have not.
func (t Terms) Differs(now Terms) string {
	switch {
	case t.Digest != now.Digest:
		return fmt.Sprintf("it was given for digest %s", t.Digest.Short())
	case t.Policy != now.Policy:
		return "the policy has changed since"
	case t.Plan != now.Plan:
		return "the rollback plan has changed since"
	case t.Destination != now.Destination:
		return "the repository that it goes to has changed since"
	case len(t.Targets) != len(now.Targets):
		return "the tags to set have changed since"
	}
	for i, was := range t.Targets {
		is := now.Targets[i]
		if was.Tag != is.Tag {
			return fmt.Sprintf("the tags to set have changed since: %s instead of %s", is.Tag, was.Tag)
		}
		if was.Now != is.Now {
			return fmt.Sprintf("%s pointed at %s then and points at %s now", is.Tag, orNothing(was.Now), orNothing(is.Now))
		}
	}
	return ""
}

func orNothing(d Digest) string {
	if d == "" {
		return "nothing"
	}
	return d.Short()
}
