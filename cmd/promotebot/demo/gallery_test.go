package demo_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/cmd/promotebot/demo"
)

func TestTheGalleryShowsEveryState(t *testing.T) {
	said, out := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := demo.Gallery(ctx, demo.Options{Listen: "127.0.0.1:0", Out: out})
		out.CloseWithError(io.EOF)
		ended <- err
	}()
	address := ""
	lines := bufio.NewScanner(said)
	for address == "" && lines.Scan() {
		address = regexp.MustCompile(`http://\S+`).FindString(lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, said) }() // until it is closed
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sample.All() {
		if n := strings.Count(string(body), "<h2>"+strings.ReplaceAll(s.Name, "'", "&#39;")+"</h2>"); n != 1 {
			t.Errorf("%q is shown %d times", s.Name, n)
		}
	}
	for _, surface := range []string{
		"home with something failing", "home with nothing on it", "home of a guest", "direct reminder", "digest of a channel", "in the thread, reminder: failing", "keeping what is failing", "rolling back",
		"breaking the glass of a train", "what is this: nothing that is known", "rejecting what has ended already", "status", "list", "history", "what if", "help", "not understood", "refused",
	} {
		if n := strings.Count(string(body), "<h2>"+surface+"</h2>"); n != 1 {
			t.Errorf("%q is shown %d times", surface, n)
		}
	}
	if strings.Contains(string(body), "unsupported") {
		t.Error("something is not drawn")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}
