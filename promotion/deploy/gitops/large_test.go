package gitops_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/promotebot/promotebot/fixtures/git"

	"github.com/promotebot/promotebot/promotion"
)

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

// missing skips a test for want of a program, where that is allowed.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv(git.Required) == "require" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// alone is what a process of its own is to deploy.
type alone struct {
	Repository, Directory, CA string
}

const aloneVariable = "PROMOTEBOT_GITOPS_ALONE"

// command is a process of its own that deploys the order, prints what came of
// it, and how much memory it has taken.
func (w *world) command(directory string) *exec.Cmd {
	w.t.Helper()
	job, err := json.Marshal(alone{w.URL, directory, string(w.CA)})
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestAlone$", "-test.v")
	cmd.Env = append(os.Environ(), aloneVariable+"="+string(job))
	return cmd
}

func TestAlone(t *testing.T) {
	text := os.Getenv(aloneVariable)
	if text == "" {
		return // it is for a process of its own
	}
	var job alone
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		t.Fatal(err)
	}
	opts := options(job.Repository, job.Directory, []byte(job.CA))
	r, err := deployerOf(opts).Deploy(t.Context(), order())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("handle=%s", r.Handle)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return // not Linux
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmHWM:") {
			t.Logf("peak=%s", strings.Fields(line)[1])
		}
	}
}

func said(out, key string) string {
	_, rest, _ := strings.Cut(out, key+"=")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// The repository of a whole company: what is fetched of it, and what it takes.
func TestALargeRepositoryTakesLittleMemory(t *testing.T) {
	files, size := 10000, 2000
	if os.Getenv(git.Required) == "require" {
		size = 20000
	}
	w := newWorld(t)
	w.Grow(files, size)
	for name, c := range map[string]struct {
		configure func()
		most      int // MiB of memory
		fetched   int64
	}{
		"a server that gives single files": {func() {}, 64, 2 << 20},
		"a server without filters":         {func() { w.Config("uploadpack.allowFilter", "false") }, 96, int64(files*size)*11/10 + 4<<20},
	} {
		t.Run(name, func(t *testing.T) {
			w.In("update-ref", "refs/heads/main", w.In("rev-list", "--grep=^Grow$", "-1", "main"))
			w.Config("uploadpack.allowFilter", "true")
			c.configure()
			var fetched atomic.Int64
			w.Door(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				next.ServeHTTP(&counted{rw, &fetched}, r)
			})
			began := time.Now()
			cmd := w.command(w.opts.Directory)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			peak, err := strconv.Atoi(said(string(out), "peak"))
			if err != nil {
				missing(t, "memory is measured on Linux")
			}
			t.Logf("%d files of %d bytes: %d KiB fetched, %d MiB of memory, %v", files, size, fetched.Load()>>10, peak>>10, time.Since(began))
			if peak>>10 > c.most || fetched.Load() > c.fetched {
				t.Errorf("it took %d MiB of memory, at most %d; and %d bytes, at most %d", peak>>10, c.most, fetched.Load(), c.fetched)
			}
			if w.File(file) != kustomization(next) || w.Head() != said(string(out), "handle") {
				t.Errorf("the branch is at %s\n%s", w.Head(), out)
			}
		})
	}
}

// counted counts what is answered.
type counted struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

// Whenever the process is killed: another one ends in the same state, with one
// commit.
func TestAProcessThatIsKilledLeavesOneCommit(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		then bool // the server still does what it was asked
	}{
		"when it has read nothing":        {"/info/refs", false},
		"while it reads":                  {"/git-upload-pack", false},
		"between commit and push":         {"/git-receive-pack", false},
		"between the push and its answer": {"/git-receive-pack", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			directory := t.TempDir()
			cmd := w.command(directory)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			started := make(chan struct{})
			w.Door(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				<-started
				if !strings.HasSuffix(r.URL.Path, c.path) {
					next.ServeHTTP(rw, r)
					return
				}
				if c.then {
					next.ServeHTTP(httptest.NewRecorder(), r)
				}
				_ = cmd.Process.Kill()
				panic(http.ErrAbortHandler)
			})
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			close(started)
			if err := cmd.Wait(); err == nil || said(out.String(), "handle") != "" {
				t.Fatalf("it was not killed\n%s", &out)
			}
			w.Door(nil)
			if n := w.commits(); n != 1 && !c.then || n != 2 && c.then {
				t.Fatalf("there are %d commits", n)
			}
			r := w.deploy(order())
			if w.commits() != 2 || w.Head() != r.Handle || w.File(file) != kustomization(next) {
				t.Errorf("there are %d commits, the last is %s, and the handle %s", w.commits(), w.Head(), r.Handle)
			}
		})
	}
}

func TestWhatAKilledProcessHasLeftIsCleanedUp(t *testing.T) {
	w := newWorld(t)
	left := w.opts.Directory + "/gitops-left"
	if err := os.MkdirAll(left+"/objects", 0o700); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(left, long, long); err != nil {
		t.Fatal(err)
	}
	w.deploy(order()) // and newWorld looks whether anything is left
}

func TestWhatAnotherProcessIsUsingIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	used := w.opts.Directory + "/gitops-used"
	others := w.opts.Directory + "/others"
	for _, dir := range []string{used, others} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(others, long, long); err != nil {
		t.Fatal(err)
	}
	w.deploy(order())
	for _, dir := range []string{used, others} {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	}
}

func TestMoreThanThereIsRoomForIsNotFetched(t *testing.T) {
	w := newWorld(t)
	w.Config("uploadpack.allowFilter", "false")
	w.Grow(100, 20000)
	w.opts.Room = 1 << 20
	w.refused(order(), promotion.Invalid, "takes more than 1 MiB and is not fetched: keep the deployments in a smaller repository")
	w.opts.Room = 4 << 20
	w.deploy(order())
}

func TestSecretsAreShownNowhere(t *testing.T) {
	w := newWorld(t)
	w.credentials.Username = "somebody"
	_, err := w.deployer().Deploy(t.Context(), order())
	if text := err.Error() + promotion.Cause(err); strings.Contains(text, git.Password) || strings.Contains(text, "somebody") {
		t.Error(text)
	}
}
