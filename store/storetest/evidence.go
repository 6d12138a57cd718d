package storetest

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func report(name string) promotion.Check {
	return promotion.Check{
		App: "shop", Digest: digest("a"), Name: name, Status: promotion.CheckPassed, URL: "https://ci.example.com/1", Summary: "it's \"fine\"",
		Numbers: map[string]float64{"p99_ms": 240.5}, Token: "ci", At: noon,
	}
}

func checkReports(t *testing.T, s Store) {
	old, perf, scan, other := report("perf"), report("perf"), report("scan"), report("perf")
	old.Status = promotion.CheckFailed
	perf.At = noon.Add(-time.Hour) // the clock was set back: what was taken later counts
	scan.Numbers, scan.Person, scan.Token = nil, "U1", ""
	other.Digest = digest("b")
	update(t, s, func(tx gate.Tx) error {
		return errors.Join(tx.AddCheck(&old), tx.AddCheck(&perf), tx.AddCheck(&scan), tx.AddCheck(&other))
	})
	if old.ID != 1 || other.ID != 4 {
		t.Errorf("numbered %d and %d", old.ID, other.ID)
	}
	for range 2 {
		view(t, s, func(tx gate.Tx) error {
			got, err := tx.Checks("shop", digest("a"))
			if want := []promotion.Check{perf, scan}; !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			} else {
				got[0].Numbers["p99_ms"] = 0 // and that is all it changes
			}
			whole, err2 := tx.Reports("shop", digest("a"))
			if len(whole) != 3 || whole[0].ID != old.ID || whole[2].ID != scan.ID {
				t.Errorf("all of them: %+v", whole)
			}
			perf.Numbers = map[string]float64{"p99_ms": 240.5}
			return errors.Join(err, err2)
		})
	}
}

func authorReports(t *testing.T, s Store) {
	first := promotion.Authorship{App: "shop", Digest: digest("a"), Range: "aaaaaaa..bbbbbbb", Authors: []string{"ben@example.com", "Ann <ann@example.com>"}, Token: "ci", At: noon}
	second, other := first, first
	second.Authors, second.At = []string{"it's <carl@example.com>", "ben@example.com"}, noon.Add(time.Hour)
	other.Digest, other.Authors = digest("b"), []string{"dora@example.com"}
	update(t, s, func(tx gate.Tx) error {
		return errors.Join(tx.AddAuthors(first), tx.AddAuthors(second), tx.AddAuthors(other))
	})
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Authors("shop", digest("a"))
		if want := []string{"Ann <ann@example.com>", "ben@example.com", "it's <carl@example.com>"}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if none, err := tx.Authors("wiki", digest("a")); len(none) != 0 || err != nil {
			t.Errorf("of another app: %q, %v", none, err)
		}
		return err
	})
}

func forbiddenEvidence(t *testing.T, s Store) {
	k := token("t1")
	update(t, s, func(tx gate.Tx) error { return tx.AddToken(k) })
	check := func(spoil func(*promotion.Check)) func(gate.Tx) error {
		c := report("perf")
		spoil(&c)
		return func(tx gate.Tx) error { return tx.AddCheck(&c) }
	}
	authored := func(spoil func(*promotion.Authorship)) func(gate.Tx) error {
		a := promotion.Authorship{App: "shop", Digest: digest("a"), Authors: []string{"ann@example.com"}, Token: "ci", At: noon}
		spoil(&a)
		return func(tx gate.Tx) error { return tx.AddAuthors(a) }
	}
	for why, write := range map[string]func(gate.Tx) error{
		"a status that is none":         check(func(c *promotion.Check) { c.Status = "skipped" }),
		"a check without a name":        check(func(c *promotion.Check) { c.Name = "" }),
		"a check of no digest":          check(func(c *promotion.Check) { c.Digest = "x" }),
		"an address without encryption": check(func(c *promotion.Check) { c.URL = "http://ci" }),
		"a summary that is a novel":     check(func(c *promotion.Check) { c.Summary = strings.Repeat("ä", 301) }),
		"a check by nobody":             check(func(c *promotion.Check) { c.Token = "" }),
		"a check by two":                check(func(c *promotion.Check) { c.Person = "U1" }),
		"a person who is running":       check(func(c *promotion.Check) { c.Person, c.Token, c.Status = "U1", "", promotion.CheckRunning }),
		"an author of no app":           authored(func(a *promotion.Authorship) { a.App = "" }),
		"an author of no digest":        authored(func(a *promotion.Authorship) { a.Digest = "sha256:1" }),
		"an author reported by nobody":  authored(func(a *promotion.Authorship) { a.Token = "" }),
		"an author without a name":      authored(func(a *promotion.Authorship) { a.Authors = []string{""} }),
		"an author whose name is long":  authored(func(a *promotion.Authorship) { a.Authors = []string{strings.Repeat("ä", 201)} }),
		"a token with half a hash":      func(tx gate.Tx) error { k := token("t2"); k.Hash = "abc"; return tx.AddToken(k) },
		"a receipt of no token": func(tx gate.Tx) error {
			return tx.Keep(promotion.Kept{Token: "t9", Key: "k", Sum: sum, At: noon}, noon)
		},
		"a receipt without a key": func(tx gate.Tx) error {
			return tx.Keep(promotion.Kept{Token: k.ID, Sum: sum, At: noon}, noon)
		},
	} {
		if err := s.Update(t.Context(), write); err == nil {
			t.Errorf("%s was stored", why)
		}
	}
	update(t, s, check(func(*promotion.Check) {})) // the unspoilt ones are fine
	update(t, s, authored(func(*promotion.Authorship) {}))
	if err := s.View(t.Context(), check(func(*promotion.Check) {})); err == nil {
		t.Error("a view recorded a check")
	}
}

var sum = strings.Repeat("0f", 32)

func token(id string) promotion.Token {
	expires := noon.Add(time.Hour)
	return promotion.Token{ID: id, Name: "ci", Hash: sum, Scopes: []promotion.Scope{promotion.ScopeChecks}, Apps: []string{"shop"}, CreatedAt: noon, ExpiresAt: &expires}
}

func tokens(t *testing.T, s Store) {
	first, second := token("t1"), token("t2")
	second.Apps, second.ExpiresAt, second.CreatedAt = nil, nil, noon.Add(time.Minute)
	update(t, s, func(tx gate.Tx) error { return tx.AddToken(first) })
	refused(t, s, "a second token of the name", promotion.Conflict, func(tx gate.Tx) error { return tx.AddToken(second) })
	at := noon.Add(time.Second)
	update(t, s, func(tx gate.Tx) error { return tx.RevokeToken("t1", at) })
	refused(t, s, "revoking it again", promotion.Stale, func(tx gate.Tx) error { return tx.RevokeToken("t1", at) })
	update(t, s, func(tx gate.Tx) error { return tx.AddToken(second) })
	first.RevokedAt = &at
	view(t, s, func(tx gate.Tx) error {
		all, err := tx.Tokens()
		if want := []promotion.Token{first, second}; !reflect.DeepEqual(all, want) {
			t.Errorf("got  %+v\nwant %+v", all, want)
		}
		one, err2 := tx.Token("t2")
		if !reflect.DeepEqual(one, second) {
			t.Errorf("got  %+v\nwant %+v", one, second)
		}
		if _, missing := tx.Token("t3"); !errors.Is(missing, promotion.NotFound) {
			t.Errorf("a token that never was: %v", missing)
		}
		return errors.Join(err, err2)
	})
}

func receipts(t *testing.T, s Store) {
	k := promotion.Kept{Token: "t1", Key: "build-7", Sum: sum, Receipt: promotion.Receipt{Verb: promotion.Counted, App: "shop", Promotions: []promotion.ID{3}, Report: 9}, At: noon}
	update(t, s, func(tx gate.Tx) error { return errors.Join(tx.AddToken(token("t1")), tx.Keep(k, noon)) })
	refused(t, s, "another one under the key", promotion.Conflict, func(tx gate.Tx) error { return tx.Keep(k, noon) })
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Kept("t1", "build-7")
		if !reflect.DeepEqual(got, k) {
			t.Errorf("got  %+v\nwant %+v", got, k)
		}
		return err
	})
	later := k
	later.Key, later.At = "build-8", noon.Add(time.Hour)
	update(t, s, func(tx gate.Tx) error { return tx.Keep(later, noon.Add(time.Second)) })
	view(t, s, func(tx gate.Tx) error {
		_, gone := tx.Kept("t1", "build-7")
		_, here := tx.Kept("t1", "build-8")
		if !errors.Is(gone, promotion.NotFound) || here != nil {
			t.Errorf("the old one: %v, the new one: %v", gone, here)
		}
		return nil
	})
}
