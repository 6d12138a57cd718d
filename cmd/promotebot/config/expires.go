package config

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	keyExpires  = "expires"
	keyRequest  = "request"
	keyApproval = "approval"

	exampleExpires = "{request: 7d, approval: 48h}"
)

// The bounds of expiry: below a minute nobody could ever be in time, and beyond
// a year nobody remembers what it was about.
const (
	minExpiry = time.Minute
	maxExpiry = 365 * 24 * time.Hour
)

func (r *reader) expires(n *yaml.Node, soak time.Duration) (e policy.Expiry) {
	in, ok := r.Fields(n, keyExpires, exampleExpires, keyRequest, keyApproval)
	if !ok {
		return e
	}
	if p, ok := in[keyRequest]; ok {
		if e.Request, ok = r.expiry(p.Value, keyRequest); ok && e.Request <= soak {
			r.Fault(p.Value, fmt.Sprintf("every request would expire after %s, before its soak of %s is complete", p.Value.Value, soak), "let the request live longer than the soak, such as 7d, or ask for less soak")
		}
	}
	if p, ok := in[keyApproval]; ok {
		e.Approval, _ = r.expiry(p.Value, keyApproval)
	}
	return e
}

func (r *reader) expiry(n *yaml.Node, key string) (time.Duration, bool) {
	d, ok := r.Duration(n, "expires."+key, "48h")
	if ok && (d < minExpiry || d > maxExpiry) {
		r.Fault(n, fmt.Sprintf("an expiry after %s is out of bounds", n.Value), "write from 1m to 365d, such as 48h, or take the key out")
		return 0, false
	}
	return d, ok
}
