package promotion

import (
	"slices"
	"strings"
)

// Layer is a layer of an image, as its manifest has it.
type Layer struct {
	Digest Digest
	Size   int64 // in bytes, compressed
}

// Change is what is different between an image and the one before it, as far as
// both of them tell.
type Change struct {
	Lost, Gained []string // platforms; nothing when one of the images names none
	Layers       *Layers  // nil when they are not known of both, or of different platforms
}

// Layers are how many of an image there are, how many of those the one before
// does not have, and with how many both begin.
type Layers struct {
	All, New, Shared int
	Size, Before     int64 // bytes of all of them, compressed
}

// Since says what has changed since the image before.
func (i *Image) Since(before *Image) Change {
	var c Change
	if len(i.Platforms) > 0 && len(before.Platforms) > 0 {
		c.Lost, c.Gained = without(before.Platforms, i.Platforms), without(i.Platforms, before.Platforms)
	}
	if len(i.Layers) == 0 || len(before.Layers) == 0 || usual(i.Of) != usual(before.Of) {
		return c
	}
	l := Layers{All: len(i.Layers), Size: i.Size, Before: before.Size}
	for n, layer := range i.Layers {
		same := func(other Layer) bool { return other.Digest == layer.Digest }
		if !slices.ContainsFunc(before.Layers, same) {
			l.New++
		}
		if l.Shared == n && n < len(before.Layers) && same(before.Layers[n]) {
			l.Shared++
		}
	}
	c.Layers = &l
	return c
}

// without are the platforms of one image that the other does not have.
func without(platforms, others []string) []string {
	var all []string
	for _, p := range platforms {
		is := func(other string) bool { return usual(other) == usual(p) }
		if !slices.ContainsFunc(others, is) && !slices.ContainsFunc(all, is) {
			all = append(all, p)
		}
	}
	return all
}

// usual writes a platform without the variant that is meant when none is named,
// as containerd does: build tools name it or leave it out as they like.
func usual(platform string) string {
	switch {
	case strings.HasSuffix(platform, "/arm64/v8"):
		return strings.TrimSuffix(platform, "/v8")
	case strings.HasSuffix(platform, "/arm/v7"):
		return strings.TrimSuffix(platform, "/v7")
	}
	return platform
}
