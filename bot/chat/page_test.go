package chat_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

var numbers = regexp.MustCompile(`(?m)^#(\d+) `)

// rows are the numbers of the promotions on a page.
func rows(text string) (all []string) {
	for _, m := range numbers.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// last is what one person was told last.
func (o *office) last(who string) fakeslack.Message {
	o.t.Helper()
	told := o.heard(who)
	if len(told) == 0 {
		o.t.Fatalf("%s was told nothing", who)
	}
	return told[len(told)-1]
}

func (o *office) turn(who, action string) string {
	o.t.Helper()
	m := o.last(who)
	d, err := o.slack.Click(who, m.Channel, m.TS, action)
	if err != nil {
		o.t.Fatal(err)
	}
	if o.pause(); d.Err() != nil {
		o.t.Fatal(d.Err())
	}
	return o.last(who).Text
}

func countdown(from, to int) (all []string) {
	for i := from; i >= to; i-- {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func TestAHistoryIsReadPageByPage(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		for i := range 14 { // one gives way to the next
			o.stage(fmt.Sprintf("%x", i+1))
		}
		_, first := o.command(eve, "history shop")
		if !slices.Equal(rows(first), countdown(14, 5)) || !strings.Contains(first, "more on the next page") || strings.Contains(string(o.last(eve).Blocks), render.ActionPrevious) {
			t.Errorf("the first page: %s", first)
		}
		// Between two pages, another one comes on top: nothing is left out or comes twice.
		o.stage("f")
		if second := o.turn(eve, render.ActionNext); !slices.Equal(rows(second), countdown(4, 1)) || strings.Contains(string(o.last(eve).Blocks), render.ActionNext) {
			t.Errorf("the second page: %s", second)
		}
		if n := len(o.heard(eve)); n != 1 {
			t.Errorf("there are %d answers, and the page should have taken the place of the one before", n)
		}
		if back := o.turn(eve, render.ActionPrevious); !slices.Equal(rows(back), countdown(14, 5)) {
			t.Errorf("back: %s", back)
		}
		if newest := o.turn(eve, render.ActionPrevious); !slices.Equal(rows(newest), []string{"15"}) {
			t.Errorf("what came meanwhile: %s", newest)
		}
		if _, second := o.command(eve, "history shop page 2"); !slices.Equal(rows(second), countdown(5, 1)) {
			t.Errorf("the second page by its number: %s", second)
		}
		if _, none := o.command(eve, "history page 3"); !strings.Contains(none, "no page 3") {
			t.Errorf("a page that there is not: %s", none)
		}
		for range 7 { // a response URL can be used five times, and every click has its own
			o.turn(ann, pageOf(o))
		}
	})
}

// pageOf has Ann look at the history, and turn its pages to and fro.
func pageOf(o *office) string {
	if told := o.heard(ann); len(told) == 0 {
		o.command(ann, "history")
	}
	if strings.Contains(string(o.last(ann).Blocks), render.ActionNext) {
		return render.ActionNext
	}
	return render.ActionPrevious
}

func TestPagesAreTurnedInADirectMessage(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		for i := range 12 {
			o.stage(fmt.Sprintf("%x", i+1))
		}
		o.direct(eve, "history shop")
		alone := o.slack.DirectChannel(eve)
		answer := func() fakeslack.Message {
			all := o.slack.Messages(alone)
			return all[len(all)-1]
		}
		if _, err := o.slack.Click(eve, alone, answer().TS, render.ActionNext); err != nil {
			t.Fatal(err)
		}
		if o.pause(); !slices.Equal(rows(answer().Text), []string{"2", "1"}) || len(o.slack.Messages(alone)) != 2 {
			t.Errorf("the second page: %s", answer().Text)
		}
	})
}

// What has ended between two pages leaves no gap.
func TestAListIsStableUnderChange(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		c := *catalog(t)
		c.Apps = nil
		for i := range 23 {
			a := catalog(t).Apps[0]
			a.Name = fmt.Sprintf("app-%02d", i+1)
			c.Apps = append(c.Apps, a)
		}
		if err := o.gate.Adopt(t.Context(), &c); err != nil {
			t.Fatal(err)
		}
		for _, a := range c.Apps {
			o.stageOf(a.Name, "a")
		}
		time.Sleep(2 * time.Minute)
		o.pause()
		_, first := o.command(ann, "list")
		if !slices.Equal(rows(first), countdown(23, 14)) {
			t.Fatalf("the first page: %s", first)
		}
		for _, gone := range []string{"app-23", "app-20", "app-12"} {
			o.direct(bob, "reject "+gone+" it leaks memory")
		}
		if second := o.turn(ann, render.ActionNext); !slices.Equal(rows(second), append([]string{"13"}, countdown(11, 3)...)) {
			t.Errorf("the second page: %v", rows(second))
		}
		if third := o.turn(ann, render.ActionNext); !slices.Equal(rows(third), []string{"2", "1"}) {
			t.Errorf("the third page: %v", rows(third))
		}
		_, status := o.command(ann, "status")
		if strings.Count(status, " in `registry") != render.StatusSize || !strings.Contains(status, "app-01") {
			t.Errorf("the first page of the status: %s", status)
		}
		if status = o.turn(ann, render.ActionNext); !strings.Contains(status, "app-09") || !strings.Contains(string(o.last(ann).Blocks), render.ActionPrevious) {
			t.Errorf("the second page of the status: %s", status)
		}
		if _, status = o.command(ann, "status page 3"); !strings.Contains(status, "app-23") || strings.Contains(string(o.last(ann).Blocks), render.ActionNext) {
			t.Errorf("the last page of the status: %s", status)
		}
	})
}

// An app that is taken out of the configuration between two pages moves those behind
// it up. None of them is left out of the next page for that, and none comes twice.
func TestAStatusThatGetsShorterBetweenTwoPagesLeavesNothingOut(t *testing.T) {
	c := crowd(t, 23, 2, 1)
	for i := range c.Apps {
		c.Apps[i].Channel = channel
	}
	shown := func(status string) (apps []string) {
		for _, m := range regexp.MustCompile(`\*(app-\d+)\* in`).FindAllStringSubmatch(status, -1) {
			apps = append(apps, m[1])
		}
		return apps
	}
	names := func(from, to int) (apps []string) {
		for i := from; i <= to; i++ {
			apps = append(apps, fmt.Sprintf("app-%d", i))
		}
		return apps
	}
	in(t, func(t *testing.T, o *office) {
		if err := o.gate.Adopt(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		o.pause()
		if _, status := o.command(ann, "status"); !slices.Equal(shown(status), names(0, 7)) {
			t.Fatalf("the first page: %s", status)
		}
		fewer := *c
		fewer.Apps = slices.Delete(slices.Clone(c.Apps), 2, 4)
		if err := o.gate.Adopt(t.Context(), &fewer); err != nil {
			t.Fatal(err)
		}
		o.pause()
		if status := o.turn(ann, render.ActionNext); !slices.Equal(shown(status), names(8, 15)) {
			t.Errorf("the second page: %v", shown(status))
		}
		if status := o.turn(ann, render.ActionNext); !slices.Equal(shown(status), names(16, 22)) {
			t.Errorf("the last page: %v", shown(status))
		}
		if status := o.turn(ann, render.ActionPrevious); !slices.Equal(shown(status), names(8, 15)) {
			t.Errorf("back again: %v", shown(status))
		}
		if status := o.turn(ann, render.ActionPrevious); !slices.Equal(shown(status), []string{"app-0", "app-1", "app-4", "app-5", "app-6", "app-7"}) {
			t.Errorf("the first page again: %v", shown(status))
		}
	})
}

// Rows of characters that take three bytes each, as long as they can be.
func TestAPageThatWouldNotArriveHasFewerRows(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		for i := range 12 {
			o.stage(fmt.Sprintf("%x", i+1))
			o.direct(bob, "reject shop "+strings.Repeat("\u8a9e", 480))
		}
		d, err := o.slack.Command(ann, channel, "/promote", "history")
		if err != nil {
			t.Fatal(err)
		}
		o.pause()
		var ack struct {
			Text   string
			Blocks json.RawMessage
		}
		if err := json.Unmarshal(d.Ack(), &ack); err != nil || len(d.Ack()) > 18_000 || !strings.Contains(string(ack.Blocks), render.ActionNext) {
			t.Fatalf("%d bytes: %v %.300s", len(d.Ack()), err, d.Ack())
		}
		seen := rows(ack.Text)
		for strings.Contains(string(o.last(ann).Blocks), render.ActionNext) && len(seen) < 20 {
			seen = append(seen, rows(o.turn(ann, render.ActionNext))...)
		}
		if !slices.Equal(seen, countdown(12, 1)) {
			t.Errorf("page by page: %v", seen)
		}
	})
}
