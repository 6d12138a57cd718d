package promotion

// Former is the digest that a promotion would take the place of, and what it
// says of itself. It is read once: a digest never comes to mean anything else.
type Former struct {
	Digest Digest
	Image  *Image // nil until it has been read
	Fault  string // why it could not be read so far; empty when it could
}

// Replaces is the digest that the promotion would take the place of. Where its
// tags point at several, it is the one behind the tag that moves last, which is
// the one that is followed; empty when nothing is replaced, or it is not known.
func (p *Promotion) Replaces() Digest {
	var d Digest
	for _, t := range p.Targets {
		if t.Floating && t.Now != "" && t.Now != p.Digest {
			d = t.Now
		}
	}
	return d
}
