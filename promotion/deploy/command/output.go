package command

import (
	"fmt"
	"strings"
)

// What is kept of what a program prints: how it began and how it ended.
const (
	maxHead = 2 << 10
	maxTail = 4 << 10
	first   = 3 // lines
	last    = 15
)

// output keeps the beginning and the end of what is written to it. It is written
// to by one goroutine, and read when that has ended.
type output struct {
	head, tail []byte
	lost       bool // something between the two
}

func (o *output) Write(p []byte) (int, error) {
	n := len(p)
	room := min(maxHead-len(o.head), n)
	o.head = append(o.head, p[:room]...)
	o.tail = append(o.tail, p[room:]...)
	if over := len(o.tail) - maxTail; over > 0 {
		o.tail, o.lost = append([]byte(nil), o.tail[over:]...), true
	}
	return n, nil
}

// lines are the first and the last that were printed, and how many are between
// them as far as that is known.
func (o *output) lines() []string {
	split := func(b []byte) []string {
		return strings.Split(strings.TrimRight(strings.ReplaceAll(string(b), "\r", ""), "\n"), "\n")
	}
	if !o.lost {
		all := split(append(append([]byte(nil), o.head...), o.tail...))
		switch {
		case len(all) == 1 && all[0] == "":
			return nil
		case len(all) <= first+last+1:
			return all
		}
		between := fmt.Sprintf("… %d lines …", len(all)-first-last)
		return append(append(all[:first:first], between), all[len(all)-last:]...)
	}
	begins, ends := split(o.head), split(o.tail)
	all := append(append([]string{}, begins[:min(first, len(begins))]...), "…")
	return append(all, ends[max(0, len(ends)-last):]...)
}
