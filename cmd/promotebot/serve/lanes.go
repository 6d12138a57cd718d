package serve

import (
	"context"
	"log/slog"

	"github.com/promotebot/promotebot/bot/chat"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/pipeline"
	"github.com/promotebot/promotebot/promotion/registry"
)

// How many effects of a lane are performed at a time: enough for a busy
// morning, few enough to be a polite client.
const (
	registryWidth = 8
	copyWidth     = 2
	slackWidth    = 4
	homesWidth    = 1 // one after the other: two versions of a home would race
	clockWidth    = 1
	deployWidth   = 8
	measureWidth  = 8
	observeWidth  = 64 // programs, and looks that wait for something to change, each take a place for as long as they last
)

// Progress takes how far a copy has come; its error ends the copy.
type Progress func(ctx context.Context, e promotion.Effect, c promotion.Copy) error

// Wanted says by its error that an order is not to be given, or followed, any more.
type Wanted func(ctx context.Context, e promotion.Effect) error

// Lanes perform every kind of effect that there is.
func Lanes(queue pipeline.Queue, report pipeline.Report, progress Progress, wanted Wanted, client *registry.Client, targets *Deployers, meters *Meters, c *chat.Chat, owner string, log *slog.Logger) []*pipeline.Lane {
	lane := func(name string, width int, perform map[promotion.EffectKind]pipeline.Perform) *pipeline.Lane {
		return &pipeline.Lane{Name: name, Width: width, Perform: perform, Queue: queue, Report: report, Owner: owner, Log: log}
	}
	due := func(context.Context, promotion.Effect) (promotion.Result, error) { return promotion.Result{}, nil }
	// Apart, so that gigabytes under way hold up no tag.
	copies := lane("copy", copyWidth, map[promotion.EffectKind]pipeline.Perform{promotion.EffectCopy: performCopy(client, progress)})
	copies.Long = map[promotion.EffectKind]bool{promotion.EffectCopy: true}
	// Apart from the orders, so that what takes long holds up none.
	looks := lane("observe", observeWidth, map[promotion.EffectKind]pipeline.Perform{promotion.EffectObserve: targets.performObserve(wanted)})
	looks.Long = map[promotion.EffectKind]bool{promotion.EffectObserve: true}
	return []*pipeline.Lane{
		lane("registry", registryWidth, performRegistry(client)),
		copies,
		lane("deploy", deployWidth, map[promotion.EffectKind]pipeline.Perform{promotion.EffectDeploy: targets.performDeploy(wanted)}),
		looks,
		// Apart from what people wait for.
		lane("stock", measureWidth, map[promotion.EffectKind]pipeline.Perform{promotion.EffectStock: targets.performStock()}),
		// Apart, so that a Prometheus that takes its time holds up nobody but itself.
		lane("measure", measureWidth, map[promotion.EffectKind]pipeline.Perform{promotion.EffectMeasure: meters.perform()}),
		// Cards, replies and private answers apart: Slack limits how often each is sent,
		// and what waits for that holds up nothing else.
		lane("cards", slackWidth, map[promotion.EffectKind]pipeline.Perform{promotion.EffectCard: c.DrawCard}),
		lane("replies", slackWidth, map[promotion.EffectKind]pipeline.Perform{promotion.EffectNotice: c.PostNotice, promotion.EffectDigest: c.PostDigest}),
		lane("answers", slackWidth, map[promotion.EffectKind]pipeline.Perform{promotion.EffectTell: c.Tell, promotion.EffectSay: c.Say}),
		// Apart, so that reading a large user group holds up no card.
		lane("people", slackWidth, map[promotion.EffectKind]pipeline.Perform{
			promotion.EffectPerson: c.ReadPerson, promotion.EffectGroup: c.ReadGroup, promotion.EffectChannel: c.ReadChannel,
		}),
		// Apart, so that a busy hour, in which every home changes, holds up no card.
		lane("homes", homesWidth, map[promotion.EffectKind]pipeline.Perform{promotion.EffectHome: c.ShowHome}),
		// Apart for the same reason: at nine o'clock everybody is reminded.
		lane("direct", slackWidth, map[promotion.EffectKind]pipeline.Perform{promotion.EffectDirect: c.Remind}),
		lane("clock", clockWidth, map[promotion.EffectKind]pipeline.Perform{
			promotion.EffectWake: due, promotion.EffectRemind: due, promotion.EffectRefresh: due, promotion.EffectStirred: due,
			promotion.EffectNudge: due, promotion.EffectAgain: due, promotion.EffectCallOn: due, promotion.EffectSum: due,
		}),
	}
}
