package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// Move sets every tag of the plan to the digest, or none: when one of them
// points at something that nobody expected, nothing is put.
//
// It may be repeated at any time. What became of a tag is what reading it
// afterwards shows, whatever the answer to the put was: a connection that was
// cut, a registry that says 201 and stores nothing, and one whose tags are
// immutable all end the same way. An error means that it is not known, or that
// it did not happen; the moves that come with it are those that are known.
//
// For one tag and a warm connection it takes four requests, three of them one
// after the other, and one when the tag is there already and was seen there when
// the move was planned.
func (c *Client) Move(ctx context.Context, w promotion.MoveWork) ([]promotion.Move, error) {
	source, readings, err := c.survey(ctx, w)
	if err != nil {
		return nil, err
	}
	if moves := conflicts(w, readings); moves != nil {
		return moves, nil
	}
	var moves []promotion.Move
	for i, target := range w.Targets {
		if readings[i] == w.Digest {
			moves = append(moves, promotion.Move{Tag: target.Tag, Outcome: promotion.MoveAlready, Found: w.Digest})
			continue
		}
		move, err := c.set(ctx, w, target, source)
		if err != nil {
			return moves, err
		}
		moves = append(moves, move)
		if move.Outcome == promotion.MoveConflict {
			for _, later := range w.Targets[i+1:] {
				moves = append(moves, promotion.Move{Tag: later.Tag, Outcome: promotion.MoveSkipped, Detail: "not attempted after the conflict"})
			}
			break
		}
	}
	return moves, nil
}

// survey reads every target tag and, at the same time, the source by its digest,
// unless the plan has all of them there already.
func (c *Client) survey(ctx context.Context, w promotion.MoveWork) (source wire.Manifest, readings []promotion.Digest, err error) {
	at := wire.At(w.Repository)
	readings = make([]promotion.Digest, len(w.Targets))
	var sourceErr error
	read := func(ctx context.Context) {
		if source, sourceErr = c.wire.Manifest(ctx, at, string(w.Digest)); sourceErr == nil {
			_, sourceErr = parse(w.Repository, source)
		}
	}
	g, each := errgroup.WithContext(ctx)
	g.SetLimit(wire.PerHost)
	early := slices.ContainsFunc(w.Targets, func(target promotion.Target) bool { return target.Now != w.Digest })
	if early {
		g.Go(func() error { read(each); return nil }) // whether it is needed is not known yet
	}
	for i, target := range w.Targets {
		g.Go(func() error {
			var err error
			if target.Now == "" {
				readings[i], err = c.wire.ReadBack(each, at, target.Tag) // only a body shows that a registry says so
			} else {
				readings[i], err = c.wire.Head(each, at, target.Tag)
			}
			return err
		})
	}
	err = g.Wait()
	if err == nil && slices.ContainsFunc(readings, func(d promotion.Digest) bool { return d != w.Digest }) { // else they prove that it is there
		if !early {
			read(ctx)
		}
		err = sourceErr
	}
	if promotion.KindOf(err) == promotion.Forbidden {
		// An attempt before this one may have put a tag: not being let in is no
		// reason to say that it failed.
		err = promotion.Errorf(promotion.Unavailable, "%w", err)
	}
	return source, readings, err
}

// conflicts are the moves when some tag is not what was expected: then nothing
// is put. Nil when everything is as planned.
func conflicts(w promotion.MoveWork, readings []promotion.Digest) []promotion.Move {
	moves, found := make([]promotion.Move, len(w.Targets)), false
	for i, target := range w.Targets {
		m := promotion.Move{Tag: target.Tag, Found: readings[i], Outcome: promotion.MoveSkipped, Detail: "not attempted because of the conflict"}
		switch {
		case readings[i] == w.Digest:
			m.Outcome, m.Detail = promotion.MoveAlready, ""
		case readings[i] == "" && target.Now == "", target.Floating && readings[i] == target.Now:
		default:
			found = true
			m.Outcome, m.Detail = promotion.MoveConflict, surprise(target, readings[i])
		}
		moves[i] = m
	}
	if !found {
		return nil
	}
	return moves
}

func surprise(target promotion.Target, found promotion.Digest) string {
	expected := "nothing"
	if target.Now != "" {
		expected = target.Now.Short()
	}
	if found == "" {
		return fmt.Sprintf("%s is gone; it was expected to point at %s", target.Tag, expected)
	}
	return fmt.Sprintf("%s points at %s; it was expected to point at %s", target.Tag, found.Short(), expected)
}

// set puts the manifest under the tag and reads back what is there.
func (c *Client) set(ctx context.Context, w promotion.MoveWork, target promotion.Target, source wire.Manifest) (promotion.Move, error) {
	tag := target.Tag
	_, putErr := c.wire.Put(ctx, wire.At(w.Repository), tag, source)
	found, err := c.wire.ReadBack(ctx, wire.At(w.Repository), tag)
	move := promotion.Move{Tag: tag, Found: found}
	switch {
	case err != nil:
		return move, promotion.Errorf(promotion.Unavailable, "%s was put in %s and can't be read back: %w", tag, w.Repository, errors.Join(err, putErr))
	case found == w.Digest:
		move.Outcome = promotion.MoveDone
		return move, nil
	case putErr != nil:
		return move, putErr // it was refused, and nothing else happened
	case found == target.Now, found == "":
		return move, promotion.Errorf(promotion.Unavailable, "%s accepted the tag %s and does not have it", w.Repository, tag)
	}
	move.Outcome, move.Detail = promotion.MoveConflict, fmt.Sprintf("%s was put and points at %s: somebody else moves it too", tag, found.Short())
	return move, nil
}
