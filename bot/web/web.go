// Package web is what promotebot answers over HTTP to whoever watches over it:
// whether it lives, whether it is ready, and its metrics. It listens on loopback
// unless the configuration says otherwise, and nothing it shows names a person.
// What machines send and ask, with tokens, is answered by package api on an
// address of its own.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// Slack is how the connection to Slack is doing.
type Slack struct {
	Connections int
	Reconnects  int64
	Dropped     int64
}

// Options say what is shown.
type Options struct {
	Gate     *gate.Gate
	Slack    func() Slack
	Writable func(context.Context) error // whether a decision could be recorded now
	Log      *slog.Logger
}

// Timeouts against clients that are slow on purpose; nothing here takes longer.
const (
	readTimeout  = 5 * time.Second
	writeTimeout = 10 * time.Second
	idleTimeout  = time.Minute
	stopTimeout  = 2 * time.Second

	healthTimeout = 2 * time.Second // a click waits no longer for the database either
)

// Serve answers on the listener until ctx ends. Whoever has not had their
// answer a moment later is cut off: a client that dawdles is no failure of ours.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: h, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadTimeout: readTimeout, ReadHeaderTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: 16 << 10, BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err := server.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		stopped <- err
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// Handler serves /healthz, /readyz and /metrics.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", o.healthz)
	mux.HandleFunc("GET /readyz", o.readyz)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &collector{o})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: writeTimeout / 2}))
	return o.careful(mux)
}

// careful answers a request that panics, and keeps the process that everything else
// runs in. What it panicked with is for the log alone.
func (o Options) careful(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &begun{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			o.Log.Error("a request panicked", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			if answer.yes {
				panic(http.ErrAbortHandler) // which cuts it off: half an answer must not look whole
			}
			http.Error(w, "something went wrong inside promotebot; the log says what", http.StatusInternalServerError)
		}()
		h.ServeHTTP(answer, r)
	})
}

// begun knows whether an answer has been begun.
type begun struct {
	http.ResponseWriter
	yes bool
}

// WriteHeader implements http.ResponseWriter.
func (b *begun) WriteHeader(status int) { b.yes = true; b.ResponseWriter.WriteHeader(status) }

// Write implements http.ResponseWriter.
func (b *begun) Write(p []byte) (int, error) { b.yes = true; return b.ResponseWriter.Write(p) }

// healthz is for whoever restarts the process: it fails when nothing could be
// recorded, which a restart may help or a person has to. A Slack or a registry
// that is down does not count.
func (o Options) healthz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
	defer cancel()
	if err := o.Writable(ctx); err != nil {
		o.Log.Error("health check: no click can be recorded and none is acknowledged", "error", err)
		http.Error(w, "the database can't be written to; the log says why", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n")) // the client has gone away; there is nobody to tell
}

func (o Options) readyz(w http.ResponseWriter, r *http.Request) {
	if o.Slack().Connections == 0 {
		http.Error(w, "not connected to Slack", http.StatusServiceUnavailable)
		return
	}
	o.healthz(w, r)
}

// collector reads the state when it is scraped; nothing is counted twice.
type collector struct{ o Options }

var (
	connections = prometheus.NewDesc("promotebot_slack_connections", "Open Socket Mode connections; two is normal.", nil, nil)
	reconnects  = prometheus.NewDesc("promotebot_slack_reconnects_total", "Socket Mode connections that were replaced.", nil, nil)
	dropped     = prometheus.NewDesc("promotebot_slack_envelopes_dropped_total", "Envelopes left unacknowledged because too many came at once.", nil, nil)
	blind       = prometheus.NewDesc("promotebot_watch_blind", "1 for each watch whose registry can't be read.", []string{"app", "environment", "side"}, nil)
	straying    = prometheus.NewDesc("promotebot_target_strays", "1 for each target that runs something else than was promoted.", []string{"app", "environment", "target"}, nil)
	unread      = prometheus.NewDesc("promotebot_target_blind", "1 for each target of which it can't be read what runs there.", []string{"app", "environment", "target"}, nil)
	unpostable  = prometheus.NewDesc("promotebot_slack_channel_fault", "1 for each channel in which no card can be posted.", []string{"channel"}, nil)
	live        = prometheus.NewDesc("promotebot_promotions", "Promotions that have not ended.", []string{"state"}, nil)
	failures    = prometheus.NewDesc("promotebot_scrape_errors", "1 when the database did not answer this scrape.", nil, nil)
)

func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connections, reconnects, dropped, blind, straying, unread, unpostable, live, failures} {
		ch <- d
	}
}

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	defer func() { // else the registry of metrics shows whoever asks the panic with its stack
		if p := recover(); p != nil {
			c.o.Log.Error("the metrics panicked", "panic", p, "stack", string(debug.Stack()))
			ch <- prometheus.NewInvalidMetric(failures, errors.New("something went wrong inside promotebot; the log says what"))
		}
	}()
	s := c.o.Slack()
	ch <- prometheus.MustNewConstMetric(connections, prometheus.GaugeValue, float64(s.Connections))
	ch <- prometheus.MustNewConstMetric(reconnects, prometheus.CounterValue, float64(s.Reconnects))
	ch <- prometheus.MustNewConstMetric(dropped, prometheus.CounterValue, float64(s.Dropped))
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	unseen, err := c.o.Gate.Blind(ctx)
	open, err2 := c.o.Gate.Promotions(ctx, gate.Query{Apart: true, States: promotion.Unfinished()})
	closed, err3 := c.o.Gate.Unpostable(ctx)
	strays, err4 := c.o.Gate.Strays(ctx)
	if err := errors.Join(err, err2, err3, err4); err != nil {
		c.o.Log.Error("metrics", "error", err)
		ch <- prometheus.MustNewConstMetric(failures, prometheus.GaugeValue, 1)
		return
	}
	ch <- prometheus.MustNewConstMetric(failures, prometheus.GaugeValue, 0)
	for _, w := range unseen {
		ch <- prometheus.MustNewConstMetric(blind, prometheus.GaugeValue, 1, w.App, w.Environment, string(w.Side))
	}
	for _, s := range strays {
		if len(s.Others) > 0 {
			ch <- prometheus.MustNewConstMetric(straying, prometheus.GaugeValue, 1, s.App, s.Environment, s.Target)
		}
		if s.Fault != "" {
			ch <- prometheus.MustNewConstMetric(unread, prometheus.GaugeValue, 1, s.App, s.Environment, s.Target)
		}
	}
	for _, channel := range closed {
		ch <- prometheus.MustNewConstMetric(unpostable, prometheus.GaugeValue, 1, channel.ID)
	}
	counts := map[promotion.State]int{}
	for _, s := range promotion.Unfinished() {
		counts[s] = 0
	}
	for _, p := range open {
		counts[p.State]++
	}
	for state, n := range counts {
		ch <- prometheus.MustNewConstMetric(live, prometheus.GaugeValue, float64(n), string(state))
	}
}
