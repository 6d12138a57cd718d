package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

var update = flag.Bool("update", false, "write the golden file anew")

const samples = "../../../fixtures/configs"

func sample(t testing.TB, name string) string {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(samples, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

func load(t *testing.T, name string) *config.Config {
	t.Helper()
	c, err := config.Load(filepath.Join(samples, name))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// problems parses a document that must be at fault.
func problems(t testing.TB, doc string) *config.Problems {
	t.Helper()
	c, err := config.Parse("promotebot.yaml", []byte(doc))
	var found *config.Problems
	if !errors.As(err, &found) {
		t.Fatalf("the document was not refused: %v, %v\n%s", c, err, doc)
	}
	return found
}

func TestTheSmallestUsefulConfigIsShortAndComplete(t *testing.T) {
	if n := strings.Count(sample(t, "smallest.yaml"), "\n"); n >= 20 {
		t.Errorf("it has %d lines, and fewer than 20 are promised", n)
	}
	c := load(t, "smallest.yaml")
	if c.Database != "promotebot.db" || c.HTTP != "127.0.0.1:8484" || c.Poll != (config.Poll{Every: 30 * time.Second, Concurrency: 8}) {
		t.Errorf("what it does not say is %q, %q, %+v", c.Database, c.HTTP, c.Poll)
	}
	app, ok := c.Catalog.App("shop")
	if !ok || app.Repository != "registry.example.com/shop/api" || app.Channel != "C0123456789" {
		t.Errorf("the app is %+v, %v", app, ok)
	}
	want := policy.Document{Name: "production", Soak: 24 * time.Hour, Approvals: []policy.Requirement{{Role: "tech-leads", Count: 1}}}
	if app.Policies["production"].Hash() != want.Hash() || len(app.Policies) != 1 {
		t.Errorf("its policies are %+v", app.Policies)
	}
}

// Whoever follows the README pastes its first example, and that is all of it.
func TestTheConfigOfTheREADMEIsShortAndComplete(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(readme), "```yaml\n")
	doc, _, ok := strings.Cut(after, "```")
	if lines := strings.Count(doc, "\n"); !ok || lines < 5 || lines >= 20 {
		t.Errorf("it has %d lines:\n%s", lines, doc)
	}
	if _, err := config.Parse("README.md", []byte(doc)); err != nil {
		t.Errorf("%v\n%s", err, doc)
	}
}

func TestTheFullConfigMeansWhatItSays(t *testing.T) {
	c := load(t, "full.yaml")
	if c.API != "127.0.0.1:8485" {
		t.Errorf("machines are answered at %q", c.API)
	}
	if c.Database != "/var/lib/promotebot/promotebot.db" || c.Slack.Channel != "C0123456789" {
		t.Errorf("database %q, channel %q", c.Database, c.Slack.Channel)
	}
	if staging, _ := c.Catalog.Environment("staging"); staging.Watch.String() != "v{version}-staging-passed" || staging.Tags != nil {
		t.Errorf("staging is %+v", staging)
	}
	if preview, ok := c.Catalog.Next("staging"); !ok || preview.Name != "preview" || !preview.Watch.IsZero() || len(preview.Tags) != 2 {
		t.Errorf("after staging comes %+v", preview)
	}
	shop, _ := c.Catalog.App("shop")
	if careful := shop.Policies["production"]; careful.Name != "careful" || careful.Soak != 36*time.Hour || careful.RequesterMayApprove ||
		len(careful.Approvals) != 2 || careful.Approvals[0] != (policy.Requirement{Role: "tech-leads", Count: 2}) || careful.Approvals[1].Role != "security" {
		t.Errorf("shop goes to production under %+v", careful)
	}
	interrupted(t, c.Catalog, shop.Policies["production"])
	handbook, _ := c.Catalog.App("handbook")
	if quick := handbook.Policies["preview"]; quick.Name != "quick" || !quick.RequesterMayApprove || handbook.Channel != "C0123456789" {
		t.Errorf("handbook goes to preview under %+v, in %s", quick, handbook.Channel)
	}
	if own := handbook.Policies["production"]; own.Name != "handbook to production" || own.Soak != time.Hour {
		t.Errorf("handbook goes to production under %+v", own)
	}
	if b := handbook.Policies["production"].BreakGlass; b == nil || b.Role != "incident-commanders" || !slices.Equal(b.By, []string{"security"}) || b.Within != 24*time.Hour || shop.Policies["production"].BreakGlass != nil {
		t.Errorf("the glass of handbook is %+v", b)
	}
	if shop.In("staging") != shop.Repository || shop.In("production") != "production.example.com/shop/api" || handbook.In("production") != "production.example.com/handbook" {
		t.Errorf("the images of shop are %+v, those of handbook %+v", shop.Images, handbook.Images)
	}
	if production, _ := c.Catalog.Environment("production"); !production.Attachments.Take("cosign/sig") || production.Attachments.Take("application/vnd.example.cache.v2") {
		t.Errorf("into production go %+v", production.Attachments)
	}
	intranet, _ := c.Catalog.Train("intranet")
	if d := intranet.Policies["production"]; len(intranet.Apps) != 2 || d.Name != "careful" || d.OnFailure != promotion.TakeBack || intranet.Policies["preview"].Name != "quick" {
		t.Errorf("the train is %+v", intranet)
	}
	if len(c.Registries) != 2 || c.Registries[0].Rate != 50 || c.Registries[0].TokenHosts[0] != "auth.example.com" || c.Registries[1].Credentials != "ecr-login" || c.Registries[1].Concurrency != 0 || c.Registries[0].LargestBlob != 5<<30 || c.Registries[1].LargestBlob != 0 {
		t.Errorf("the registries are %+v", c.Registries)
	}
	developers := c.Catalog.Roles["developers"]
	if len(developers.Groups) != 1 || developers.Groups[0] != "S0DEVELOPERS" || len(developers.Roles) != 1 || len(c.Catalog.Roles["tech-leads"].People) != 3 {
		t.Errorf("the roles are %+v", c.Catalog.Roles)
	}
	reminds(t, c.Catalog.Reminders)
}

// interrupted checks what makes careful wait.
func interrupted(t *testing.T, c gate.Catalog, careful policy.Document) {
	t.Helper()
	if i := careful.Incidents; !slices.Equal(i.Pause, []promotion.Severity{"warning"}) || !slices.Equal(i.Reset, []promotion.Severity{"critical"}) || !slices.Equal(careful.FreezeOn, i.Reset) {
		t.Errorf("incidents do %+v, and freeze on %v", i, careful.FreezeOn)
	}
	if careful.Since != policy.SinceArrival {
		t.Errorf("the soak counts from %q", careful.Since)
	}
	if careful.Exposure != (promotion.Exposure{Requests: 100_000, PodTime: 48 * time.Hour}) {
		t.Errorf("exposure is %+v", careful.Exposure)
	}
	w := careful.Windows
	if len(w.Allow) != 1 || w.Allow[0].Spec != "CRON_TZ=Europe/Berlin 0 9 * * MON-THU" || w.Allow[0].For != 8*time.Hour || len(w.Deny) != 1 || w.Deny[0].For != 36*time.Hour {
		t.Errorf("windows are %+v", w)
	}
	at := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at.UTC()
	}
	for _, f := range []struct {
		got         []promotion.Freeze
		from, until string
	}{{c.Freezes, "2026-12-19T23:00:00Z", "2027-01-02T23:00:00Z"}, {careful.Freezes, "2026-11-26T00:00:00Z", "2026-12-01T07:00:00Z"}} {
		if len(f.got) != 1 || f.got[0].From != at(f.from) || *f.got[0].Until != at(f.until) || f.got[0].Reason == "" {
			t.Errorf("frozen: %+v, want from %s until %s", f.got, f.from, f.until)
		}
	}
}

// reminds checks the schedules where the clocks change: nine in Berlin is
// another instant in summer.
func reminds(t *testing.T, reminders []gate.Reminder) {
	t.Helper()
	if len(reminders) != 2 || reminders[0].Spec != "CRON_TZ=Europe/Berlin 0 9 * * MON-FRI" || reminders[1].Spec != "CRON_TZ=UTC @daily" {
		t.Fatalf("the reminders are %+v", reminders)
	}
	friday := time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)
	if next := reminders[0].Schedule.Next(friday).UTC(); next != time.Date(2026, 3, 30, 7, 0, 0, 0, time.UTC) {
		t.Errorf("after a winter Friday, nine o'clock on the summer Monday is %s", next)
	}
	if next := reminders[1].Schedule.Next(friday).UTC(); next != time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC) {
		t.Errorf("the next day begins %s", next)
	}
}

func TestTheHashIsThatOfTheBytes(t *testing.T) {
	doc := sample(t, "smallest.yaml")
	one, err := config.Parse("a", []byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	other, err := config.Parse("a", []byte(doc+"# a comment\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(one.Hash) != 64 || one.Hash == other.Hash {
		t.Errorf("the hashes are %s and %s", one.Hash, other.Hash)
	}
	a, b := one.Catalog.Apps[0].Policies["production"], other.Catalog.Apps[0].Policies["production"]
	if a.Hash() != b.Hash() {
		t.Error("a comment changes the policy, and so every vote")
	}
}

func TestEverythingThatIsWrongIsSaidAtOnce(t *testing.T) {
	found := problems(t, sample(t, "broken.yaml"))
	got := found.Error() + "\n"
	golden := filepath.Join("testdata", "broken.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the problems of broken.yaml are not those of %s; when they are right, run this test with -update:\n%s", golden, got)
	}
	if !errors.Is(found, promotion.Invalid) || promotion.KindOf(found) != promotion.Invalid {
		t.Errorf("the kind is %s", promotion.KindOf(found))
	}
}

func TestAFileThatCannotBeReadIsToldFromABadOne(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "promotebot.yaml"))
	if promotion.KindOf(err) != promotion.NotFound || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "--config") {
		t.Errorf("a file that is not there: %v", err)
	}
	_, err = config.Load(t.TempDir())
	if promotion.KindOf(err) != promotion.Unavailable || !strings.Contains(err.Error(), "must name a file") {
		t.Errorf("a directory: %v", err)
	}
	if os.Geteuid() == 0 {
		return // permissions do not stop root
	}
	secret := filepath.Join(t.TempDir(), "promotebot.yaml")
	if err := os.WriteFile(secret, []byte("{}"), 0o000); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(secret); promotion.KindOf(err) != promotion.Unavailable {
		t.Errorf("a file without permission: %v", err)
	}
}
