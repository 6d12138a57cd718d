package main_test

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/promotebot/promotebot/fixtures/transcript"
)

// What the demo shows is tried in its own package. This is what a person gets
// who types the command, and presses Ctrl-C.
func TestTheDemoSaysWhereItIsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	temp := t.TempDir()
	cmd := exec.CommandContext(ctx, path, "demo", "-listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var logged transcript.Transcript
	cmd.Stderr = &logged
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := ""
	for lines := bufio.NewScanner(out); !strings.Contains(said, "Ctrl-C") && lines.Scan(); {
		said += lines.Text() + "\n"
	}
	if lines := strings.Count(said, "\n"); lines > 7 || logged.String() != "" {
		t.Errorf("it says too much:\n%s%s", said, logged.String())
	}
	resp, err := http.Get(regexp.MustCompile(`http://\S+`).FindString(said))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only its status matters
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the page answers %d", resp.StatusCode)
	}
	dir := regexp.MustCompile(`\S*promotebot-demo-\d+`).FindString(said)
	if log, err := os.ReadFile(filepath.Join(dir, "promotebot.log")); err != nil || !strings.Contains(string(log), "promotebot runs") {
		t.Errorf("the log is not where it says: %v %s", err, log)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v: %s", err, logged.String())
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("it has left %v (%v)", left, err)
	}
}
