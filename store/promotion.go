package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

const columns = `id, app, from_env, to_env, repository, digest, source_tag, requester, captures, state, reason, successor, revision,
	policy_hash, image, targets, plan_fault, read_fault, moves, observed_at, opened_at, soaked_at, started_at, finished_at,
	card_channel, card_ts, card_revision, destination, copy, purpose, train, on_failure, ended_by, way_back, plan, broken, review_due, former, card_link, moved_at, watch_until, back, undone_by, reminded_at, provenance`

func scanPromotion(r row) (promotion.Promotion, error) {
	var p promotion.Promotion
	var captures, targets, moves string
	var image, copied, way, broken, former, back, provenance sql.NullString
	var successor, train, undone *int64
	var observed, opened int64
	var moved, watch *int64
	var soaked, started, finished, reminded, due *int64 // due is what broken says, for whoever looks for it
	err := r.Scan(&p.ID, &p.App, &p.From, &p.To, &p.Repository, &p.Digest, &p.SourceTag, &p.Requester, &captures, &p.State, &p.Reason, &successor, &p.Revision,
		&p.PolicyHash, &image, &targets, &p.PlanFault, &p.ReadFault, &moves, &observed, &opened, &soaked, &started, &finished,
		&p.Card.Channel, &p.Card.TS, &p.Card.Revision, &p.Destination, &copied, &p.Purpose, &train, &p.OnFailure, &p.EndedBy, &way, &p.Plan, &broken, &due, &former, &p.Card.Link, &moved, &watch, &back, &undone, &reminded, &provenance)
	if err != nil {
		return p, err
	}
	p.Successor, p.Train, p.UndoneBy = idOrNone(successor), idOrNone(train), idOrNone(undone)
	p.ObservedAt, p.OpenedAt = at(observed), at(opened)
	p.SoakedAt, p.StartedAt, p.FinishedAt, p.RemindedAt = atOrNil(soaked), atOrNil(started), atOrNil(finished), atOrNil(reminded)
	p.MovedAt, p.WatchUntil = atOrNil(moved), atOrNil(watch)
	if p.Image, err = unmarshal[promotion.Image](image); err != nil {
		return p, err
	}
	if p.Copy, err = unmarshal[promotion.Copy](copied); err != nil {
		return p, err
	}
	if p.WayBack, err = unmarshal[promotion.WayBack](way); err != nil {
		return p, err
	}
	if p.Broken, err = unmarshal[promotion.Broken](broken); err != nil {
		return p, err
	}
	if p.Former, err = unmarshal[promotion.Former](former); err != nil {
		return p, err
	}
	if p.Back, err = unmarshal[promotion.Back](back); err != nil {
		return p, err
	}
	if p.Provenance, err = unmarshal[promotion.Provenance](provenance); err != nil {
		return p, err
	}
	return p, errors.Join(json.Unmarshal([]byte(captures), &p.Captures), json.Unmarshal([]byte(targets), &p.Targets), json.Unmarshal([]byte(moves), &p.Moves))
}

func idOrNone(n *int64) promotion.ID {
	if n == nil {
		return 0
	}
	return promotion.ID(*n)
}

func orNull(id promotion.ID) *int64 {
	if id == 0 {
		return nil
	}
	n := int64(id)
	return &n
}

// unmarshal reads JSON that may be absent.
func unmarshal[T any](text sql.NullString) (*T, error) {
	if !text.Valid {
		return nil, nil
	}
	v := new(T)
	return v, json.Unmarshal([]byte(text.String), v)
}

// values are the arguments for columns, in their order.
func values(p promotion.Promotion) ([]any, error) {
	captures, err1 := marshal(p.Captures)
	targets, err2 := marshal(p.Targets)
	moves, err3 := marshal(p.Moves)
	image, err4 := marshalOrNull(p.Image)
	copied, err5 := marshalOrNull(p.Copy)
	way, err6 := marshalOrNull(p.WayBack)
	broken, err7 := marshalOrNull(p.Broken)
	former, err8 := marshalOrNull(p.Former)
	back, err9 := marshalOrNull(p.Back)
	provenance, err10 := marshalOrNull(p.Provenance)
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9, err10); err != nil {
		return nil, err
	}
	return []any{int64(p.ID), p.App, p.From, p.To, string(p.Repository), string(p.Digest), p.SourceTag, string(p.Requester), captures, string(p.State), p.Reason, orNull(p.Successor), p.Revision,
		p.PolicyHash, image, targets, p.PlanFault, p.ReadFault, moves, micros(p.ObservedAt), micros(p.OpenedAt), microsOrNull(p.SoakedAt), microsOrNull(p.StartedAt), microsOrNull(p.FinishedAt),
		p.Card.Channel, p.Card.TS, p.Card.Revision, string(p.Destination), copied, string(p.Purpose), orNull(p.Train), string(p.OnFailure), string(p.EndedBy), way, p.Plan, broken, microsOrNull(p.Owed()), former, p.Card.Link,
		microsOrNull(p.MovedAt), microsOrNull(p.WatchUntil), back, orNull(p.UndoneBy), microsOrNull(p.RemindedAt), provenance}, nil
}

func marshalOrNull[T any](v *T) (*string, error) {
	if v == nil {
		return nil, nil
	}
	text, err := marshal(v)
	return &text, err
}

func marshal(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode %T for the database: %w", v, err)
	}
	return string(b), nil
}

func (t *tx) Promotion(id promotion.ID) (promotion.Promotion, error) {
	p, err := scanPromotion(t.row(`SELECT `+columns+` FROM promotion WHERE id = $1`, int64(id)))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return p, promotion.Errorf(promotion.NotFound, "there is no promotion #%d", id)
	case err != nil:
		return p, broken("read a promotion", err)
	}
	return p, nil
}

func (t *tx) Promotions(q gate.Query) ([]promotion.Promotion, error) {
	query, args := selection(q)
	found, err := scan(t, "read promotions", scanPromotion, query, args...)
	if q.After != 0 {
		slices.Reverse(found)
	}
	return found, err
}

// selection is the statement for a query. What it costs must depend on what is
// found, not on how much is past: the planner has no statistics, so it is told
// by the form of the statement which index to use.
func selection(q gate.Query) (query string, args []any) {
	where := []string{"1 = 1"}
	and := func(condition string, value any) {
		args = append(args, value)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if q.App != "" && (q.Unreviewed || q.FinishedSince != nil && q.ObservedAfter == nil) { // of which there are few, whatever the app
		and("app || '' = $%d", q.App)
	} else if q.App != "" {
		and("app = $%d", q.App)
	}
	if q.From != "" {
		and("from_env = $%d", q.From)
	}
	if q.To != "" {
		and("to_env = $%d", q.To)
	}
	if q.Digest != "" {
		and("digest = $%d", string(q.Digest))
	}
	if q.DigestPrefix != "" {
		and("substr(digest, 8, length($%[1]d)) = $%[1]d", q.DigestPrefix)
	}
	order := "id"
	if len(q.States) > 0 {
		where = append(where, states(q.States))
		order = "+id" // sorts what is found, instead of walking through everything in the order of the key
		if slices.Equal(q.States, []promotion.State{promotion.Promoted}) && q.Limit > 0 && q.Digest == "" && q.ObservedAfter == nil {
			order = "id" // which an index has
		}
	}
	if len(q.Purposes) > 0 {
		where = append(where, "purpose IN ("+in(&args, q.Purposes)+")")
	}
	if q.Train != 0 {
		and("train = $%d", int64(q.Train))
	}
	if q.Successor != 0 {
		and("successor = $%d", int64(q.Successor))
	}
	if q.Apart {
		where = append(where, "train IS NULL")
	}
	if q.NotSucceeded {
		where = append(where, "successor IS NULL")
	}
	if q.Rollbacks {
		where = append(where, "back IS NOT NULL")
	}
	if q.Standing {
		where = append(where, "undone_by IS NULL")
	}
	if q.Unreviewed {
		where, order = append(where, "review_due IS NOT NULL"), "+id"
	}
	if q.ApprovedBy != "" {
		and("EXISTS (SELECT 1 FROM vote WHERE vote.promotion = promotion.id AND vote.person = $%d AND vote.decision = 'approve')", string(q.ApprovedBy))
	}
	if q.SignedBy != "" {
		and("EXISTS (SELECT 1 FROM check_report WHERE check_report.app = promotion.app AND check_report.digest = promotion.digest AND check_report.person = $%d)", string(q.SignedBy))
	}
	if q.ObservedAfter != nil {
		and("observed_at > $%d", micros(*q.ObservedAfter))
	}
	if q.FinishedSince != nil {
		and("finished_at >= $%d", micros(*q.FinishedSince))
		order = "+id"
	}
	if q.Before != 0 {
		and("id < $%d", int64(q.Before))
	}
	if q.CardTS != "" {
		and("card_ts = $%d", q.CardTS)
		and("card_channel = $%d", q.CardChannel)
		order = "+id"
	}
	direction := " DESC"
	if q.After != 0 {
		and("id > $%d", int64(q.After))
		direction = " ASC"
	}
	query = `SELECT ` + columns + ` FROM promotion WHERE ` + strings.Join(where, " AND ") + ` ORDER BY ` + order + direction
	if q.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d OFFSET %d", q.Limit, q.Skip)
	}
	return query, args
}

// states is written out as constants, not as parameters, a single one as an
// equation, and of live ones it says that they have not finished: only then
// does the planner see that a partial index covers the query.
func states(list []promotion.State) string {
	var quoted []string
	for _, s := range list {
		quoted = append(quoted, "'"+string(s)+"'")
	}
	condition := "state IN (" + strings.Join(quoted, ", ") + ")"
	if len(list) == 1 {
		condition = "state = " + quoted[0]
	}
	if !slices.ContainsFunc(list, promotion.State.Final) {
		condition += " AND finished_at IS NULL"
	}
	return condition
}

func (t *tx) AddPromotion(p *promotion.Promotion) error {
	id, err := t.sequence("promotion")
	if err != nil {
		return err
	}
	p.ID = promotion.ID(id)
	args, err := values(*p)
	if err != nil {
		return err
	}
	var marks []any
	mark := in(&marks, args)
	_, err = t.exec("open a promotion", `INSERT INTO promotion (`+columns+`) VALUES (`+mark+`)`, args...)
	return err
}

func (t *tx) SavePromotion(p promotion.Promotion, was int64) error {
	args, err := values(p)
	if err != nil {
		return err
	}
	var set []string
	for i, column := range strings.Split(columns, ",") {
		set = append(set, fmt.Sprintf("%s = $%d", strings.TrimSpace(column), i+1))
	}
	query := fmt.Sprintf(`UPDATE promotion SET %s WHERE id = $1 AND revision = $%d`, strings.Join(set[1:], ", "), len(args)+1)
	return t.changed(fmt.Sprintf("save promotion #%d", p.ID), query, append(args, was)...)
}
