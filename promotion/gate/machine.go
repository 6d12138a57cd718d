package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

// What machines send over HTTP is taken here. Who they are is decided in the
// transaction that takes it: a token that has been revoked while its request
// was under way lets nothing in.

// Call is who sends something, and how it is known again.
type Call struct {
	Token string // id of the token whose secret was shown
	Key   string // chosen by the sender, the same whenever it is sent again; empty when it can't be
	Sum   string // SHA-256 of what was sent, in hexadecimal
}

// keptFor is how long something that is sent again is known. A pipeline that
// is run again a day later has something new to say.
const keptFor = 24 * time.Hour

// Token finds a token by its id. The error is NotFound when there is none.
func (g *Gate) Token(ctx context.Context, id string) (k promotion.Token, err error) {
	err = g.store.View(ctx, func(tx Tx) error {
		k, err = tx.Token(id)
		return err
	})
	return k, err
}

// receive takes something that a machine has sent, once. What the token is not
// about is answered as if it did not exist.
func (g *Gate) receive(ctx context.Context, c Call, scope promotion.Scope, about func(*turn, promotion.Token) bool, f func(*turn, promotion.Token) (promotion.Receipt, error)) (r promotion.Receipt, err error) {
	err = g.update(ctx, audit.Self, func(t *turn) error {
		k, err := t.Token(c.Token)
		if errors.Is(err, promotion.NotFound) || err == nil && (!k.Live(t.now) || !k.Allows(scope)) {
			return promotion.Errorf(promotion.Forbidden, "the token does not allow that")
		}
		if err != nil {
			return err
		}
		t.actor = k.Actor()
		if c.Key != "" {
			had, err := t.Kept(k.ID, c.Key)
			switch {
			case err == nil && had.Sum != c.Sum:
				r = promotion.Receipt{Verb: promotion.Differs}
				return nil
			case err == nil:
				r = had.Receipt
				return nil
			case !errors.Is(err, promotion.NotFound):
				return err
			}
		}
		if !about(t, k) {
			r = promotion.Receipt{Verb: promotion.Missing}
			return nil
		}
		if r, err = f(t, k); err != nil || c.Key == "" {
			return err
		}
		return t.Keep(promotion.Kept{Token: k.ID, Key: c.Key, Sum: c.Sum, Receipt: r, At: t.now}, t.now.Add(-keptFor))
	})
	return r, err
}

// on tells whether the token may speak of the app: of all of them at once, only
// one that is about all of them.
func on(app string) func(*turn, promotion.Token) bool {
	return func(t *turn, k promotion.Token) bool {
		_, ok := t.catalog.App(app)
		return ok && k.About(app) || app == "" && len(k.Apps) == 0
	}
}

// Check takes a report by a machine. What people have to look at themselves,
// no machine can report.
func (g *Gate) Check(ctx context.Context, call Call, c promotion.Check) (promotion.Receipt, error) {
	if err := c.Tidy(); err != nil {
		return promotion.Receipt{}, err
	}
	return g.receive(ctx, call, promotion.ScopeChecks, on(c.App), func(t *turn, k promotion.Token) (promotion.Receipt, error) {
		r := promotion.Receipt{Verb: promotion.Counted, App: c.App, Digest: c.Digest}
		var machine bool
		r.Steps, machine = t.catalog.asking(c.App, c.Name)
		if len(r.Steps) > 0 && !machine {
			r.Verb, r.Reason = promotion.Refused, "people sign this check off in Slack: "+c.Name+" can't be reported"
			return r, t.record(audit.Denied, nil, map[string]any{"app": c.App, "check": c.Name, "why": r.Reason})
		}
		c.Person, c.Token = "", k.Name
		var err error
		r.Promotions, err = t.reported(&c)
		r.Report = c.ID
		return r, err
	})
}

// Authors takes a machine's word of who wrote what is in a digest.
func (g *Gate) Authors(ctx context.Context, call Call, a promotion.Authorship) (promotion.Receipt, error) {
	if err := a.Tidy(); err != nil {
		return promotion.Receipt{}, err
	}
	return g.receive(ctx, call, promotion.ScopeChecks, on(a.App), func(t *turn, k promotion.Token) (promotion.Receipt, error) {
		r := promotion.Receipt{Verb: promotion.Counted, App: a.App, Digest: a.Digest}
		a.Token, a.At = k.Name, t.now
		if err := t.AddAuthors(a); err != nil {
			return r, err
		}
		sum := sha256.Sum256([]byte(strings.Join(a.Authors, "\n")))
		e := audit.Entry{At: t.now, Actor: t.actor, Kind: audit.Authored, App: a.App, Digest: a.Digest,
			Detail: map[string]any{"range": a.Range, "authors": len(a.Authors), "said_sha256": hex.EncodeToString(sum[:])}}
		if err := t.AppendAudit(e); err != nil {
			return r, err
		}
		var err error
		r.Promotions, err = t.learned(a.App, a.Digest)
		return r, err
	})
}

// Incident takes a machine's report of an incident. Its key is the machine's own:
// the same key of another token is another incident.
func (g *Gate) Incident(ctx context.Context, call Call, r promotion.IncidentReport) (promotion.Receipt, error) {
	if r.Key == "" {
		return promotion.Receipt{}, promotion.Errorf(promotion.Invalid, "the incident has no key: send what it is called where it was noticed, so that it can be resolved")
	}
	return g.receive(ctx, call, promotion.ScopeIncidents, on(r.App), func(t *turn, k promotion.Token) (promotion.Receipt, error) {
		r.Key = ownKey(k, r.Key)
		i, err := t.openIncident(r)
		return promotion.Receipt{Verb: promotion.Counted, App: i.App, Incident: i.ID}, err
	})
}

// Resolve takes a machine's word that its incident with the key is over.
func (g *Gate) Resolve(ctx context.Context, call Call, key string) (promotion.Receipt, error) {
	anything := func(*turn, promotion.Token) bool { return true } // what it has opened itself
	return g.receive(ctx, call, promotion.ScopeIncidents, anything, func(t *turn, k promotion.Token) (promotion.Receipt, error) {
		i, err := t.IncidentByKey(ownKey(k, key))
		if errors.Is(err, promotion.NotFound) {
			return promotion.Receipt{Verb: promotion.Missing}, nil
		}
		if err == nil && i.ResolvedAt == nil {
			i, err = t.resolveIncident(i)
		}
		return promotion.Receipt{Verb: promotion.Counted, App: i.App, Incident: i.ID}, err
	})
}

func ownKey(k promotion.Token, key string) string { return k.Name + "/" + key }

// Health takes a machine's report of how an environment is doing.
func (g *Gate) Health(ctx context.Context, call Call, r promotion.HealthReport) (promotion.Receipt, error) {
	return g.receive(ctx, call, promotion.ScopeHealth, on(r.App), func(t *turn, _ promotion.Token) (promotion.Receipt, error) {
		return promotion.Receipt{Verb: promotion.Counted, App: r.App}, t.reportHealth(r)
	})
}

// Exposure takes a machine's reading of how much a digest is used. Each token
// counts by itself.
func (g *Gate) Exposure(ctx context.Context, call Call, r promotion.ExposureReport) (promotion.Receipt, error) {
	return g.receive(ctx, call, promotion.ScopeHealth, on(r.App), func(t *turn, k promotion.Token) (promotion.Receipt, error) {
		r.Source = ownKey(k, r.Source)
		return promotion.Receipt{Verb: promotion.Counted, App: r.App}, t.reportExposure(r)
	})
}

// AddToken lets a machine speak from now on. Its names must be in order; the
// error is Invalid where they are not, and Conflict when there is a token of the
// name.
func (g *Gate) AddToken(ctx context.Context, actor string, k promotion.Token) error {
	if _, err := promotion.ParseName(k.Name); err != nil {
		return err
	}
	if len(k.Scopes) == 0 {
		return promotion.Errorf(promotion.Invalid, "a token without a scope allows nothing")
	}
	return g.update(ctx, actor, func(t *turn) error {
		k.CreatedAt = t.now
		for _, app := range k.Apps {
			if _, ok := t.catalog.App(app); !ok {
				return promotion.Errorf(promotion.NotFound, "there is no app %q in the configuration", app)
			}
		}
		err := t.Tx.AddToken(k)
		if errors.Is(err, promotion.Conflict) {
			return promotion.Errorf(promotion.Conflict, "there is a token %q already: revoke it first, or choose another name", k.Name)
		}
		if err != nil {
			return err
		}
		return t.record(audit.Tokened, nil, map[string]any{"token": k.ID, "name": k.Name, "scopes": k.Scopes, "apps": k.Apps, "expires": k.ExpiresAt})
	})
}

// RevokeToken lets the machine that has the token of that name or id speak no
// more. The error is NotFound when there is none that is in force.
func (g *Gate) RevokeToken(ctx context.Context, actor, named string) (revoked promotion.Token, err error) {
	err = g.update(ctx, actor, func(t *turn) error {
		all, err := t.Tokens()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(k promotion.Token) bool { return k.RevokedAt == nil && (k.Name == named || k.ID == named) })
		if i < 0 {
			return promotion.Errorf(promotion.NotFound, "there is no token %q in force", named)
		}
		revoked = all[i]
		if err := t.Tx.RevokeToken(revoked.ID, t.now); err != nil {
			return err
		}
		return t.record(audit.Untokened, nil, map[string]any{"token": revoked.ID, "name": revoked.Name})
	})
	return revoked, err
}

// Tokens are all that were ever made, by name.
func (g *Gate) Tokens(ctx context.Context) (all []promotion.Token, err error) {
	err = g.store.View(ctx, func(tx Tx) error {
		all, err = tx.Tokens()
		return err
	})
	return all, err
}
