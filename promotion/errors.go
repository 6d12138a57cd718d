package promotion

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Kind classifies an error. A Kind is itself an error, so
// errors.Is(err, promotion.NotFound) asks for the kind.
type Kind string

// The kinds. Whether trying again could help is part of the meaning: only
// Unavailable and Stale are worth another attempt.
const (
	Invalid     Kind = "invalid"     // the request makes no sense, whoever asks and whenever
	NotFound    Kind = "not found"   // there is no such thing
	Forbidden   Kind = "forbidden"   // this person, or these credentials, may not
	Conflict    Kind = "conflict"    // the world is in a state that nobody planned; a human decides
	Stale       Kind = "stale"       // somebody else was faster; look again
	Unavailable Kind = "unavailable" // could not be asked or answered; says nothing about the answer
)

func (k Kind) Error() string { return string(k) }

// Error is an error with a kind and a text that is fit for people.
type Error struct {
	Kind       Kind
	Text       string
	RetryAfter time.Duration // the other side asked for this pause; 0 when it did not
	Err        error         // what it was made from, for logs only
}

// Errorf makes an Error. A %w operand is kept for errors.Is and for logs.
func Errorf(kind Kind, format string, args ...any) error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Text: wrapped.Error(), Err: errors.Unwrap(wrapped)}
}

func (e *Error) Error() string { return e.Text }

// Is matches the kind.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of err. Errors that carry none are Unavailable: not
// knowing what went wrong is no reason to give up, and none to go on.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if k, ok := errors.AsType[Kind](err); ok {
		return k
	}
	return Unavailable
}

// Cause is what lies behind an error whose text is for people, as far as the
// text does not say it: "connection refused". It is for logs only, and leaves
// out addresses, because those of storage and of response URLs hold secrets.
func Cause(err error) string {
	var e *Error
	if !errors.As(err, &e) || e.Err == nil {
		return ""
	}
	cause := e.Err
	if request, ok := errors.AsType[*url.Error](cause); ok {
		cause = request.Err
	}
	if strings.Contains(e.Text, cause.Error()) {
		return ""
	}
	return cause.Error()
}
