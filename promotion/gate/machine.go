package gate

import (
	"context"
	"errors"
	"slices"
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
func (g *Gate) receive(ctx context.Context, c Call, scope promotion.Scope, app string, f func(*turn, promotion.Token) (promotion.Receipt, error)) (r promotion.Receipt, err error) {
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
		if _, ok := t.catalog.App(app); !ok || !k.About(app) {
			r = promotion.Receipt{Verb: promotion.Missing, App: app}
			return nil
		}
		if r, err = f(t, k); err != nil || c.Key == "" {
			return err
		}
		return t.Keep(promotion.Kept{Token: k.ID, Key: c.Key, Sum: c.Sum, Receipt: r, At: t.now}, t.now.Add(-keptFor))
	})
	return r, err
}

// Check takes a report by a machine. What people have to look at themselves,
// no machine can report.
func (g *Gate) Check(ctx context.Context, call Call, c promotion.Check) (promotion.Receipt, error) {
	if err := c.Tidy(); err != nil {
		return promotion.Receipt{}, err
	}
	return g.receive(ctx, call, promotion.ScopeChecks, c.App, func(t *turn, k promotion.Token) (promotion.Receipt, error) {
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
