package config

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion/gate"
)

// settings reads what concerns the process. It tells whether a channel for all
// apps is named, be it rightly or not.
func (r *reader) settings(in map[string]strict.Pair, c *Config) (named bool) {
	*c = Config{Hash: c.Hash, Database: DefaultDatabase, HTTP: DefaultHTTP, Poll: Poll{DefaultEvery, DefaultConcurrency}}
	if p, ok := in[keySlack]; ok {
		named = true
		if in, ok := r.Fields(p.Value, keySlack, exampleSlack, keyChannel); ok {
			c.Slack.Channel, named = r.channel(in)
		}
	}
	if p, ok := in[keyDatabase]; ok {
		if path, ok := r.Text(p.Value, keyDatabase); ok {
			r.database(p.Value, path)
			c.Database = path
		}
	}
	if p, ok := in[keyHTTP]; ok {
		c.HTTP = r.address(p.Value, keyHTTP, DefaultHTTP)
	}
	if p, ok := in[keyAPI]; ok {
		c.API = r.api(p, c.HTTP)
	}
	if p, ok := in[keyPoll]; ok {
		r.poll(p.Value, &c.Poll)
	}
	return named
}

const (
	keyChannel     = "channel"
	keyEvery       = "every"
	keyConcurrency = "concurrency"
	keyListen      = "listen"
)

func (r *reader) database(at *yaml.Node, path string) {
	switch {
	case path == "":
		r.Fault(at, "database is empty", "name a file, or take the key out for "+DefaultDatabase)
	case strings.HasPrefix(path, ":"):
		r.Fault(at, fmt.Sprintf("%q is not a file", path), "write the path of one, because decisions have to outlive the process")
	case strings.Contains(path, "://") || strings.HasPrefix(path, "file:"):
		r.Fault(at, fmt.Sprintf("%q is an address, not a path", path), "write the path of a file, such as /var/lib/promotebot/promotebot.db")
	case strings.ContainsAny(path, "\x00\r\n"):
		r.Fault(at, "database holds a line break", "write the path on one line")
	}
}

// api reads where machines are answered: apart from health and metrics, which
// are shown to whoever can reach them.
func (r *reader) api(p strict.Pair, http string) string {
	at := p.Value
	if at.Kind == yaml.MappingNode {
		in, ok := r.Fields(at, keyAPI, "{listen: "+exampleAPI+"}", keyListen)
		if !ok {
			return ""
		}
		if at, ok = r.Required(at, in, keyListen, keyAPI, "add listen: "+exampleAPI); !ok {
			return ""
		}
	}
	address := r.address(at, keyAPI, exampleAPI)
	if address == HTTPOff {
		return ""
	}
	if _, port, _ := net.SplitHostPort(address); address == http && port != "0" {
		r.Fault(at, "health and metrics are at "+address+" already", "choose another port: tokens are asked for here, and nothing is there")
	}
	return address
}

func (r *reader) address(at *yaml.Node, key, example string) string {
	address := at.Value // a bare port is a number to YAML, and what to write instead is the same
	if at.Kind != yaml.ScalarNode {
		address, _ = r.Text(at, key)
	}
	if address == HTTPOff {
		return address
	}
	_, port, err := net.SplitHostPort(address)
	if n, numErr := strconv.ParseUint(port, 10, 16); err != nil || numErr != nil || n > 65535 {
		r.Fault(at, fmt.Sprintf("%q is not an address to listen on", address), "write host:port, such as "+example+", or "+HTTPOff)
	}
	return address
}

// The bounds of polling. Registries count requests by the hour, so a shorter
// interval than a second spends the allowance and finds nothing sooner; a
// longer one than a day would make "what is there" an old story. More
// connections than the upper bound only make a registry throttle.
const (
	minEvery       = time.Second
	maxEvery       = 24 * time.Hour
	maxConcurrency = 64
)

func (r *reader) poll(n *yaml.Node, p *Poll) {
	every := n
	if n.Kind == yaml.MappingNode {
		in, _ := r.Fields(n, keyPoll, "poll: {every: 30s, concurrency: 8}", keyEvery, keyConcurrency)
		if c, ok := in[keyConcurrency]; ok {
			if count, ok := r.Count(c.Value, keyConcurrency, maxConcurrency); ok {
				p.Concurrency = count
			}
		}
		if _, ok := in[keyEvery]; !ok {
			return
		}
		every = in[keyEvery].Value
	}
	d, ok := r.Duration(every, keyPoll, "30s")
	if !ok {
		return
	}
	if d < minEvery || d > maxEvery {
		r.Fault(every, fmt.Sprintf("polling every %s is out of bounds", every.Value), "write something from 1s to 24h; 30s is usual")
	}
	p.Every = d
}

var channelID = regexp.MustCompile(`^[CG][A-Z0-9]{2,}$`)

// channel reads the key "channel" of a section and tells whether it is there.
func (r *reader) channel(in map[string]strict.Pair) (id string, named bool) {
	p, ok := in[keyChannel]
	if !ok {
		return "", false
	}
	if id, ok = r.Text(p.Value, keyChannel); ok && !channelID.MatchString(id) {
		r.Fault(p.Value, fmt.Sprintf("%q is not the id of a channel", strict.Clip(id)), "use the id, such as C0123456789, because names change: it is in Slack under channel details → About")
	}
	return id, true
}

const (
	keySchedule = "schedule"
	keyTimeZone = "time_zone"
)

func (r *reader) reminders(in map[string]strict.Pair) []gate.Reminder {
	p, ok := in[keyReminders]
	if !ok {
		return nil
	}
	items, _ := r.List(p.Value, keyReminders, exampleReminders)
	var reminders []gate.Reminder
	first := map[string]int{}
	for _, item := range items {
		in, ok := r.Fields(item, "a reminder", `{schedule: "0 9 * * MON-FRI", time_zone: Europe/Berlin}`, keySchedule, keyTimeZone)
		if !ok {
			continue
		}
		if _, ok := r.Required(item, in, keySchedule, "the reminder", `add schedule: "0 9 * * MON-FRI" for nine o'clock on workdays`); !ok {
			continue
		}
		reminder, ok := r.reminder(in)
		if !ok {
			continue
		}
		if line, twice := first[reminder.Spec]; twice {
			r.Fault(item, fmt.Sprintf("the same reminder is on line %d already", line), "keep one of the two")
			continue
		}
		first[reminder.Spec] = item.Line
		reminders = append(reminders, reminder)
	}
	return reminders
}

func (r *reader) reminder(in map[string]strict.Pair) (gate.Reminder, bool) {
	expression, zone, ok := r.schedule(in)
	if expression == "" {
		return gate.Reminder{}, false
	}
	spec := "CRON_TZ=" + zone + " " + expression
	schedule, err := cron.ParseStandard(spec)
	return gate.Reminder{Spec: spec, Schedule: schedule}, ok && err == nil
}

// schedule reads when something recurs, and by which clock. Where that clock is
// not known, the expression is good for something all the same.
func (r *reader) schedule(in map[string]strict.Pair) (expression, zone string, ok bool) {
	zone, zoned := "UTC", true
	if p, ok := in[keyTimeZone]; ok {
		if zone, zoned = r.zone(p.Value); !zoned {
			zone = "UTC" // the schedule is checked all the same
		}
	}
	at := in[keySchedule].Value
	expression, ok = r.Text(at, keySchedule)
	if !ok {
		return "", zone, false
	}
	const usual = `write minute, hour, day of month, month and day of week, such as "0 9 * * MON-FRI", or "@daily"`
	switch {
	case strings.Contains(expression, "TZ="):
		r.Fault(at, "the schedule names a time zone", "write it as time_zone: Europe/Berlin beside the schedule")
		return "", zone, false
	case strings.HasPrefix(expression, "@every"):
		r.Fault(at, "@every counts from the start of the program, so a restart would shift it", usual)
		return "", zone, false
	}
	expression = strings.Join(strings.Fields(expression), " ")
	schedule, err := cron.ParseStandard("CRON_TZ=" + zone + " " + expression)
	if err != nil {
		r.Fault(at, fmt.Sprintf("%q is not a schedule (%s)", strict.Clip(in[keySchedule].Value.Value), strict.Clip(err.Error())), usual)
		return "", zone, false
	}
	if schedule.Next(time.Unix(0, 0)).IsZero() {
		r.Fault(at, fmt.Sprintf("the schedule %q never comes", strict.Clip(in[keySchedule].Value.Value)), usual)
		return "", zone, false
	}
	return expression, zone, zoned
}

func (r *reader) zone(at *yaml.Node) (string, bool) {
	zone, ok := r.Text(at, keyTimeZone)
	if !ok {
		return "", false
	}
	// "Local" and "" are zones to Go, and to nobody who reads the file.
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" || zone == "" {
		r.Fault(at, fmt.Sprintf("%q is not a time zone", strict.Clip(zone)), "write a name of the IANA database, such as Europe/Berlin or UTC")
		return "", false
	}
	return zone, true
}
