package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/promotebot/promotebot/fixtures/contest"
)

// What the built program costs whoever runs it.

// BenchmarkBinary is how large the program is, as "go build" leaves it and as
// an image has it.
func BenchmarkBinary(b *testing.B) {
	for b.Loop() {
		for name, args := range map[string][]string{
			"MiB":          {"build"},
			"MiB-stripped": {"build", "-trimpath", "-ldflags", "-s -w"},
		} {
			path := filepath.Join(b.TempDir(), "promotebot")
			build := exec.Command("go", append(args, "-o", path, ".")...)
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
			if out, err := build.CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size())/(1<<20), name)
		}
	}
	b.ReportMetric(0, "ns/op") // the compiler's time
}

// BenchmarkStart is how long it takes from the start of the process until it
// says that it is ready, with both connections to Slack open, beside what any
// process takes: that of "promotebot version".
func BenchmarkStart(b *testing.B) {
	w := settle(b, twoLeads)
	w.start().stop() // makes the database
	var p *process
	contest.Run(b,
		&contest.Contestant{Name: "ready", Do: func() {
			p = w.launch()
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for !p.ready() || p.ask("/readyz") != http.StatusOK {
				select {
				case <-tick.C:
				case <-p.done:
					b.Fatalf("it ended: %v\n%s", p.err, p.out.String())
				}
			}
		}},
		&contest.Contestant{Name: "version", Before: func() { p.stop() }, Do: func() {
			if out, err := w.run("version"); err != nil {
				b.Fatal(out, err)
			}
		}},
	)
}

// BenchmarkRollback is how long it takes from the click on Roll back, and the dialog
// that it opens, until the tag has moved, and until the target is told to run what
// was there before. The networks in between, and people, take no time here.
func BenchmarkRollback(b *testing.B) {
	w := settle(b, oneLead)
	service, front, address := w.service()
	var mu sync.Mutex
	var put, told time.Time
	note := func(at *time.Time) {
		mu.Lock()
		defer mu.Unlock()
		*at = time.Now()
	}
	w.door.set(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(rw, r)
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/production") {
			note(&put)
		}
	})
	front.set(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost {
			note(&told)
		}
		next.ServeHTTP(rw, r)
	})
	w.deployedBy(address)
	good := w.promote(1, "1.0.0")
	var tag, deploy []time.Duration
	id := 1
	for b.Loop() {
		id++
		w.promote(id, fmt.Sprintf("1.0.%d", id))
		began := time.Now()
		d := w.rollsBack(id, good)
		w.acked(d)
		id++
		w.eventually("it is rolled back", w.shows(id, "*Rolled back*"))
		mu.Lock()
		tag, deploy = append(tag, put.Sub(began)), append(deploy, told.Sub(began))
		mu.Unlock()
		if image := w.repo.Name() + "@" + good.String(); w.tag("production") != good.String() || service.Runs("shop") != image {
			b.Fatalf("production is %s, and %s runs", w.tag("production"), service.Runs("shop"))
		}
	}
	b.ReportMetric(0, "ns/op") // the promotions in between
	for name, took := range map[string][]time.Duration{"tag": tag, "deploy": deploy} {
		slices.Sort(took)
		if took[0] <= 0 {
			b.Fatalf("%s came before the click", name)
		}
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, name+"-max-ms")
		if slowest := took[len(took)-1]; slowest > time.Second {
			b.Errorf("the %s came %s after the click", name, slowest)
		}
	}
}

func (p *process) ask(path string) int {
	resp, err := http.Get("http://" + p.http + path)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()               //nolint:errcheck // it was only read
	_, _ = io.Copy(io.Discard, resp.Body) // so that the connection can be used again
	return resp.StatusCode
}

// BenchmarkIdle is a bot that has nothing to do: one app, as configured in the
// README, of which nothing new comes.
func BenchmarkIdle(b *testing.B) { idles(b, 1) }

// BenchmarkThousandTags is a bot that watches a thousand tags every 30 s:
// those behind which builds come, and those that promotions set, of 500 apps.
func BenchmarkThousandTags(b *testing.B) { idles(b, 500) }

// idles lets a bot look at everything twice, and says what it costs while it
// looks a third time. Nothing comes, so nothing may be posted either.
func idles(b *testing.B, apps int) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		b.Skip("needs /proc, as Linux has it")
	}
	w := settle(b, twoLeads)
	w.patience = 5 * time.Minute
	w.populate(apps)
	var requests atomic.Int64
	w.door.set(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		requests.Add(1)
		next.ServeHTTP(rw, r)
	})
	for b.Loop() {
		requests.Store(0)
		p := w.start()
		w.eventually("everything was looked at", func() bool { return requests.Load() >= int64(2*apps) })
		<-time.After(round)
		asked, used := requests.Load(), p.cpu()
		<-time.After(round)
		b.ReportMetric(float64(requests.Load()-asked), "requests/round")
		b.ReportMetric((p.cpu()-used).Seconds()*float64(time.Minute/round), "cpu-s/min")
		if p.ask("/metrics") != http.StatusOK {
			b.Error("no metrics")
		}
		b.ReportMetric(p.memory("VmRSS"), "rss-MiB")
		b.ReportMetric(p.memory("VmHWM"), "peak-rss-MiB")
		if n := len(w.slack.Messages(shopChannel)); n != 0 {
			b.Errorf("%d cards were posted for images that run in production already", n)
		}
		p.stop()
	}
	b.ReportMetric(0, "ns/op") // the waiting
}

// round is how often the watched tags are read unless configured otherwise.
const round = 30 * time.Second

// populate puts so many apps into the registry, each of them running what is in
// staging, and into the configuration.
func (w *town) populate(apps int) {
	w.t.Helper()
	w.stage("1.0.0")
	manifest, err := remote.Get(w.repo.Tag("staging-passed"), remote.WithContext(w.t.Context()))
	if err != nil {
		w.t.Fatal(err)
	}
	config := fmt.Sprintf(`
slack: {channel: %s}
database: %s
http: 127.0.0.1:0
environments:
  - {name: staging, watch: staging-passed}
  - {name: production, tags: [production], policy: {soak: 24h, approvals: tech-leads}}
roles: {tech-leads: [%s, %s]}
apps:
`, shopChannel, filepath.Join(w.dir, "bot.db"), ann, bob)
	for i := range apps {
		for _, tag := range []string{"staging-passed", "production"} {
			put := httptest.NewRequest(http.MethodPut, fmt.Sprintf("/v2/team/app-%d/manifests/%s", i, tag), bytes.NewReader(manifest.Manifest))
			put.Header.Set("Content-Type", string(manifest.MediaType))
			answer := httptest.NewRecorder()
			w.door.backend.ServeHTTP(answer, put)
			if answer.Code != http.StatusCreated {
				w.t.Fatalf("put: %d %s", answer.Code, answer.Body)
			}
		}
		config += fmt.Sprintf("  - {name: app-%d, image: %s/team/app-%d}\n", i, w.repo.RegistryStr(), i)
	}
	if err := os.WriteFile(w.config, []byte(config), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// cpu is how much the process has computed.
func (p *process) cpu() time.Duration {
	p.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err := strconv.Atoi(fields[11]) // utime and stime of proc(5), in hundredths of a second
	if err != nil {
		p.t.Fatal(err)
	}
	system, err := strconv.Atoi(fields[12])
	if err != nil {
		p.t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// memory is a line of /proc/PID/status, in MiB.
func (p *process) memory(line string) float64 {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), line+":")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		p.t.Fatal(err)
	}
	return float64(kib) / 1024
}
