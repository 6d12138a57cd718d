package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
)

func TestShortFormsAndOrdinaryVariantsAreAccepted(t *testing.T) {
	for name, f := range map[string]struct{ old, new string }{
		"lines end as Windows writes them":          {"\n", "\r\n"},
		"a byte order mark comes first":             {"slack:", "\ufeffslack:"},
		"the document is marked":                    {"slack:", "---\nslack:"},
		"the document is ended":                     {"shop}\n", "shop}\n...\n"},
		"no port is opened":                         {"roles:", "http: off\nroles:"},
		"every address is listened on":              {"roles:", "http: :8484\nroles:"},
		"the system chooses a port":                 {"roles:", "http: \"[::1]:0\"\nroles:"},
		"one tag stands without brackets":           {"[production]", "production"},
		"one person stands without brackets":        {"[U0ANN, U0BOB]", "U0ANN"},
		"one role stands without a number":          {"{leads: 1}", "leads"},
		"as many approvals as people are asked":     {"{leads: 1}", "{leads: 2}"},
		"a policy is written out":                   {"policy: careful", "policy: {approvals: leads}"},
		"a group can fill what people can't":        {"{leads: 1}}\nroles:", "{leads: 2, more: 1}}\nroles:\n  more: [S0MORE, U0ANN]"},
		"people of two roles fill them in one way":  {"{leads: 1}}\nroles:", "{anyone: 1, leads: 2}}\nroles:\n  anyone: [leads, U0EVE]"},
		"no environment is watched":                 {", watch: \"v{version}-passed\"", ""},
		"the tag of a promotion is watched there":   {"policy: careful}", "policy: careful, watch: production}\n  - {name: end, tags: end, policy: careful}"},
		"an enterprise user and a private channel":  {"U0BOB", "W0BOB"},
		"the app has a channel and there is no all": {"slack: {channel: C0SHIP}", "database: x"},
	} {
		t.Run(name, func(t *testing.T) {
			doc := strings.Replace(sound, f.old, f.new, 1)
			if f.old == "\n" {
				doc = strings.ReplaceAll(sound, f.old, f.new)
			}
			if strings.HasPrefix(doc, "database") {
				doc = strings.Replace(doc, "com/shop", "com/shop, channel: G0SHOP", 1)
			}
			if doc == sound {
				t.Fatal("the document was not changed")
			}
			c, err := config.Parse("promotebot.yaml", []byte(doc))
			if err != nil {
				t.Fatalf("refused:\n%v\n%s", err, doc)
			}
			holds(t, c)
		})
	}
}

func TestLengthsOfTime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "0d": 0, "90m": 90 * time.Minute, "1d": 24 * time.Hour, "1d12h": 36 * time.Hour, "2d30m": 48*time.Hour + 30*time.Minute,
		"1.5h": 90 * time.Minute, "90d": 90 * 24 * time.Hour,
	} {
		doc := strings.Replace(sound, "{approvals: {leads: 1}}", "{approvals: leads, soak: "+text+"}", 1)
		c, err := config.Parse("promotebot.yaml", []byte(doc))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := c.Catalog.Apps[0].Policies["production"].Soak; got != want {
			t.Errorf("%s is read as %s", text, got)
		}
	}
	for _, text := range []string{"d", "1d1d", "d12h", "1d-2h", "90d1ns", "1 d", "24:00", "100000d", "1h1d", "-1d", ".d"} {
		_ = problems(t, strings.Replace(sound, "{approvals: {leads: 1}}", "{approvals: leads, soak: \""+text+"\"}", 1))
	}
}

func TestPollingInBothForms(t *testing.T) {
	for text, want := range map[string]config.Poll{
		"1m":                          {Every: time.Minute, Concurrency: config.DefaultConcurrency},
		"1s":                          {Every: time.Second, Concurrency: config.DefaultConcurrency},
		"24h":                         {Every: 24 * time.Hour, Concurrency: config.DefaultConcurrency},
		"{concurrency: 64}":           {Every: config.DefaultEvery, Concurrency: 64},
		"{every: 1m, concurrency: 1}": {Every: time.Minute, Concurrency: 1},
		"{}":                          {Every: config.DefaultEvery, Concurrency: config.DefaultConcurrency},
	} {
		c, err := config.Parse("promotebot.yaml", []byte(sound+"poll: "+text+"\n"))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if c.Poll != want {
			t.Errorf("%s is read as %+v", text, c.Poll)
		}
	}
}

// TestTheExamplesInRemediesAreRight pastes what a missing section's remedy shows.
func TestTheExamplesInRemediesAreRight(t *testing.T) {
	doc := "slack: {channel: C0SHOP}\npolicies: {careful: {soak: 24h, approvals: {tech-leads: 2}}}\n"
	for _, p := range problems(t, doc).List {
		example, ok := strings.CutPrefix(p.Remedy, "add, for example, ")
		if !ok {
			t.Errorf("not a missing section, or one without an example: %s", p)
		}
		doc += example + "\n"
	}
	if _, err := config.Parse("promotebot.yaml", []byte(doc)); err != nil {
		t.Errorf("%v\n%s", err, doc)
	}
}

func TestAHugeFileIsRefusedAndALargeOneIsNot(t *testing.T) {
	var large strings.Builder
	large.WriteString(sound)
	for i := range 10_000 {
		fmt.Fprintf(&large, "  - {name: app-%d, image: registry.example.com/app-%d, channel: C0SHOP}\n", i, i)
	}
	c, err := config.Parse("promotebot.yaml", []byte(large.String()))
	if err != nil || len(c.Catalog.Apps) != 10_001 {
		t.Fatalf("%d bytes: %v", large.Len(), err)
	}
	doc := sound + strings.Repeat("#", 1<<20-len(sound)-1) + "\n"
	if _, err := config.Parse("promotebot.yaml", []byte(doc)); err != nil {
		t.Errorf("a file of 1 MiB: %v", err)
	}
	if found := problems(t, doc+"\n"); len(found.List) != 1 || !strings.Contains(found.List[0].Message, "larger than 1048576 bytes") {
		t.Errorf("a file of one byte more: %v", found)
	}
}

func TestTheWorstFilesAreRefusedSoon(t *testing.T) {
	for name, doc := range map[string]string{
		"an error at the end of a long file":  sound + strings.Repeat("  - {name: shop, image: registry.example.com/shop}\n", 5_000) + "\t\n",
		"an error at the start of a long one": "{\n" + strings.Repeat("  - {name: shop, image: registry.example.com/shop}\n", 20_000),
		"a hundred thousand brackets":         "a: " + strings.Repeat("[", 100_000),
		"nothing but quotation marks":         strings.Repeat("\"\n", 200_000),
	} {
		began := time.Now()
		_ = problems(t, doc)
		if took := time.Since(began); took > 20*time.Second { // far above what it takes, below what anybody waits
			t.Errorf("%s takes %s", name, took)
		}
		t.Logf("%s: %s", name, time.Since(began))
	}
}
