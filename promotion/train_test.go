package promotion_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

func TestTheDigestOfATrainIsThatOfWhatItCarries(t *testing.T) {
	a, b := promotion.Digest("sha256:"+strings.Repeat("a", 64)), promotion.Digest("sha256:"+strings.Repeat("b", 64))
	shop, cart := &promotion.Promotion{App: "shop", Digest: a}, &promotion.Promotion{App: "cart", Digest: b}
	one := promotion.Consist([]*promotion.Promotion{shop, cart})
	if _, err := promotion.ParseDigest(string(one)); err != nil {
		t.Error(err)
	}
	if other := promotion.Consist([]*promotion.Promotion{cart, shop}); other != one {
		t.Errorf("in another order it is %s", other)
	}
	swapped := promotion.Consist([]*promotion.Promotion{{App: "shop", Digest: b}, {App: "cart", Digest: a}})
	if swapped == one || promotion.Consist([]*promotion.Promotion{shop}) == one {
		t.Error("two trains that bring something else have one digest")
	}
}

func TestOnlyTagsThatMoveAndWereSomewhereAreMovedBack(t *testing.T) {
	d := func(c string) promotion.Digest { return promotion.Digest("sha256:" + strings.Repeat(c, 64)) }
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	target := func(tag string, floating bool, was promotion.Digest) promotion.Target {
		return promotion.Target{Tag: tag, Floating: floating, Now: was, ReadAt: &now}
	}
	p := promotion.Promotion{
		Digest: d("a"), Destination: "registry.example.com/shop",
		Targets: []promotion.Target{target("v1", false, ""), target("stable", true, d("0")), target("production", true, d("0")), target("eu", true, d("1")), target("new", true, ""), target("same", true, d("a")), target("late", true, d("0"))},
		Moves: []promotion.Move{
			{Tag: "v1", Outcome: promotion.MoveDone}, {Tag: "stable", Outcome: promotion.MoveDone}, {Tag: "production", Outcome: promotion.MoveAlready}, // by an attempt before
			{Tag: "eu", Outcome: promotion.MoveDone}, {Tag: "new", Outcome: promotion.MoveDone}, {Tag: "same", Outcome: promotion.MoveAlready}, {Tag: "late", Outcome: promotion.MoveSkipped},
		},
	}
	back := func(to string, tags ...string) promotion.MoveWork {
		w := promotion.MoveWork{Repository: p.Destination, Digest: d(to)}
		for _, tag := range tags {
			w.Targets = append(w.Targets, promotion.Target{Tag: tag, Floating: true, Now: p.Digest})
		}
		return w
	}
	if got, want := p.Returns(), []promotion.MoveWork{back("0", "stable", "production"), back("1", "eu")}; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
