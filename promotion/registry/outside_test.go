package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/promotebot/promotebot/fixtures/registry/peers"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
)

// outside is set for a process that is our client and nothing else: with the
// transports that it has in the bot, and memory that can be told from that of
// the registries.
const outside = "PROMOTEBOT_TEST_OUTSIDE"

// errand is what the client is sent for: a copy, then moves, eight at a time,
// then looks.
type errand struct {
	Copy  *promotion.CopyWork
	Moves []promotion.MoveWork
	Looks []registry.Look
}

// outcome is what it comes back with.
type outcome struct {
	Moved    []promotion.Move
	Attached []promotion.Attachment
	Fault    string
	Kind     promotion.Kind
	Resident int64 // the most memory that it has held so far
}

// runErrands does one after the other, until there are none.
func runErrands(in io.Reader, out io.Writer) {
	client := registry.New(registry.Options{Named: anybody, UserAgent: "promotebot-test", Keychain: authn.DefaultKeychain})
	for orders, answers := json.NewDecoder(in), json.NewEncoder(out); ; {
		var e errand
		if orders.Decode(&e) != nil {
			return
		}
		o, err := e.run(context.Background(), client)
		if err != nil {
			o.Fault, o.Kind = err.Error(), promotion.KindOf(err)
		}
		o.Resident = peers.Resident("self")
		if answers.Encode(o) != nil {
			return // whoever asked has gone
		}
	}
}

func (e errand) run(ctx context.Context, client *registry.Client) (o outcome, err error) {
	if e.Copy != nil {
		done, err := client.Copy(ctx, *e.Copy, nil)
		if err != nil {
			return o, err
		}
		o.Attached = done.Attached
	}
	moved, faults := make([][]promotion.Move, len(e.Moves)), make([]error, len(e.Moves))
	eightAtATime(e.Moves, func(i int, w promotion.MoveWork) { moved[i], faults[i] = client.Move(ctx, w) })
	for _, m := range moved {
		o.Moved = append(o.Moved, m...)
	}
	if err := errors.Join(faults...); err != nil {
		return o, err
	}
	if len(e.Looks) > 0 {
		_, unseen := lookOnce(ctx, client, e.Looks)
		for _, f := range unseen {
			err = errors.Join(err, errors.New(f))
		}
	}
	return o, err
}

// runner is our client as a process.
type runner struct {
	t    testing.TB
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
	once sync.Once
}

// goOut starts it, with no environment but this.
func goOut(t testing.TB, env []string) *runner {
	t.Helper()
	r := &runner{t: t, cmd: exec.Command(os.Args[0])}
	r.cmd.Env, r.cmd.Stderr = slices.Concat(env, []string{outside + "=1"}), os.Stderr
	var err error
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	answers, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.out = json.NewDecoder(answers)
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.end)
	return r
}

func (r *runner) end() {
	r.once.Do(func() {
		_ = r.in.Close()
		if err := r.cmd.Wait(); err != nil {
			r.t.Errorf("our own client ended with %v", err)
		}
	})
}

func (r *runner) run(e errand) (o outcome) {
	r.t.Helper()
	err := json.NewEncoder(r.in).Encode(e)
	if err == nil {
		err = r.out.Decode(&o)
	}
	if err != nil {
		r.t.Fatalf("our own client does not answer: %v", err)
	}
	return o
}

// runOnce is a process that ends when it is done, as the programs of others do.
func runOnce(t testing.TB, env []string, e errand) outcome {
	t.Helper()
	r := goOut(t, env)
	defer r.end()
	return r.run(e)
}

// What a copy holds on to is measured where nothing else is.
func TestAHundredMegabytesGoThroughASmallProcess(t *testing.T) {
	if peers.Resident("self") == 0 {
		t.Skip("what a process holds is read from /proc, which is not there")
	}
	from, to, root := farAway(t, 10, 10<<20)
	o := runOnce(t, os.Environ(), errand{Copy: &promotion.CopyWork{From: from, To: to, Digest: root}})
	if o.Fault != "" || o.Resident == 0 || o.Resident > 64<<20 {
		t.Errorf("%d MiB, %s", o.Resident>>20, o.Fault)
	}
	t.Logf("%.1f MiB", float64(o.Resident)/(1<<20))
}
