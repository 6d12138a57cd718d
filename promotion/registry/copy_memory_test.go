package registry_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/crane"

	fixture "github.com/promotebot/promotebot/fixtures/registry"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
)

// peak is the most that the heap grew to while f ran, sampled all the while.
// What the collector has not swept yet counts, as it does for a machine. It is told
// to stay below what serve tells it, as if what is here already were the bot.
func peak(f func()) int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(int64(m.Sys-m.HeapReleased) + 64<<20))
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() int64 {
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64())
	}
	runtime.GC()
	before, most := read(), int64(0)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			most = max(most, read()-before)
			select {
			case <-end:
				return
			case <-ticker.C:
			}
		}
	}()
	f()
	close(end)
	<-ended
	return most
}

// repeat writes a text until so much is written.
func repeat(w io.Writer, text string, size int) {
	chunk := []byte(strings.Repeat(text, 1+(32<<10)/len(text)))
	chunk = chunk[:len(chunk)/len(text)*len(text)]
	for size > 0 {
		n, err := w.Write(chunk[:min(len(chunk), size/len(text)*len(text)+len(text))])
		if err != nil {
			return
		}
		size -= n
	}
}

const mostMemory = 128 << 20

// large writes a document of almost 4 MiB that is made of one part, again and
// again.
func large(w io.Writer, before, part, after string) {
	_, _ = io.WriteString(w, before)
	repeat(w, part, 4<<20-256)
	_, _ = io.WriteString(w, after)
}

// A source that wants our memory gives the largest answers that it may, to as
// many questions as it can bring us to ask.
func TestAHostileSourceGetsLittleMemory(t *testing.T) {
	manifests := map[string][]byte{}
	var children []string
	for i := range 16 {
		var b bytes.Buffer
		large(&b, fmt.Sprintf(`{"schemaVersion":2,"n":%d,"config":{"digest":"sha256:%064d"},"annotations":{`, i, 0), `"k":"",`, `"":""}}`)
		sum := sha256.Sum256(b.Bytes())
		d := "sha256:" + hex.EncodeToString(sum[:])
		manifests[d] = b.Bytes()
		children = append(children, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, fixture.OCIManifest, d, b.Len()))
	}
	index := []byte(`{"schemaVersion":2,"manifests":[` + strings.Join(children, ",") + `]}`)
	sum := sha256.Sum256(index)
	root := promotion.Digest("sha256:" + hex.EncodeToString(sum[:]))
	on := func(path string, before, part, after string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, path) {
				return false
			}
			w.Header().Set("Link", "<"+r.URL.Path+`?last=x>; rel="next"`)
			large(w, before, part, after)
			return true
		}
	}
	for name, attack := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"endless answers": func(w http.ResponseWriter, _ *http.Request) bool {
			repeat(w, `{"manifests":[`, 1<<30)
			return true
		},
		"large lists of what is attached": on("/referrers/", `{"manifests":[{}`, ",{}", "]}"),
		"large lists of tags":             on("/tags/list", `{"tags":[""`, `,""`, "]}"),
		"large manifests":                 func(http.ResponseWriter, *http.Request) bool { return false },
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, d, _ := strings.Cut(r.URL.Path, "/manifests/")
				switch {
				case r.URL.Path == "/v2/":
				case attack(w, r):
				case d == string(root):
					w.Header().Set("Content-Type", fixture.OCIIndex)
					_, _ = w.Write(index)
				case manifests[d] != nil:
					w.Header().Set("Content-Type", fixture.OCIManifest)
					_, _ = w.Write(manifests[d])
				default:
					http.NotFound(w, r)
				}
			}))
			defer server.Close()
			host := promotion.Repository(strings.TrimPrefix(server.URL, "http://"))
			client := registry.New(registry.Options{Named: anybody})
			var err error
			got := peak(func() {
				_, err = client.Copy(t.Context(), promotion.CopyWork{From: host + "/from", To: host + "/to", Digest: root}, nil)
			})
			if err == nil || got > mostMemory {
				t.Errorf("%d MiB, %v", got>>20, err)
			}
			t.Logf("%d MiB: %v", got>>20, err)
		})
	}
}

// A destination can do the same with the lists that have to be added to.
func TestAHostileDestinationGetsLittleMemory(t *testing.T) {
	y := newYard(t, fixture.Options{}, &fixture.Options{FallbackTags: true})
	var children []piece
	for i := range 40 {
		child := y.image(fmt.Sprint(i), 1)
		y.attach(child, "application/a", fmt.Sprint(i))
		children = append(children, child)
	}
	y.work.Digest = promotion.Digest(y.index(children...).Digest)
	y.target.Inject(rule(http.MethodGet, "/manifests/sha256-", 0, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", fixture.OCIIndex)
		large(w, `{"schemaVersion":2,"manifests":[],"annotations":{`, `"k":"",`, `"":""}}`)
	}))
	var err error
	got := peak(func() { _, err = y.copy() })
	if err == nil || got > mostMemory {
		t.Errorf("%d MiB, %v", got>>20, err)
	}
	t.Logf("%d MiB: %v", got>>20, err)
}

// TestMain is two registries in a process of their own, when farAway starts it,
// or our client in one, when goOut does.
func TestMain(m *testing.M) {
	if os.Getenv(outside) != "" {
		runErrands(os.Stdin, os.Stdout)
		return
	}
	var blobs, size int
	if _, err := fmt.Sscan(os.Getenv("PROMOTEBOT_TEST_FAR_AWAY"), &blobs, &size); err != nil {
		os.Exit(m.Run())
	}
	source := fixture.New(fixture.Options{})
	var layers []string
	for i := range blobs {
		d := source.AddBlob("from", bytes.Repeat(fmt.Appendf(nil, "%016d", i*7919), size/16))
		layers = append(layers, fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}`, d, size/16*16))
	}
	config := source.AddBlob("from", []byte("{}"))
	root := source.AddManifest("from", fixture.OCIManifest, fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":2},"layers":[%s]}`,
		fixture.OCIManifest, config, strings.Join(layers, ",")))
	from, to := httptest.NewServer(source), httptest.NewServer(fixture.New(fixture.Options{}))
	fmt.Println(from.Listener.Addr().String()+"/from", to.Listener.Addr().String()+"/to", root)
	_, _ = io.Copy(io.Discard, os.Stdin) // until whoever asked is done
}

// farAway starts two registries in another process, so that what they hold does
// not count as ours, with an image of so many blobs in the first.
func farAway(t testing.TB, blobs, size int) (from, to promotion.Repository, root promotion.Digest) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("PROMOTEBOT_TEST_FAR_AWAY=%d %d", blobs, size))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	if _, err := fmt.Fscan(out, &from, &to, &root); err != nil {
		t.Fatal(err)
	}
	return from, to, root
}

func TestAHundredMegabytesGoThroughLittleMemory(t *testing.T) {
	from, to, root := farAway(t, 10, 10<<20)
	client := registry.New(registry.Options{Named: anybody})
	var done promotion.Copy
	var err error
	got := peak(func() {
		done, err = client.Copy(t.Context(), promotion.CopyWork{From: from, To: to, Digest: root}, nil)
	})
	if err != nil || done.Sent != 10*10<<20+2 || got > 32<<20 {
		t.Errorf("%d bytes, %d MiB, %v", done.Sent, got>>20, err)
	}
	t.Logf("%.1f MiB", float64(got)/(1<<20))
}

// BenchmarkCopy100MB copies ten blobs of 10 MB into another registry, beside
// crane copy, between the same registries in the same run.
func BenchmarkCopy100MB(b *testing.B) {
	from, to, root := farAway(b, 10, 10<<20)
	client := registry.New(registry.Options{Named: anybody})
	for name, run := range map[string]func(to string) error{
		"promotebot": func(to string) error {
			_, err := client.Copy(b.Context(), promotion.CopyWork{From: from, To: promotion.Repository(to), Digest: root}, nil)
			return err
		},
		"crane": func(to string) error { return crane.Copy(string(from)+"@"+string(root), to+":v1") },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(100 << 20)
			var most int64
			i := 0
			for b.Loop() {
				i++
				most = max(most, peak(func() {
					if err := run(fmt.Sprintf("%s-%s-%d-%d", to, name, b.N, i)); err != nil {
						b.Fatal(err)
					}
				}))
			}
			b.ReportMetric(float64(most)/(1<<20), "MiB-peak")
		})
	}
}
