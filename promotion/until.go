package promotion

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	untilLength = regexp.MustCompile(`^([0-9]{1,4})(m|h|d)$`)
	untilClock  = regexp.MustCompile(`^([0-9]{1,2}):([0-9]{2})$`)
	untilDate   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
)

var weekdays = map[string]time.Weekday{
	"monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday, "thursday": time.Thursday, "friday": time.Friday, "saturday": time.Saturday, "sunday": time.Sunday,
	"mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday, "sun": time.Sunday,
}

const tomorrow = "tomorrow"

// ReadUntil takes an end off the beginning of some words, in lower case: "2h",
// "18:00", "tomorrow 9:00", "monday 9:00", "2026-12-24" or "2026-12-24 18:00".
// It tells how many of the words belong to it; none when there is no end.
func ReadUntil(words []string) (end string, n int) {
	if len(words) == 0 {
		return "", 0
	}
	first := words[0]
	_, weekday := weekdays[first]
	clocked := len(words) > 1 && untilClock.MatchString(words[1])
	switch {
	case untilLength.MatchString(first), untilClock.MatchString(first):
		return first, 1
	case (weekday || first == tomorrow || untilDate.MatchString(first)) && clocked:
		return first + " " + words[1], 2
	case untilDate.MatchString(first):
		return first, 1
	}
	return "", 0
}

// longestUntil is beyond what anybody means to wait for: a year further is a
// typing error.
const longestUntil = 366 * 24 * time.Hour

// ParseUntil is the instant that an end means to somebody who names it now, in
// their time zone: the next time that the clock shows it. A day without a time
// means its beginning. The error is Invalid.
func ParseUntil(end string, now time.Time, zone *time.Location) (time.Time, error) {
	at, err := meantBy(end, now.In(zone), zone)
	switch {
	case err != nil:
		return at, err
	case !at.After(now):
		return at, Errorf(Invalid, "%s has been already", end)
	case at.Sub(now) > longestUntil:
		return at, Errorf(Invalid, "%s is more than a year away", end)
	}
	return at.UTC(), nil
}

func meantBy(end string, now time.Time, zone *time.Location) (time.Time, error) {
	day, clock, both := strings.Cut(end, " ")
	if m := untilLength.FindStringSubmatch(end); m != nil {
		n, _ := strconv.Atoi(m[1]) // four digits always are a number
		return now.Add(time.Duration(n) * map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[m[2]]), nil
	}
	if !both && untilClock.MatchString(day) {
		day, clock = "", end
	}
	var hour, minute int
	if clock != "" {
		m := untilClock.FindStringSubmatch(clock)
		if m == nil {
			return time.Time{}, Errorf(Invalid, "%q is not a time of day: write it as 18:00", clock)
		}
		hour, _ = strconv.Atoi(m[1])
		minute, _ = strconv.Atoi(m[2])
		if hour > 23 || minute > 59 {
			return time.Time{}, Errorf(Invalid, "%q is not a time of day: it goes from 0:00 to 23:59", clock)
		}
	}
	on := func(days int) time.Time {
		return WallTime(now.Year(), now.Month(), now.Day()+days, hour, minute, 0, zone)
	}
	weekday, named := weekdays[day]
	switch {
	case day == "":
		if at := on(0); at.After(now) {
			return at, nil
		}
		return on(1), nil
	case day == tomorrow:
		return on(1), nil
	case named:
		days := (int(weekday-now.Weekday()) + 7) % 7
		if at := on(days); at.After(now) {
			return at, nil
		}
		return on(days + 7), nil
	}
	date, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return time.Time{}, Errorf(Invalid, "%q is not a day: write it as 2026-12-24", day)
	}
	return WallTime(date.Year(), date.Month(), date.Day(), hour, minute, 0, zone), nil
}
