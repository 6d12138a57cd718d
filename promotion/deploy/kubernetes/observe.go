package kubernetes

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/promotebot/promotebot/promotion"
)

const (
	notice = 3 * time.Second // before the end of its context, an observer answers

	maxLines  = 24 // of what failed, in all
	logPods   = 2  // whose logs are read
	logLines  = 8
	logBytes  = 4096
	logBudget = 5 * time.Second
)

// Observe says how far the workloads of the order are. What it has not said of
// them before it says at once, also what has changed while nobody asked; else it
// says the next change, or after a while that there was none.
func (d *Deployer) Observe(ctx context.Context, o promotion.Order) (promotion.Rollout, error) {
	until := time.Now().Add(d.cluster.spell)
	if end, ok := ctx.Deadline(); ok && end.Add(-notice).Before(until) {
		until = end.Add(-notice)
	}
	wait, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	set, err := d.ordered(ctx, o)
	if err != nil {
		return promotion.Rollout{}, err
	}
	feeds, giveBack := d.feeds(set)
	defer giveBack()
	about := fmt.Sprintf("%d %s %s", o.Promotion, o.Target, o.Handle)
	told, _ := d.cluster.told.Load(about)
	for {
		r, ailing, changed, err := d.look(ctx, o, set, feeds)
		if err != nil {
			return promotion.Rollout{Handle: o.Handle}, err
		}
		over := r.Phase == promotion.RolloutDone || r.Phase == promotion.RolloutFailed
		if over || wait.Err() != nil || !reflect.DeepEqual(told, any(r)) || !next(wait, changed) {
			if over {
				d.cluster.told.Delete(about)
			} else {
				d.cluster.told.Store(about, r)
			}
			if r.Phase != promotion.RolloutDone {
				d.logs(ctx, &r, ailing)
			}
			r.ReadAt = time.Now()
			return r, nil
		}
	}
}

// next waits for one of the channels to be closed; false when it is time to answer.
func next(ctx context.Context, changed []<-chan struct{}) bool {
	cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())}}
	for _, c := range changed {
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c)})
	}
	at, _, _ := reflect.Select(cases)
	return at > 0
}

// member is a workload that an order went to.
type member struct {
	kind       Kind
	name       string
	generation int64 // from which on it has what was ordered; 0 when that is not known
}

func (m member) key() string { return string(m.kind) + "/" + m.name }

// named are the containers that the configuration names for a workload.
func (d *Deployer) named(w workload) []string {
	at := slices.IndexFunc(d.target.Workloads, func(s Selection) bool {
		if s.Kind != w.kind || s.Name != "" {
			return s.Kind == w.kind && s.Name == w.name
		}
		selector, err := labels.Parse(s.Selector)
		return err == nil && selector.Matches(labels.Set(w.labels))
	})
	if at < 0 {
		return nil
	}
	return d.target.Workloads[at].Containers
}

// ordered are the workloads that Deploy has set, as the handle names them.
// Without a handle, as when somebody else is to set them, they are looked for, and
// what is known is that they have by now what was ordered, where they do.
func (d *Deployer) ordered(ctx context.Context, o promotion.Order) (all []member, err error) {
	if o.Handle == "" {
		some, err := d.find(ctx, o)
		for _, w := range some {
			m := member{w.kind, w.name, w.generation}
			if slices.ContainsFunc(w.chosen, func(c container) bool { return !c.has(o) }) {
				m.generation = 0
			}
			all = append(all, m)
		}
		return all, err
	}
	for part := range strings.FieldsSeq(o.Handle) {
		key, number, _ := strings.Cut(part, "@")
		kind, name, _ := strings.Cut(key, "/")
		generation, err := strconv.ParseInt(number, 10, 64)
		if _, known := kinds[Kind(kind)]; !known || err != nil {
			return nil, promotion.Errorf(promotion.Invalid, "%q is not a handle of this target", line(o.Handle))
		}
		all = append(all, member{Kind(kind), name, generation})
	}
	return all, nil
}

// sources are the feeds that some workloads need.
type sources struct {
	workloads map[Kind]*feed[workload]
	pods      *feed[pod]
}

func (d *Deployer) feeds(set []member) (s sources, giveBack func()) {
	s.workloads = map[Kind]*feed[workload]{}
	var back []func()
	for _, m := range set {
		if s.workloads[m.kind] == nil {
			kind := kinds[m.kind]
			f, done := d.cluster.workloads.take(d.cluster, kind.version, place{kind.resource, d.target.Namespace}, kind.object())
			s.workloads[m.kind], back = f, append(back, done)
		}
		if s.pods == nil && m.kind != CronJob {
			f, done := d.cluster.pods.take(d.cluster, corev1.SchemeGroupVersion, place{"pods", d.target.Namespace}, &corev1.Pod{})
			s.pods, back = f, append(back, done)
		}
	}
	return s, func() {
		for _, done := range back {
			done()
		}
	}
}

// look judges all workloads as they are now.
func (d *Deployer) look(ctx context.Context, o promotion.Order, set []member, from sources) (r promotion.Rollout, ail []ailing, changed []<-chan struct{}, err error) {
	for _, f := range from.workloads {
		if err := f.ready(ctx); err != nil {
			return r, nil, nil, err
		}
		changed = append(changed, f.signal())
	}
	if from.pods != nil {
		if err := from.pods.ready(ctx); err != nil {
			return r, nil, nil, err
		}
		changed = append(changed, from.pods.signal())
	}
	r.Handle, r.Phase = o.Handle, promotion.RolloutDone
	var details []string
	for _, m := range set {
		s, err := d.stand(ctx, o, m, from)
		if err != nil {
			return r, nil, nil, err
		}
		if rank(s.phase) < rank(r.Phase) {
			r.Phase, details = s.phase, nil // what it fails for comes before what it waits for
		}
		if s.detail != "" && s.phase == r.Phase {
			details = append(details, string(m.kind)+" "+m.name+": "+s.detail)
		}
		r.Ready, r.Total = r.Ready+s.ready, r.Total+s.total
		r.Lines, r.Running = append(r.Lines, s.lines...), append(r.Running, s.running...)
		ail = append(ail, s.ailing...)
	}
	if more := len(details) - 3; more > 0 {
		details = append(details[:3], fmt.Sprintf("and %d more", more))
	}
	r.Detail = strings.Join(details, "; ")
	if len(r.Lines) > maxLines {
		r.Lines = append(r.Lines[:maxLines-1], fmt.Sprintf("and %d more", len(r.Lines)-maxLines+1))
	}
	return r, ail, changed, nil
}

// rank orders the phases: several workloads stand as the one that is worst off.
func rank(p promotion.RolloutPhase) int {
	return slices.Index([]promotion.RolloutPhase{promotion.RolloutFailed, promotion.RolloutAsked, promotion.RolloutUnder, promotion.RolloutDone}, p)
}

func (d *Deployer) stand(ctx context.Context, o promotion.Order, m member, from sources) (stand, error) {
	some := from.workloads[m.kind].of(m.key())
	if len(some) == 0 || some[0].generation < m.generation { // a watch may be behind; the server is not
		switch there, err := d.read(ctx, Selection{Kind: m.kind, Name: m.name}); {
		case err != nil:
			return stand{}, err
		case len(there) == 0:
			return stand{phase: promotion.RolloutFailed, detail: "somebody has taken it out of the namespace " + d.target.Namespace}, nil
		case len(some) == 0 || there[0].uid != some[0].uid || there[0].generation >= m.generation:
			return stand{phase: promotion.RolloutAsked, detail: "it is not seen yet that it was set"}, nil
		}
		m.generation = some[0].generation // it was made anew, and counts from 1 again
	}
	var pods []pod
	if from.pods != nil {
		pods = from.pods.of(m.key())
	}
	names := d.named(some[0])
	chosen, _ := d.chosen(some[0], o, names)
	return judge(o, found{some[0], names, chosen}, m.generation, pods), nil
}

// logs adds the last words of what failed, where they may be read.
func (d *Deployer) logs(ctx context.Context, r *promotion.Rollout, ail []ailing) {
	ctx, cancel := context.WithTimeout(quiet(ctx), logBudget)
	defer cancel()
	for _, a := range ail[:min(len(ail), logPods)] {
		answer := d.cluster.clients[corev1.SchemeGroupVersion].Get().Namespace(d.target.Namespace).Resource("pods").Name(a.pod).SubResource("log").
			Param("container", a.container).Param("previous", strconv.FormatBool(a.again)).
			Param("tailLines", strconv.Itoa(logLines)).Param("limitBytes", strconv.Itoa(logBytes)).Do(ctx)
		text, err := answer.Raw()
		if err != nil {
			err = d.cluster.fault("get", "", place{"pods/log", d.target.Namespace}, answer.Error()) // which has what the server said
			r.Lines = append(r.Lines, fmt.Sprintf("the log of pod %s can't be read: %s", a.pod, err))
			continue
		}
		for said := range strings.SplitSeq(strings.TrimRight(string(text), "\n"), "\n") {
			r.Lines = append(r.Lines, fmt.Sprintf("log of %s: %s", a.pod, line(said)))
		}
	}
}
