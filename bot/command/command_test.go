package command_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/bot/command"
	"github.com/promotebot/promotebot/promotion"
)

var apps = []string{"shop", "shop-api", "payments", "wiki"}

var whole = "sha256:" + strings.Repeat("4f1c2a9b", 8)

func TestWhatIsUnderstood(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       command.Command
	}{
		{"nothing asks for help", "  \u00a0 ", command.Command{Name: command.Help}},
		{"capitals don't matter", "STATUS Shop", command.Command{Name: command.Status, App: "shop"}},
		{"help about a command", "help Reject", command.Command{Name: command.Help, Topic: command.Reject}},
		{"a line copied from the help", "/promote list", command.Command{Name: command.List}},
		{"no-break and ideographic spaces separate words", "why\u00a0\u3000payments", command.Command{Name: command.Why, App: "payments"}},
		{"the beginning of one name is enough", "approve pay", command.Command{Name: command.Approve, App: "payments"}},
		{"a whole name wins over longer ones that begin with it", "approve shop", command.Command{Name: command.Approve, App: "shop"}},
		{"six digits name a digest", "show shop@4f1c2a", command.Command{Name: command.Show, App: "shop", Digest: "4f1c2a"}},
		{"so does a whole digest, in capitals", "show shop@" + strings.ToUpper(whole), command.Command{Name: command.Show, App: "shop", Digest: whole[7:]}},
		{"spaces around the @ are forgiven", "why shop @ 4f1c2a", command.Command{Name: command.Why, App: "shop", Digest: "4f1c2a"}},
		{"a space before the @", "why shop @4f1c2a", command.Command{Name: command.Why, App: "shop", Digest: "4f1c2a"}},
		{"a space after the @", "why shop@ 4f1c2a", command.Command{Name: command.Why, App: "shop", Digest: "4f1c2a"}},
		{"names in code or quotes", "why `shop`", command.Command{Name: command.Why, App: "shop"}},
		{"a placeholder that was kept", "why &lt;shop&gt;", command.Command{Name: command.Why, App: "shop"}},
		{"a name that Slack made a link of", "request shop <http://v1.4.io|v1.4.io>", command.Command{Name: command.Request, App: "shop", Ref: "v1.4.io"}},
		{"an app and digest that Slack took for an address", "why <mailto:shop@4f1c2a.de|shop@4f1c2a>", command.Command{Name: command.Why, App: "shop", Digest: "4f1c2a"}},
		{"somebody has looked", "check shop Review `passed`", command.Command{Name: command.Check, App: "shop", Check: "review", Status: promotion.CheckPassed}},
		{"somebody has found something", "check shop@4f1c2a review failed “a hole”", command.Command{Name: command.Check, App: "shop", Digest: "4f1c2a", Check: "review", Status: promotion.CheckFailed, Reason: "a hole"}},
		{"a request for what is there", "request wiki", command.Command{Name: command.Request, App: "wiki"}},
		{"a request for a tag keeps its capitals", "request wiki RC.1", command.Command{Name: command.Request, App: "wiki", Ref: "RC.1"}},
		{"a request for a digest", "request wiki " + whole, command.Command{Name: command.Request, App: "wiki", Ref: whole}},
		{"a reason in curly quotes", "reject shop “it’s slow”", command.Command{Name: command.Reject, App: "shop", Reason: "it’s slow"}},
		{"a reason that only begins and ends with a quotation", `reject shop "slow" and "leaky"`, command.Command{Name: command.Reject, App: "shop", Reason: `"slow" and "leaky"`}},
		{"a reason over several lines", "reject shop@4f1c2a it\nleaks\tmemory", command.Command{Name: command.Reject, App: "shop", Digest: "4f1c2a", Reason: "it leaks memory"}},
		{"a reason with characters that Slack escapes", "reject shop p99 &gt; 2s &amp;&amp; rising", command.Command{Name: command.Reject, App: "shop", Reason: "p99 > 2s && rising"}},
		{"what somebody typed of an entity stays what it was", "reject shop shows &amp;lt; on the page", command.Command{Name: command.Reject, App: "shop", Reason: "shows &lt; on the page"}},
		{"a reason that names a person, a channel and everybody", "reject shop ask <@U024BE7LH|ann> in <#C024|ops>, not <!here>", command.Command{Name: command.Reject, App: "shop", Reason: "ask @ann in #ops, not here"}},
		{"somebody who is chosen from Slack's list", "what-if approve <@U024BE7LH|ann lee> shop@4f1c2a", command.Command{Name: command.WhatIf, Person: "U024BE7LH", App: "shop", Digest: "4f1c2a"}},
		{"somebody without a name, and everything that is open", "what-if Approve <@W024BE7LH>", command.Command{Name: command.WhatIf, Person: "W024BE7LH"}},
		{"a plan that is an address", "plan shop <https://wiki.example.com/back>", command.Command{Name: command.Plan, App: "shop", Reason: "https://wiki.example.com/back"}},
		{"the glass is broken", "break-glass shop@4f1c2a the checkout is down", command.Command{Name: command.BreakGlass, App: "shop", Digest: "4f1c2a", Reason: "the checkout is down"}},
		{"that was right", "review shop OK", command.Command{Name: command.Review, App: "shop", Opinion: command.OK}},
		{"that was not", "review shop not-ok a freeze was enough", command.Command{Name: command.Review, App: "shop", Opinion: command.NotOK, Reason: "a freeze was enough"}},
		{"a reason that begins with a name", "reject shop @ann says no", command.Command{Name: command.Reject, App: "shop", Reason: "@ann says no"}},
		{"a reason loses what turns its direction", "reject shop a\u202eb\u2066c\x07d", command.Command{Name: command.Reject, App: "shop", Reason: "abcd"}},
		{"an incident", "incident shop Critical the checkout fails", command.Command{Name: command.Incident, App: "shop", Severity: "critical", Reason: "the checkout fails"}},
		{"an incident that is over, by its number", "resolve #17", command.Command{Name: command.Resolve, Incident: 17}},
		{"an incident that is over, by its app", "resolve pay", command.Command{Name: command.Resolve, App: "payments"}},
		{"a hold with a reason that begins with a name", "hold shop @ann tests", command.Command{Name: command.Hold, App: "shop", Reason: "@ann tests"}},
		{"a hold of one build", "hold shop@4f1c2a the load test", command.Command{Name: command.Hold, App: "shop", Digest: "4f1c2a", Reason: "the load test"}},
		{"a hold that is lifted", "unhold shop @ 4f1c2a", command.Command{Name: command.Unhold, App: "shop", Digest: "4f1c2a"}},
		{"everything is frozen", "freeze the database moves", command.Command{Name: command.Freeze, Reason: "the database moves"}},
		{"an app is frozen", "freeze shop the database moves", command.Command{Name: command.Freeze, App: "shop", Reason: "the database moves"}},
		{"everything is frozen until a time", "freeze 18:00 the database moves", command.Command{Name: command.Freeze, Until: "18:00", Reason: "the database moves"}},
		{"an app is frozen until a time on a day", "freeze Shop Monday 9:00 “nobody is here”", command.Command{Name: command.Freeze, App: "shop", Until: "monday 9:00", Reason: "nobody is here"}},
		{"a day without a time is a part of the reason", "freeze shop monday is no day for it", command.Command{Name: command.Freeze, App: "shop", Reason: "monday is no day for it"}},
		{"an end within quotation marks", "freeze \"2h is enough\"", command.Command{Name: command.Freeze, Until: "2h", Reason: `is enough"`}},
		{"somebody stands for another until a day", "delegate <@U024BE7LH|ann> until Monday", command.Command{Name: command.Delegate, Person: "U024BE7LH", Until: "monday 0:00"}},
		{"somebody stands for another until a time, of one app", "delegate <@U024BE7LH> monday 9:00 “shop”", command.Command{Name: command.Delegate, Person: "U024BE7LH", Until: "monday 9:00", App: "shop"}},
		{"somebody stands for another for a while", "delegate <@U024BE7LH> until 2d pay", command.Command{Name: command.Delegate, Person: "U024BE7LH", Until: "2d", App: "payments"}},
		{"nobody stands for anybody", "undelegate", command.Command{Name: command.Undelegate}},
		{"of one person it ends", "undelegate <@U024BE7LH|ann>", command.Command{Name: command.Undelegate, Person: "U024BE7LH"}},
		{"of one app it ends", "undelegate shop", command.Command{Name: command.Undelegate, App: "shop"}},
		{"of one person and app it ends", "undelegate <@U024BE7LH> wiki", command.Command{Name: command.Undelegate, Person: "U024BE7LH", App: "wiki"}},
		{"a reminder", "remind shop", command.Command{Name: command.Remind, App: "shop"}},
		{"a page of everything", "list page 2", command.Command{Name: command.List, Page: 2}},
		{"a page of an app", "history pay Page “3”", command.Command{Name: command.History, App: "payments", Page: 3}},
		{"a page of all apps", "history page 3", command.Command{Name: command.History, Page: 3}},
		{"back to what was there before", "rollback shop the checkout fails", command.Command{Name: command.Rollback, App: "shop", Reason: "the checkout fails"}},
		{"back to a build", "rollback pay To sha256:4f1c2a “it fails”", command.Command{Name: command.Rollback, App: "payments", Digest: "4f1c2a", Reason: "it fails"}},
		{"a build that is bad", "withdraw-digest shop@4f1c2a @ann says so", command.Command{Name: command.WithdrawDigest, App: "shop", Digest: "4f1c2a", Reason: "@ann says so"}},
		{"a build that is not", "restore-digest shop@4f1c2a it was another", command.Command{Name: command.RestoreDigest, App: "shop", Digest: "4f1c2a", Reason: "it was another"}},
		{"figures of everything", "figures", command.Command{Name: command.Figures}},
		{"everything thaws", "unfreeze", command.Command{Name: command.Unfreeze}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := command.Parse(row.text, apps)
			if err != nil || got != row.want {
				t.Errorf("%q\n is %+v, %v\nnot %+v", row.text, got, err, row.want)
			}
		})
	}
}

func TestWhatIsNot(t *testing.T) {
	for _, row := range []struct {
		name, text string
		problem    string // what it has to mention
		nearest    string
		usage      string // what one of the lines has to mention
	}{
		{"a misspelt command", "statsu shop", "“statsu”", "status", "/promote status [app]"},
		{"the beginning of a command is suggested, not done", "app shop", "“app”", "approve", "/promote approve <app>[@digest]"},
		{"a word that is like none", "deploy shop", "“deploy”", "", "/promote list"},
		{"help about what there is not", "help rejct", "“rejct”", "reject", "/promote help [command]"},
		{"a misspelt app", "why paymnets", "“paymnets”", "payments", "/promote why"},
		{"an app like none", "why blog", "shop, shop-api, payments, wiki", "", "/promote why"},
		{"no app", "approve", "shop, shop-api, payments, wiki", "", "/promote approve"},
		{"the beginning of two names", "approve sho", "shop, shop-api", "", "/promote approve"},
		{"five digits", "show shop@4f1c2", "six", "", "/promote show"},
		{"an @ without digits", "show shop@", "six", "", "/promote show"},
		{"sixty-five digits", "show shop@" + strings.Repeat("a", 65), "six", "", "/promote show"},
		{"digits that are none", "show shop@latest", "“latest”", "", "/promote show"},
		{"half a digest is no tag and no digest", "request shop sha256:4f1c2a", "neither", "", "/promote request <app> [tag|digest]"},
		{"a word too many", "approve shop now", "“now”", "", "/promote approve"},
		{"no reason", "reject shop", "why", "", "/promote reject <app>[@digest] <reason>"},
		{"a check without a result", "check shop review", "passed or failed", "", "/promote check <app>[@digest] <check> <passed|failed> [reason]"},
		{"a check that went somehow", "check shop review fine", "“fine”", "", "/promote check"},
		{"a check that failed for no reason", "check shop review failed", "found", "", "/promote check"},
		{"a check of no name", "check shop Sécurité passed", "not the name", "", "/promote check"},
		{"a glass broken for no reason", "break-glass shop", "why", "", "/promote break-glass <app>[@digest] <reason>"},
		{"a review without an opinion", "review shop", "ok or not-ok", "", "/promote review <app>[@digest] <ok|not-ok> [reason]"},
		{"a review of another kind", "review shop perhaps", "“perhaps”", "", "/promote review"},
		{"what was not right, and nobody knows what", "review shop not-ok", "not right", "", "/promote review"},
		{"no plan", "plan shop", "how", "", "/promote plan <app>[@digest] <text>"},
		{"a plan of two letters", "plan shop ok", "plan is too short", "", "/promote plan"},
		{"a reason of two letters", "reject shop no", "short", "", "/promote reject"},
		{"a reason of nothing but what can't be seen", "reject shop \u200b\u2060\u00ad.", "short", "", "/promote reject"},
		{"a reason that is too long by one", "reject shop " + strings.Repeat("ä", command.MaxReason+1), "501", "", "/promote reject"},
		{"a freeze of an app that is misspelt", "freeze shpo it is late", "Without the name of an app, everything is frozen", "shop", "/promote freeze [app] [until] <reason>"},
		{"a freeze of the beginning of an app", "freeze pay it is late", "Did you mean “payments”", "payments", "/promote freeze"},
		{"a freeze without a reason", "freeze shop 2h", "Say why", "", "/promote freeze"},
		{"a freeze of nothing", "freeze", "Say why", "", "/promote freeze"},
		{"an incident without a severity", "incident shop", "How bad", "", "/promote incident <app> <severity> <reason>"},
		{"an incident of a severity that is none", "incident shop !! down", "not a severity", "", "/promote incident"},
		{"a rollback for no reason", "rollback shop", "Say why", "", "/promote rollback <app> [to digest] <reason>"},
		{"a rollback to a build, for no reason", "rollback shop to 4f1c2a", "Say why", "", "/promote rollback"},
		{"a rollback to no build", "rollback shop to stop the errors", "“stop” is not a digest", "", "/promote rollback"},
		{"a rollback to nothing", "rollback shop to", "is not a digest", "", "/promote rollback"},
		{"a build that is bad, whichever", "withdraw-digest shop it leaks", "Which build?", "", "/promote withdraw-digest <app>@<digest> <reason>"},
		{"a build that is bad for no reason", "withdraw-digest shop@4f1c2a", "Say why", "", "/promote withdraw-digest"},
		{"nothing that is over", "resolve", "shop, shop-api", "", "/promote resolve <app|number>"},
		{"nobody to stand for one", "delegate", "Whose", "", "/promote delegate <@person> until <when> [app]"},
		{"somebody who is typed", "delegate ann 2d", "“ann”", "", "/promote delegate"},
		{"without an end", "delegate <@U024BE7LH|ann>", "Until when", "", "/promote delegate"},
		{"with half an end", "delegate <@U024BE7LH|ann> until", "Until when", "", "/promote delegate"},
		{"with no end", "delegate <@U024BE7LH|ann> until friday-ish", "“friday-ish” is not a time", "", "/promote delegate"},
		{"page nought", "list page 0", "not the number of a page", "", "/promote list [page n]"},
		{"no page", "history shop page", "Which page", "", "/promote history [app] [page n]"},
		{"a number that is none", "resolve #0", "There is no app “#0”", "", "/promote resolve"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := command.Parse(row.text, apps)
			var u *command.Usage
			if !errors.As(err, &u) {
				t.Fatalf("%q is %+v, %v", row.text, got, err)
			}
			if !strings.Contains(u.Problem, row.problem) || u.Nearest != row.nearest || !strings.Contains(strings.Join(u.Lines, "\n"), row.usage) {
				t.Errorf("%q: %+v", row.text, u)
			}
		})
	}
}

func TestAReasonMayBeAsLongAsIsSaid(t *testing.T) {
	longest := strings.Repeat("ä", command.MaxReason)
	if got, err := command.Parse("reject shop "+longest, apps); err != nil || got.Reason != longest {
		t.Errorf("%v, %v", got, err)
	}
}

// Every example of the help is a command, and help itself names all there are.
func TestTheHelpIsTrue(t *testing.T) {
	all := command.Lines("")
	for _, line := range all {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "/promote "), " ")
		name = strings.TrimSuffix(name, ":")
		for _, l := range command.Lines(command.Name(name))[1:] {
			call, about, ok := strings.Cut(l, ": ")
			got, err := command.Parse(strings.ReplaceAll(call, "@ann", "<@U024BE7LH|ann>"), apps) // as Slack delivers it
			if !ok || about == "" || err != nil || got.Name != command.Name(name) {
				t.Errorf("%q is %+v, %v", l, got, err)
			}
		}
	}
	if len(all) != 32 {
		t.Errorf("%d commands", len(all))
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "help", "help why", "status", "list", "show shop@4f1c2a", "request shop v1", "approve pay", "reject shop “no & <http://x|y> &amp;lt;”",
		"reject shop '\"``\"'", "check shop review failed no", "<@U1|a> <", "why shop @", "\xff", "reject shop >|<a|b|c>|", "/promote",
		"freeze shop monday 9:00 x y", "freeze \" 2h x \"", "freeze '' shop 2h ab", "unfreeze", "incident shop critical x y", "resolve #17", "hold shop@4f1c2a x y", "unhold pay", "rollback shop to 4f1c2a x y", "rollback shop to x", "withdraw-digest shop@4f1c2a x y",
		"delegate <@U024BE7LH|ann> until monday 9:00 shop", "delegate @U024BE7LH until", "delegate <@U024BE7LH> tomorrow", "delegate <@U024BE7LH> until until 2h pay",
		"undelegate", "undelegate <@U024BE7LH> shop", "undelegate shop", "remind shop@4f1c2a", "audit", "list page 2", "history shop page 3", "status page 0",
		"history page", "list “page” ‘2’", "history page page 2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := command.Parse(text, apps)
		if err != nil {
			var u *command.Usage
			if !errors.As(err, &u) || u.Problem == "" || len(u.Lines) == 0 || len(u.Problem) > 2000 {
				t.Fatalf("%q fails with %#v", text, err)
			}
			return
		}
		if c.App != "" && !slices.Contains(apps, c.App) {
			t.Fatalf("%q names the app %q", text, c.App)
		}
		again, err := command.Parse(written(c), apps)
		if err != nil || again != c {
			t.Fatalf("%q is %+v, written %q, which is %+v, %v", text, c, written(c), again, err)
		}
	})
}

// written is the command as Slack would deliver it.
func written(c command.Command) string {
	words := []string{string(c.Name)}
	if c.Name == command.WhatIf {
		words = append(words, string(command.Approve))
	}
	if c.Person != "" {
		words = append(words, "<@"+c.Person+">")
	}
	target := c.App
	switch {
	case c.Digest != "" && c.Name == command.Rollback:
		target += " to " + c.Digest
	case c.Digest != "":
		target += "@" + c.Digest
	}
	if c.Incident != 0 {
		target = fmt.Sprintf("#%d", c.Incident)
	}
	until := []string{target, c.Until} // a freeze names the app first
	if c.Name == command.Delegate {
		until = []string{"until", c.Until, target}
	}
	for _, w := range append(append([]string{string(c.Topic), c.Severity}, until...), c.Ref, c.Check, string(c.Status), c.Opinion, c.Reason) {
		if w != "" {
			words = append(words, w)
		}
	}
	if c.Name == command.Incident {
		words[1], words[2] = target, c.Severity
	}
	if c.Page != 0 {
		words = append(words, fmt.Sprintf("page %d", c.Page))
	}
	for i, w := range words {
		if i > 0 && w == c.Person || strings.HasPrefix(w, "<@") {
			continue
		}
		words[i] = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(w)
	}
	return strings.Join(words, " ")
}

func TestAUsageErrorSaysWhatComesNext(t *testing.T) {
	for text, next := range map[string]string{
		"check shop":                     "<check> <passed|failed> [reason]",
		"check shop review perhaps":      "<passed|failed> [reason]",
		"approve":                        "<app>[@digest]",
		"approve shop now":               "",
		"delegate <@U024BE7LH|ann> soon": "until <when> [app]",
		"deploy":                         "",
	} {
		_, err := command.Parse(text, apps)
		u, _ := errors.AsType[*command.Usage](err)
		if u == nil || u.Next != next {
			t.Errorf("after %q comes %+v, want %q", text, u, next)
		}
	}
}

func TestTheHintNamesEveryCommand(t *testing.T) {
	names := strings.Split(command.Hint(), " | ")
	if len(names) != len(command.Lines("")) || len(command.Hint()) > 1000 {
		t.Errorf("%q", command.Hint())
	}
	for _, name := range names {
		if len(command.Lines(command.Name(name))) == 0 {
			t.Errorf("the hint names %q, which the help does not know", name)
		}
	}
}
