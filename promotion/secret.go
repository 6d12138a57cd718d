package promotion

import (
	"fmt"
)

// Secret is a credential that does not show itself: not in %v, %+v, %#v or
// %q, not in JSON, not in a log. Reveal is for the one call that needs it.
type Secret struct{ value string }

// NewSecret wraps a credential.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal is the credential itself.
func (s Secret) Reveal() string { return s.value }

const redacted = "[redacted]"

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, redacted) }

// MarshalText implements encoding.TextMarshaler, and so serves JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
