//go:build race

package render_test

import "flag"

// The race detector looks at the same code whatever is drawn, and slows it down to
// a tenth.
func init() {
	if err := flag.Set("rapid.checks", "10"); err != nil {
		panic(err)
	}
}
