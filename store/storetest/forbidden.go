package storetest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
)

// forbiddenRows are the rules of the schema for everything but promotions.
func forbiddenRows(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	vote := func(spoil func(*promotion.Vote)) func(gate.Tx) error {
		v := promotion.Vote{Promotion: p.ID, Person: "U1", Decision: promotion.Approve, Terms: p.TermsNow(), At: noon}
		spoil(&v)
		return func(tx gate.Tx) error { return tx.SaveVote(v) }
	}
	for why, write := range map[string]func(gate.Tx) error{
		"a vote on no promotion":   vote(func(v *promotion.Vote) { v.Promotion = 99 }),
		"a vote by nobody":         vote(func(v *promotion.Vote) { v.Person = "" }),
		"a vote that says neither": vote(func(v *promotion.Vote) { v.Decision = "abstain" }),
		"a ground for approving":   vote(func(v *promotion.Vote) { v.Ground = promotion.OnSecurity }),
		"a lifted approval":        vote(func(v *promotion.Vote) { v.LiftedBy = "U2" }),
		"a standing that is none": func(tx gate.Tx) error {
			return tx.SavePerson(promotion.Person{ID: "U1", Standing: "trusted", ReadAt: noon})
		},
		"a look at no side": func(tx gate.Tx) error {
			return tx.SaveWatch(gate.Watch{App: "shop", Environment: "staging", Side: "middle", Since: noon})
		},
		"a pin by no promotion": func(tx gate.Tx) error {
			return tx.SavePin(gate.Pin{App: "shop", Environment: "production", Tag: "t", Digest: p.Digest, Promotion: 99, At: noon})
		},
		"a pin on no digest": func(tx gate.Tx) error {
			return tx.SavePin(gate.Pin{App: "shop", Environment: "production", Tag: "t", Digest: "x", Promotion: p.ID, At: noon})
		},
		"a holding on no side": func(tx gate.Tx) error {
			return tx.OpenHolding("shop", "staging", "middle", gate.Holding{Tag: "t", Digest: digest("a"), Since: noon})
		},
	} {
		if err := s.Update(t.Context(), write); err == nil {
			t.Errorf("%s was stored", why)
		}
	}
	update(t, s, vote(func(*promotion.Vote) {})) // the unspoilt one is fine
}

// onlyAdds: of an effect that is asked for again while it is unfinished,
// nothing changes, whatever the second asking says.
func onlyAdds(t *testing.T, s Store) {
	ask(t, s, promotion.EffectCard, "card/1", noon)
	update(t, s, func(tx gate.Tx) error {
		return tx.AddEffect(promotion.NewEffect(promotion.EffectMove, "card/1", 4, "another", noon.Add(-time.Hour)))
	})
	claimed := claim(t, s, "me", noon, 9)
	if len(claimed) != 1 || claimed[0].Kind != promotion.EffectCard || claimed[0].Promotion != 3 || string(claimed[0].Payload) != `{"of":"card/1"}` {
		t.Errorf("claimed %+v", claimed)
	}
}

func viewsOnlyRead(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	p.Revision = 2
	other := sample("shop", "b")
	for what, write := range map[string]func(gate.Tx) error{
		"opened a promotion": func(tx gate.Tx) error { return tx.AddPromotion(&other) },
		"saved a promotion":  func(tx gate.Tx) error { return tx.SavePromotion(p, 1) },
		"wrote the log":      func(tx gate.Tx) error { return tx.AppendAudit(audit.Entry{At: noon, Kind: audit.Voted}) },
		"asked for an effect": func(tx gate.Tx) error {
			return tx.AddEffect(promotion.NewEffect(promotion.EffectCard, "card/1", 1, nil, noon))
		},
		"recorded a gesture": func(tx gate.Tx) error { return tx.AddGesture(promotion.Gesture{Key: "k", At: noon}, nil) },
		"recorded a person": func(tx gate.Tx) error {
			return tx.SavePerson(promotion.Person{ID: "U1", Standing: promotion.Member, ReadAt: noon})
		},
	} {
		if err := s.View(t.Context(), write); err == nil {
			t.Errorf("a view %s", what)
		}
	}
}

// ownCopies: whoever changes what was read, or what was written, has not
// changed the row.
func ownCopies(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	scribble := func(p *promotion.Promotion) {
		p.Targets[0].Tag, p.Captures["version"], p.Image.Labels["k"], *p.Targets[0].ReadAt = "scribbled", "scribbled", "scribbled", noon.Add(time.Hour)
		p.Former.Image.Layers[0].Digest, p.Former.Digest = "scribbled", "scribbled"
	}
	scribble(&p)
	for range 2 {
		view(t, s, func(tx gate.Tx) error {
			got, err := tx.Promotion(p.ID)
			if want := sample("shop", "a"); got.Targets[0].Tag != want.Targets[0].Tag || got.Captures["version"] != want.Captures["version"] ||
				got.Image.Labels["k"] != want.Image.Labels["k"] || got.Former.Digest != want.Former.Digest || got.Former.Image.Layers[0] != want.Former.Image.Layers[0] || !got.Targets[0].ReadAt.Equal(*want.Targets[0].ReadAt) {
				t.Errorf("the row was changed from outside: %+v", got)
			}
			scribble(&got)
			return err
		})
	}
}

func rejections(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	no := promotion.Vote{Promotion: p.ID, Person: "U1", Decision: promotion.Reject, Ground: promotion.OnSecurity, Reason: "<no>", Terms: p.TermsNow(), At: noon, LiftedBy: "U2"}
	back := promotion.Vote{Promotion: p.ID, Person: "U2", Decision: promotion.Withdraw, Terms: p.TermsNow(), At: noon.Add(time.Minute)}
	update(t, s, func(tx gate.Tx) error { return errors.Join(tx.SaveVote(no), tx.SaveVote(back)) })
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Votes(p.ID)
		if want := []promotion.Vote{no, back}; !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		return err
	})
	no.Decision, no.Ground, no.LiftedBy, no.Reason = promotion.Approve, "", "", ""
	update(t, s, func(tx gate.Tx) error { return tx.SaveVote(no) })
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Votes(p.ID)
		if len(got) != 2 || got[0].Ground != "" || got[0].LiftedBy != "" {
			t.Errorf("an approval after it has %+v", got)
		}
		return err
	})
}
