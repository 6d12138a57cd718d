package memory

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/promotebot/promotebot/promotion"
)

type receiptKey struct{ token, key string }

func (t *tx) Checks(app string, d promotion.Digest) ([]promotion.Check, error) {
	all, err := t.Reports(app, d)
	newest := map[string]int64{}
	for _, c := range all {
		newest[c.Name] = c.ID
	}
	return slices.DeleteFunc(all, func(c promotion.Check) bool { return c.ID != newest[c.Name] }), err
}

func (t *tx) Reports(app string, d promotion.Digest) ([]promotion.Check, error) {
	var all []promotion.Check
	for id := range int64(len(t.checks.rows)) {
		if c := t.checks.rows[id+1]; c.App == app && c.Digest == d {
			c.Numbers = maps.Clone(c.Numbers)
			all = append(all, c)
		}
	}
	return all, nil
}

func (t *tx) AddCheck(c *promotion.Check) error {
	if err := t.writable(); err != nil {
		return err
	}
	person := c.Person != ""
	switch {
	case c.App == "" || c.Name == "" || !isDigest(c.Digest):
		return forbidden("record a check", "app, name, digest")
	case !slices.Contains([]promotion.CheckStatus{promotion.CheckRunning, promotion.CheckPassed, promotion.CheckFailed}, c.Status) || person && c.Status == promotion.CheckRunning:
		return forbidden("record a check", "status")
	case c.URL != "" && !strings.HasPrefix(c.URL, "https://"):
		return forbidden("record a check", "url")
	case utf8.RuneCountInString(c.Summary) > promotion.MaxCheckSummary:
		return forbidden("record a check", "summary")
	case person == (c.Token != ""):
		return forbidden("record a check", "either a person or a token")
	}
	c.ID = int64(len(t.checks.rows)) + 1 // reports are never removed
	kept := *c
	kept.At, kept.Numbers = instant(c.At), maps.Clone(c.Numbers)
	t.checks.set(c.ID, kept)
	return nil
}

type authorKey struct {
	app    string
	digest promotion.Digest
	author string
}

func (t *tx) Authors(app string, d promotion.Digest) ([]string, error) {
	var all []string
	for k := range t.authors.rows {
		if k.app == app && k.digest == d {
			all = append(all, k.author)
		}
	}
	slices.Sort(all)
	return all, nil
}

func (t *tx) AddAuthors(a promotion.Authorship) error {
	if err := t.writable(); err != nil {
		return err
	}
	for _, author := range a.Authors {
		k := authorKey{a.App, a.Digest, author}
		if _, had := t.authors.rows[k]; had {
			continue
		}
		if a.App == "" || a.Token == "" || author == "" || utf8.RuneCountInString(author) > promotion.MaxAuthorLength || !isDigest(a.Digest) {
			return forbidden("record an author", "app, digest, author, token")
		}
		kept := a
		kept.Authors, kept.At = nil, instant(a.At)
		t.authors.set(k, kept)
	}
	return nil
}

// signed tells whether the person has signed off a check of the digest.
func (t *tx) signed(p *promotion.Promotion, by promotion.PersonID) bool {
	for _, c := range t.checks.rows {
		if c.App == p.App && c.Digest == p.Digest && c.Person == by {
			return true
		}
	}
	return false
}

func ownToken(k promotion.Token) promotion.Token {
	k.Scopes, k.Apps = slices.Clone(k.Scopes), slices.Clone(k.Apps)
	k.CreatedAt, k.ExpiresAt, k.RevokedAt = instant(k.CreatedAt), instantOrNil(k.ExpiresAt), instantOrNil(k.RevokedAt)
	return k
}

func (t *tx) Tokens() ([]promotion.Token, error) {
	var all []promotion.Token
	for _, k := range t.tokens.rows {
		all = append(all, ownToken(k))
	}
	slices.SortFunc(all, func(a, b promotion.Token) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

func (t *tx) Token(id string) (promotion.Token, error) {
	k, ok := t.tokens.rows[id]
	if !ok {
		return k, promotion.Errorf(promotion.NotFound, "there is no such token")
	}
	return ownToken(k), nil
}

func (t *tx) AddToken(k promotion.Token) error {
	if err := t.writable(); err != nil {
		return err
	}
	if k.ID == "" || k.Name == "" || len(k.Hash) != 64 {
		return forbidden("make a token", "id, name, hash")
	}
	for _, had := range t.tokens.rows {
		if had.ID == k.ID || had.Name == k.Name && had.RevokedAt == nil && k.RevokedAt == nil {
			return twice("make a token")
		}
	}
	t.tokens.set(k.ID, ownToken(k))
	return nil
}

func (t *tx) RevokeToken(id string, when time.Time) error {
	if err := t.writable(); err != nil {
		return err
	}
	k, ok := t.tokens.rows[id]
	if !ok || k.RevokedAt != nil {
		return tooLate("revoke a token")
	}
	k.RevokedAt = instantOrNil(&when)
	t.tokens.set(id, k)
	return nil
}

func ownReceipt(k promotion.Kept) promotion.Kept {
	r := &k.Receipt
	r.Promotions, r.Steps, r.Look = slices.Clone(r.Promotions), slices.Clone(r.Steps), slices.Clone(r.Look)
	return k
}

func (t *tx) Kept(token, key string) (promotion.Kept, error) {
	k, ok := t.receipts.rows[receiptKey{token, key}]
	if !ok {
		return k, promotion.Errorf(promotion.NotFound, "nothing was sent under this key")
	}
	return ownReceipt(k), nil
}

func (t *tx) Keep(k promotion.Kept, since time.Time) error {
	if err := t.writable(); err != nil {
		return err
	}
	for of, had := range t.receipts.rows {
		if had.At.Before(instant(since)) {
			t.receipts.drop(of)
		}
	}
	of := receiptKey{k.Token, k.Key}
	_, known := t.tokens.rows[k.Token]
	if !known || k.Key == "" || len(k.Sum) != 64 {
		return forbidden("keep a receipt", "token, key, sum")
	}
	if _, taken := t.receipts.rows[of]; taken {
		return twice("keep a receipt")
	}
	k.At = instant(k.At)
	t.receipts.set(of, ownReceipt(k))
	return nil
}
