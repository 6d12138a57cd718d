package promotion

import (
	"slices"
	"time"
)

// Stock is what was found running in a target, compared with what it was told last.
type Stock struct {
	App, Environment, Target string
	Promotion                ID         // with whose order it is compared
	Others                   []Running  // what runs there and was not ordered; empty when nothing does
	Since                    *time.Time // when something else was first seen there
	ReadAt                   *time.Time // when it was last read; nil: never since that order
	Fault                    string     // why it could not be read since; empty when it could
	Blind                    *time.Time // when that began
}

// Strays tells whether it runs something else, or whether that is not known.
func (s Stock) Strays() bool { return len(s.Others) > 0 || s.Fault != "" }

// Others are those that are not what was ordered.
func (o Order) Others(running []Running) (others []Running) {
	for _, r := range running {
		if r.Set != "" || r.Digest != o.Digest && !slices.Contains(o.Manifests, r.Digest) {
			others = append(others, r)
		}
	}
	return others
}
