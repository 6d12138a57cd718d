package config

import (
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	keyWindows  = "windows"
	keyAllow    = "allow"
	keyDeny     = "deny"
	keyFrom     = "from"
	keyUntil    = "until"
	keyReason   = "reason"
	keyFreezes  = "freezes"
	keyFreezeOn = "freeze_on"
)

const (
	exampleWindow  = `{from: "0 9 * * MON-THU", for: 8h, time_zone: Europe/Berlin}`
	exampleWindows = "{allow: [" + exampleWindow + "]}"
	exampleFreeze  = "{from: 2026-12-20, until: 2027-01-03, reason: holidays, time_zone: Europe/Berlin}"
	exampleFreezes = "freezes: [" + exampleFreeze + "]"
)

// maxWindow is how long a window can be: a longer one is a policy of its own.
const maxWindow = 90 * 24 * time.Hour

// aYear begins the year in which a policy's windows have to open at least once.
// It has a 29 February, and the clocks are put forward and back in it as they
// are today. Nothing else depends on which it is.
var aYear = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func (r *reader) windows(n *yaml.Node) (w policy.Windows) {
	in, ok := r.Fields(n, keyWindows, exampleWindows, keyAllow, keyDeny)
	if !ok {
		return w
	}
	if len(in) == 0 && len(n.Content) == 0 {
		r.Fault(n, "windows has neither allow nor deny", "write "+exampleWindows+", or take the key out")
	}
	sound := true
	for key, list := range map[string]*[]policy.Window{keyAllow: &w.Allow, keyDeny: &w.Deny} {
		p, ok := in[key]
		if !ok {
			continue
		}
		items, ok := r.List(p.Value, key, "["+exampleWindow+"]")
		if ok && len(items) == 0 {
			r.Fault(p.Value, key+" is empty", "write ["+exampleWindow+"], or take the key out")
		}
		sound = sound && ok && len(items) > 0
		for _, item := range items {
			one, ok := r.window(item)
			sound = sound && ok
			*list = append(*list, one)
		}
	}
	if sound && !w.Opens(aYear) {
		r.Fault(n, "the windows never open: whatever allow opens, deny closes", "leave some time in which a promotion may go ahead")
	}
	return w
}

func (r *reader) window(n *yaml.Node) (w policy.Window, ok bool) {
	in, ok := r.Fields(n, "a window", exampleWindow, keyFrom, keyFor, keyTimeZone)
	if !ok {
		return w, false
	}
	zone, zoned := "UTC", true
	if p, ok := in[keyTimeZone]; ok {
		if zone, zoned = r.zone(p.Value); !zoned {
			zone = "UTC" // the rest is checked all the same
		}
	}
	var length time.Duration
	at, long := r.Required(n, in, keyFor, "the window", "add how long it lasts, such as for: 8h")
	if long {
		length, long = r.Duration(at, "the length of a window", "8h")
		if long && (length <= 0 || length > maxWindow) {
			r.Fault(at, fmt.Sprintf("a window can't be %s long", at.Value), "write something from 1m to 90d")
			long = false
		}
	}
	at, ok = r.Required(n, in, keyFrom, "the window", `add when it begins, such as from: "0 9 * * MON-FRI" for nine o'clock on workdays`)
	if !ok {
		return w, false
	}
	expression, ok := r.Text(at, "the beginning of a window")
	if !ok {
		return w, false
	}
	const usual = `write minute, hour, day of month, month and day of week, such as "0 9 * * MON-FRI", or "@daily", and a time zone as time_zone: Europe/Berlin beside it`
	w, err := policy.ParseWindow(expression, zone, length)
	if err != nil {
		r.Fault(at, fmt.Sprintf("%q does not say when a window begins", strict.Clip(expression)), usual)
		return w, false
	}
	if !w.Comes(aYear) {
		r.Fault(at, fmt.Sprintf("the window %q never begins", strict.Clip(expression)), usual)
		return w, false
	}
	return w, long && zoned
}

func (r *reader) freezes(n *yaml.Node) []promotion.Freeze {
	items, _ := r.List(n, keyFreezes, "["+exampleFreeze+"]")
	var all []promotion.Freeze
	for _, item := range items {
		in, ok := r.Fields(item, "a freeze", exampleFreeze, keyFrom, keyUntil, keyReason, keyTimeZone)
		if !ok {
			continue
		}
		var f promotion.Freeze
		zone := time.UTC
		if p, ok := in[keyTimeZone]; ok {
			if name, ok := r.zone(p.Value); ok {
				zone, _ = time.LoadLocation(name) // zone has loaded it before
			}
		}
		from, began := r.Required(item, in, keyFrom, "the freeze", "add when it begins, such as from: 2026-12-20")
		until, ends := r.Required(item, in, keyUntil, "the freeze", "add when it ends, such as until: 2027-01-03; whoever does not know yet types /promote freeze")
		if began {
			f.From, began = r.instant(from, zone)
		}
		if ends {
			var at time.Time
			if at, ends = r.instant(until, zone); ends {
				f.Until = &at
			}
		}
		if began && ends && !f.Until.After(f.From) {
			r.Fault(until, "the freeze ends before it begins", "write an until that comes after from; a date means the beginning of that day")
		}
		if at, ok := r.Required(item, in, keyReason, "the freeze", "add why, such as reason: holidays; it is shown to everybody who waits"); ok {
			if f.Reason, ok = r.Text(at, keyReason); ok && strings.TrimSpace(f.Reason) == "" {
				r.Fault(at, "the reason is empty", "say in a few words why; it is shown to everybody who waits")
			}
		}
		all = append(all, f)
	}
	return all
}

// instant reads a date, which means its beginning in the zone, or an instant of
// RFC 3339. YAML has a type for both, and quotes make no difference.
func (r *reader) instant(n *yaml.Node, zone *time.Location) (time.Time, bool) {
	const timestamp = "!!timestamp"
	if n.Kind == yaml.ScalarNode && n.Tag != timestamp {
		if _, ok := r.Text(n, "an instant"); !ok {
			return time.Time{}, false
		}
	}
	if day, err := time.Parse(time.DateOnly, n.Value); err == nil {
		return promotion.WallTime(day.Year(), day.Month(), day.Day(), 0, 0, 0, zone).UTC(), true
	}
	at, err := time.Parse(time.RFC3339, n.Value)
	if err != nil {
		r.Fault(n, fmt.Sprintf("%q is not an instant", strict.Clip(n.Value)), "write a date such as 2026-12-20, or a date with time and zone such as 2026-12-20T18:00:00+01:00")
		return at, false
	}
	return at.UTC(), true
}
