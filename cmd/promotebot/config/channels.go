package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
)

const keyShared = "shared_channels"

// What it can say.
const (
	sharedAllowed = "allow"
	sharedRefused = "refuse"
)

// refuses reads what becomes of a promotion whose card another organisation
// sees.
func (r *reader) refuses(n *yaml.Node) bool {
	text, ok := r.Text(n, keyShared)
	if ok && text != sharedAllowed && text != sharedRefused {
		r.Fault(n, fmt.Sprintf("%q does not say whether a card may be where another organisation sees it", strict.Clip(text)), "write "+sharedAllowed+", which is the default, or "+sharedRefused)
	}
	return ok && text == sharedRefused
}
