package promotion

import (
	"encoding/json"
	"slices"
	"time"
)

// Stock is what was found running in a target, compared with what it was told last.
type Stock struct {
	App, Environment, Target string
	Promotion                ID         // with whose order it is compared
	Others                   []Running  // what runs there and was not ordered; empty when nothing does
	Since                    *time.Time // when something else was first seen there
	ReadAt                   *time.Time // when it was last read; nil: never since that order
	Fault                    string     // why it could not be read since; empty when it could
	Blind                    *time.Time // when that began
}

// Strays tells whether it runs something else, or whether that is not known.
func (s Stock) Strays() bool { return len(s.Others) > 0 || s.Fault != "" }

// Others are those that are not what was ordered.
func (o Order) Others(running []Running) (others []Running) {
	for _, r := range running {
		if r.Set != "" || r.Digest != o.Digest && !slices.Contains(o.Manifests, r.Digest) {
			others = append(others, r)
		}
	}
	return others
}

// What a service or a program may say of what runs there.
const (
	maxReported = 100 // places
	maxWhere    = 200 // characters of each
)

// ParseRunning reads what a service or a program says runs there:
//
//	{"running": [{"where": "web-1", "digest": "sha256:…", "count": 3}]}
//
// Its error is Invalid. That nothing runs is one, too: it can't be told from not
// knowing.
func ParseRunning(text []byte) ([]Running, error) {
	var said struct {
		Running []struct {
			Where  string `json:"where"`
			Digest string `json:"digest"`
			Count  int    `json:"count"`
		} `json:"running"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return nil, Errorf(Invalid, `what runs is not said as {"running": [{"where": "web-1", "digest": "sha256:…", "count": 3}]}: %w`, err)
	}
	if n := len(said.Running); n == 0 || n > maxReported {
		return nil, Errorf(Invalid, "%d places are said to run something: it has to be from 1 to %d, each under running", n, maxReported)
	}
	var all []Running
	for i, r := range said.Running {
		digest, err := ParseDigest(r.Digest)
		where := Line(r.Where)
		if runes := []rune(where); len(runes) > maxWhere {
			where = string(runes[:maxWhere]) + "…"
		}
		if err != nil || where == "" {
			return nil, Errorf(Invalid, `entry %d of running has no where, or no digest as sha256:…: say both`, i+1)
		}
		all = append(all, Running{Where: where, Digest: digest, Count: max(0, r.Count)})
	}
	return all, nil
}
