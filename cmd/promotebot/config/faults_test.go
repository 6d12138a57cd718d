package config_test

import (
	"strings"
	"testing"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
)

// sound is right as it stands; each row of the table breaks it in one way.
const sound = `slack: {channel: C0SHIP}
environments:
  - {name: staging, watch: "v{version}-passed"}
  - {name: production, tags: [production], policy: careful}
policies:
  careful: {approvals: {leads: 1}}
roles:
  leads: [U0ANN, U0BOB]
apps:
  - {name: shop, image: registry.example.com/shop}
`

// fault is a way to break sound: by putting new in the place of old, or by
// new alone when there is no old. want is everything that has to be said.
type fault struct {
	with, old, new string
	want           []string
}

func (f fault) document(t *testing.T) string {
	t.Helper()
	if f.old == "" {
		return f.new
	}
	doc := strings.Replace(sound, f.old, f.new, 1)
	if doc == sound {
		t.Fatalf("%q is not in the document", f.old)
	}
	return doc
}

func TestEachFaultIsSaidOnceWithItsPlaceAndItsRemedy(t *testing.T) {
	if _, err := config.Parse("promotebot.yaml", []byte(sound)); err != nil {
		t.Fatalf("the sound document: %v", err)
	}
	for _, f := range faults {
		t.Run(f.with, func(t *testing.T) {
			var got []string
			for _, p := range problems(t, f.document(t)).List {
				if p.Message == "" || p.Remedy == "" {
					t.Errorf("%+v lacks words", p)
				}
				got = append(got, p.String())
			}
			if strings.Join(got, "\n") != strings.Join(f.want, "\n") {
				t.Errorf("it is said:\n%s\nand should be:\n%s", strings.Join(got, "\n"), strings.Join(f.want, "\n"))
			}
		})
	}
}
