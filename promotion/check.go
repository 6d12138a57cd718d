package promotion

import (
	"math"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Check is one report of named evidence about a digest: a test, a scan, a
// benchmark, or somebody who has looked. The newest report of a name counts;
// those before it stay on record.
type Check struct {
	ID      int64 // in the order in which they were taken
	App     string
	Digest  Digest
	Name    string
	Status  CheckStatus
	URL     string             // where it can be read up; empty when nowhere
	Summary string             // one line
	Numbers map[string]float64 // what was measured
	Person  PersonID           // who signed it off; empty when a machine reported it
	Token   string             // the name of the machine's token; empty when a person signed it off
	At      time.Time          // when it was taken
}

// CheckStatus is how a check stands.
type CheckStatus string

// The states of a check.
const (
	CheckRunning CheckStatus = "running"
	CheckPassed  CheckStatus = "passed"
	CheckFailed  CheckStatus = "failed"
)

// How much one report may say. It is shown on a card, beside others.
const (
	MaxCheckSummary = 300 // characters
	MaxCheckURL     = 500
	MaxCheckNumbers = 50
)

var numberPattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.]{0,62}$`)

// ParseNumberName accepts the name of something that was measured. Its error
// is Invalid.
func ParseNumberName(s string) (string, error) {
	if !numberPattern.MatchString(s) {
		return "", Errorf(Invalid, "%q is not the name of a number: up to 63 letters, digits, '_' and '.', beginning with a letter", clip(s))
	}
	return s, nil
}

// Tidy makes one line of the summary and checks the rest. The error is Invalid
// and says what to send instead.
func (c *Check) Tidy() error {
	if _, err := ParseName(c.Name); err != nil {
		return Errorf(Invalid, "the check: %w", err)
	}
	if _, err := ParseDigest(string(c.Digest)); err != nil {
		return err
	}
	switch c.Status {
	case CheckRunning, CheckPassed, CheckFailed:
	default:
		return Errorf(Invalid, "%q is not a status: send running, passed or failed", clip(string(c.Status)))
	}
	c.Summary = Line(c.Summary)
	if n := utf8.RuneCountInString(c.Summary); n > MaxCheckSummary {
		return Errorf(Invalid, "the summary has %d characters and may have %d: send one line, and the rest behind the url", n, MaxCheckSummary)
	}
	if err := ParseLink(c.URL); c.URL != "" && err != nil {
		return err
	}
	if len(c.Numbers) > MaxCheckNumbers {
		return Errorf(Invalid, "there are %d numbers and may be %d: send those that the policy has a threshold for", len(c.Numbers), MaxCheckNumbers)
	}
	for name, n := range c.Numbers {
		if _, err := ParseNumberName(name); err != nil {
			return err
		}
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return Errorf(Invalid, "the number %s is not finite: leave it out, or send what was measured", name)
		}
	}
	return nil
}

// ParseLink accepts an address that people can be sent to. Its error is
// Invalid.
func ParseLink(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || !strings.HasPrefix(s, "https://") || u.Host == "":
		return Errorf(Invalid, "the url is not one of https://host/path")
	case u.User != nil:
		return Errorf(Invalid, "the url holds a user name or a password: everybody in the channel would see it")
	case len(s) > MaxCheckURL || s != Line(s):
		return Errorf(Invalid, "the url is longer than %d bytes, or holds characters that can't be seen", MaxCheckURL)
	}
	return nil
}

// Line makes one line of a text and drops what can't be seen, above all what
// turns the direction in which text is read.
func Line(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == '\u200c', r == '\u200d': // they join letters in some scripts, and emoji
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Join(strings.Fields(s), " ")
}

// clip keeps an error readable whatever it quotes.
func clip(s string) string {
	const enough = 60
	if runes := []rune(s); len(runes) > enough {
		return string(runes[:enough]) + "…"
	}
	return s
}
