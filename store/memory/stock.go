package memory

import (
	"cmp"
	"slices"

	"github.com/promotebot/promotebot/promotion"
)

func copiedStock(s promotion.Stock) promotion.Stock {
	s.Others = slices.Clone(s.Others)
	s.Since, s.ReadAt, s.Blind = instantOrNil(s.Since), instantOrNil(s.ReadAt), instantOrNil(s.Blind)
	return s
}

func (t *tx) Stocks(app string) (found []promotion.Stock, err error) {
	for _, s := range t.stocks.rows {
		if s.App == app {
			found = append(found, copiedStock(s))
		}
	}
	slices.SortFunc(found, func(a, b promotion.Stock) int {
		return cmp.Or(cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.Target, b.Target))
	})
	return found, nil
}

func (t *tx) SaveStock(s promotion.Stock) error {
	const what = "save a stock"
	if err := t.writable(); err != nil {
		return err
	}
	_, exists := t.promotions.rows[s.Promotion]
	switch {
	case !exists:
		return forbidden(what, "promotion")
	case s.App == "" || s.Environment == "" || s.Target == "":
		return forbidden(what, "app, environment or target")
	case (s.Blind == nil) != (s.Fault == ""):
		return forbidden(what, "blind exactly when there is a fault")
	}
	t.stocks.set(stockKey{s.App, s.Environment, s.Target}, copiedStock(s))
	return nil
}
