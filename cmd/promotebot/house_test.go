package main_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	module = "github.com/promotebot/promotebot"
	root   = "../.."
)

// house is the syntax of every Go file, nested modules and every build tag
// included: a rule that the compiler skips a file for would be one to get
// around.
type house struct {
	positions *token.FileSet
	files     []source
	bubbles   map[string]bool // directories whose tests run in bubbles of testing/synctest
}

type source struct {
	path, dir string
	test      bool
	lines     int
	*ast.File
}

func readHouse(fsys fs.FS) (*house, error) {
	h := &house{positions: token.NewFileSet(), bubbles: map[string]bool{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "testdata"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(h.positions, name, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		f := source{path: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), lines: bytes.Count(text, []byte("\n")), File: file}
		h.files = append(h.files, f)
		h.bubbles[f.dir] = h.bubbles[f.dir] || f.called("testing/synctest") != ""
		return nil
	})
	return h, err
}

// faults is everything that breaks a rule, a line each.
func (h *house) faults() []string {
	var all []string
	for _, f := range h.files {
		say := func(at token.Pos, format string, args ...any) {
			all = append(all, fmt.Sprintf("%s:%d: %s", f.path, h.positions.Position(at).Line, fmt.Sprintf(format, args...)))
		}
		r, ok := roomOf(f.dir)
		if !ok {
			say(f.Package, "package %s has no row in house_rules_test.go: say what it may import, and why no more", f.dir)
			continue
		}
		f.imports(r, say)
		f.time(r, h.bubbles[f.dir], say)
		f.shapes(r, say)
		if slices.Contains(vague, path.Base(f.dir)) || slices.Contains(vague, strings.TrimSuffix(f.Name.Name, "_test")) {
			say(f.Package, "a package called %s can hold anything: name it after what it is for", f.Name.Name)
		}
	}
	return all
}

type fault func(at token.Pos, format string, args ...any)

func roomOf(dir string) (room, bool) {
	i := slices.IndexFunc(rooms, func(r room) bool { return within(dir, r.pkg) })
	if i < 0 {
		return room{}, false
	}
	return rooms[i], true
}

// within tells whether a package is the one named, or in the tree named.
func within(pkg, pattern string) bool {
	tree, ok := strings.CutSuffix(pattern, "/...")
	return pkg == pattern || ok && below(pkg, tree)
}

func below(pkg, tree string) bool { return pkg == tree || strings.HasPrefix(pkg, tree+"/") }

// imports holds tests to the rules only where the rules are about tests too:
// a test of the gate opens a database, and that is its point.
func (f source) imports(r room, say fault) {
	fixture := below(f.dir, "fixtures")
	for _, spec := range f.Imports {
		of, _ := strconv.Unquote(spec.Path.Value) // the parser has seen to it that it is a string
		ours := of == module || strings.HasPrefix(of, module+"/")
		of = strings.TrimPrefix(of, module+"/")
		is := func(pattern string) bool { return within(of, pattern) }
		switch {
		case everywhere[of] != "":
			say(spec.Pos(), "no package imports %q: %s", of, everywhere[of])
		case spec.Name != nil && spec.Name.Name == ".":
			say(spec.Pos(), "%q is imported with a dot, and then no name says where it is from", of)
		case f.test && !fixture:
		case ours && !slices.ContainsFunc(r.ours, is):
			say(spec.Pos(), "%s must not import %s: %s", r.pkg, of, r.why)
		case ours:
		case strings.Contains(strings.Split(of, "/")[0], "."):
			if !slices.ContainsFunc(r.theirs, func(t string) bool { return t == "*" || below(of, t) }) {
				say(spec.Pos(), "%s must not import %s: %s", r.pkg, of, r.why)
			}
		case slices.Contains(r.without, of), r.pure && slices.ContainsFunc(impure, func(i string) bool { return below(of, i) }) && !slices.Contains(harmless, of):
			say(spec.Pos(), "%s does without %s: %s", r.pkg, of, r.why)
		}
	}
}

// time looks for the clock where instants are given, and for tests that wait by
// the real one. Where a package's tests run in bubbles they may sleep: which of
// its functions are called in one can't be seen from here.
func (f source) time(r room, bubbles bool, say fault) {
	name := f.called("time")
	for n := range ast.Preorder(f.File) {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		x, ok := s.X.(*ast.Ident)
		switch {
		case !ok || x.Name != name:
		case !f.test && (r.pure || r.timeless) && slices.Contains(clock, s.Sel.Name):
			say(s.Pos(), "%s takes no time.%s, it is given instants: %s", r.pkg, s.Sel.Name, r.why)
		case f.test && s.Sel.Name == "Sleep" && !bubbles:
			say(s.Pos(), "a test that sleeps by the real clock is slow or wrong: use testing/synctest, or wait for what is to happen")
		}
	}
}

// called is the name under which the file has imported a package, or "".
func (f source) called(pkg string) string {
	for _, spec := range f.Imports {
		switch {
		case spec.Path.Value != strconv.Quote(pkg):
		case spec.Name != nil:
			return spec.Name.Name
		default:
			return path.Base(pkg)
		}
	}
	return ""
}

// shapes looks for interfaces without a reason and for goroutines in pure code.
func (f source) shapes(r room, say fault) {
	if f.test || below(f.dir, "fixtures") {
		return
	}
	ast.Inspect(f.File, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if r.pure {
				say(n.Pos(), "%s starts no goroutine: %s", r.pkg, r.why)
			}
		case *ast.TypeSpec:
			if _, ok := n.Type.(*ast.InterfaceType); ok && interfaces[f.dir+"."+n.Name.Name] == "" {
				say(n.Pos(), "the interface %s has no row in house_rules_test.go: say there why a concrete type would not do", n.Name.Name)
			}
		}
		return true
	})
}

// alarms is what is large enough for somebody to look.
func (h *house) alarms() []string {
	var all []string
	packages := map[string]int{}
	for _, f := range h.files {
		if !f.test {
			packages[f.dir] += f.lines
		}
		if f.lines > alarmFile {
			all = append(all, fmt.Sprintf("%s has %d lines", f.path, f.lines))
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				from, to := h.positions.Position(fn.Pos()).Line, h.positions.Position(fn.End()).Line
				if n := to - from + 1; n > alarmFunction {
					all = append(all, fmt.Sprintf("%s:%d: %s has %d lines", f.path, from, fn.Name.Name, n))
				}
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		if n := packages[dir]; n > alarmPackage {
			all = append(all, fmt.Sprintf("%s has %d lines without its tests", dir, n))
		}
	}
	return all
}

func TestTheHouseKeepsItsRules(t *testing.T) {
	t.Parallel()
	h, err := readHouse(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range h.faults() {
		t.Error(f)
	}
	for _, a := range h.alarms() {
		t.Logf("alarm line, not a failure: %s", a)
	}
}

// A rule that can't be broken checks nothing: each is broken here, and has to
// be heard. A source that stays within the rules has to be let through.
func TestTheRulesOfTheHouseAreHeardWhenBroken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, text, want string }{
		{"a lower package reaches up", "promotion/policy/x.go", `package policy; import _ "` + module + `/promotion/gate"`, "promotion/policy must not import promotion/gate"},
		{"the root imports ours", "promotion/x.go", `package promotion; import _ "` + module + `/store"`, "promotion must not import store"},
		{"production imports a fixture", "cmd/promotebot/serve/x.go", `package serve; import _ "` + module + `/fixtures/slack"`, "serve must not import fixtures/slack"},
		{"production imports the suite", "cmd/promotebot/x.go", `package main; import _ "` + module + `/store/storetest"`, "must not import store/storetest"},
		{"a fixture imports ours", "fixtures/slack/x.go", `package slack; import _ "` + module + `/promotion"`, "fixtures/... must not import promotion"},
		{"a fixture's test imports ours", "fixtures/slack/x_test.go", `package slack; import _ "` + module + `/bot/chat"`, "fixtures/... must not import bot/chat"},
		{"a new dependency in a quiet place", "promotion/pipeline/x.go", `package pipeline; import _ "example.com/queue"`, "must not import example.com/queue"},
		{"a database in the gate", "promotion/gate/x.go", `package gate; import _ "database/sql"`, "does without database/sql"},
		{"a driver in the gate", "promotion/gate/x.go", `package gate; import _ "database/sql/driver"`, "does without database/sql/driver"},
		{"a log in the policy", "promotion/policy/x.go", `package policy; import _ "log/slog"`, "does without log/slog"},
		{"a die in the policy", "promotion/policy/x.go", `package policy; import _ "math/rand/v2"`, "does without math/rand/v2"},
		{"a command run by the bot", "bot/chat/x.go", `package chat; import _ "os/exec"`, "does without os/exec"},
		{"the network in the store", "store/x.go", `package store; import _ "net/http"`, "does without net/http"},
		{"C", "store/sqlite/x.go", `package sqlite; import "C"`, `no package imports "C"`},
		{"unsafe in a test", "store/sqlite/x_test.go", `package sqlite; import _ "unsafe"`, `no package imports "unsafe"`},
		{"a dot", "bot/chat/x.go", `package chat; import . "time"`, "imported with a dot"},
		{"the clock in the gate", "promotion/gate/x.go", `package gate; import "time"; var _ = time.Now()`, "takes no time.Now"},
		{"the clock under another name", "promotion/gate/x.go", `package gate; import clock "time"; var _ = clock.Since`, "takes no time.Since"},
		{"the clock in the store", "store/sqlite/x.go", `package sqlite; import "time"; var now = time.Now`, "takes no time.Now"},
		{"a goroutine in the renderer", "bot/render/x.go", `package render; func f() { go f() }`, "starts no goroutine"},
		{"a test that waits", "bot/chat/x_test.go", `package chat; import "time"; func f() { time.Sleep(1) }`, "sleeps by the real clock"},
		{"an interface more", "bot/web/x.go", `package web; type Clock interface{ Now() int }`, "the interface Clock has no row"},
		{"a vague directory", "fixtures/util/x.go", `package x`, "can hold anything"},
		{"a vague package", "fixtures/y/x.go", `package helpers_test`, "can hold anything"},
		{"a package without a row", "bot/oracle/x.go", `package oracle`, "bot/oracle has no row"},

		{"what is allowed", "promotion/gate/x.go", `package gate; import ("time"; "net/url"; _ "` + module + `/promotion/policy"); var _ = time.Hour; var _ = url.Parse`, ""},
		{"the clock where it belongs", "promotion/pipeline/x.go", `package pipeline; import "time"; var _ = time.Now()`, ""},
		{"a bubble", "bot/chat/x_test.go", `package chat; import ("testing/synctest"; "time"); func TestA() { synctest.Test(nil, f) }; func f() { time.Sleep(1) }`, ""},
		{"a test's own far side", "promotion/gate/x_test.go", `package gate; import ("database/sql"; _ "` + module + `/store/sqlite"); var _ sql.DB`, ""},
		{"not ours to read", "fixtures/slack/node_modules/x.go", `package util`, ""},
	} {
		h, err := readHouse(fstest.MapFS{c.file: {Data: []byte(c.text)}})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := strings.Join(h.faults(), "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: want %q, got %q", c.name, c.want, got)
		}
	}
}

func TestAlarmLinesAreSeen(t *testing.T) {
	t.Parallel()
	long := "package gate\nfunc f() {" + strings.Repeat("\n", alarmFunction) + "}\n" + strings.Repeat("\n", alarmFile)
	h, err := readHouse(fstest.MapFS{"a/1.go": {Data: []byte(long)}, "a/2.go": {Data: []byte(long)}, "a/3_test.go": {Data: []byte("package gate\n")}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"a/1.go has 562 lines", "a/1.go:2: f has 61 lines", "a/2.go has 562 lines", "a/2.go:2: f has 61 lines", "a has 1124 lines without its tests",
	}
	if got := h.alarms(); !slices.Equal(got, want) {
		t.Errorf("want %q\ngot  %q", want, got)
	}
}

// largest is far above any text that somebody would read, and below anything
// that a compiler makes.
const largest = 1 << 20

// Where there is git, what is about to be committed counts as well; a source
// archive is taken as it lies there.
func TestTheRepositoryOpensOnWhatItAlwaysOpensOn(t *testing.T) {
	t.Parallel()
	var entries []string
	if out, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output(); err == nil && len(out) > 0 {
		for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
			top, _, _ := strings.Cut(name, "/")
			entries = append(entries, top)
			if i, err := os.Stat(path.Join(root, name)); err == nil && i.Size() > largest {
				t.Errorf("%s has %d bytes: what nobody can read does not belong here", name, i.Size())
			}
		}
	} else {
		all, err := os.ReadDir(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			entries = append(entries, e.Name())
		}
	}
	for _, e := range stray(entries) {
		t.Errorf("%s is new at the top: put it into the directory of whoever reads it, or argue for a new entry in house_rules_test.go", e)
	}
	if got := stray([]string{"bot", "scripts", ".git", "LICENSE", "scripts"}); !slices.Equal(got, []string{".git", "scripts"}) {
		t.Errorf("of what does not belong at the top, %q is seen", got)
	}
}

// stray are the entries that the repository does not open on.
func stray(entries []string) []string {
	slices.Sort(entries)
	return slices.DeleteFunc(slices.Compact(entries), func(e string) bool { return slices.Contains(topLevel, e) })
}

// What the pages say about the house is held to the house.
func TestThePagesNameWhatIsThere(t *testing.T) {
	t.Parallel()
	h, err := readHouse(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	readme, packages := page(t, "README.md"), map[string]bool{}
	for _, f := range h.files {
		packages[f.dir] = packages[f.dir] || !f.test && !below(f.dir, "fixtures")
	}
	for dir, listed := range packages {
		if listed && !strings.Contains(readme, "`"+dir+"`") {
			t.Errorf("the package table of README.md has no `%s`", dir)
		}
	}
	named := regexp.MustCompile("`((?:bot|cmd|fixtures|promotion|store|\\.ci|\\.github)/[\\w./-]+)`|\\]\\(([\\w./-]+)\\)")
	for _, p := range []string{"README.md", ".github/CONTRIBUTING.md", ".github/SECURITY.md", "CHANGELOG.md"} {
		for _, m := range named.FindAllStringSubmatch(page(t, p), -1) {
			file := path.Join(root, m[1])
			if m[2] != "" {
				file = path.Join(root, path.Dir(p), m[2])
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s names %s, which is not there", p, m[1]+m[2])
			}
		}
	}
}

func page(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(path.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
