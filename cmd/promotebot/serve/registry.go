package serve

import (
	"context"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/pipeline"
	"github.com/promotebot/promotebot/promotion/registry"
)

// performRegistry says which call of the registry client performs which
// effect.
func performRegistry(c *registry.Client) map[promotion.EffectKind]pipeline.Perform {
	return map[promotion.EffectKind]pipeline.Perform{
		promotion.EffectInspect: func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
			w, err := promotion.Work[promotion.InspectWork](e)
			if err != nil {
				return promotion.Result{}, err
			}
			image, err := c.Inspect(ctx, w.Repository, w.Digest)
			return promotion.Result{Image: &image}, err
		},
		promotion.EffectReadTags: func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
			w, err := promotion.Work[promotion.ReadTagsWork](e)
			if err != nil {
				return promotion.Result{}, err
			}
			readings, err := c.ReadTags(ctx, w.Repository, w.Tags)
			return promotion.Result{Tags: readings}, err
		},
		promotion.EffectCompare: func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
			w, err := promotion.Work[promotion.CompareWork](e)
			if err != nil {
				return promotion.Result{}, err
			}
			readings, err := c.ReadTags(ctx, w.Repository, w.Tags)
			return promotion.Result{Tags: readings}, err
		},
		promotion.EffectResolve: func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
			w, err := promotion.Work[promotion.ResolveWork](e)
			if err != nil {
				return promotion.Result{}, err
			}
			d, err := c.Resolve(ctx, w.Repositories, w.Tag)
			return promotion.Result{Digest: d}, err
		},
		promotion.EffectProve: func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
			w, err := promotion.Work[promotion.ProveWork](e)
			if err != nil {
				return promotion.Result{}, err
			}
			proof, err := c.Prove(ctx, w)
			return promotion.Result{Proof: &proof}, err
		},
		promotion.EffectAttested: func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
			w, err := promotion.Work[promotion.ProvenanceWork](e)
			if err != nil {
				return promotion.Result{}, err
			}
			found, err := c.Attested(ctx, w)
			return promotion.Result{Attested: &found}, err
		},
		promotion.EffectMove: func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
			w, err := promotion.Work[promotion.MoveWork](e)
			if err != nil {
				return promotion.Result{}, err
			}
			moves, err := c.Move(ctx, w)
			return promotion.Result{Moves: moves}, err
		},
		promotion.EffectUndo: func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
			w, err := promotion.Work[promotion.UndoWork](e)
			if err != nil {
				return promotion.Result{}, err
			}
			var all []promotion.Move
			for _, back := range w.Moves {
				moves, err := c.Move(ctx, back)
				all = append(all, moves...)
				if err != nil {
					return promotion.Result{Moves: all}, err
				}
			}
			return promotion.Result{Moves: all}, nil
		},
	}
}
