package promotion

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
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

// shortest is how many bytes a secret has to have to be looked for in texts: of
// what is shorter, a text has many that mean something else.
const shortest = 4

// Hide is a text without the secret, as it is, in JSON or in an address. Whoever was
// shown a secret may repeat it when something goes wrong, and what they say is shown
// to people. It has to be hidden before a text is cut: half a secret is not found.
func (s Secret) Hide(text string) string {
	if len(s.value) < shortest {
		return text
	}
	quoted, _ := json.Marshal(s.value) // a string can always be written
	for _, form := range []string{s.value, string(quoted[1 : len(quoted)-1]), url.QueryEscape(s.value), url.PathEscape(s.value)} {
		text = strings.ReplaceAll(text, form, redacted)
	}
	return text
}

// HideIn is an error without the secrets in its text and its cause. One that holds
// none of them is left as it is.
func HideIn(err error, secrets ...Secret) error {
	if err == nil {
		return nil
	}
	hide := func(text string) string {
		for _, s := range secrets {
			text = s.Hide(text)
		}
		return text
	}
	holds := func(e error) bool { return hide(e.Error()) != e.Error() }
	if !slices.ContainsFunc(chain(err), holds) {
		return err
	}
	hidden := &Error{Kind: KindOf(err), Text: hide(err.Error())}
	if e, ok := errors.AsType[*Error](err); ok {
		hidden.RetryAfter = e.RetryAfter
	}
	return hidden
}

// chain are an error and those that it was made from.
func chain(err error) (all []error) {
	for ; err != nil; err = errors.Unwrap(err) {
		all = append(all, err)
	}
	return all
}
