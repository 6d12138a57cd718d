package command_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/command"
)

func TestAProgramSaysWhatRuns(t *testing.T) {
	o := order(-time.Hour) // its deadline is long over
	d := func(script string, args ...string) *command.Deployer {
		return command.New(command.Options{Running: append([]string{program(t, script)}, args...), Getenv: os.Getenv})
	}
	got, err := d(`echo looking >&2; echo '{"running": [{"where": "'$1'", "digest": "'$PROMOTEBOT_DIGEST'", "count": 2}]}'`, "{app}").Running(t.Context(), o)
	if err != nil || len(got) != 1 || got[0] != (promotion.Running{Where: "shop", Digest: o.Digest, Count: 2}) {
		t.Errorf("%+v, %v", got, err)
	}
	for script, want := range map[string]struct {
		kind  promotion.Kind
		words string
	}{
		"echo first >&2; echo 'no route to host' >&2; exit 3": {promotion.Unavailable, "could not say what runs (exit status 3): no route to host"},
		"exit 1":                        {promotion.Unavailable, "could not say what runs (exit status 1)"},
		"echo shop@" + string(o.Digest): {promotion.Invalid, "prints is not what it should be: what runs is not said as"},
		"yes | head -c 100000":          {promotion.Invalid, "prints more than 64 KiB"},
	} {
		if got, err := d(script).Running(t.Context(), o); err == nil || promotion.KindOf(err) != want.kind || !strings.Contains(err.Error(), want.words) {
			t.Errorf("%s: %+v, %v", script, got, err)
		}
	}
	if got, err := command.New(command.Options{Running: []string{"/nowhere/at/all"}, Getenv: os.Getenv}).Running(t.Context(), o); err == nil || promotion.KindOf(err) != promotion.Invalid {
		t.Errorf("of no program: %+v, %v", got, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, err := d("exec sleep 60").Running(ctx, o); err == nil || promotion.KindOf(err) != promotion.Unavailable || !strings.Contains(err.Error(), "did not say in time") {
		t.Errorf("of one that takes long: %+v, %v", got, err)
	}
}
