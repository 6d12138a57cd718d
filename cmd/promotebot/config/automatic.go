package config

import (
	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
)

// approvalsNone is what the key approvals says where nobody has to approve.
const approvalsNone = "none"

// automatic tells whether a policy asks for nobody's approval. That is written
// out, so that nothing goes ahead by itself because something was forgotten.
func (r *reader) automatic(n *yaml.Node, in map[string]strict.Pair) bool {
	if !r.IsText(n) || n.Value != approvalsNone {
		return false
	}
	if p, ok := in[keyRequester]; ok {
		r.Fault(p.At, "requester says whether one person can approve, and nobody has to", "take it out, or ask somebody for approval")
	}
	return true
}
