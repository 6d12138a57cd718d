package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

func (t *tx) Checks(app string, d promotion.Digest) ([]promotion.Check, error) {
	return t.reports(app, d, `AND NOT EXISTS (SELECT 1 FROM check_report AS n WHERE n.app = c.app AND n.digest = c.digest AND n.name = c.name AND n.id > c.id)`)
}

func (t *tx) Reports(app string, d promotion.Digest) ([]promotion.Check, error) {
	return t.reports(app, d, "")
}

func (t *tx) reports(app string, d promotion.Digest, which string) ([]promotion.Check, error) {
	return scan(t, "read checks", func(r row) (promotion.Check, error) {
		c := promotion.Check{App: app, Digest: d}
		var numbers string
		var us int64
		if err := r.Scan(&c.ID, &c.Name, &c.Status, &c.URL, &c.Summary, &numbers, &c.Person, &c.Token, &us); err != nil {
			return c, err
		}
		c.At = at(us)
		return c, json.Unmarshal([]byte(numbers), &c.Numbers)
	}, `SELECT id, name, status, url, summary, numbers, person, token, at FROM check_report AS c WHERE app = $1 AND digest = $2 `+which+` ORDER BY id`, app, string(d))
}

func (t *tx) AddCheck(c *promotion.Check) (err error) {
	if c.ID, err = t.sequence("check"); err != nil {
		return err
	}
	numbers, err := marshal(c.Numbers)
	if err != nil {
		return err
	}
	_, err = t.exec("record a check", `INSERT INTO check_report (id, app, digest, name, status, url, summary, numbers, person, token, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		c.ID, c.App, string(c.Digest), c.Name, string(c.Status), c.URL, c.Summary, numbers, string(c.Person), c.Token, micros(c.At))
	return err
}

func (t *tx) Authors(app string, d promotion.Digest) ([]string, error) {
	return scan(t, "read authors", func(r row) (author string, err error) {
		return author, r.Scan(&author)
	}, `SELECT author FROM author WHERE app = $1 AND digest = $2 ORDER BY author`, app, string(d))
}

func (t *tx) AddAuthors(a promotion.Authorship) error {
	for _, author := range a.Authors {
		if _, err := t.exec("record an author", `INSERT INTO author (app, digest, author, revisions, token, at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (app, digest, author) DO NOTHING`,
			a.App, string(a.Digest), author, a.Range, a.Token, micros(a.At)); err != nil {
			return err
		}
	}
	return nil
}

const tokenColumns = `id, name, hash, scopes, apps, created_at, expires_at, revoked_at` //nolint:gosec // names of columns

func scanToken(r row) (promotion.Token, error) {
	var k promotion.Token
	var scopes, apps string
	var created int64
	var expires, revoked *int64
	if err := r.Scan(&k.ID, &k.Name, &k.Hash, &scopes, &apps, &created, &expires, &revoked); err != nil {
		return k, err
	}
	k.CreatedAt, k.ExpiresAt, k.RevokedAt = at(created), atOrNil(expires), atOrNil(revoked)
	return k, errors.Join(json.Unmarshal([]byte(scopes), &k.Scopes), json.Unmarshal([]byte(apps), &k.Apps))
}

func (t *tx) Tokens() ([]promotion.Token, error) {
	return scan(t, "read tokens", scanToken, `SELECT `+tokenColumns+` FROM token ORDER BY name, created_at, id`)
}

func (t *tx) Token(id string) (promotion.Token, error) {
	k, err := scanToken(t.row(`SELECT `+tokenColumns+` FROM token WHERE id = $1`, id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return k, promotion.Errorf(promotion.NotFound, "there is no such token")
	case err != nil:
		return k, broken("read a token", err)
	}
	return k, nil
}

func (t *tx) AddToken(k promotion.Token) error {
	scopes, err1 := marshal(k.Scopes)
	apps, err2 := marshal(k.Apps)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	_, err := t.exec("make a token", `INSERT INTO token (`+tokenColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		k.ID, k.Name, k.Hash, scopes, apps, micros(k.CreatedAt), microsOrNull(k.ExpiresAt), microsOrNull(k.RevokedAt))
	return err
}

func (t *tx) RevokeToken(id string, when time.Time) error {
	return t.changed("revoke a token", `UPDATE token SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL`, micros(when), id)
}

func (t *tx) Kept(token, key string) (promotion.Kept, error) {
	k := promotion.Kept{Token: token, Key: key}
	var answer string
	var us int64
	err := t.row(`SELECT sum, answer, at FROM receipt WHERE token = $1 AND key = $2`, token, key).Scan(&k.Sum, &answer, &us)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return k, promotion.Errorf(promotion.NotFound, "nothing was sent under this key")
	case err != nil:
		return k, broken("read a receipt", err)
	}
	k.At = at(us)
	if err := json.Unmarshal([]byte(answer), &k.Receipt); err != nil {
		return k, broken("read a receipt", err)
	}
	return k, nil
}

func (t *tx) Keep(k promotion.Kept, since time.Time) error {
	answer, err := marshal(k.Receipt)
	if err != nil {
		return err
	}
	if _, err := t.exec("forget old receipts", `DELETE FROM receipt WHERE at < $1`, micros(since)); err != nil {
		return err
	}
	_, err = t.exec("keep a receipt", `INSERT INTO receipt (token, key, sum, answer, at) VALUES ($1, $2, $3, $4, $5)`, k.Token, k.Key, k.Sum, answer, micros(k.At))
	return err
}
