package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/serve"
	"github.com/promotebot/promotebot/promotion"
)

// doctorTimeout bounds an examination as a whole: a registry that hangs is
// found out long before.
const doctorTimeout = 3 * time.Minute

// unexamined is the exit code when nothing is known to be wrong, and not
// everything is known.
const unexamined exit = 2

func (p *program) doctor(ctx context.Context, args []string) error {
	var path string
	var asJSON bool
	if _, err := p.flags("doctor", args, 0, func(fs *flag.FlagSet) {
		configFlag(&path)(fs)
		fs.BoolVar(&asJSON, "json", false, "print what was found as one JSON object")
	}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	areas := serve.Examine(ctx, serve.Options{Config: path, Getenv: p.getenv, Log: p.logger(), Version: version()})
	show := findings
	if asJSON {
		show = findingsJSON
	}
	if err := show(p.stdout, areas); err != nil {
		return err
	}
	switch counts := count(areas); {
	case counts[promotion.Ill] > 0:
		return exit(failed)
	case counts[promotion.Unexamined] > 0:
		return unexamined
	}
	return nil
}

func count(areas []serve.Area) map[promotion.Condition]int {
	n := map[promotion.Condition]int{}
	for _, a := range areas {
		for _, d := range a.Found {
			n[d.Condition]++
		}
	}
	return n
}

// findings prints what was found as a person reads it: what is wrong begins with
// a word in capitals, and its remedy stands below it.
func findings(w io.Writer, areas []serve.Area) error {
	marks := map[promotion.Condition]string{promotion.Well: "ok", promotion.Remarked: "note", promotion.Ill: "WRONG", promotion.Unexamined: "UNKNOWN"}
	for _, a := range areas {
		if _, err := fmt.Fprintln(w, a.Name); err != nil {
			return err
		}
		for _, d := range a.Found {
			if _, err := fmt.Fprintf(w, "  %-7s  %s: %s\n", marks[d.Condition], d.About, d.Says); err != nil {
				return err
			}
			if d.Remedy == "" {
				continue
			}
			if _, err := fmt.Fprintf(w, "           → %s\n", d.Remedy); err != nil {
				return err
			}
		}
	}
	n := count(areas)
	_, err := fmt.Fprintf(w, "\n%d ok, %d wrong, %d that could not be looked at\n", n[promotion.Well], n[promotion.Ill], n[promotion.Unexamined])
	return err
}

func findingsJSON(w io.Writer, areas []serve.Area) error {
	type finding struct {
		Area string `json:"area"`
		promotion.Diagnosis
	}
	all := struct {
		Wrong    int       `json:"wrong"`
		Unknown  int       `json:"unknown"`
		Findings []finding `json:"findings"`
	}{count(areas)[promotion.Ill], count(areas)[promotion.Unexamined], nil}
	for _, a := range areas {
		for _, d := range a.Found {
			all.Findings = append(all.Findings, finding{a.Name, d})
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(all)
}
