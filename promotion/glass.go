package promotion

import "time"

// Broken is the glass of a promotion that somebody broke: they had it go ahead
// without all that its policy asks for. It holds for exactly what they saw.
type Broken struct {
	By        PersonID
	Reason    string
	At        time.Time
	Terms     Terms
	Skipped   []string // what was missing, in the words in which they confirmed it
	Due       time.Time
	Reviewers []string // roles, one of which reviews it
	Review    *Review  // nil until it is given
}

// Review is what another person says afterwards about a broken glass.
type Review struct {
	By   PersonID
	At   time.Time
	Fine bool
	Note string
}

// Differs says in words what is not any more as it was when the glass was broken,
// or "".
func (b *Broken) Differs(p *Promotion) string { return b.Terms.Differs(p.TermsNow()) }

// Owed is until when somebody else has to have reviewed it; nil when nobody has
// to, or has done so.
func (p *Promotion) Owed() *time.Time {
	if p.Broken == nil || p.Broken.Review != nil {
		return nil
	}
	due := p.Broken.Due
	return &due
}

// Overdue tells whether the review was due by now and has not been given.
func (p *Promotion) Overdue(now time.Time) bool {
	due := p.Owed()
	return due != nil && !now.Before(*due)
}
