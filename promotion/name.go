package promotion

import (
	"regexp"
	"strings"
)

// Digest is the content address of a manifest: "sha256:" and 64 lower-case
// hexadecimal digits. Other algorithms are refused, because every registry
// supports this one and a second algorithm is a second name for one image.
type Digest string

var digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// ParseDigest accepts exactly the canonical form. Its error is Invalid.
func ParseDigest(s string) (Digest, error) {
	if !digestPattern.MatchString(s) {
		return "", Errorf(Invalid, "%q is not a digest: it must be sha256: and 64 hexadecimal digits", s)
	}
	return Digest(s), nil
}

// Short is the form for people: the first twelve hexadecimal digits, the
// length that registries and git forges show. Nothing is ever decided on it.
func (d Digest) Short() string {
	hex := strings.TrimPrefix(string(d), "sha256:")
	return hex[:min(12, len(hex))]
}

// Repository names an image repository with its registry:
// registry.example.com[:port]/path. There is no default registry and no
// default tag, so no name can mean two things.
type Repository string

var (
	namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	hostPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[0-9]{1,5})?$`)
	pathPattern = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagPattern  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
)

// ParseRepository accepts host/path, where the host has a dot or a port or is
// localhost (as in the distribution specification's grammar). Its error is
// Invalid.
func ParseRepository(s string) (Repository, error) {
	host, path, ok := strings.Cut(s, "/")
	switch {
	case !ok || path == "":
		return "", Errorf(Invalid, "%q is not an image repository: write registry.example.com/path, without a tag", s)
	case !hostPattern.MatchString(host) || !strings.ContainsAny(host, ".:") && host != "localhost":
		return "", Errorf(Invalid, "%q does not begin with a registry host such as registry.example.com", s)
	case !pathPattern.MatchString(path) || len(s) > 255:
		return "", Errorf(Invalid, "%q is not an image repository: after the host come lower-case path parts, and no tag or digest", s)
	}
	return Repository(s), nil
}

// Registry is the host, with its port if it has one.
func (r Repository) Registry() string {
	host, _, _ := strings.Cut(string(r), "/")
	return host
}

// ParseTag accepts what the distribution specification calls a tag. Its error
// is Invalid.
func ParseTag(s string) (string, error) {
	if !tagPattern.MatchString(s) {
		return "", Errorf(Invalid, "%q is not a tag: up to 128 letters, digits, '_', '.', '-', not beginning with '.' or '-'", s)
	}
	return s, nil
}

// ParseName accepts the name of an app, an environment, a role or a policy:
// ASCII only, so that two names that look alike are alike. Its error is
// Invalid.
func ParseName(s string) (string, error) {
	if !namePattern.MatchString(s) {
		return "", Errorf(Invalid, "%q is not a name: up to 63 lower-case letters, digits and '-', beginning with a letter or digit", s)
	}
	return s, nil
}
