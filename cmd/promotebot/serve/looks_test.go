package serve_test

import (
	"slices"
	"testing"

	"github.com/promotebot/promotebot/cmd/promotebot/serve"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func TestAnEnvironmentIsWatchedWhereItsImagesAre(t *testing.T) {
	watch, err := promotion.ParseTagPattern("staging-passed")
	if err != nil {
		t.Fatal(err)
	}
	looks := serve.Looks(&gate.Catalog{
		Apps:         []gate.App{{Name: "shop", Repository: "registry.example.com/shop", Images: map[string]promotion.Repository{"production": "production.example.com/shop"}}},
		Environments: []gate.Environment{{Name: "staging", Watch: watch}, {Name: "production", Tags: []promotion.TagTemplate{"production"}}},
	})
	var got []string
	for _, l := range looks {
		got = append(got, string(l.Side)+" "+string(l.Repository))
	}
	if want := []string{"source registry.example.com/shop", "held production.example.com/shop"}; !slices.Equal(got, want) {
		t.Errorf("it looks at %q", got)
	}
}
