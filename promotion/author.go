package promotion

import (
	"regexp"
	"time"
	"unicode/utf8"
)

// Authorship is what somebody who can read the history says of a digest: who
// wrote the commits that went into it. Reports only add to each other, so that a
// later one can't take anybody out.
type Authorship struct {
	App     string
	Digest  Digest
	Range   string   // the commits, as git names them: one, or from..to; empty when it is not said
	Authors []string // in any form that has an e-mail address: Ann <ann@example.com>
	Token   string   // the name of the token with which it was reported
	At      time.Time
}

// How much one report may say: more authors than a build has, and not so many
// that they could not be looked at.
const (
	MaxAuthors      = 200
	MaxAuthorLength = 200 // characters
)

var rangePattern = regexp.MustCompile(`^[0-9a-f]{7,64}(\.{2,3}[0-9a-f]{7,64})?$`)

// Tidy makes a line of each author and checks the rest. The error is Invalid
// and says what to send instead.
func (a *Authorship) Tidy() error {
	if _, err := ParseDigest(string(a.Digest)); err != nil {
		return err
	}
	if a.Range != "" && !rangePattern.MatchString(a.Range) {
		return Errorf(Invalid, "%q is not a range of commits: send FROM..TO with the hexadecimal names of both, or leave it out", clip(a.Range))
	}
	if n := len(a.Authors); n == 0 || n > MaxAuthors {
		return Errorf(Invalid, "there are %d authors and may be 1 to %d: send those of the commits that are new in this build", n, MaxAuthors)
	}
	for i, author := range a.Authors {
		author = Line(author)
		if n := utf8.RuneCountInString(author); n == 0 || n > MaxAuthorLength {
			return Errorf(Invalid, "author %d has %d characters and may have 1 to %d: send an e-mail address", i+1, n, MaxAuthorLength)
		}
		a.Authors[i] = author
	}
	return nil
}
