package main_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/promotebot/promotebot/fixtures/git"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/store/sqlite"
)

// archive is a town whose production is what a Git repository says.
type archive struct {
	*town
	git    *git.Server
	env    []string
	deploy string // where that is, as production is told
}

const kustomizationFile = "apps/shop/kustomization.yaml"

// kustomization is what that file says with a digest.
func (a *archive) kustomization(digest string) string {
	return "# kept by hand\nimages:\n- name: " + a.repo.Name() + "   # ours\n  digest: \"" + digest + "\"\n\nresources: [ a,b ]\n"
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	a := &archive{town: newTown(t, oneLead)}
	a.git = git.Start(t, map[string]string{kustomizationFile: a.kustomization("sha256:" + strings.Repeat("0", 64)), "README.md": "# Deployments\n"})
	ca, password := filepath.Join(a.dir, "ca.pem"), filepath.Join(a.dir, "password")
	for file, content := range map[string]string{ca: string(a.git.CA), password: git.Password + "\n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a.deploy = fmt.Sprintf(`{targets: [{name: eu, gitops: {repository: %q, path: "apps/{app}/kustomization.yaml", kustomize: {}, credentials: {username: %s, password_file: %s}}}]}`, a.git.URL, git.User, password)
	a.targets(a.deploy)
	a.env = []string{"SSL_CERT_FILE=" + ca}
	return a
}

// says looks whether the file pins the digest, and is otherwise as it was.
func (a *archive) says(d v1.Hash) {
	a.t.Helper()
	if got, want := a.git.File(kustomizationFile), a.kustomization(d.String()); got != want {
		a.t.Errorf("the file says\n%s\nand not\n%s", got, want)
	}
}

// log are the subjects of all commits, the newest first.
func (a *archive) log() []string {
	a.t.Helper()
	return strings.Split(a.git.In("log", "--format=%s", "main"), "\n")
}

// pushes tells whether the request brings commits, and is no question before that.
func pushes(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git-receive-pack")
}

func deploySubject(d v1.Hash) string { return "Deploy shop " + d.Hex[:12] + " to production" }

func TestAPromotionIsACommitAndARollbackIsOneBack(t *testing.T) {
	a := newArchive(t)
	bot := a.connected(a.env...)
	first := a.promote(1, "1.0.0")
	a.eventually("it is promoted", a.shows(1, "*Promoted*"))
	a.says(first)
	message := a.git.In("log", "-1", "--format=%B", "main")
	for _, line := range []string{deploySubject(first), a.repo.Name() + "@" + first.String(), "Promotion: 1", "App: shop", "Target: production/eu", "Digest: " + first.String(), "Approved-by: ann"} {
		if !strings.Contains("\n"+message+"\n", "\n"+line+"\n") {
			t.Errorf("there is no line %q in the message\n%s", line, message)
		}
	}

	// Somebody else is faster, between what was fetched and what is pushed.
	var faster atomic.Bool
	a.git.Door(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if pushes(r) && faster.CompareAndSwap(false, true) {
			a.git.Commit("Write down who to call", map[string]string{"README.md": "# Deployments\n\nCall Ann.\n"})
		}
		next.ServeHTTP(w, r)
	})
	second := a.promote(2, "1.1.0")
	a.eventually("it is promoted", a.shows(2, "*Promoted*"))
	a.says(second)
	if !faster.Load() || a.git.File("README.md") != "# Deployments\n\nCall Ann.\n" {
		t.Error("what somebody else has committed is gone")
	}

	a.acked(a.rollsBack(2, first))
	a.isBackAt(first, 2, 3, "*Rolled back*")
	a.says(first)
	want := []string{deploySubject(first), deploySubject(second), "Write down who to call", deploySubject(first), "Begin"}
	if got := a.log(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the commits are %q", got)
	}
	if message := a.git.In("log", "-1", "--format=%B", "main"); !strings.Contains(message, "Promotion: 3\n") || !strings.Contains(message, "Approved-by: ann") {
		t.Errorf("the commit back says\n%s", message)
	}
	a.isHeld(second, first, 4)
	a.isWell(bot)
}

// The server has the commit, and the bot is killed before it is told: the second
// time there is nothing to push.
func TestKilledWhenTheCommitIsThere(t *testing.T) {
	a := newArchive(t)
	var there atomic.Bool
	a.git.Door(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if !pushes(r) || there.Load() {
			next.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(httptest.NewRecorder(), r)
		there.Store(true)
		<-r.Context().Done()
	})
	bot := a.connected(a.env...)
	d := a.stage("1.0.0")
	a.eventually("it can be approved", a.cardSays(approve))
	a.click(ann, approve)
	a.eventually("the commit is there", there.Load)
	bot.kill()
	bot = a.connected(a.env...)
	a.eventually("it is promoted", a.cardSays("*Promoted*"))
	a.says(d)
	if got := a.log(); len(got) != 2 || a.door.put("production") != 1 {
		t.Errorf("the commits are %q, and production was put %d times", got, a.door.put("production"))
	}
	a.isWell(bot)
}

// Somebody commits another digest by hand. It is told in the channel, once, and stands
// on the card until it is put right; that is told, too. The bot commits nothing.
func TestACommitByHandIsToldAndThatItWasPutRight(t *testing.T) {
	a := newArchive(t)
	bot := a.connected(a.env...)
	d := a.promote(1, "1.0.0")
	a.eventually("it is promoted", a.shows(1, "*Promoted*"))
	a.says(d)

	other := "sha256:" + strings.Repeat("b", 64)
	began := time.Now().Add(-time.Second) // what is shown has whole seconds
	byHand := a.git.Commit("It worked yesterday", map[string]string{kustomizationFile: a.kustomization(other)})
	bot = a.whatRunsIsDue(bot)
	strays := "*eu does not run what was promoted*"
	a.eventually("the channel is told, and the card", func() bool { return len(a.told(strays)) == 1 && a.shows(1, strays)() })
	where := fmt.Sprintf("%s on main of %s (commit %s by Ann) is set to `%s`", kustomizationFile, strings.TrimPrefix(a.git.URL, "https://"), byHand[:8], other)
	if said := a.told(strays)[0]; !strings.Contains(said, d.Hex[:12]) || !strings.Contains(said, where) {
		t.Errorf("it is said: %s\nand not %s", said, where)
	}
	since := regexp.MustCompile(regexp.QuoteMeta(strays) + ` since <!date\^(\d+)\^`)
	for name, said := range map[string]string{"the card": a.cardText(1), "status": a.command(eve, "status shop")} {
		m := since.FindStringSubmatch(said)
		if m == nil || !strings.Contains(said, where) {
			t.Errorf("%s does not say since when, or not what and where: %s", name, said)
			continue
		}
		if at, err := strconv.ParseInt(m[1], 10, 64); err != nil || time.Unix(at, 0).Before(began) || time.Unix(at, 0).After(time.Now()) {
			t.Errorf("%s says since %s", name, m[1])
		}
	}

	a.git.Commit("Write down who to call", map[string]string{"README.md": "# Deployments\n\nCall Ann.\n", kustomizationFile: a.kustomization(d.String())})
	bot = a.whatRunsIsDue(bot)
	again := "*eu* runs `" + d.Hex[:12] + "` of *shop* again"
	a.eventually("it is told that it is over, and the card says nothing of it any more", func() bool { return len(a.told(again)) == 1 && !a.shows(1, strays)() })
	if said := a.command(eve, "status shop"); strings.Contains(said, "does not run") {
		t.Errorf("status says %s", said)
	}
	if got := a.log(); len(got) != 4 || len(a.told(strays)) != 1 {
		t.Errorf("the commits are %q, and it was told %d times", got, len(a.told(strays)))
	}
	a.isWell(bot)
}

// whatRunsIsDue starts the bot again when the minutes are over after which it reads
// what runs: somebody takes that on as of then, and gives it up at once.
func (a *archive) whatRunsIsDue(bot *process) *process {
	a.t.Helper()
	bot.stop()
	db, err := sqlite.OpenBeside(a.t.Context(), filepath.Join(a.dir, "bot.db"))
	if err != nil {
		a.t.Fatal(err)
	}
	now := time.Now()
	due, err := db.Claim(a.t.Context(), []promotion.EffectKind{promotion.EffectStock}, "a clock", now.Add(5*time.Minute), now, 2)
	if err = errors.Join(err, db.Close()); err != nil || len(due) != 1 {
		a.t.Fatalf("within five minutes %d targets are read: %v", len(due), err)
	}
	return a.connected(a.env...)
}

// told are the replies to the first card that say something, and are shown in the
// channel, too.
func (a *archive) told(text string) (all []string) {
	card, _ := a.cardOf(1)
	for _, m := range a.slack.Thread(shopChannel, card.TS) {
		if said := m.Text + string(m.Blocks); m.Broadcast && strings.Contains(said, text) {
			all = append(all, said)
		}
	}
	return all
}

// cardText is all that the card of a promotion says.
func (a *archive) cardText(id int) string {
	m, _ := a.cardOf(id)
	return m.Text + string(m.Blocks)
}

// A branch that is protected: the server's words are on the card, and nothing was
// committed.
func TestAPushThatIsRefusedIsKeptBySomebody(t *testing.T) {
	a := newArchive(t)
	a.git.Hook("pre-receive", "echo 'main is protected: ask <Ann>' >&2; exit 1\n")
	bot := a.connected(a.env...)
	a.stage("1.0.0")
	a.eventually("it can be approved", a.cardSays(approve))
	a.click(ann, approve)
	a.eventually("it is failing, and the card says why", func() bool {
		text, _ := a.firstCard()
		return strings.Contains(text, "*Failing*") && strings.Contains(text, "main is protected: ask &lt;Ann&gt;")
	})
	if got := a.log(); len(got) != 1 {
		t.Errorf("the commits are %q", got)
	}
	a.keep(bob, "I have asked her")
	a.eventually("it is kept", func() bool {
		text, _ := a.firstCard()
		return strings.Contains(text, "kept it although it was failing: I have asked her")
	})
	a.isWell(bot)
}
