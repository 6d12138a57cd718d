package gate

import (
	"github.com/promotebot/promotebot/promotion"
)

// lookBack has what the promotion would take the place of read, unless it was
// read before: by a promotion that brought it there, or by one that would have
// taken its place as well. Who approves wants to see what changes; nothing else
// waits for that.
func (t *turn) lookBack(p *promotion.Promotion) error {
	d := p.Replaces()
	if p.State != promotion.Open || p.Purpose == promotion.Train || d == "" && p.Former == nil || p.Former != nil && p.Former.Digest == d {
		return nil
	}
	p.Touch()
	p.Former = nil
	if d == "" {
		return nil
	}
	p.Former = &promotion.Former{Digest: d}
	const several = 10 // the one before has it nearly always
	past, err := t.Promotions(Query{App: p.App, Limit: several})
	if err != nil {
		return err
	}
	for _, other := range past {
		image := other.Image
		if f := other.Former; f != nil && f.Digest == d {
			image = f.Image
		} else if other.Digest != d {
			continue
		}
		if image != nil && len(image.Layers) > 0 {
			p.Former.Image = image
			return nil
		}
	}
	return t.inspectFormer(p)
}

// isFormer tells whether an inspection was of what the promotion replaces.
func isFormer(p *promotion.Promotion, w promotion.InspectWork) bool { return w.Digest != p.Digest }

// forgotten tells whether the effect is to read what the promotion does not
// replace any more.
func forgotten(p *promotion.Promotion, e promotion.Effect) bool {
	w, err := promotion.Work[promotion.InspectWork](e)
	return e.Kind == promotion.EffectInspect && err == nil && isFormer(p, w) && (p.Former == nil || p.Former.Digest != w.Digest)
}

// formerRead takes what was read of it, unless it has become another one.
func (t *turn) formerRead(p *promotion.Promotion, w promotion.InspectWork, image promotion.Image) error {
	if p.Former == nil || p.Former.Digest != w.Digest || p.State.Final() {
		return nil
	}
	p.Former.Image, p.Former.Fault = &image, ""
	p.Touch()
	_, err := t.settle(p)
	return err
}

// formerUnread lets the card say why what changes can't be told so far.
func (t *turn) formerUnread(p *promotion.Promotion, w promotion.InspectWork, f promotion.Failure) error {
	if p.Former == nil || p.Former.Digest != w.Digest || p.Former.Fault == f.Text || p.State.Final() {
		return nil
	}
	p.Former.Fault = f.Text
	p.Touch()
	_, err := t.settle(p)
	return err
}
