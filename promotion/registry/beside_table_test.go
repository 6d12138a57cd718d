package registry_test

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// table is what came out, a section for each play.
type table struct {
	sections []*section
}

type section struct {
	name string
	acts [2][]*act // near and far
}

func (t *table) note(name string, i int, acts []*act) {
	if n := len(t.sections); n == 0 || t.sections[n-1].name != name {
		t.sections = append(t.sections, &section{name: name})
	}
	t.sections[len(t.sections)-1].acts[i] = acts
}

// print prints it. What is counted was counted far away, where what could be
// done at once was; how many times as long as ours it took there is the last
// column.
func (t *table) print(w io.Writer) {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, s := range t.sections {
		wide := 0
		for _, a := range s.acts[1] {
			wide = max(wide, len(a.label))
		}
		_, _ = fmt.Fprintf(columns, "\n%s\n\trequests\tin sequence\tconnections\tup\tdown\tMiB held\tdigest\tattachments\t0 ms away\t20 ms away\ttimes ours\t\n", s.name)
		for i, far := range s.acts[1] {
			if len(s.acts[0]) == 0 {
				break // only one of the two distances was asked for
			}
			near := s.acts[0][i]
			_, _ = fmt.Fprintf(columns, "%-*s\t%d\t%d\t%d\t%s\t%s\t%.0f\t%s\t%s\t%s\t%s\t%.1f\t\n", wide, far.label,
				far.requests*far.times, far.chain*far.times, far.opened*far.times, size(far.up*int64(far.times)), size(far.down*int64(far.times)),
				float64(max(near.resident, far.resident))/(1<<20), kept(far), far.carried, took(near), took(far), float64(span(far))/float64(span(s.acts[1][0])))
		}
	}
	_ = columns.Flush() // whoever reads it has gone
}

func kept(a *act) string {
	switch {
	case a.changed:
		return "CHANGED"
	case a.checked:
		return "kept"
	}
	return ""
}

func span(a *act) time.Duration { return a.Median() * time.Duration(a.times) }

func took(a *act) string { return fmt.Sprintf("%.1f ms", float64(span(a))/float64(time.Millisecond)) }

func size(n int64) string {
	if n < 1e6 {
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
