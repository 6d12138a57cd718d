package strict

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/promotion"
)

// Count reads a whole number from 1.
func (r *Reader) Count(n *yaml.Node, what string, most int) (int, bool) {
	if r.known[n] {
		return 0, false
	}
	count, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != intTag || err != nil || count < 1 || count > most {
		r.Fault(n, fmt.Sprintf("%s must be a number from 1 to %d, not %s", what, most, Kind(n)), "write a whole number without quotes")
		return 0, false
	}
	return count, true
}

// Bool reads true or false.
func (r *Reader) Bool(n *yaml.Node, what string) (value, ok bool) {
	if r.known[n] {
		return false, false
	}
	if n.Kind == yaml.ScalarNode && n.Tag == boolTag {
		switch n.Value {
		case "true", "false":
			return n.Value == "true", true
		}
	}
	r.Fault(n, fmt.Sprintf("%s must be true or false, not %s", what, Kind(n)), "write true or false, without quotes")
	return false, false
}

var size = regexp.MustCompile(`^([1-9][0-9]{0,5})(MiB|GiB)$`)

// Size reads a number of bytes, such as 500MiB or 20GiB.
func (r *Reader) Size(n *yaml.Node, what, example string) (int64, bool) {
	if r.known[n] {
		return 0, false
	}
	m := size.FindStringSubmatch(n.Value)
	if n.Kind != yaml.ScalarNode || m == nil {
		r.Fault(n, fmt.Sprintf("%s must be a size, not %s", what, Kind(n)), "write a whole number and MiB or GiB, such as "+example)
		return 0, false
	}
	bytes, _ := strconv.ParseInt(m[1], 10, 64) // six digits always are a number
	if m[2] == "GiB" {
		return bytes << 30, true
	}
	return bytes << 20, true
}

var days = regexp.MustCompile(`^([0-9]{1,5})d(.*)$`)

// Duration reads a Go duration in which d stands for 24 hours. Days are what
// people think in; the one of 23 hours and the one of 25 are not what they mean.
func (r *Reader) Duration(n *yaml.Node, what, example string) (time.Duration, bool) {
	if n.Kind == yaml.ScalarNode && (n.Tag == intTag || n.Tag == floatTag) && !r.known[n] {
		if n.Value == "0" {
			return 0, true
		}
		r.Fault(n, fmt.Sprintf("%s of %s has no unit", what, Clip(n.Value)), "put one behind it: s for seconds, m for minutes, h for hours or d for days")
		return 0, false
	}
	if n.Kind == yaml.SequenceNode || n.Kind == yaml.MappingNode {
		r.Fault(n, fmt.Sprintf("%s must be a length of time, not %s", what, Kind(n)), "write a number and a unit, such as "+example)
		return 0, false
	}
	text, ok := r.Text(n, what)
	if !ok {
		return 0, false
	}
	d, err := ParseDuration(text)
	if err != nil {
		r.Fault(n, fmt.Sprintf("%q is not a length of time", Clip(text)), fmt.Sprintf("write a number and a unit, such as %s, 36h or 1d12h", example))
		return 0, false
	}
	return d, true
}

// ParseDuration reads a Go duration in which d stands for 24 hours.
func ParseDuration(text string) (time.Duration, error) {
	var whole, part time.Duration
	var err error
	rest := text
	if m := days.FindStringSubmatch(text); m != nil {
		number, _ := strconv.Atoi(m[1]) // five digits always are a number
		whole, rest = time.Duration(number)*24*time.Hour, m[2]
	}
	if rest != "" || whole == 0 && rest == text {
		part, err = time.ParseDuration(rest)
	}
	if err != nil || whole > 0 && part < 0 || whole+part < whole && part > 0 {
		return 0, promotion.Errorf(promotion.Invalid, "%q is not a length of time: write a number and a unit, such as 90d, 36h or 1d12h", Clip(text))
	}
	return whole + part, nil
}
