package promotion

import (
	"strconv"
	"time"
)

// MeasureWork asks a Prometheus what a query comes to now.
type MeasureWork struct {
	Name   string // that the policy gave it
	Server string
	Query  string // PromQL, complete
}

// Sample is a number that a query came to, at an instant.
type Sample struct {
	Value float64
	At    time.Time
}

// Measurement is what a query has answered that is asked for as long as a promotion
// is watched. What is no number is no answer: it is a fault, and says nothing.
type Measurement struct {
	Promotion ID
	Asked     MeasureWork
	Last      *Sample    // the last answer; nil when there was none
	Wrong     *time.Time // since when no answer was as it has to be; nil when the last one was
	Fault     string     // why there is no answer that is newer; empty when there is nothing the matter
	Since     *time.Time // when that began
}

func (s Sample) String() string { return strconv.FormatFloat(s.Value, 'g', 6, 64) }
