package gitops_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/promotebot/promotebot/fixtures/git"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/gitops/edit"
)

// atPush has something happen when a push arrives, before the server sees it;
// each time another thing, and then nothing more.
func (w *world) atPush(happen ...func()) {
	var n atomic.Int32
	w.Door(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if pushed(r) {
			if i := int(n.Add(1)) - 1; i < len(happen) {
				happen[i]()
			}
		}
		next.ServeHTTP(rw, r)
	})
}

func pushed(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git-receive-pack")
}

func TestWhoIsSlowerPushesAgain(t *testing.T) {
	w := newWorld(t)
	w.atPush(
		func() { w.Commit("Another file", map[string]string{"README.md": "more\n"}) },
		func() {
			w.Commit("The same file", map[string]string{file: strings.Replace(kustomization(old), "a,b", "a,b,c", 1)})
		},
	)
	r := w.deploy(order())
	if w.Head() != r.Handle || w.commits() != 4 {
		t.Errorf("of %d commits the last is %s, and the handle %s", w.commits(), w.Head(), r.Handle)
	}
	if got, want := w.File(file), strings.Replace(kustomization(next), "a,b", "a,b,c", 1); got != want {
		t.Errorf("the file is\n%s", got)
	}
	if w.File("README.md") != "more\n" {
		t.Error("what the other one wrote is gone")
	}
}

func TestTheValueOfSomebodyElseIsNotOverwritten(t *testing.T) {
	w := newWorld(t)
	w.atPush(func() { w.Commit("Ann puts hers", map[string]string{file: kustomization(hers)}) })
	o := order()
	_, err := w.deployer().Deploy(t.Context(), o)
	if promotion.KindOf(err) != promotion.Conflict || !strings.Contains(err.Error(), "from "+old+" to "+hers) {
		t.Errorf("%v", err)
	}
	w.Door(nil)
	w.refused(o, promotion.Conflict, "Ann has changed the same value in "+file)
	if w.File(file) != kustomization(hers) {
		t.Errorf("the file is\n%s", w.File(file))
	}
	later := order()
	later.OrderedAt = time.Now().Add(time.Second)
	w.deploy(later) // whoever approved it after that has seen it
	if w.File(file) != kustomization(next) {
		t.Errorf("the file is\n%s", w.File(file))
	}
}

func TestWhatStoodThereBeforeTheOrderIsReplaced(t *testing.T) {
	w := newWorld(t)
	o := order()
	w.CommitAt(o.OrderedAt.Add(-time.Minute), "Ann puts hers", map[string]string{file: kustomization(hers)})
	w.Commit("Somebody writes, and not this", map[string]string{"README.md": "more\n"})
	w.deploy(o)
}

func TestAValueThatSomebodyTookAwayIsNotPutBack(t *testing.T) {
	w := newWorld(t)
	o := order()
	w.Commit("Ann takes it away", map[string]string{file: "images: []\n"})
	w.refused(o, promotion.Conflict, "from "+old+" to nothing")
}

func TestAPlaceThatWasMadeForTheDigestIsNobodysValue(t *testing.T) {
	w := newWorldOf(t, map[string]string{"README.md": "x"})
	o := order()
	w.refused(o, promotion.NotFound, "has no "+file)
	w.Commit("Make room", map[string]string{file: kustomization(old)})
	w.deploy(o)
}

// An order of a moment ago has put another digest there: this one replaces it.
func TestAnEarlierOrderIsNoStranger(t *testing.T) {
	w := newWorld(t)
	o := order()
	o.OrderedAt = time.Now().Add(-time.Minute)
	earlier := o
	earlier.Promotion, earlier.Digest = 16, hers
	w.deploy(earlier)
	w.deploy(o)
	other := o
	other.Target, other.Digest = "us", old
	w.refused(other, promotion.Conflict, "promotebot has changed the same value")
}

func TestTheSameDigestBySomebodyElseIsEnough(t *testing.T) {
	w := newWorld(t)
	var theirs string
	w.atPush(func() { theirs = w.Commit("Ann is faster", map[string]string{file: kustomization(next)}) })
	if r := w.deploy(order()); r.Handle != theirs || w.Head() != theirs {
		t.Errorf("the handle is %s, the branch at %s, and theirs is %s", r.Handle, w.Head(), theirs)
	}
}

func TestWhoLosesEveryTimeSaysSo(t *testing.T) {
	w := newWorld(t)
	w.Door(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if pushed(r) {
			w.Commit("A machine", map[string]string{"README.md": time.Now().String()})
		}
		next.ServeHTTP(rw, r)
	})
	_, err := w.deployer().Deploy(t.Context(), order())
	if promotion.KindOf(err) != promotion.Unavailable || !strings.Contains(err.Error(), "others were faster 6 times, and nothing was overwritten") {
		t.Error(err)
	}
	if w.File(file) != kustomization(old) {
		t.Errorf("the file is\n%s", w.File(file))
	}
}

func TestAServerMayAskForAPause(t *testing.T) {
	w := newWorld(t)
	w.Door(func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
		rw.Header().Set("Retry-After", "30")
		rw.WriteHeader(http.StatusTooManyRequests)
	})
	_, err := w.deployer().Deploy(t.Context(), order())
	if e, ok := errors.AsType[*promotion.Error](err); !ok || e.Kind != promotion.Unavailable || e.RetryAfter != 30*time.Second {
		t.Errorf("%#v", err)
	}
}

// A train brings many apps at once, and all of them stand in one file.
func TestManyAppsInOneFileDoNotPushPastEachOther(t *testing.T) {
	const apps = 8
	text := ""
	for i := range apps {
		text += fmt.Sprintf("app%d: {digest: %s} # %d\n", i, old, i)
	}
	w := newWorldOf(t, map[string]string{"values.yaml": text})
	w.opts.Path, w.opts.Place = "values.yaml", edit.Place{Digest: edit.Path{"{app}", "digest"}}
	d := w.deployer()
	var pushes atomic.Int32
	w.Door(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if pushed(r) {
			pushes.Add(1)
		}
		next.ServeHTTP(rw, r)
	})
	var under sync.WaitGroup
	for i := range apps {
		under.Go(func() {
			o := order()
			o.App = fmt.Sprintf("app%d", i)
			if _, err := d.Deploy(t.Context(), o); err != nil {
				t.Error(err)
			}
		})
	}
	under.Wait()
	if got := w.File("values.yaml"); got != strings.ReplaceAll(text, old, next) || w.commits() != apps+1 || pushes.Load() != apps {
		t.Errorf("%d pushes, %d commits, and the file is\n%s", pushes.Load(), w.commits(), got)
	}
	w.In("fsck", "--strict")
}

func TestAHookThatSaysNoIsQuoted(t *testing.T) {
	for hook, reason := range map[string]string{"pre-receive": "pre-receive hook declined", "update": "hook declined"} {
		t.Run(hook, func(t *testing.T) {
			w := newWorld(t)
			w.Hook(hook, "echo 'GH006: Protected branch update failed'\nprintf 'ask <!channel> \\033[31mAnn\\033[0m\\n' >&2\nexit 1\n")
			r := w.refused(order(), promotion.Forbidden, "refuses the push to main: "+reason+" GH006: Protected branch update failed")
			if len(r.Lines) < 2 || !slices.Equal(r.Lines[:2], []string{"GH006: Protected branch update failed", "ask <!channel> [31mAnn[0m"}) {
				t.Errorf("its lines are %q", r.Lines)
			}
		})
	}
}

func TestAPushThatTheServerCantUnpackIsRefused(t *testing.T) {
	w := newWorld(t)
	w.Config("receive.maxInputSize", "10")
	w.refused(order(), promotion.Forbidden, "refuses the push to main: unpack-objects abnormal exit")
}

func TestAnAnswerThatIsLostIsFoundOut(t *testing.T) {
	w := newWorld(t)
	w.Door(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if pushed(r) {
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(rw, r)
	})
	r := w.deploy(order())
	if w.Head() != r.Handle || w.commits() != 2 {
		t.Errorf("of %d commits the last is %s, and the handle %s", w.commits(), w.Head(), r.Handle)
	}
}

func TestAPushThatDidNotArriveIsNotTakenForOne(t *testing.T) {
	w := newWorld(t)
	w.Door(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if pushed(r) {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(rw, r)
	})
	w.refused(order(), promotion.Unavailable, "can't be reached")
	w.Door(nil)
	w.deploy(order())
	if w.commits() != 2 {
		t.Errorf("there are %d commits", w.commits())
	}
}

func TestAServerThatTakesAPushAndForgetsItIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	w.Hook("post-receive", "git update-ref refs/heads/main main^\n")
	w.refused(order(), promotion.Unavailable, "took the push of")
}

func TestARedirectIsNotFollowed(t *testing.T) {
	w := newWorld(t)
	var asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(elsewhere.Close)
	w.Door(func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
		http.Redirect(rw, r, elsewhere.URL+r.URL.Path, http.StatusMovedPermanently)
	})
	w.refused(order(), promotion.Forbidden, "sends promotebot elsewhere (301)")
	if asked.Load() > 0 {
		t.Error("it was followed")
	}
}

func TestWhatTheServerAnswersIsTold(t *testing.T) {
	w := newWorld(t)
	for status, c := range map[int]struct {
		kind  promotion.Kind
		words string
	}{
		http.StatusForbidden:             {promotion.Forbidden, "refuses these credentials (403)"},
		http.StatusRequestEntityTooLarge: {promotion.Invalid, "takes no request of this size (413)"},
		http.StatusBadGateway:            {promotion.Unavailable, "answers with 502"},
		http.StatusOK:                    {promotion.Unavailable, "does not answer as a Git server does"},
	} {
		w.Door(func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
			rw.WriteHeader(status)
			_, _ = rw.Write([]byte("<html>" + git.Password))
		})
		w.refused(order(), c.kind, c.words)
	}
}

// A server that repeats what it was shown is quoted without that, also where what it
// says is cut in the middle of it.
func TestAServerIsQuotedWithoutWhatItWasShown(t *testing.T) {
	w := newWorld(t)
	w.Hook("pre-receive", "echo '"+strings.Repeat("x", 195)+git.Password+"' >&2; exit 1\n")
	r := w.refused(order(), promotion.Forbidden, "xxx")
	if said := strings.Join(r.Lines, " "); !strings.Contains(said, "x[red") || strings.Contains(said, git.Password[:4]) {
		t.Errorf("its hook says %q", said)
	}
	for _, line := range []string{"ERR not with " + git.Password, git.Password + " is not the name of a commit, whatever its length may be, and so is no answer"} {
		w.Door(func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
			_, _ = fmt.Fprintf(rw, "%04x%s", len(line)+4, line)
		})
		_, err := w.deployer().Deploy(t.Context(), order())
		if said := fmt.Sprint(err, promotion.Cause(err)); !strings.Contains(said, "[redacted]") || strings.Contains(said, git.Password) {
			t.Errorf("%q is told as %s", line, said)
		}
	}
}

// What a server gives is cut off, or has a byte that is another: of that nothing
// is believed, and nothing waits for the rest.
func TestAnAnswerThatIsBrokenIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	w.Config("uploadpack.allowFilter", "false") // everything comes in one answer
	for name, spoil := range map[string]func([]byte) []byte{
		"cut off in the list of branches": nil,
		"cut off at once":                 func([]byte) []byte { return nil },
		"cut off before the objects":      func(b []byte) []byte { before, _, _ := bytes.Cut(b, []byte("PACK")); return before },
		"cut off among the objects":       func(b []byte) []byte { return b[:bytes.Index(b, []byte("PACK"))+40] },
		"cut off near the end":            func(b []byte) []byte { return b[:len(b)-30] },
		"another byte in an object":       func(b []byte) []byte { b[bytes.Index(b, []byte("PACK"))+30] ^= 0x10; return b },
		"another byte in the sum":         func(b []byte) []byte { b[len(b)-10] ^= 0x10; return b },
		"another object that is missing":  func(b []byte) []byte { b[bytes.Index(b, []byte("PACK"))+11]++; return b },
	} {
		t.Run(name, func(t *testing.T) {
			w.Door(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				answer := httptest.NewRecorder()
				next.ServeHTTP(answer, r)
				body := answer.Body.Bytes()
				switch {
				case spoil != nil && r.Method == http.MethodPost:
					body = spoil(body)
				case spoil == nil:
					body = body[:len(body)-20]
				}
				_, _ = rw.Write(body)
			})
			ctx, cancel := contextFor(t, time.Minute)
			defer cancel()
			before := w.Head()
			if r, err := w.deployer().Deploy(ctx, order()); promotion.KindOf(err) != promotion.Unavailable || err == nil || ctx.Err() != nil || w.Head() != before {
				t.Errorf("%+v %v", r, err)
			}
		})
	}
}

// A pack announces how much it is going to take: nobody makes room for that.
func TestAPackThatIsMadeToFillTheMemoryIsRefused(t *testing.T) {
	w := newWorld(t)
	w.Config("uploadpack.allowFilter", "false")
	w.Door(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		body := answer.Body.Bytes()
		if i := bytes.Index(body, []byte("PACK")); r.Method == http.MethodPost && i >= 0 {
			body[i+8] = 0x7f
		}
		_, _ = rw.Write(body)
	})
	w.refused(order(), promotion.Invalid, "objects in one commit, and more than 1048576 are not fetched")
}

func TestAFileThatIsTooLargeToUnpackIsNotFetched(t *testing.T) {
	w := newWorld(t)
	w.Config("uploadpack.allowFilter", "false")
	w.Commit("A film", map[string]string{"film": strings.Repeat("x", 2<<20)})
	w.opts.Room = 1 << 20 // which it does not take on its way
	w.refused(order(), promotion.Invalid, "has an object of more than 1 MiB, unpacked: keep the deployments in a repository without such files")
	w.Config("uploadpack.allowFilter", "true")
	w.deploy(order())
}

// An object that is a difference is small itself.
func TestADifferenceThatUnpacksToTooMuchIsRefused(t *testing.T) {
	var pack bytes.Buffer
	object := func(header []byte, content []byte) {
		pack.Write(header)
		z := zlib.NewWriter(&pack)
		_, _ = z.Write(content)
		_ = z.Close()
	}
	pack.WriteString("PACK\x00\x00\x00\x02\x00\x00\x00\x02")
	object([]byte{3<<4 | 1}, []byte("x")) // a blob of one byte
	behind := byte(pack.Len() - 12)
	difference := binary.AppendUvarint([]byte{1}, 1<<32) // from one byte to four gigabytes
	object([]byte{6<<4 | byte(len(difference)), behind}, difference)
	sum := sha1.Sum(pack.Bytes())
	pack.Write(sum[:])

	w := newWorld(t)
	line := func(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }
	w.Door(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodGet {
			next.ServeHTTP(rw, r)
			return
		}
		_, _ = io.WriteString(rw, line("shallow "+w.Head())+"0000"+line("NAK\n")+line("\x01"+pack.String())+"0000")
	})
	w.refused(order(), promotion.Invalid, "has an object of more than 64 MiB, unpacked")
}

func TestAServerThatHangsIsGivenUpInTime(t *testing.T) {
	w := newWorld(t)
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	ctx, cancel := context.WithCancel(t.Context())
	w.Door(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		cancel()
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	})
	if _, err := w.deployer().Deploy(ctx, order()); promotion.KindOf(err) != promotion.Unavailable {
		t.Error(err)
	}
}
