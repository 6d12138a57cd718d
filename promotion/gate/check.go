package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// evidence adds to the facts what was reported, where something is asked for,
// and who could sign off or has.
func (t *turn) evidence(d policy.Document, f *policy.Facts) (err error) {
	if len(d.Checks) == 0 {
		return nil
	}
	var ids []promotion.PersonID
	read := func(f *policy.Facts) error {
		if f.Checks, err = t.Checks(f.Promotion.App, f.Promotion.Digest); err != nil {
			return err
		}
		for _, c := range f.Checks {
			if c.Person != "" {
				ids = append(ids, c.Person)
			}
		}
		return nil
	}
	for i := range f.Rides {
		if err := read(&f.Rides[i]); err != nil {
			return err
		}
	}
	if f.Promotion.Purpose != promotion.Train {
		if err := read(f); err != nil {
			return err
		}
	}
	for _, role := range d.Reviewers() {
		roster, had := f.Rosters[role]
		if !had {
			if roster, err = t.roster(role); err != nil {
				return err
			}
			f.Rosters[role] = roster
		}
		ids = append(ids, roster.Members...)
	}
	ids = slices.DeleteFunc(ids, func(id promotion.PersonID) bool { _, had := f.People[id]; return had })
	slices.Sort(ids)
	people, err := t.People(slices.Compact(ids))
	maps.Copy(f.People, people)
	return err
}

// history makes the facts those of a whole life: with every report, also those
// that others have replaced.
func (t *turn) history(d policy.Document, f *policy.Facts) (err error) {
	for i := range f.Rides {
		if err := t.history(d, &f.Rides[i]); err != nil {
			return err
		}
	}
	if len(d.Checks) > 0 && f.Promotion.Purpose != promotion.Train {
		f.Checks, err = t.Reports(f.Promotion.App, f.Promotion.Digest)
	}
	return err
}

// reported records a check and settles what is open for its digest.
func (t *turn) reported(c *promotion.Check) (concerns []promotion.ID, _ error) {
	c.At = t.now
	if err := t.AddCheck(c); err != nil {
		return nil, err
	}
	// What was said is kept with the report; its hash says later whether it is
	// still what was said then.
	said, err := json.Marshal([]any{c.URL, c.Summary, c.Numbers})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(said)
	e := audit.Entry{At: t.now, Actor: t.actor, Kind: audit.Checked, App: c.App, Digest: c.Digest,
		Detail: map[string]any{"check": c.Name, "status": c.Status, "report": c.ID, "said_sha256": hex.EncodeToString(sum[:])}}
	if err := t.AppendAudit(e); err != nil {
		return nil, err
	}
	return t.learned(c.App, c.Digest)
}

// learned settles what is open of a digest of which something was reported.
func (t *turn) learned(app string, d promotion.Digest) (concerns []promotion.ID, err error) {
	open, err := t.query(Query{App: app, Digest: d, States: promotion.Unfinished()})
	if err != nil {
		return nil, err
	}
	for _, p := range open {
		concerns = append(concerns, shownAs(p))
		if p.State != promotion.Open && p.State != promotion.Watching {
			continue
		}
		p.Touch()
		if _, err := t.settle(p); err != nil {
			return nil, err
		}
	}
	return concerns, nil
}

// asking are the environments whose policy asks for the check of an app, and
// whether any of them takes it from a machine.
func (c *Catalog) asking(app, check string) (steps []string, machine bool) {
	for _, env := range c.Environments {
		documents := []policy.Document{}
		if a, ok := c.App(app); ok {
			documents = append(documents, a.Policies[env.Name])
		}
		for _, train := range c.Trains {
			if slices.Contains(train.Apps, app) {
				documents = append(documents, train.Policies[env.Name])
			}
		}
		for _, d := range documents {
			asked, ok := d.Check(check)
			if !ok {
				continue
			}
			machine = machine || asked.ReviewedBy == ""
			if !slices.Contains(steps, env.Name) {
				steps = append(steps, env.Name)
			}
		}
	}
	return steps, machine
}
