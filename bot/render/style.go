// Package render turns what is known into what people read: views, verdicts
// and answers into Block Kit. It is pure, and it is the only place where words
// for Slack are made.
//
// This is the page of style that they all follow. What a machine can check of
// it, TestWordsFollowThePageOfStyle holds every golden file to.
//
// # What is said
//
//   - Who did what, what did not happen, and what to do next. An answer to
//     somebody who was refused says all three.
//   - What is not known is said to be not known, and why; it is never left out
//     where it would be taken for fine.
//   - The most important comes first: on a phone a card shows a title, a sentence
//     and the beginning of a list. What is lost or blocked stands before what is
//     gained or met.
//   - One thing is said once on a card. What has a place of its own is not repeated
//     in the sentence above.
//   - No blame, no "please", no "oops", no "sorry", no exclamation marks, and
//     nothing that is called simple or easy: it is not for whoever asks.
//
// # How it looks
//
//   - A state is said in words. Colour and pictures only repeat it; the one picture
//     is the bar of a soak, with the share beside it as a number. There are no
//     emoji.
//   - The text beside the blocks is complete: it is the notification, and all
//     that a screen reader reads.
//   - Sentences end. Titles, buttons and entries of a list don't, and a button that
//     opens a dialog ends in "…", which is one character.
//   - Bold is for the word that names a state or a group of facts, and for nothing
//     in between.
//   - Digests are short (twelve digits) and in code; the whole one is in the
//     details. So are tags, versions, commits, and whatever is to be typed.
//   - Times are in the reader's time zone, with UTC to fall back on. A card stands
//     for hours without being drawn, so nothing on it counts down but what Slack
//     counts down itself.
//   - What changes is "from A to B", in words. An arrow stands only between the two
//     environments by which a promotion is called.
//
// # What it is called
//
//   - A promotion brings a digest from one environment to the next. It is no release.
//     A deployment is the part of it in which a target is told to run the digest.
//   - It is approved and rejected, held and let go, withdrawn and lifted. What
//     is approved is a digest, by somebody of a role.
//   - A build soaks; a soak stands still or begins again. Checks pass or fail.
//   - What a promotion takes the place of is "the one before", and going there is a
//     rollback.
//   - The policy is met. Rules are met, waiting or blocked, and nothing else.
//
// # What is not ours
//
//   - A mention in a new message notifies. Only reminders, and the end of what
//     somebody requested, are meant to; elsewhere people are named until the card
//     is updated, which notifies nobody.
//   - Whatever was written elsewhere (tags, labels, names, reasons, faults) can't
//     mention anyone, forge a link or end a code span. That is not left to the
//     writer of a sentence: see package page.
//   - What is too long is cut by rule, with "n more"; Slack never has to refuse
//     it.
package render

import (
	"regexp"
	"strings"
	"time"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
)

// Message is what is sent: blocks, and a text that says the same without them.
type Message = page.Message

// Lengths of ours: what still reads well on a phone.
const (
	maxName   = 80 // characters of a name
	maxPeople = 5  // people in a list on a card
	maxCalled = 10 // people mentioned in a reminder
	maxTags   = 5
	maxPauses = 3
)

// because shows the reason of a finding or the text of a fault, without the
// full stop that not all of them have. Instants in it become dates.
func because(s string) page.Text {
	m := page.Foreign(strings.TrimRight(page.Clean(s), ". "), 2*page.Longest)
	if !strings.Contains(string(m), " UTC") {
		return m
	}
	return page.Text(instants.ReplaceAllStringFunc(string(m), func(s string) string {
		t, err := time.Parse("2006-01-02 15:04:05 UTC", s)
		if err != nil {
			return s
		}
		return string(page.Date(t))
	}))
}

// instants are what the policy writes: it knows no reader's time zone.
var instants = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`)

// when is for instants that may be missing.
func when(t *time.Time) page.Text {
	if t == nil {
		return "at an unknown time"
	}
	return page.Date(*t)
}

// span writes a duration without the zero units of time.Duration.
func span(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if n := len(s) - len(zero); n > 0 && s[n:] == zero {
			s = s[:n+1]
		}
	}
	return s
}

// cast says how people are called: mentioned, or, where that would notify
// them, named.
type cast map[promotion.PersonID]promotion.Person

func (c cast) call(id promotion.PersonID) page.Text {
	if name := page.Clean(c[id].Name); name != "" {
		return page.Foreign(name, maxName)
	}
	return page.Mention(id)
}

// all calls a few people and counts the rest.
func (c cast) all(ids []promotion.PersonID, most int) page.Text {
	var names []page.Text
	for _, id := range ids {
		names = append(names, c.call(id))
	}
	return page.Join(names, most)
}
