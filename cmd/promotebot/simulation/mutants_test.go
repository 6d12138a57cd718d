package simulation

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// A rule that was never seen to fail proves nothing. So each rule is taken out of
// the real code, one at a time, and the simulation has to notice within ten
// thousand schedules. The bugs are small changes to the text of the source, put
// in by go build's -overlay: production code has no switch for them, what is
// tried is what ships, and that a bug is found proves two things, that the judge
// sees it and that the line it changes is needed. When such a line is rewritten,
// the test that the bugs still apply says so at once.

var mutate = flag.String("mutants", "", "put known bugs into the code and see them found: all of them, or one for each of the rules R1 to R10 and of the invariants")

// mutant is a bug. It was never there, unless it says so.
type mutant struct {
	rule string
	bug  string
	in   []edit
}

// edit replaces a text that occurs once in a file of the module.
type edit struct{ file, old, new string }

var mutants = []mutant{
	{"R1 commit, then acknowledge", "a gesture is acknowledged though its commit failed", []edit{
		{"promotion/gate/take.go", "		answer, err = t.take(gesture)\n		return err\n	})\n	return answer, err", "		answer, err = t.take(gesture)\n		return err\n	})\n	_ = err\n	return answer, nil"},
	}},
	{"R2 stable keys", "the time of delivery is part of a gesture's key", []edit{
		{"promotion/gate/take.go", "	_, decided, err := t.Gesture(g.Key)\n	switch", "	g.Key += t.now.String()\n	_, decided, err := t.Gesture(g.Key)\n	switch"},
	}},
	{"R2 stable keys", "the attempt is part of the key of a message, so that a retried one is a new one", []edit{
		{"bot/chat/post.go", "message(m, event, e.Key), more...", "message(m, event, e.Key+string(rune('a'+e.Attempt))), more..."},
	}},
	{"R3 intent first", "tags are moved while the promotion is still open, and the intent is written afterwards", []edit{
		{"promotion/gate/settle.go", "	if err := p.Step(promotion.Executing, \"\", t.now); err != nil {\n		return err\n	}\n	approvals", "	approvals"},
		{"promotion/gate/settle.go", "	if err := t.record(audit.Intended, p, detail); err != nil {", "	if err := error(nil); err != nil {"},
		{"promotion/gate/report.go", "	p.Moves, p.ReadFault = moves, \"\"\n", "	p.Moves, p.ReadFault = moves, \"\"\n	if err := errors.Join(p.Step(promotion.Executing, \"\", t.now), t.record(audit.Intended, p, nil)); err != nil {\n		return err\n	}\n"},
	}},
	{"R4 decided anew at the intent", "who the approvers are is not read again before the execution", []edit{
		{"promotion/policy/policy.go", "	if v.Outcome == Met {\n		who", "	if v.Outcome == Met && now.IsZero() {\n		who"},
	}},
	{"R4 decided anew at the intent", "an approval counts for whatever has become of the promotion since", []edit{
		{"promotion/policy/ballots.go", "			refusal = vote.Terms.Differs(terms)", "			_ = terms"},
	}},
	{"R4 decided anew at the intent", "the policy of the day on which it was opened decides", []edit{
		{"promotion/gate/settle.go", "p.PolicyHash != hash {", "p.PolicyHash == \"\" {"},
	}},
	{"R5 one execution for a target", "two promotions move the same tags at the same time", []edit{
		{"promotion/policy/target.go", "	case f.Executing != 0:", "	case f.Executing < 0:"},
		{"store/memory/promotion.go", " || other.State.Moves() && p.State.Moves() {", " {"},
	}},
	{"R6 leases outlive calls", "a call may take longer than its lease lasts", []edit{
		{"promotion/pipeline/pipeline.go", "		return context.WithDeadline(ctx, e.LeaseUntil.Add(-margin))", "		return context.WithTimeout(ctx, 10*timeout)"},
	}},
	{"R7 read, put, read", "a tag is put whatever it points at", []edit{
		{"promotion/registry/move.go", "	if moves := conflicts(w, readings); moves != nil {", "	if moves := conflicts(w, readings); moves == nil && readings == nil {"},
	}},
	{"R7 read, put, read", "a registry that says 201 is believed", []edit{
		{"promotion/registry/move.go", "	found, err := c.wire.ReadBack(ctx, wire.At(w.Repository), tag)\n", "	found, err := w.Digest, putErr\n"},
	}},
	{"R8 every transition is a revision", "a transition does not bump the revision", []edit{
		{"promotion/state.go", "	p.Touch()\n	return nil", "	return nil"},
	}},
	{"R9 one renderer, shown when Slack says so", "a card counts as drawn whatever Slack answers", []edit{
		{"bot/chat/perform.go", "		return promotion.Result{}, apiError(methodUpdate, err)", "		return promotion.Result{Card: &card}, nil"},
	}},
	{"R9 one renderer, shown when Slack says so", "each revision of a card is drawn on its own", []edit{
		{"promotion/gate/effects.go", "fmt.Sprintf(\"card/%d\", on)", "fmt.Sprintf(\"card/%d/%d\", on, p.Revision)"},
	}},
	{"R9 one renderer, shown when Slack says so", "a card that may have been posted is posted again", []edit{
		{"bot/chat/perform.go", "	if ts == \"\" && e.Attempt > 1 {", "	if ts == \"\" && e.Attempt > 1000 {"},
	}},
	{"R10 people, and not the requester", "the requester counts", []edit{
		{"promotion/policy/approvals.go", "	if !d.RequesterMayApprove && f", "	if !d.RequesterMayApprove && id == \"\" && f"},
	}},
	{"R10 people, and not the requester", "one person fills a slot for each role", []edit{
		{"promotion/policy/ballots.go", "			b.voters = append(b.voters, s.voter)\n", "			for i := range p.roles {\n				if s.roles>>i&1 == 1 {\n					b.voters = append(b.voters, voter{s.person, 1 << i, 1 << i, s.votes})\n				}\n			}\n"},
	}},
	{"what is taken back does not count", "an approval that was taken back counts", []edit{
		{"promotion/gate/withdraw.go", "	if err := t.SaveVote(v); err != nil {", "	v.Decision = promotion.Approve\n	if err := t.SaveVote(v); err != nil {"},
	}},
	{"nothing but lifting undoes a rejection", "anybody lifts a rejection", []edit{
		{"promotion/policy/veto.go", "	if (by == \"\" || ", "	if id == \"\" && (by == \"\" || "},
	}},
	{"nothing but lifting undoes a rejection", "a rejection is lifted whatever came after it", []edit{
		{"promotion/gate/veto.go", "	old.Successor = shownAs(p)\n", ""},
	}},
	{"an older one never overwrites a newer one", "nothing is asked of what was promoted before", []edit{
		{"promotion/policy/target.go", "	if f.Newer == nil {", "	if f.Newer == nil || f.Newer != nil {"},
	}},
	{"what was taken back stays away", "nothing is held after a rollback", []edit{
		{"promotion/gate/rollback.go", "	if to != promotion.Promoted && !p.HasSet() {", "	if to != \"\" {"},
	}},
	{"what was taken back stays away", "what brought it does not say that it was taken back", []edit{
		{"promotion/gate/rollback.go", "		b.UndoneBy = p.ID\n", ""},
	}},
	{"what was taken back stays away", "a hold holds nothing", []edit{
		{"promotion/policy/stop.go", "	if len(f.Holds) == 0 {", "	if len(f.Holds) >= 0 {"},
	}},
	{"what is withdrawn goes nowhere", "a withdrawal is shown and not heeded", []edit{
		{"promotion/policy/rollback.go", "	if w == nil {\n		return nil\n	}\n	return []Finding", "	if w != nil || w == nil {\n		return nil\n	}\n	return []Finding"},
	}},
	{"a rollback goes to what was there", "it goes to whatever was ever asked about", []edit{
		{"promotion/gate/rollback.go", "To: bad.To, States: []promotion.State{promotion.Promoted}, DigestPrefix", "To: bad.To, DigestPrefix"},
		{"promotion/policy/rollback.go", "		if p.State != promotion.Promoted || p.Purpose", "		if p.Purpose"},
	}},
	{"a rollback goes to what was there", "it is not looked whether that is whole", []edit{
		{"promotion/policy/wayback.go", "|| f.Promotion.Repairs() {", "|| f.Promotion.Stays() {"},
	}},
	{"a rollback takes back what is there", "it goes on when something else has come", []edit{
		{"promotion/gate/rollback.go", "o.Back.Bad != p.Digest\n", "o.Back.Bad == p.Digest\n"},
	}},
	{"a rollback is agreed to", "asking counts whatever the policy says of it", []edit{
		{"promotion/policy/rollback.go", "RequesterMayApprove: !r.RequesterCannotApprove,", "RequesterMayApprove: true,"},
	}},
	{"one entry for each transition", "the log is written after the commit", []edit{
		{"promotion/gate/gate.go", "	err := g.store.Update(ctx, func(tx Tx) error {\n		t := &turn{Tx: tx,", "	var later []audit.Entry\n	err := g.store.Update(ctx, func(tx Tx) error {\n		t := &turn{later: &later, Tx: tx,"},
		{"promotion/gate/gate.go", "	if err == nil {\n		g.poke()", "	for _, e := range later {\n		if err == nil {\n			err = g.store.Update(ctx, func(tx Tx) error { return tx.AppendAudit(e) })\n		}\n	}\n	if err == nil {\n		g.poke()"},
		{"promotion/gate/gate.go", "	return t.AppendAudit(e)\n", "	*t.later = append(*t.later, e)\n	return nil\n"},
		{"promotion/gate/gate.go", "	actor   string\n", "	actor   string\n	later   *[]audit.Entry\n"},
	}},
	{"what is acknowledged is decided", "a gesture that waits for a reading is forgotten", []edit{
		{"promotion/gate/directory.go", "	if err := t.undecided(unknown{}, anyone); err != nil { // what another does", "	if err := t.undecided(unknown{}, func(promotion.Gesture) bool { return false }); err != nil { // what another does"},
	}},
	{"nothing is stuck", "an effect is done when it has been tried", []edit{
		{"promotion/gate/report.go", "	if again {\n		return t.postponed", "	if again && due.IsZero() {\n		return t.postponed"},
	}},
	{"every promotion ends or waits for a reason", "whoever waited for a conflict is not given a turn (it was there)", []edit{
		{"promotion/gate/arrive.go", "	if !brings {\n		return t.nextTurn(p)\n	}\n", "	if !brings {\n		if to == promotion.Conflicted {\n			return nil\n		}\n		return t.nextTurn(p)\n	}\n"},
	}},
	{"cards show what is so", "who could approve is looked at only where they have (it was there)", []edit{
		{"promotion/gate/directory.go", "		return t.settleAll(Query{States: []promotion.State{promotion.Open}}, true)\n	}\n	if err := t.settleAll(Query{ApprovedBy", "		return t.settleAll(Query{ApprovedBy: who.ID, States: []promotion.State{promotion.Open}}, true)\n	}\n	if err := t.settleAll(Query{ApprovedBy"},
	}},
	{"cards show what is so", "a changed configuration redraws only what its policy changes (it was there)", []edit{
		{"promotion/gate/begin.go", "		p.Touch() // the card shows", "		// the card shows"},
	}},
	{"what is believed of tags is so", "a look is news when it says other things than the last (it was there)", []edit{
		{"promotion/registry/watch.go", "	err := w.opts.Report(ctx, []promotion.Sighting{s})\n", "	if key := l.key(); seen[w][key] == fmt.Sprint(s.Tags, s.Fault) {\n		return\n	}\n	err := w.opts.Report(ctx, []promotion.Sighting{s})\n	if err == nil {\n		remember(w, l.key(), fmt.Sprint(s.Tags, s.Fault))\n	}\n"},
		{"promotion/registry/watch.go", "// see says what", "var seen, seeing = map[*Watcher]map[string]string{}, sync.Mutex{}\n\nfunc remember(w *Watcher, key, said string) {\n	seeing.Lock()\n	defer seeing.Unlock()\n	if seen[w] == nil {\n		seen[w] = map[string]string{}\n	}\n	seen[w][key] = said\n}\n\n// see says what"},
		{"promotion/registry/watch.go", "	\"errors\"\n", "	\"errors\"\n	\"fmt\"\n"},
	}},
	{"what is believed of tags is so", "a destination is watched where its images come from (it was there)", []edit{
		{"cmd/promotebot/serve/serve.go", "Environment: env.Name, Repository: app.In(env.Name)}", "Environment: env.Name, Repository: app.Repository}"},
	}},
	{"cards show what is so", "what is read of a ride after its train has ended is not shown (it was there)", []edit{
		{"promotion/gate/train.go", "			if marked[id] { // its", "			if marked[id] && !p.State.Final() { // its"},
	}},
	{"unknown is tried until it is known", "a move that could not be made is given up", []edit{
		{"promotion/gate/report.go", "	switch e.Kind {\n	case promotion.EffectTell, promotion.EffectSay:\n		again =", "	switch e.Kind {\n	case promotion.EffectMove:\n		again = false\n	case promotion.EffectTell, promotion.EffectSay:\n		again ="},
	}},
	{"copied, compared, then tagged", "the execution does not wait for the copy", []edit{
		{"promotion/policy/policy.go", "	if v.Outcome == Met {\n		brought", "	if v.Outcome == Met && now.IsZero() {\n		brought"},
	}},
	{"copied, compared, then tagged", "what is attached is not looked for where it went", []edit{
		{"promotion/registry/transfer/attach.go", "	listed, err := j.referrers(ctx, j.to, subject, &j.noAPI.to)\n", "	var listed []closure.Descriptor\n	for _, d := range digests {\n		listed = append(listed, closure.Descriptor{Digest: d})\n	}\n	var err error\n"},
	}},
	{"copied, compared, then tagged", "the image is not read where it went", []edit{
		{"promotion/registry/transfer/manifests.go", "		return j.readBack(ctx)\n", "		return nil\n"},
	}},
	{"copied, compared, then tagged", "a copy that is broken off counts as done", []edit{
		{"promotion/gate/report.go", "	if e.Kind == promotion.EffectCopy {\n", "	if e.Kind == promotion.EffectCopy {\n		if r.Copy != nil && r.Copy.Manifests.Done > 0 {\n			return errors.Join(t.FinishEffect(e, t.now), t.brought(e, *r.Copy))\n		}\n"},
	}},
	{"nothing is sent before it is approved", "it is copied as soon as nothing forbids it", []edit{
		{"promotion/policy/policy.go", "	if v.Outcome == Met {\n		brought", "	if v.Outcome != Blocked {\n		brought"},
	}},
	{"a train is decided as one", "only what it carries first is asked whether it may go", []edit{
		{"promotion/policy/ride.go", "	for _, r := range f.Rides {\n		r.Rosters", "	for _, r := range f.Rides[:1] {\n		r.Rosters"},
	}},
	{"a train is decided as one", "what people agree to are the tags, and not what they point at", []edit{
		{"promotion/train.go", "			t.Tag = string(r.Destination) + \":\" + t.Tag\n", "			t.Tag = string(r.Destination) + \":\" + t.Tag\n			t.Now = \"\"\n"},
	}},
	{"a train is whole, or taken back", "a ride that has arrived waits for no other, whatever the policy says", []edit{
		{"promotion/gate/ride.go", "	if err != nil || train.OnFailure != promotion.TakeBack ||", "	if err != nil || train.OnFailure != promotion.TakeBack || t.now.After(r.OpenedAt) ||"},
	}},
	{"a train is whole, or taken back", "what fails is taken back, whatever the policy says", []edit{
		{"promotion/gate/ride.go", "train.OnFailure != promotion.TakeBack ||", "train.OnFailure == \"\" ||"},
	}},
	{"a train is whole, or taken back", "a train ends with the first of its rides", []edit{
		{"promotion/gate/ride.go", "	if slices.ContainsFunc(rides, func(r *promotion.Promotion) bool { return !r.State.Final() }) {", "	if !slices.ContainsFunc(rides, func(r *promotion.Promotion) bool { return r.State.Final() }) {"},
	}},
	{"tagged, read back, then deployed", "a target is told with the intent, before any tag is moved", []edit{
		{"promotion/gate/deploy.go", "		if err := t.SaveDeployment(promotion.Deployment{Place: i, Order: order,", "		early := order\n		early.OrderedAt, early.Deadline = t.now, t.now.Add(time.Hour)\n		if err := t.tellTarget(promotion.Deployment{Order: early}); err != nil {\n			return err\n		}\n		if err := t.SaveDeployment(promotion.Deployment{Place: i, Order: order,"},
		{"promotion/gate/calloff.go", "	case p.State == promotion.Deploying:\n", "	case p.State == promotion.Deploying || what == promotion.EffectDeploy:\n"},
	}},
	{"a target is told once", "each attempt is an order of its own", []edit{
		{"promotion/order.go", "key := fmt.Sprintf(\"%d/%s\", o.Promotion, o.Target)", "key := fmt.Sprintf(\"%d/%s/%d\", o.Promotion, o.Target, o.Attempt)"},
	}},
	{"one target after the other", "the next target is told while the one before it is under way", []edit{
		{"promotion/gate/deploy.go", "	if !env.Deploy.Together {", "	if !env.Deploy.Together && t.now.IsZero() {"},
	}},
	{"promoted is running everywhere", "what can't be asked by its deadline counts as done", []edit{
		{"promotion/gate/rollout.go", "	why := f.Text\n", "	if e.Kind == promotion.EffectObserve {\n		return t.heard(p, d, promotion.Rollout{Phase: promotion.RolloutDone})\n	}\n	why := f.Text\n"},
	}},
	{"promoted is running everywhere", "what runs in one target runs in all", []edit{
		{"promotion/gate/deploy.go", "	case done == len(all):", "	case done > 0:"},
	}},
	{"promoted is running everywhere", "a target that has heard of it runs it", []edit{
		{"promotion/deploy/webhook/webhook.go", "\"running\": promotion.RolloutUnder", "\"running\": promotion.RolloutDone"},
	}},
	{"R5 one execution for a target", "another promotion goes ahead while a target is under way", []edit{
		{"promotion/gate/facts.go", "		case other.State.Moves():", "		case other.State == promotion.Executing:"},
		{"store/memory/promotion.go", " || other.State.Moves() && p.State.Moves() {", " || other.State == promotion.Executing && p.State == promotion.Executing {"},
	}},
	{"what fails is decided by people", "what is failing is promoted when nothing else is planned", []edit{
		{"promotion/gate/deploy.go", "		return t.failing(p, undeployed(failed))", "		return t.settled(p)"},
	}},
	{"what fails is decided by people", "a watch ends when it begins", []edit{
		{"promotion/policy/watch.go", "	over := !now.Before(*p.WatchUntil)", "	over := !now.Before(*p.MovedAt)"},
	}},
	{"R10 people, and not the requester", "two accounts of one person are two people", []edit{
		{"promotion/policy/ballots.go", "		person := f.Identities.Of(vote.Person)\n", "		person := vote.Person\n"},
	}},
	{"R10 people, and not the requester", "the requester counts with another account", []edit{
		{"promotion/policy/approvals.go", "f.Promotion.Requester != \"\" && f.Identities.Same(id, f.Promotion.Requester) {", "f.Promotion.Requester == id {"},
	}},
	{"nothing goes ahead that is stopped", "a freeze stops nothing", []edit{
		{"promotion/policy/stop.go", "		case z.At(now):", "		case z.At(now) && z.ID == 0:"},
	}},
	{"nothing goes ahead that is stopped", "an open incident freezes nothing", []edit{
		{"promotion/policy/stop.go", "		if i.ResolvedAt == nil && slices.Contains(d.FreezeOn", "		if i.ResolvedAt != nil && slices.Contains(d.FreezeOn"},
	}},
	{"nothing goes ahead that is stopped", "who holds an app holds none of its builds", []edit{
		{"promotion/gate/facts.go", "return !h.Keeps(p.Digest) })", "return h.Digest != p.Digest })"},
	}},
	{"only good time soaks", "a soak goes on while its environment is not well", []edit{
		{"promotion/policy/soak.go", "		if f.soaksThere(u) {\n			out", "		if f.soaksThere(u) && u.From.IsZero() {\n			out"},
	}},
	{"only good time soaks", "what a soak was before an incident counts after it", []edit{
		{"promotion/policy/soak.go", "promotion.Interval{Until: i.ResolvedAt}) // from ever", "i.Interval())"},
	}},
	{"what has expired counts for nothing", "an approval counts for ever", []edit{
		{"promotion/policy/expiry.go", "e.Approval > 0\n", "e.Approval < 0\n"},
	}},
	{"what has expired counts for nothing", "a request can be met for ever", []edit{
		{"promotion/policy/expiry.go", "d.Expires.Request > 0 && !now.Before(at)\n", "d.Expires.Request > 0 && now.IsZero()\n"},
		{"promotion/policy/expiry.go", "	if d.Expires.Request == 0 {", "	if d.Expires.Request >= 0 {"},
	}},
	{"what has expired counts for nothing", "a request that has expired stays open", []edit{
		{"promotion/gate/settle.go", "; expired && !policy.Breaks(d, f) {", "; expired && t.now.IsZero() {"},
	}},
	{"who goes past a policy may, and answers for it", "anybody breaks the glass", []edit{
		{"promotion/policy/glass.go", "	if !f.Rosters[d.BreakGlass.Role].Has(id) {", "	if d.BreakGlass.Role == \"\" {"},
	}},
	{"who goes past a policy may, and answers for it", "who broke the glass is not read again before the execution", []edit{
		{"promotion/policy/policy.go", "			who, lookups = breaker(d, f, now)", "			who, lookups = nil, nil"},
	}},
	{"who goes past a policy may, and answers for it", "a broken glass holds for whatever becomes of the promotion", []edit{
		{"promotion/policy/glass.go", "	if why := b.Differs(&f.Promotion); why != \"\" {", "	if why := b.Differs(&f.Promotion); why == \"ever\" {"},
	}},
	{"who goes past a policy may, and answers for it", "the log does not say that something was skipped", []edit{
		{"promotion/gate/settle.go", "	if skipped := v.Skipped(); len(skipped) > 0 {", "	if skipped := v.Skipped(); len(skipped) > 100 {"},
	}},
	{"who goes past a policy may, and answers for it", "what was skipped counts as reviewed", []edit{
		{"promotion/gate/settle.go", " = p.Broken.By, skipped\n", " = p.Broken.By, skipped\n		p.Broken.Review = &promotion.Review{By: p.Broken.By, At: t.now, Fine: true}\n"},
	}},
	{"who goes past a policy may, and answers for it", "who broke the glass reviews that with another account", []edit{
		{"promotion/policy/glass.go", "	if f.Identities.Same(id, b.By) {", "	if id == b.By {"},
	}},
	{"evidence is there when it is asked for", "a check that has failed is as good as one that has passed", []edit{
		{"promotion/policy/check.go", "	case r.Status != promotion.CheckPassed:", "	case r.Status != promotion.CheckPassed && r.Status != promotion.CheckFailed:"},
	}},
	{"evidence is there when it is asked for", "a check never grows too old", []edit{
		{"promotion/policy/check.go", "		if !now.Before(until) {", "		if now.Before(r.At) {"},
	}},
	{"evidence is there when it is asked for", "what a check has measured is not compared", []edit{
		{"promotion/policy/check.go", "		case !t.Holds(n):", "		case !t.Holds(n) && n < 0:"},
	}},
	{"evidence is there when it is asked for", "a train is asked for what its first ride has", []edit{
		{"promotion/gate/check.go", "		if err := read(&f.Rides[i]); err != nil {", "		if err := read(&f.Rides[0]); err != nil {"},
	}},
	{"who signs something off has looked, and may", "a machine signs off what people have to look at", []edit{
		{"promotion/policy/check.go", "		return fmt.Sprintf(\"%s: the report by a machine, %s, does not do\", asked, r.Token)", "		return \"\""},
		{"promotion/gate/machine.go", "if len(r.Steps) > 0 && !machine {", "if len(r.Steps) > 100 && !machine {"},
	}},
	{"who signs something off has looked, and may", "whoever asked for it signs it off", []edit{
		{"promotion/policy/check.go", "	if !d.RequesterMayApprove && f.requested(id) {", "	if !d.RequesterMayApprove && id == \"\" {"},
	}},
	{"who signs something off has looked, and may", "who has signed something off is not read again before the execution", []edit{
		{"promotion/policy/check.go", "			for _, s := range StaleSigner(d, f, r.Name, r.Person, SureFor, now) {", "			for _, s := range StaleSigner(d, f, r.Name, r.Person, KnownFor, now) {"},
	}},
	{"only good time soaks", "a soak counts from before its checks have passed", []edit{
		{"promotion/policy/soak.go", "	} else if !since.IsZero() {", "	} else if since.After(f.Promotion.OpenedAt.AddDate(1, 0, 0)) {"},
	}},
	{"nothing goes ahead at another time", "a window that is denied is not looked at where some are allowed", []edit{
		{"promotion/policy/window.go", "	if look(w.Deny) {", "	if look(w.Deny) && len(w.Allow) == 0 {"},
	}},
	{"nothing goes ahead at another time", "a window is open for as long as it was shut before", []edit{
		{"promotion/policy/window.go", "	if begins.IsZero() || begins.After(now) {", "	if begins.IsZero() || begins.After(now.Add(w.For)) {"},
	}},
	{"nothing goes ahead that was not used", "a counter that is read again counts again", []edit{
		{"promotion/gate/incident.go", "	r.Requests, r.PodTime = max(r.Requests, had.Requests), max(r.PodTime, had.PodTime)", "	r.Requests, r.PodTime = r.Requests+had.Requests, r.PodTime+had.PodTime"},
	}},
	{"nothing goes ahead that was not used", "any use is enough", []edit{
		{"promotion/policy/exposure.go", "had.Requests >= asked.Requests ||", "had.Requests > 0 ||"},
	}},
	{"cards show what is so", "a card shows what it does not wait for (it was there)", []edit{
		{"bot/render/stop.go", "		if waits && z.At(v.At) {", "		if (waits || !waits) && z.At(v.At) {"},
	}},
	{"one build after the other", "the one that came first is not waited for", []edit{
		{"promotion/policy/line.go", "	case f.Ahead == nil:", "	case f.Ahead == nil || d.Supersede == Queue:"},
	}},
	{"one build after the other", "the oldest gives way to what is newer", []edit{
		{"promotion/gate/line.go", "	return t.supersede(p, rider, reason, promotion.Forward)", "	return t.supersede(p, min(rider, 0), reason, promotion.Forward)"},
	}},
	{"one build after the other", "whoever waits in a line is not told that it is their turn", []edit{
		{"promotion/gate/line.go", "	if a.Policies[to].InLine() {", "	if a.Policies[to].InLine() && to == \"\" {"},
	}},
	{"who lends a role holds it, and both are one", "what was lent is lent on", []edit{
		{"promotion/policy/delegation.go", "		one := deputy{g, held}\n", "		one := deputy{g, held}\n		for _, had := range p.deputies {\n			if had.To == g.By {\n				one.lends |= had.lends\n			}\n		}\n"},
	}},
	{"who lends a role holds it, and both are one", "the delegate of whoever asked for it counts", []edit{
		{"promotion/policy/approvals.go", "	if other, ok := p.partner(f.Identities, id, of); ok {", "	if other, ok := p.partner(f.Identities, id, of); ok && other == id {"},
	}},
	{"who lends a role holds it, and both are one", "both approve, and count twice", []edit{
		{"promotion/policy/delegation.go", "		if at(d.By) < 0 || to < 0 {", "		if at(d.By) < 0 || to < 0 || d.To != \"\" {"},
	}},
	{"who lends a role holds it, and both are one", "what was lent never lapses", []edit{
		{"promotion/delegation.go", "now.Before(d.Until) && ", ""},
	}},
	{"who lends a role holds it, and both are one", "whoever lends it has it back, and it counts all the same", []edit{
		{"promotion/delegation.go", " && (d.EndedAt == nil || now.Before(*d.EndedAt))", ""},
	}},
	{"who lends a role holds it, and both are one", "somebody delegates to another account of theirs (it was there)", []edit{
		{"promotion/gate/stop.go", "	f.Identities = t.catalog.Identities\n", ""},
	}},
	{"what fails is decided by people", "what is failing goes back by itself, whatever the policy says", []edit{
		{"promotion/gate/deploy.go", "d.After == nil || !d.After.RollBack || p.Purpose", "d.After == nil || p.Purpose"},
	}},
	{"what fails is decided by people", "what goes back by itself does so under a policy that does not say so any more", []edit{
		{"promotion/gate/settle.go", "		case alone && (d.After == nil || !d.After.RollBack):", "		case alone && t.now.IsZero():"},
	}},
	{"what fails is decided by people", "what was over before a watch is done with did not happen", []edit{
		{"promotion/policy/watch.go", "		case !before:", "		case !before && over && u.Until == nil:"},
	}},
}

const module = "../../.."

// applied is the text of each file that the mutant changes.
func (m mutant) applied() (map[string]string, error) {
	files := map[string]string{}
	for _, e := range m.in {
		text, changed := files[e.file]
		if !changed {
			b, err := os.ReadFile(filepath.Join(module, filepath.FromSlash(e.file)))
			if err != nil {
				return nil, err
			}
			text = string(b)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("%s has this text %d times, want once: adapt the bug to how the rule is written now\n%s", e.file, n, e.old)
		}
		files[e.file] = strings.Replace(text, e.old, e.new, 1)
	}
	return files, nil
}

func TestTheKnownBugsStillApply(t *testing.T) {
	for _, m := range mutants {
		if _, err := m.applied(); err != nil {
			t.Errorf("%s: %v", m.bug, err)
		}
	}
	if n := len(foremost()); n != 10+len(invariants) {
		t.Errorf("%d of the rules R1 to R10 and of the invariants have a bug", n)
	}
}

var (
	foundIn = regexp.MustCompile(`schedule (\d+): (.*)`)
	playedN = regexp.MustCompile(`(\d+) schedules, \d+ calls`)
)

var numbered = regexp.MustCompile(`^R\d+ `)

// invariants are the rules without a number that hold for whatever is promoted.
var invariants = []string{
	"what is acknowledged is decided", "an older one never overwrites a newer one", "tagged, read back, then deployed", "cards show what is so",
	"one entry for each transition", "every promotion ends or waits for a reason",
}

// foremost are the first bug of each numbered rule and of each invariant.
func foremost() (first []mutant) {
	for _, m := range mutants {
		counts := numbered.MatchString(m.rule) || slices.Contains(invariants, m.rule)
		if counts && !slices.ContainsFunc(first, func(had mutant) bool { return had.rule == m.rule }) {
			first = append(first, m)
		}
	}
	return first
}

func TestEveryKnownBugIsFound(t *testing.T) {
	put := mutants
	switch *mutate {
	case "all":
	case "rules":
		put = foremost()
	case "":
		t.Skip("it builds the bot once for every bug: ask for it with -mutants all, or -mutants rules")
	default:
		t.Fatalf("-mutants %s: write all or rules", *mutate)
	}
	lines := make([]string, len(put))
	t.Run("mutants", func(t *testing.T) {
		for i, m := range put {
			t.Run(m.bug, func(t *testing.T) {
				t.Parallel()
				lines[i] = m.hunt(t)
			})
		}
	})
	t.Logf("%-44s %-84s %s\n%s", "rule", "bug", "schedules until it is found", strings.Join(lines, "\n"))
}

// hunt builds the bot with the bug in it and plays schedules until a rule is
// broken. It returns a line for the table.
func (m mutant) hunt(t *testing.T) string {
	files, err := m.applied()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	out, err := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-overlay", overlay(t, files), "-run", "^TestSchedules$", "-v", "-schedules", "10000", "-cpu", "1", "-timeout", "1h", ".").CombinedOutput()
	found, played := foundIn.FindSubmatch(out), playedN.FindSubmatch(out)
	if err == nil || found == nil || played == nil {
		t.Errorf("it was not found in 10,000 schedules (%v):\n%.2000s", err, out)
		return fmt.Sprintf("%-44s %-84s not found", m.rule, m.bug)
	}
	t.Logf("%s: %s (%v)", played[1], found[2], time.Since(began).Round(time.Second))
	return fmt.Sprintf("%-44s %-84s %s", m.rule, m.bug, played[1])
}

// overlay writes the changed files and what tells the go command about them.
func overlay(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	replace := map[string]string{}
	for file, text := range files {
		original, err := filepath.Abs(filepath.Join(module, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		replace[original] = filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(replace[original], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
