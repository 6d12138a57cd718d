package main_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the demo shows is tried in its own package. This is what a person gets
// who types the command, and presses Ctrl-C.
func TestTheDemoSaysWhereItIsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	var out, logged lockedBuffer
	cmd := exec.Command(path, "demo", "-listen", "127.0.0.1:0")
	temp := t.TempDir()
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	cmd.Stdout, cmd.Stderr = &out, &logged
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it may have ended

	deadline, tick := time.After(20*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(out.String(), "Ctrl-C") {
		select {
		case <-deadline:
			t.Fatalf("not a word within 20 s: %s%s", out.String(), logged.String())
		case <-tick.C:
		}
	}
	if lines := strings.Split(out.String(), "\n"); len(lines) > 8 || logged.String() != "" {
		t.Errorf("it says too much:\n%s%s", out.String(), logged.String())
	}
	resp, err := http.Get(regexp.MustCompile(`http://\S+`).FindString(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only its status matters
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the page answers %d", resp.StatusCode)
	}
	dir := regexp.MustCompile(`\S*promotebot-demo-\d+`).FindString(out.String())
	if log, err := os.ReadFile(filepath.Join(dir, "promotebot.log")); err != nil || !strings.Contains(string(log), "promotebot runs") {
		t.Errorf("the log is not where it says: %v %s", err, log)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v: %s", err, logged.String())
		}
	case <-time.After(15 * time.Second):
		t.Fatal("it does not end on Ctrl-C")
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("it has left %v (%v)", left, err)
	}
}
