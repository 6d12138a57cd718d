// Package browser lets a browser judge the demo: headless Chromium, driven by playwright-core from npm.
//
// The tests of package demo ask the page's endpoints; whether a person can see, reach and read what comes of it, only a browser
// knows. To run it: npm ci in this directory (Node 20 or later), and a Chromium in the path. Without one of them the test is
// skipped; PROMOTEBOT_BROWSER=require makes that a failure. PROMOTEBOT_SCREENSHOTS names a directory for pictures.
package browser_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/demo"
)

// soak is long enough for a refused click and two approvals on a slow machine.
const soak = 12 * time.Second

func TestAPersonGoesThroughTheDemo(t *testing.T) {
	judge(t, "judge.mjs", "DEMO_URL", func(ctx context.Context, out io.Writer) error {
		return demo.Run(ctx, demo.Options{Listen: "127.0.0.1:0", Soak: soak, Out: out, Version: "test"})
	})
}

func TestEveryStateOfACardCanBeReadOnAPhone(t *testing.T) {
	judge(t, "gallery.mjs", "GALLERY_URL", func(ctx context.Context, out io.Writer) error {
		return demo.Gallery(ctx, demo.Options{Listen: "127.0.0.1:0", Out: out})
	})
}

// judge has a script look at what is run, whose address it is given.
func judge(t *testing.T, script, address string, run func(ctx context.Context, out io.Writer) error) {
	t.Helper()
	node, chromium := need(t, "node"), need(t, "chromium")
	if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		missing(t, "no node_modules; run npm ci in cmd/promotebot/demo/browser to let a browser judge the demo")
	}
	shots := os.Getenv("PROMOTEBOT_SCREENSHOTS")
	if shots != "" {
		var err error
		if shots, err = filepath.Abs(shots); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	said, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, out)
		out.CloseWithError(io.ErrUnexpectedEOF)
		ended <- err
	}()
	greeting := make([]byte, 1<<10)
	n, err := said.Read(greeting)
	if err != nil {
		t.Fatalf("it does not begin: %v", <-ended)
	}
	at := regexp.MustCompile(`http://\S+`).Find(greeting[:n])

	cmd := exec.CommandContext(t.Context(), node, script)
	cmd.Env = append(os.Environ(), address+"="+string(at), "CHROMIUM="+chromium, "PROMOTEBOT_SCREENSHOTS="+shots)
	cmd.WaitDelay = 10 * time.Second
	var steps bytes.Buffer
	cmd.Stdout, cmd.Stderr = &steps, &steps
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v", script, err)
	}
	t.Logf("%s said:\n%s", script, steps.String())
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		missing(t, program+" is not installed; no browser judges the demo here")
	}
	return path
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("PROMOTEBOT_BROWSER") == "require" {
		t.Fatal(what)
	}
	t.Skip(what)
}
