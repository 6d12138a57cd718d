// Package command understands what people type after /promote. One table is
// the grammar: parsing, help and the words of a usage error all come from it,
// so a new command is a new row.
//
// It forgives what phones and Slack do to text (curly quotes, odd spaces,
// capitals, links made of names), takes an app by the beginning of its name, and
// suggests the nearest word for one that it does not know. A command is never
// guessed, though: only what was typed in full is done. It decides nothing and
// asks nobody.
package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// Name is the first word of a command.
type Name string

// The commands.
const (
	Help    Name = "help"
	Status  Name = "status"
	List    Name = "list"
	Show    Name = "show"
	Why     Name = "why"
	WhatIf  Name = "what-if"
	Request Name = "request"
	Approve Name = "approve"
	Reject  Name = "reject"
	Adopt   Name = "adopt"
	Check   Name = "check"
	Plan    Name = "plan"
	History Name = "history"

	Withdraw Name = "withdraw"
	Lift     Name = "lift"

	Retry Name = "retry"

	BreakGlass Name = "break-glass"
	Review     Name = "review"

	Incident Name = "incident"
	Resolve  Name = "resolve"
	Freeze   Name = "freeze"
	Unfreeze Name = "unfreeze"
	Hold     Name = "hold"
	Unhold   Name = "unhold"

	Delegate   Name = "delegate"
	Undelegate Name = "undelegate"
	Remind     Name = "remind"

	Rollback       Name = "rollback"
	WithdrawDigest Name = "withdraw-digest"
	RestoreDigest  Name = "restore-digest"
	Figures        Name = "figures"

	Audit Name = "audit"
)

// Command is what was meant.
type Command struct {
	Name    Name
	Topic   Name   // of help; empty for all of it
	App     string // one of the apps, or empty
	Digest  string // the first digits of a digest, in hexadecimal, or empty
	Ref     string // a tag or a whole digest, of a request
	Person  string // Slack's id of somebody, as in U024BE7LH
	Reason  string
	Check   string                // the name of one
	Status  promotion.CheckStatus // passed or failed
	Opinion string                // of a broken glass: OK or NotOK

	Severity string               // of an incident
	Incident promotion.IncidentID // to be resolved; 0 for that of the app
	Until    string               // when a freeze or a delegation ends, as promotion.ReadUntil understands it; empty for when it is lifted

	Page int // of a long list, from 1; 0 for the first
}

// What can be said of a broken glass.
const (
	OK    = "ok"
	NotOK = "not-ok"
)

// row is a command of the grammar. The first need arguments are required.
type row struct {
	name    Name
	args    []argument
	need    int
	about   string
	example string
}

var grammar = []row{
	{Help, []argument{topic}, 0, "what there is", "help reject"},
	{Status, []argument{oneApp, pageNumber}, 0, "what is where, and which registry can't be read", "status shop"},
	{List, []argument{pageNumber}, 0, "everything that is open", "list page 2"},
	{Show, []argument{appAndDigest}, 1, "the newest promotion of an app, in full", "show shop@4f1c2a9b"},
	{Why, []argument{appAndDigest}, 1, "why it is not out yet, and who could change that", "why shop"},
	{WhatIf, []argument{approval, person, appAndDigest}, 2, "what one more approval would do", "what-if approve @ann shop"},
	{Request, []argument{app, ref}, 1, "ask for a promotion; without a tag, of what is in the environment now", "request shop v1.4.2"},
	{Approve, []argument{appAndDigest}, 1, "the same as the button", "approve shop"},
	{Reject, []argument{appAndDigest, reason}, 2, "the same as the button; a reason may begin with its kind", "reject shop quality: it leaks memory"},
	{Withdraw, []argument{appAndDigest}, 1, "take your approval back, until it is executed", "withdraw shop"},
	{Lift, []argument{appAndDigest}, 1, "lift a rejection: yours, or with a role that the policy names for it", "lift shop"},
	{Plan, []argument{appAndDigest, text}, 2, "say how it would be taken back: a text or an address, shown on the card", "plan shop https://wiki.example.com/rollback"},
	{BreakGlass, []argument{appAndDigest, reason}, 2, "have it go ahead without what it lacks, where the policy lets you; asks to confirm what is skipped", "break-glass shop the checkout is down"},
	{Review, []argument{appAndDigest, opinion, reason}, 2, "say, as another person, whether that was right", "review shop not-ok a freeze was enough"},
	{Adopt, []argument{appAndDigest}, 1, "accept a tag that somebody else moved, instead of putting it back", "adopt shop"},
	{Check, []argument{appAndDigest, check, verdict, reason}, 3, "say what you have found, of a check that people sign off", "check shop security-review passed"},
	{Hold, []argument{appAndDigest, reason}, 2, "keep an app, or one build of it, from being promoted until that is lifted", "hold shop@4f1c2a9b the load test runs until noon"},
	{Unhold, []argument{appAndDigest}, 1, "lift what you hold yourself, or else what others do", "unhold shop"},
	{Freeze, []argument{someApp, until, reason}, 3, "promote nothing of an app, or nothing at all, for now; until 18:00, monday 9:00, 2h or a date", "freeze shop monday 9:00 nobody is here over the weekend"},
	{Unfreeze, []argument{app}, 0, "lift that", "unfreeze shop"},
	{Retry, []argument{appAndDigest}, 1, "deploy what is failing again, to the targets that do not run it", "retry shop"},
	{Rollback, []argument{app, toDigest, reason}, 3, "go back to what was there before, or to a build that was; what is there now is held after that", "rollback shop to 4f1c2a9b the checkout fails"},
	{WithdrawDigest, []argument{build, reason}, 2, "say that a build is known to be bad: it is not promoted any more, nor gone back to, anywhere", "withdraw-digest shop@4f1c2a9b it leaks keys"},
	{RestoreDigest, []argument{build, reason}, 2, "say, as another person, that it is not", "restore-digest shop@4f1c2a9b it was another build"},
	{Incident, []argument{app, severity, reason}, 3, "say that something is wrong with an app; its soak may pause or begin again", "incident shop critical the checkout fails"},
	{Resolve, []argument{appOrNumber}, 1, "say that it is over", "resolve 17"},
	{Delegate, []argument{person, end, app}, 2, "have somebody approve in your place for a while, of one app or of all; until then you are together one person", "delegate @ann until monday 9:00 shop"},
	{Undelegate, []argument{somebody, app}, 0, "end that: what you have delegated, or else what was delegated to you", "undelegate @ann"},
	{Remind, []argument{appAndDigest}, 1, "ask those now whom it waits for", "remind shop"},
	{History, []argument{oneApp, pageNumber}, 0, "what was promoted and what was not, the newest first, and how long it took", "history shop page 2"},
	{Figures, []argument{app}, 0, "how often, how fast and how well: of the last week and the last month", "figures shop"},
	{Audit, nil, 0, "where the record of all decisions is read, which is not here yet", "audit"},
}

func (r row) usage() string { return strings.TrimSpace(string(r.name) + " " + r.rest(0)) }

// rest is the usage from one of the arguments on.
func (r row) rest(from int) (s string) {
	for i, a := range r.args {
		if i < from {
			continue
		}
		if shape := arguments[a].shape; i < r.need {
			s += " " + shape
		} else {
			s += " " + strings.NewReplacer("<", "[", ">", "]").Replace(shape)
		}
	}
	return strings.TrimSpace(s)
}

// The length of a reason, in characters: long enough to say something, short
// enough for a card.
const (
	MinReason = 3
	MaxReason = 500
)

// Hint is what Slack shows beside the command while somebody types.
func Hint() string {
	var names []string
	for _, r := range grammar {
		names = append(names, string(r.name))
	}
	return strings.Join(names, " | ")
}

// Usage says what can't be understood and what could have been meant.
type Usage struct {
	Problem string
	Next    string   // what can stand where it was not understood, and after it; empty when nothing can
	Command Name     // what was typed; empty when it is no command
	Nearest string   // the command or app that was probably meant; empty when none is near
	Lines   []string // the usage of what was probably meant
}

func (u *Usage) Error() string { return u.Problem }

// Lines is the help text: the whole grammar, or all about one command. What is
// to be typed ends at the first ": ".
func Lines(of Name) []string {
	var lines []string
	for _, r := range grammar {
		if of == "" || r.name == of {
			lines = append(lines, fmt.Sprintf("/promote %s: %s", r.usage(), r.about))
		}
		if r.name == of && len(r.args) > 0 {
			lines = append(lines, fmt.Sprintf("/promote %s: for example", r.example))
		}
	}
	return lines
}

// Parse understands the text; apps are the names that there are. Its error is
// a *Usage.
func Parse(text string, apps []string) (Command, error) {
	words := split(text)
	if len(words) > 0 && strings.EqualFold(bare(words[0]), "/promote") {
		words = words[1:] // copied from the help
	}
	if len(words) == 0 {
		return Command{Name: Help}, nil
	}
	r, u := find(words[0])
	if u != nil {
		return Command{}, u
	}
	c := Command{Name: r.name}
	if u := r.parse(&c, words[1:], apps); u != nil {
		u.Command, u.Lines = r.name, Lines(r.name)
		if c.Name == Help {
			u.Lines = Lines("")
		}
		return Command{}, u
	}
	return c, nil
}

func find(word string) (row, *Usage) {
	word = strings.ToLower(bare(word))
	names := make([]string, len(grammar))
	for i, r := range grammar {
		if names[i] = string(r.name); names[i] == word {
			return r, nil
		}
	}
	u := &Usage{Problem: fmt.Sprintf("There is no command “%s”.", clip(word)), Lines: Lines("")}
	if u.Nearest = nearest(word, names); u.Nearest != "" {
		u.Problem += fmt.Sprintf(" Did you mean “%s”?", u.Nearest)
		u.Lines = Lines(Name(u.Nearest))
	}
	return row{}, u
}

func (r row) parse(c *Command, words, apps []string) *Usage {
	words = slices.Clone(words)
	for i, kind := range r.args {
		if len(words) == 0 {
			if i < r.need {
				return &Usage{Problem: arguments[kind].missing(apps), Next: r.rest(i)}
			}
			return nil
		}
		rest, u := arguments[kind].take(c, words, apps)
		if u != nil {
			u.Next = r.rest(i)
			return u
		}
		words = rest
	}
	if len(words) > 0 {
		return &Usage{Problem: fmt.Sprintf("“%s” is one word too many.", clip(words[0]))}
	}
	return nil
}
