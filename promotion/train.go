package promotion

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// OnFailure says what becomes of a train of which one ride has failed when
// others have been promoted already.
type OnFailure string

// What can become of it.
const (
	Complete OnFailure = "complete"  // the other rides go on to their end
	TakeBack OnFailure = "take-back" // the tags that were moved are moved back
)

// Consist is the digest of a train: of what it carries, whatever the order. It
// names no manifest; it is there so that two trains are the same exactly when
// they bring the same.
func Consist(rides []*Promotion) Digest {
	lines := make([]string, len(rides))
	for i, r := range rides {
		lines[i] = r.App + "@" + string(r.Digest) + "\n"
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// Coupled are the targets of all rides, each tag with its repository, so that
// whoever agrees to a train agrees to every place that it goes to. They are
// empty for as long as some ride has none: until then nobody knows what there
// is to agree to.
func Coupled(rides []*Promotion) []Target {
	var all []Target
	for _, r := range rides {
		if len(r.Targets) == 0 {
			return nil
		}
		for _, t := range r.Targets {
			t.Tag = string(r.Destination) + ":" + t.Tag
			all = append(all, t)
		}
	}
	return all
}

// Returns are the moves that take back what the ride did: the tags that move
// from build to build, back to what they were found at before it. A tag that is
// set once stays, since it is never moved; so does one that did not exist, since
// there is nothing that it could go back to.
func (p *Promotion) Returns() []MoveWork {
	var back []MoveWork
	for _, t := range p.Targets {
		set := slices.ContainsFunc(p.Moves, func(m Move) bool {
			return m.Tag == t.Tag && (m.Outcome == MoveDone || m.Outcome == MoveAlready)
		})
		if !set || !t.Floating || t.Now == "" || t.Now == p.Digest {
			continue
		}
		i := slices.IndexFunc(back, func(w MoveWork) bool { return w.Digest == t.Now })
		if i < 0 {
			i, back = len(back), append(back, MoveWork{Repository: p.Destination, Digest: t.Now})
		}
		back[i].Targets = append(back[i].Targets, Target{Tag: t.Tag, Floating: true, Now: p.Digest})
	}
	return back
}
