package strict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// Problem is one thing that is wrong with the document, and what to do about
// it. Lines and columns count from 1.
type Problem struct {
	Line, Column    int
	Message, Remedy string
}

func (p Problem) String() string {
	return fmt.Sprintf("%d:%d: %s: %s", p.Line, p.Column, p.Message, p.Remedy)
}

// Problems is everything that is wrong with the document, in its order.
type Problems struct {
	File string
	List []Problem
}

// Error prints a line for each problem in the form that editors and CI systems
// turn into links: file:line:column: message: remedy.
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, problem := range p.List {
		lines[i] = p.File + ":" + problem.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap says what kind of error it is: trying again does not help.
func (p *Problems) Unwrap() error { return promotion.Invalid }

func sorted(file string, list []Problem) *Problems {
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Problems{File: file, List: list}
}

// Said splits the error of a vocabulary type, which reads `"X" is not a Y: write
// it so`, into its message and its remedy. X may contain anything, so the colon
// is looked for after the last quotation mark. Some say no more than what is
// wrong; then the remedy is otherwise.
func Said(err error, otherwise string) (message, remedy string) {
	text := err.Error()
	quoted := strings.LastIndex(text, `"`) + 1
	message, remedy, ok := strings.Cut(text[quoted:], ": ")
	if !ok {
		return text, otherwise
	}
	return text[:quoted] + message, remedy
}

// nearest is the candidate that somebody who wrote the word probably meant.
func nearest(word string, candidates []string) (string, bool) {
	best, distance := "", 1+max(1, len(word)/3)
	for _, c := range candidates {
		d := edits(strings.ToLower(word), c)
		if len(word) >= 3 && strings.HasPrefix(c, word) {
			d = 1 // prod for production
		}
		if d < distance {
			best, distance = c, d
		}
	}
	return best, best != ""
}

// edits counts the letters to insert, delete, replace or swap with their
// neighbour to make b of a.
func edits(a, b string) int {
	row := func() []int { return make([]int, len(b)+1) }
	before, last, now := row(), row(), row()
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}

// Meant is the remedy for a name that is not defined.
func Meant(name string, defined []string, otherwise string) string {
	if near, ok := nearest(name, defined); ok {
		return fmt.Sprintf("did you mean %q? Otherwise %s", near, otherwise)
	}
	return otherwise
}
