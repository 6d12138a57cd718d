package promotion_test

import (
	"reflect"
	"testing"

	"github.com/promotebot/promotebot/promotion"
)

func built(of string, platforms []string, layers ...promotion.Digest) *promotion.Image {
	i := &promotion.Image{Of: of, Platforms: platforms}
	for _, d := range layers {
		i.Layers = append(i.Layers, promotion.Layer{Digest: d, Size: 10})
		i.Size += 10
	}
	return i
}

func TestWhatChangedBetweenImages(t *testing.T) {
	amd, arm := "linux/amd64", "linux/arm64"
	for _, row := range []struct {
		name    string
		is, was *promotion.Image
		want    promotion.Change
	}{
		{"a layer on top", built(amd, []string{amd}, "a", "b", "c"), built(amd, []string{amd}, "a", "b"),
			promotion.Change{Layers: &promotion.Layers{All: 3, New: 1, Shared: 2, Size: 30, Before: 20}}},
		{"another base", built(amd, []string{amd}, "x", "b"), built(amd, []string{amd}, "a", "b"),
			promotion.Change{Layers: &promotion.Layers{All: 2, New: 1, Size: 20, Before: 20}}},
		{"a layer between", built(amd, []string{amd}, "a", "x", "b"), built(amd, []string{amd}, "a", "b"),
			promotion.Change{Layers: &promotion.Layers{All: 3, New: 1, Shared: 1, Size: 30, Before: 20}}},
		{"layers of different platforms say nothing", built(arm, []string{arm}, "a"), built(amd, []string{amd, arm}, "a"),
			promotion.Change{Lost: []string{amd}}},
		{"layers that are not known are not new", built(amd, nil, "a"), built(amd, nil), promotion.Change{}},
		{"a platform lost and one gained", built("", []string{amd, "linux/s390x"}), built("", []string{amd, arm}),
			promotion.Change{Lost: []string{arm}, Gained: []string{"linux/s390x"}}},
		{"who names no platform has lost none", built("", nil), built("", []string{amd}), promotion.Change{}},
		{"nor gained any since one that named none", built("", []string{amd}), built("", nil), promotion.Change{}},
		{"a usual variant is the platform without one", built(arm, []string{arm, "linux/arm"}, "a"), built(arm+"/v8", []string{arm + "/v8", "linux/arm/v7"}, "a"),
			promotion.Change{Layers: &promotion.Layers{All: 1, Shared: 1, Size: 10, Before: 10}}},
		{"another variant is another platform", built("", []string{"linux/arm/v6"}), built("", []string{"linux/arm/v7"}),
			promotion.Change{Lost: []string{"linux/arm/v7"}, Gained: []string{"linux/arm/v6"}}},
		{"twice the same platform is lost once", built("", []string{amd}), built("", []string{arm, arm}),
			promotion.Change{Lost: []string{arm}, Gained: []string{amd}}},
	} {
		if got := row.is.Since(row.was); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: %+v %+v, not %+v %+v", row.name, got, got.Layers, row.want, row.want.Layers)
		}
	}
}

func TestWhatIsReplacedIsBehindTheTagThatMovesLast(t *testing.T) {
	p := promotion.Promotion{Digest: "new", Targets: []promotion.Target{
		{Tag: "v1", Now: "never moved"}, {Tag: "stable", Floating: true, Now: "older"}, {Tag: "production", Floating: true, Now: "old"}, {Tag: "latest", Floating: true, Now: "new"}, {Tag: "next", Floating: true},
	}}
	if d := p.Replaces(); d != "old" {
		t.Errorf("%q", d)
	}
	p.Targets = p.Targets[3:]
	if d := p.Replaces(); d != "" {
		t.Errorf("%q though nothing is replaced", d)
	}
}
