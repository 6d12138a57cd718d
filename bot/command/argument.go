package command

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/promotebot/promotebot/promotion"
)

// argument says what stands at a place of a command.
type argument int

const (
	topic argument = iota
	app
	appAndDigest
	ref
	reason
	text
	approval
	person
	check
	verdict
	opinion
	someApp
	until
	severity
	appOrNumber
	oneApp
	pageNumber
	end
	somebody
	toDigest
	build
)

// arguments is what each kind looks like in a usage, what is said where it is
// missing, and how it is taken from the words, of which there is at least one.
var arguments map[argument]struct {
	shape   string
	missing func(apps []string) string
	take    func(c *Command, words, apps []string) (rest []string, u *Usage)
}

// Taking the topic of help needs the grammar, which needs the arguments.
func init() { //nolint:gochecknoinits // written as a value, the two would be an initialisation cycle
	arguments = map[argument]struct {
		shape   string
		missing func([]string) string
		take    func(*Command, []string, []string) ([]string, *Usage)
	}{
		topic:        {"<command>", nameTheApp, takeTopic},
		app:          {"<app>", nameTheApp, takeApp},
		appAndDigest: {"<app>[@digest]", nameTheApp, takeAppAndDigest},
		ref:          {"<tag|digest>", nameTheApp, takeRef},
		reason:       {"<reason>", func([]string) string { return "Say why: the reason is shown to everybody on the card." }, takeReason},
		text:         {"<text>", sayHow, takeReason},
		approval:     {"approve", func([]string) string { return "What if what? Only an approval can be tried: what-if approve @ann." }, takeApproval},
		person:       {"<@person>", func([]string) string { return "Whose? Name a person with @." }, takePerson},
		check:        {"<check>", func([]string) string { return "Which check? The card names those that people sign off." }, takeCheck},
		verdict:      {"<passed|failed>", func([]string) string { return "How did it end? Say passed or failed." }, takeVerdict},

		opinion: {"<ok|not-ok>", func([]string) string { return "Was it right to break the glass? Say ok or not-ok." }, takeOpinion},

		someApp:     {"[app]", whyOrWhat, takeSomeApp},
		until:       {"[until]", whyOrWhat, takeUntil},
		severity:    {"<severity>", func([]string) string { return "How bad is it? Name a severity as the policies do, such as critical." }, takeSeverity},
		appOrNumber: {"<app|number>", nameTheApp, takeAppOrNumber},

		oneApp:     {"<app>", nameTheApp, takeOneApp},
		pageNumber: {"<page n>", nameTheApp, takePage},
		end:        {"until <when>", whenItEnds, takeEnd},
		somebody:   {"<@person>", nameTheApp, takeSomebody},
		toDigest:   {"[to digest]", func([]string) string { return "Say why: the reason is shown to everybody on the card." }, takeTo},
		build:      {"<app>@<digest>", nameTheApp, takeBuild},
	}
}

// maxNamed is how many apps fit into a sentence that is still read.
const maxNamed = 8

func nameTheApp(apps []string) string {
	if len(apps) == 0 {
		return "No app is configured."
	}
	return "Which app? There is " + several(apps) + "."
}

func several(apps []string) string {
	named := apps[:min(maxNamed, len(apps))]
	if more := len(apps) - len(named); more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(named, ", "), more)
	}
	return strings.Join(named, ", ")
}

func takeTopic(c *Command, words, _ []string) ([]string, *Usage) {
	r, u := find(words[0])
	c.Topic = r.name
	return words[1:], u
}

func takeApp(c *Command, words, apps []string) ([]string, *Usage) {
	var u *Usage
	c.App, u = findApp(bare(words[0]), apps)
	return words[1:], u
}

// reasoned are the commands in which a reason follows the app.
var reasoned = []Name{Reject, Hold, Check, Plan, BreakGlass, Review, WithdrawDigest, RestoreDigest}

func takeAppAndDigest(c *Command, words, apps []string) ([]string, *Usage) {
	word := words[0]
	words = words[1:]
	// Phones put spaces around the @. Before a reason, which may begin with one
	// ("@ann says no"), that is not forgiven.
	if !slices.Contains(reasoned, c.Name) && len(words) > 0 && (strings.HasSuffix(word, "@") || strings.HasPrefix(words[0], "@")) {
		word, words = word+strings.Join(words, ""), nil
	}
	name, digest, at := strings.Cut(bare(word), "@")
	var u *Usage
	if c.App, u = findApp(bare(name), apps); u != nil || !at {
		return words, u
	}
	c.Digest = strings.TrimPrefix(strings.ToLower(bare(digest)), "sha256:")
	if !digits.MatchString(c.Digest) {
		return words, &Usage{Problem: fmt.Sprintf("“%s” is not a digest: after the @ come at least six of its hexadecimal digits.", clip(digest))}
	}
	return words, nil
}

// takeBuild takes an app and, whatever else, a digest.
func takeBuild(c *Command, words, apps []string) ([]string, *Usage) {
	words, u := takeAppAndDigest(c, words, apps)
	if u == nil && c.Digest == "" {
		u = &Usage{Problem: fmt.Sprintf("Which build? Write its digest after the app, as in %s@4f1c2a9b.", c.App)}
	}
	return words, u
}

// takeTo takes the digest to go back to, if one is named. A reason can't begin with
// that word: what is nearly a digest is not taken for one.
func takeTo(c *Command, words, _ []string) ([]string, *Usage) {
	if !strings.EqualFold(bare(words[0]), "to") {
		return words, nil
	}
	if len(words) > 1 {
		c.Digest = strings.TrimPrefix(strings.ToLower(bare(words[1])), "sha256:")
	}
	if !digits.MatchString(c.Digest) {
		return words, &Usage{Problem: fmt.Sprintf("“%s” is not a digest: after “to” come at least six of its hexadecimal digits. A reason has to begin with another word.", clip(c.Digest))}
	}
	return words[2:], nil
}

// digits is a digest or the beginning of one. Below six digits, two builds of
// one app are likely to be confused.
var digits = regexp.MustCompile(`^[0-9a-f]{6,64}$`)

func takeRef(c *Command, words, _ []string) ([]string, *Usage) {
	word := bare(words[0])
	if d, err := promotion.ParseDigest(strings.ToLower(word)); err == nil {
		c.Ref = string(d)
	} else if tag, err := promotion.ParseTag(word); err == nil {
		c.Ref = tag
	} else {
		return words, &Usage{Problem: fmt.Sprintf("“%s” is neither a tag nor a whole digest (sha256: and 64 hexadecimal digits).", clip(word))}
	}
	return words[1:], nil
}

func takeReason(c *Command, words, _ []string) ([]string, *Usage) {
	c.Reason = unquote(mention.ReplaceAllString(strings.Join(words, " "), "@$2"))
	switch n := utf8.RuneCountInString(c.Reason); {
	case n < MinReason:
		return nil, &Usage{Problem: tooShort(c.Name)}
	case n > MaxReason:
		return nil, &Usage{Problem: fmt.Sprintf("The %s is too long: %d characters, and %d are allowed.", called(c.Name), n, MaxReason)}
	}
	return nil, nil
}

func takeCheck(c *Command, words, _ []string) ([]string, *Usage) {
	name, err := promotion.ParseName(strings.ToLower(bare(words[0])))
	if err != nil {
		return words, &Usage{Problem: fmt.Sprintf("“%s” is not the name of a check.", clip(words[0]))}
	}
	c.Check = name
	return words[1:], nil
}

func takeVerdict(c *Command, words, _ []string) ([]string, *Usage) {
	switch status := promotion.CheckStatus(strings.ToLower(bare(words[0]))); status {
	case promotion.CheckPassed, promotion.CheckFailed:
		c.Status = status
	default:
		return words, &Usage{Problem: fmt.Sprintf("“%s” says neither passed nor failed.", clip(words[0]))}
	}
	if c.Status == promotion.CheckFailed && len(words) == 1 {
		return words, &Usage{Problem: "Say what you have found: others will read it on the card."}
	}
	return words[1:], nil
}

func takeOpinion(c *Command, words, _ []string) ([]string, *Usage) {
	switch word := strings.ToLower(bare(words[0])); word {
	case OK, NotOK:
		c.Opinion = word
	default:
		return words, &Usage{Problem: fmt.Sprintf("“%s” says neither ok nor not-ok.", clip(words[0]))}
	}
	if c.Opinion == NotOK && len(words) == 1 {
		return words, &Usage{Problem: "Say what was not right: others will read it."}
	}
	return words[1:], nil
}

func takeApproval(_ *Command, words, apps []string) ([]string, *Usage) {
	if strings.ToLower(bare(words[0])) != string(Approve) {
		return words, &Usage{Problem: arguments[approval].missing(apps)}
	}
	return words[1:], nil
}

// id is Slack's name for a person, which people see only in profiles.
var id = regexp.MustCompile(`^@?([UW][A-Z0-9]{2,20})(?:\|.*)?$`)

func takePerson(c *Command, words, _ []string) ([]string, *Usage) {
	m := id.FindStringSubmatch(bare(words[0]))
	if m == nil {
		return words, &Usage{Problem: fmt.Sprintf("“%s” is nobody that Slack has named: begin with @ and choose from its list.", clip(words[0]))}
	}
	c.Person = m[1]
	return words[1:], nil
}

func whyOrWhat([]string) string {
	return "Say why: the reason is shown to everybody who has to wait."
}

// takeSomeApp takes the whole name of an app, if there is one. What is nearly
// one is not taken for the beginning of a reason: that would freeze everything.
func takeSomeApp(c *Command, words, apps []string) ([]string, *Usage) {
	for len(words) > 0 && bare(words[0]) == "" { // quotation marks that stand apart
		words = words[1:]
	}
	if len(words) == 0 {
		return nil, nil
	}
	word := strings.ToLower(bare(words[0]))
	if slices.Contains(apps, word) {
		c.App = word
		return words[1:], nil
	}
	if _, n := readUntil(words); n > 0 {
		return words, nil
	}
	if near := nearest(word, apps); near != "" {
		return words, &Usage{Problem: fmt.Sprintf("There is no app “%s”. Did you mean “%s”? Without the name of an app, everything is frozen.", clip(word), near), Nearest: near}
	}
	return words, nil
}

func readUntil(words []string) (end string, n int) {
	var plain []string
	for _, w := range words[:min(2, len(words))] {
		plain = append(plain, strings.ToLower(bare(w)))
	}
	return promotion.ReadUntil(plain)
}

func takeUntil(c *Command, words, _ []string) ([]string, *Usage) {
	end, n := readUntil(words)
	c.Until = end
	return words[n:], nil
}

func takeSeverity(c *Command, words, _ []string) ([]string, *Usage) {
	word := strings.ToLower(bare(words[0]))
	if _, err := promotion.ParseSeverity(word); err != nil {
		return words, &Usage{Problem: fmt.Sprintf("“%s” is not a severity: name one as the policies do, such as critical.", clip(word))}
	}
	c.Severity = word
	return words[1:], nil
}

func takeAppOrNumber(c *Command, words, apps []string) ([]string, *Usage) {
	word := strings.TrimPrefix(bare(words[0]), "#")
	if n, err := strconv.ParseInt(word, 10, 64); err == nil && n > 0 && !slices.Contains(apps, word) {
		c.Incident = promotion.IncidentID(n)
		return words[1:], nil
	}
	return takeApp(c, words, apps)
}

// pageWord begins the number of a page. An app that is called so comes first.
const pageWord = "page"

// takeOneApp leaves the number of a page.
func takeOneApp(c *Command, words, apps []string) ([]string, *Usage) {
	if strings.ToLower(bare(words[0])) == pageWord && (len(words) > 1 || !slices.Contains(apps, pageWord)) {
		return words, nil
	}
	return takeApp(c, words, apps)
}

func takePage(c *Command, words, _ []string) ([]string, *Usage) {
	if strings.ToLower(bare(words[0])) != pageWord {
		return words, nil
	}
	if len(words) == 1 {
		return words, &Usage{Problem: "Which page? Say page 2."}
	}
	n, err := strconv.Atoi(bare(words[1]))
	if err != nil || n < 1 || n > maxPage {
		return words, &Usage{Problem: fmt.Sprintf("“%s” is not the number of a page.", clip(words[1]))}
	}
	c.Page = n
	return words[2:], nil
}

// maxPage is beyond what anybody turns to.
const maxPage = 100_000

func whenItEnds([]string) string {
	return "Until when? Say 18:00, monday, monday 9:00, 2d or 2026-12-24, in your time zone."
}

// takeEnd takes an end that has to be there. Nothing is said after it that could
// be confused with it, so a day needs no time.
func takeEnd(c *Command, words, apps []string) ([]string, *Usage) {
	if strings.ToLower(bare(words[0])) == "until" {
		words = words[1:]
	}
	if len(words) == 0 {
		return words, &Usage{Problem: whenItEnds(apps)}
	}
	until, n := readUntil(words)
	if n == 0 {
		if until, n = promotion.ReadUntil([]string{strings.ToLower(bare(words[0])), "0:00"}); n != 2 {
			return words, &Usage{Problem: fmt.Sprintf("“%s” is not a time. %s", clip(words[0]), whenItEnds(apps))}
		}
		n = 1
	}
	c.Until = until
	return words[n:], nil
}

// takeSomebody takes a person, if there is one.
func takeSomebody(c *Command, words, apps []string) ([]string, *Usage) {
	if !strings.HasPrefix(bare(words[0]), "@") {
		return words, nil
	}
	return takePerson(c, words, apps)
}

func sayHow([]string) string {
	return "Say how it would be taken back: the plan is shown to everybody on the card."
}

// called is what the last words of a command are.
func called(command Name) string {
	if command == Plan {
		return "plan"
	}
	return "reason"
}

func tooShort(command Name) string {
	if command == Plan {
		return "The plan is too short: say in a few words how, others will read it."
	}
	return "The reason is too short: say in a few words why, others will read it."
}

func findApp(word string, apps []string) (string, *Usage) {
	word = strings.ToLower(word)
	if slices.Contains(apps, word) {
		return word, nil
	}
	var begun []string
	for _, a := range apps {
		if word != "" && strings.HasPrefix(a, word) {
			begun = append(begun, a)
		}
	}
	switch len(begun) {
	case 1:
		return begun[0], nil
	case 0:
		u := &Usage{Problem: fmt.Sprintf("There is no app “%s”.", clip(word)), Nearest: nearest(word, apps)}
		if u.Nearest != "" {
			u.Problem += fmt.Sprintf(" Did you mean “%s”?", u.Nearest)
		} else {
			u.Problem += " " + nameTheApp(apps)
		}
		return "", u
	}
	return "", &Usage{Problem: fmt.Sprintf("“%s” could be %s.", clip(word), several(begun))}
}
