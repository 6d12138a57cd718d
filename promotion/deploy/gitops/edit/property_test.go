package edit_test

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/promotion/deploy/gitops/edit"
)

// writer writes YAML as people do, every time differently, and notes where the
// value stands that is to be replaced.
type writer struct {
	t        *rapid.T
	out      strings.Builder
	newline  string
	from, to int
}

var (
	words    = rapid.SampledFrom([]string{"a", "replicas", "ü b", "v1.10", "1", "true", "registry.example.com/x:y", "~", "image", "- x", "digest"})
	comments = rapid.SampledFrom([]string{"", "", " # ours", "\t# digest: no\t!", "   # 'ü \"", " #"})
	blanks   = rapid.SampledFrom([]string{"", "", "\n", "# a comment: here\n", "      # {[ further in\n", "   \n"})
)

func (w *writer) write(s string) { w.out.WriteString(strings.ReplaceAll(s, "\n", w.newline)) }

// quoted writes a text in one of the ways in which it can be written.
func (w *writer) quoted(s string, flow bool) string {
	plain := !strings.ContainsAny(s[:1], "-~ü&*!|>'\"%@`#") && s != "true" && s != "1"
	if flow {
		plain = plain && !strings.ContainsAny(s, ",[]{}: ")
	}
	switch ways := rapid.IntRange(0, 2).Draw(w.t, "quotes"); {
	case ways == 0 && plain:
		return s
	case ways == 1:
		return "'" + s + "'"
	}
	return `"` + s + `"`
}

// target writes the value that is to be replaced.
func (w *writer) target(was string, flow bool) {
	w.from = w.out.Len()
	w.write(w.quoted(was, flow))
	w.to = w.out.Len()
}

// value writes anything; further in by indent.
func (w *writer) value(indent, depth int) {
	pad := strings.Repeat(" ", indent)
	switch kind := rapid.IntRange(0, 6).Draw(w.t, "kind"); {
	case kind == 0 && depth > 0:
		w.write(comments.Draw(w.t, "comment") + "\n")
		for i := range rapid.IntRange(1, 3).Draw(w.t, "keys") {
			w.write(blanks.Draw(w.t, "blank") + pad + "k" + string(rune('a'+i)) + ":")
			w.value(indent+2, depth-1)
		}
	case kind == 1 && depth > 0:
		w.write("\n")
		for range rapid.IntRange(1, 3).Draw(w.t, "items") {
			w.write(pad + "- " + w.quoted(words.Draw(w.t, "word"), false) + comments.Draw(w.t, "comment") + "\n")
		}
	case kind == 2:
		w.write(" |" + "\n" + pad + "image: {digest: x}\n" + pad + "  # no comment\n")
	case kind == 3:
		w.write(" { x: [1, 'ü', \"#\"], y : " + w.quoted(words.Draw(w.t, "word"), true) + " }" + comments.Draw(w.t, "comment") + "\n")
	case kind == 4:
		w.write(comments.Draw(w.t, "comment") + "\n")
	default:
		w.write(" " + w.quoted(words.Draw(w.t, "word"), false) + comments.Draw(w.t, "comment") + "\n")
	}
}

// document writes a file with image.digest in it.
func (w *writer) document(was string) string {
	w.write(rapid.SampledFrom([]string{"", "\ufeff", "# first\n", "---\n", "%YAML 1.1\n---\n"}).Draw(w.t, "beginning"))
	others := func(prefix string) {
		for i := range rapid.IntRange(0, 3).Draw(w.t, "others") {
			w.write(blanks.Draw(w.t, "blank") + prefix + string(rune('a'+i)) + ":")
			w.value(2, 2)
		}
	}
	others("before")
	if rapid.Bool().Draw(w.t, "flow") {
		w.write("image: {x: 'ü', " + rapid.SampledFrom([]string{"digest: ", "\"digest\": ", "digest : "}).Draw(w.t, "key"))
		w.target(was, true)
		w.write(rapid.SampledFrom([]string{"}", ", y: 1}", "\n  , y: 2 # end\n }"}).Draw(w.t, "end") + comments.Draw(w.t, "comment") + "\n")
	} else {
		w.write("image:" + comments.Draw(w.t, "comment") + "\n  x:")
		w.value(4, 1)
		w.write(blanks.Draw(w.t, "blank") + "  digest: " + rapid.SampledFrom([]string{"", "  "}).Draw(w.t, "room"))
		w.target(was, false)
		w.write(comments.Draw(w.t, "comment") + "\n")
	}
	others("behind")
	text := w.out.String()
	if rapid.Bool().Draw(w.t, "no break at the end") && w.to < len(text)-2 {
		text = strings.TrimSuffix(text, w.newline)
	}
	return text
}

// meaning is what a file says to whoever reads it.
func meaning(t *rapid.T, text string) (all []any) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var one any
		err := decoder.Decode(&one)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		all = append(all, one)
	}
}

func TestNothingButTheValueChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &writer{t: t, newline: rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "newline")}
		was := rapid.SampledFrom([]string{old, "v1", "x y", "later"}).Draw(t, "was")
		text := w.document(was)
		before := meaning(t, text) // it is YAML, or the test is wrong
		p, err := edit.Make([]byte(text), edit.Place{Digest: edit.Path{"image", "digest"}}, image)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		quote := ""
		if c := text[w.from : w.from+1]; strings.ContainsAny(c, `'"`) {
			quote = c
		}
		if want := text[:w.from] + quote + next + quote + text[w.to:]; string(p.Result) != want {
			t.Fatalf("it is\n%q\nand should be\n%q", p.Result, want)
		}
		before[0].(map[string]any)["image"].(map[string]any)["digest"] = next
		if after := meaning(t, string(p.Result)); !reflect.DeepEqual(after, before) || p.Now != was {
			t.Fatalf("it says\n%v\nand should say\n%v", after, before)
		}
	})
}

// Whatever the entry of a kustomization looks like: it is pinned, and all other
// images, keys and comments stay.
func TestAKustomizationIsPinnedWhateverItsEntryLooksLike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &writer{t: t, newline: rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "newline")}
		want := map[string]any{"name": "shop", "newName": repo, "digest": next}
		pairs := []string{"name: " + w.quoted("shop", true)}
		for _, pair := range []string{"newName: " + w.quoted("other.example.com/x", true), "newTag: " + w.quoted("v1", true), "digest: '" + old + "'"} {
			if rapid.Bool().Draw(t, pair[:6]) {
				pairs = append(pairs, pair)
			}
		}
		pairs = rapid.Permutation(pairs).Draw(t, "pairs")
		flow := rapid.Bool().Draw(t, "flow")
		there := rapid.Bool().Draw(t, "there")
		w.write("before:")
		w.value(2, 2)
		w.write("images:" + comments.Draw(t, "comment") + "\n")
		w.write("- name: z\n  newTag: v3 # z\n")
		switch {
		case there && flow:
			w.write("- {" + strings.Join(pairs, ", ") + "}" + comments.Draw(t, "comment") + "\n")
		case there:
			for i, pair := range pairs {
				w.write([]string{"  ", "- "}[max(0, 1-i)] + pair + comments.Draw(t, "comment") + "\n")
			}
		}
		w.write("behind:")
		w.value(2, 2)
		text := w.out.String()
		before := meaning(t, text)[0].(map[string]any)
		p, err := edit.Make([]byte(text), edit.Place{Kustomize: "shop"}, image)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		after := meaning(t, string(p.Result))[0].(map[string]any)
		var others []any
		for _, entry := range after["images"].([]any) {
			if entry.(map[string]any)["name"] != "shop" {
				others = append(others, entry)
			} else if !reflect.DeepEqual(entry, any(want)) {
				t.Fatalf("the entry is %v\n%s", entry, p.Result)
			}
		}
		if len(others) != 1 || len(after["images"].([]any)) != 2 || !reflect.DeepEqual(after["before"], before["before"]) || !reflect.DeepEqual(after["behind"], before["behind"]) {
			t.Fatalf("%s\nbecame\n%s", text, p.Result)
		}
		for _, comment := range []string{" # ours", "# digest: no\t!", "# 'ü \"", "# z"} {
			if a, b := strings.Count(text, comment), strings.Count(string(p.Result), comment); a != b {
				t.Fatalf("of %d comments %q there are %d\n%s", a, comment, b, p.Result)
			}
		}
	})
}
