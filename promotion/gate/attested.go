package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

// byProvenance is what stands for the token where authors were not reported with
// one. No token can be called so.
const byProvenance = "verified provenance"

// attested notes what was found of the provenance of a digest. Whom it names is
// kept with the digest, for every promotion of it, also when the provenance is gone
// or its key is not trusted any more: authors are only ever added.
func (t *turn) attested(e promotion.Effect, found promotion.Attested) error {
	w, err := promotion.Work[promotion.ProvenanceWork](e)
	if err != nil {
		return err
	}
	p, err := t.load(e.Promotion)
	if err != nil || p.State != promotion.Open || t.distrusted(e) {
		return err
	}
	names := found.Authors
	found.Authors = nil
	sum := sha256.Sum256([]byte(strings.Join(names, "\n")))
	was, now := p.Provenance, t.now
	p.Provenance = &promotion.Provenance{Repository: w.Repository, By: w.Trust.Hash(), ReadAt: &now, Found: found, Said: hex.EncodeToString(sum[:])}
	if err := t.SavePromotion(*p, p.Revision); err != nil {
		return err
	}
	if err := t.AddAuthors(promotion.Authorship{App: p.App, Digest: p.Digest, Authors: names, Token: byProvenance, At: t.now}); err != nil {
		return err
	}
	if was.Covers(p, p.Provenance.By) && was.Fault == "" && was.Said == p.Provenance.Said && was.Found.Verified == found.Verified && slices.Equal(was.Found.Refused, found.Refused) {
		_, err = t.settle(p) // nothing that is shown has changed
		return err
	}
	detail := map[string]any{"keys": p.Provenance.By, "verified": found.Verified, "authors": found.Named, "refused": len(found.Refused), "said_sha256": p.Provenance.Said}
	if err := t.record(audit.Authored, p, detail); err != nil {
		return err
	}
	_, err = t.learned(p.App, p.Digest)
	return err
}

// distrusted tells whether the effect is to look with other keys than those that the
// configuration has now. What it finds is nobody's word any more.
func (t *turn) distrusted(e promotion.Effect) bool {
	if e.Kind != promotion.EffectAttested {
		return false
	}
	w, err := promotion.Work[promotion.ProvenanceWork](e)
	return err != nil || w.Trust.Hash() != t.catalog.Trust.Hash()
}

// unattested lets the card say why it could not be looked for so far.
func (t *turn) unattested(e promotion.Effect, f promotion.Failure) error {
	w, err := promotion.Work[promotion.ProvenanceWork](e)
	if err != nil {
		return err
	}
	p, err := t.load(e.Promotion)
	if err != nil || p.State != promotion.Open || t.distrusted(e) {
		return err
	}
	was := promotion.Provenance{Repository: w.Repository, By: w.Trust.Hash()}
	if p.Provenance.Covers(p, was.By) {
		was = *p.Provenance
	}
	if was.Fault == f.Text {
		return nil
	}
	was.Fault = f.Text
	p.Provenance = &was
	p.Touch()
	_, err = t.settle(p)
	return err
}
