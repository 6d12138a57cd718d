package kubernetes

import (
	"context"
	"errors"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/promotebot/promotebot/promotion"
)

// feed holds what one watch brings: all objects of a resource in a namespace,
// however many rollouts there look at them. client-go's reflector keeps it up
// to date, also when a connection breaks, a token is renewed or the server no
// longer knows where the watch had been; feed says when it is not up to date.
//
// It is started by the first who looks, and ended when nobody has for a while.
type feed[T any] struct {
	read  func(object any) (key, group string, value T)
	fault func(verb string, err error) error
	tell  func(err error) // of what cuts the feed off
	grace time.Duration

	mu      sync.Mutex
	groups  map[string]map[string]T // by what is asked for together, and key
	where   map[string]string       // group of a key
	synced  bool
	failure error     // why it may be out of date
	since   time.Time // when that began
	changed chan struct{}
}

// of returns what is in a group, of a feed that was found ready.
func (f *feed[T]) of(group string) (all []T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, value := range f.groups[group] {
		all = append(all, value)
	}
	return all
}

// signal is closed when anything changes.
func (f *feed[T]) signal() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// ready waits until the feed has something to say.
func (f *feed[T]) ready(ctx context.Context) error {
	for {
		f.mu.Lock()
		synced, failure, changed := f.synced, f.failure, f.changed
		f.mu.Unlock()
		if synced || failure != nil {
			return failure
		}
		select {
		case <-ctx.Done():
			return f.fault("watch", ctx.Err())
		case <-changed:
		}
	}
}

// change makes a change and wakes everybody who waits for one.
func (f *feed[T]) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *feed[T]) put(object any) {
	key, group, value := f.read(object)
	f.drop(key)
	if f.groups[group] == nil {
		f.groups[group] = map[string]T{}
	}
	f.groups[group][key], f.where[key] = value, group
}

func (f *feed[T]) drop(key string) {
	group := f.where[key]
	delete(f.groups[group], key)
	delete(f.where, key)
	if len(f.groups[group]) == 0 {
		delete(f.groups, group)
	}
}

// Add is one of the methods by which the reflector fills it.
func (f *feed[T]) Add(object any) error {
	f.change(func() { f.put(object) })
	return nil
}

// Update is Add: what is there is replaced.
func (f *feed[T]) Update(object any) error { return f.Add(object) }

// Delete forgets an object.
func (f *feed[T]) Delete(object any) error {
	key, _, _ := f.read(object)
	f.change(func() { f.drop(key) })
	return nil
}

// Replace takes a whole list, after which the feed is up to date.
func (f *feed[T]) Replace(objects []any, _ string) error {
	f.change(func() {
		f.groups, f.where, f.synced, f.failure = map[string]map[string]T{}, map[string]string{}, true, nil
		for _, object := range objects {
			f.put(object)
		}
	})
	return nil
}

// Resync has nothing to do: nobody acts on objects again that have not changed.
func (f *feed[T]) Resync() error { return nil }

// asked takes how the last request of the watch went.
func (f *feed[T]) asked(verb string, err error) {
	f.mu.Lock()
	had, worked := f.failure, f.synced
	if had == nil {
		f.since = time.Now()
	}
	since := f.since
	f.mu.Unlock()
	if err != nil {
		err = f.fault(verb, err)
		if own, ok := errors.AsType[*promotion.Error](err); ok && own.Kind == promotion.Forbidden && worked && time.Since(since) < f.grace {
			own.Kind = promotion.Unavailable // a server that starts does not know the rights of anybody yet
		}
	}
	if err == nil && had == nil {
		return
	}
	if err != nil && (had == nil || had.Error() != err.Error()) {
		f.tell(err)
	}
	f.change(func() { f.failure = err })
}

// follow fills the feed until ctx ends.
func (f *feed[T]) follow(ctx context.Context, client rest.Interface, at place, object runtime.Object) {
	request := func(ctx context.Context, o metav1.ListOptions) *rest.Request {
		return client.Get().Namespace(at.namespace).Resource(at.resource).VersionedParams(&o, metav1.ParameterCodec)
	}
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := request(ctx, o).Do(ctx).Get()
			if ctx.Err() == nil {
				f.asked("list", err)
			}
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.Watch = true
			w, err := request(ctx, o).Watch(ctx)
			if ctx.Err() == nil {
				f.asked("watch", err)
			}
			return w, err
		},
	}
	cache.NewReflectorWithOptions(listing{source}, object, f, cache.ReflectorOptions{Name: at.resource}).RunWithContext(ctx)
}

// listing has the reflector begin with a list, which every server has, instead of
// a watch that sends a list first. So the same rights are used on all of them.
type listing struct{ *cache.ListWatch }

// IsWatchListSemanticsUnSupported is how a reflector is told.
func (listing) IsWatchListSemanticsUnSupported() bool { return true }

// use is a feed in use, or about to be ended.
type use[T any] struct {
	*feed[T]
	users int
	idle  *time.Timer
	end   context.CancelFunc
}

// feeds are those of one type of object.
type feeds[T any] struct {
	read func(any) (string, string, T)

	mu  sync.Mutex
	all map[place]*use[T]
}

// take gives the feed of a place, which runs at least until it is given back.
func (s *feeds[T]) take(c *Cluster, version schema.GroupVersion, at place, object runtime.Object) (f *feed[T], giveBack func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.all[at]
	if u == nil {
		u = &use[T]{feed: &feed[T]{
			read: s.read, groups: map[string]map[string]T{}, where: map[string]string{}, changed: make(chan struct{}),
			grace: c.grace,
			fault: func(verb string, err error) error { return c.fault(verb, version.Group, at, err) },
			tell: func(err error) {
				c.log.Warn("a watch of a cluster is cut off", "cluster", c.name, "namespace", at.namespace, "resource", at.resource, "error", err, "cause", promotion.Cause(err))
			},
		}}
		ctx, end := context.WithCancel(c.ctx)
		u.end = end
		c.under.Go(func() { u.follow(ctx, c.clients[version], at, object) })
		s.all[at] = u
	}
	if u.idle != nil {
		u.idle.Stop()
	}
	u.users++
	return u.feed, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if u.users--; u.users > 0 {
			return
		}
		u.idle = time.AfterFunc(c.linger, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if u.users == 0 && s.all[at] == u {
				u.end()
				delete(s.all, at)
			}
		})
	}
}
