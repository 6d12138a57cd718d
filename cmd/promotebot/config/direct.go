package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	keyDirect   = "direct"
	keyQuiet    = "quiet"
	keyEscalate = "escalate"
	keyTo       = "to"
	keyDigests  = "digests"

	exampleQuiet    = `{from: "18:00", until: "8:00"}`
	exampleEscalate = "{after: 24h, to: tech-leads}"
	exampleDirect   = `direct: {schedule: "0 9 * * MON-FRI", time_zone: Europe/Berlin}`
	exampleDigest   = `{schedule: "0 9 * * MON", time_zone: Europe/Berlin}`
	exampleDigests  = "digests: [" + exampleDigest + "]"
)

// The bounds of the time after which others are told: sooner than an hour nobody
// is late, and after a month it is forgotten.
const (
	minEscalate = time.Hour
	maxEscalate = 30 * 24 * time.Hour
)

// direct reads when people are reminded by direct message.
func (r *reader) direct(in map[string]strict.Pair, roles roles) *gate.Direct {
	p, ok := in[keyDirect]
	if !ok {
		return nil
	}
	of, ok := r.Fields(p.Value, keyDirect, exampleDirect, keySchedule, keyTimeZone, keyQuiet, keyEscalate)
	if !ok {
		return nil
	}
	d := &gate.Direct{}
	if _, ok := r.Required(p.Value, of, keySchedule, keyDirect, `add schedule: "0 9 * * MON-FRI" for nine o'clock on workdays, by the clock of whoever is reminded`); ok {
		d.Schedule, d.TimeZone, _ = r.schedule(of)
	}
	if quiet, ok := of[keyQuiet]; ok {
		d.Quiet = r.quiet(quiet.Value)
	}
	if escalate, ok := of[keyEscalate]; ok {
		d.Escalate = r.escalate(escalate.Value, roles)
	}
	return d
}

func (r *reader) quiet(n *yaml.Node) *gate.Quiet {
	in, ok := r.Fields(n, keyQuiet, exampleQuiet, keyFrom, keyUntil)
	if !ok {
		return nil
	}
	var q gate.Quiet
	sound := true
	for key, into := range map[string]*time.Duration{keyFrom: &q.From, keyUntil: &q.Until} {
		at, ok := r.Required(n, in, key, keyQuiet, "write "+exampleQuiet)
		if ok {
			*into, ok = r.clock(at)
		}
		sound = sound && ok
	}
	if sound && q.From == q.Until {
		r.Fault(n, "quiet begins when it ends", "write another time, such as "+exampleQuiet+", or take the key out")
	}
	return &q
}

var clock = regexp.MustCompile(`^([01]?[0-9]|2[0-3]):([0-5][0-9])$`)

// clock reads a time of day. Without quotes, YAML takes some of them for numbers.
func (r *reader) clock(n *yaml.Node) (time.Duration, bool) {
	m := clock.FindStringSubmatch(n.Value)
	if m == nil || n.Kind != yaml.ScalarNode {
		r.Fault(n, fmt.Sprintf("%q is not a time of day", strict.Clip(n.Value)), `write hour and minute, such as "18:00"`)
		return 0, false
	}
	hour, _ := strconv.Atoi(m[1]) // two digits always are a number
	minute, _ := strconv.Atoi(m[2])
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute, true
}

func (r *reader) escalate(n *yaml.Node, roles roles) *gate.Escalation {
	in, ok := r.Fields(n, keyEscalate, exampleEscalate, keyAfter, keyTo)
	if !ok {
		return nil
	}
	var e gate.Escalation
	if at, ok := r.Required(n, in, keyAfter, keyEscalate, "say after how long: after: 24h"); ok {
		e.After, ok = r.Duration(at, keyAfter, "24h")
		if ok && (e.After < minEscalate || e.After > maxEscalate) {
			r.Fault(at, fmt.Sprintf("after %s is out of bounds", at.Value), "write from 1h to 30d, such as 24h")
		}
	}
	if at, ok := r.Required(n, in, keyTo, keyEscalate, "say who is told: to: tech-leads"); ok {
		if name, ok := r.Text(at, keyTo); ok && r.asked(at, name, roles) {
			e.To = name
		}
	}
	return &e
}

// digests reads when channels are told what has happened. One that names no
// channel is for each that cards go to.
func (r *reader) digests(in map[string]strict.Pair, c *gate.Catalog) (all []gate.Digest) {
	p, ok := in[keyDigests]
	if !ok {
		return nil
	}
	items, _ := r.List(p.Value, keyDigests, exampleDigests)
	for _, item := range items {
		of, ok := r.Fields(item, "a digest", exampleDigest, keySchedule, keyTimeZone, keyChannel)
		if !ok {
			continue
		}
		if _, ok := r.Required(item, of, keySchedule, "the digest", `add schedule: "0 9 * * MON" for nine o'clock on Mondays`); !ok {
			continue
		}
		channels := c.Channels()
		if one, named := r.channel(of); named {
			channels = r.used(of[keyChannel].Value, one, channels)
		}
		expression, zone, ok := r.schedule(of)
		if !ok {
			continue
		}
		comes, err := policy.ParseWindow(expression, zone, 0)
		if err != nil {
			continue // what is wrong with it has been said
		}
		for _, channel := range channels {
			d := gate.Digest{Channel: channel, Spec: comes.Spec, Comes: comes}
			if slices.ContainsFunc(all, func(had gate.Digest) bool { return had.Channel == channel && had.Spec == comes.Spec }) {
				r.Fault(item, "the same digest is there for "+channel+" already", "keep one of the two")
				continue
			}
			all = append(all, d)
		}
	}
	return all
}

// used refuses a channel in which there would be nothing to tell.
func (r *reader) used(at *yaml.Node, channel string, channels []string) []string {
	if channelID.MatchString(channel) && !slices.Contains(channels, channel) {
		r.Fault(at, "no card goes to "+channel+", so there would be nothing to tell", "name the channel of an app or a train, or take the key out for all of them")
	}
	return []string{channel}
}
