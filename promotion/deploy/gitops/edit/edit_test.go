package edit_test

import (
	"strings"
	"testing"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/gitops/edit"
)

const (
	old  = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	next = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	repo = "registry.example.com/shop/api"
)

var image = edit.Image{Repository: repo, Digest: next, Tag: "v1.4.2"}

// expand writes digests and the repository out: OLD, NEXT, REPO.
func expand(s string) string {
	return strings.NewReplacer("OLD", old, "NEXT", next, "REPO", repo).Replace(s)
}

var (
	kustomize = edit.Place{Kustomize: "shop"}
	own       = edit.Place{Kustomize: repo}
	value     = edit.Place{Value: edit.Path{"image"}}
	digest    = edit.Place{Digest: edit.Path{"image", "digest"}}
	tag       = edit.Place{Tag: edit.Path{"apps", "1", "tag"}}
	manifest  = edit.Place{Manifest: true}
)

func TestTheDigestIsPutInAndEverythingElseStays(t *testing.T) {
	for name, c := range map[string]struct {
		place     edit.Place
		now       string
		old, want string
	}{
		"a digest is replaced": {
			own, "OLD", "# top\nimages:\n\n- name: REPO   # ours\n  digest: OLD   # set by hand\t!\n\nresources: [ a,b ]\n",
			"# top\nimages:\n\n- name: REPO   # ours\n  digest: NEXT   # set by hand\t!\n\nresources: [ a,b ]\n",
		},
		"quotes stay as they are": {
			kustomize, "REPO@OLD", "images:\n  - {digest: 'OLD', \"name\": shop, newName: \"REPO\"}\n",
			"images:\n  - {digest: 'NEXT', \"name\": shop, newName: \"REPO\"}\n",
		},
		"a tag becomes a digest where it stands": {
			kustomize, "REPO:v1", "images:\n- name: shop\n  newTag: v1 # as tested\n  newName: REPO\n",
			"images:\n- name: shop\n  digest: NEXT # as tested\n  newName: REPO\n",
		},
		"a tag that YAML takes for a number": {
			own, "1.10", "images:\n- name: REPO\n  newTag: 1.10\n", "images:\n- name: REPO\n  digest: NEXT\n",
		},
		"a tag beside a digest goes, and its comment stays": {
			own, "v1@OLD", "images:\n- name: REPO\n  newTag: v1 # as tested\n  digest: OLD\n",
			"images:\n- name: REPO\n  # as tested\n  digest: NEXT\n",
		},
		"a tag beside a digest goes with its line": {
			own, "v1@OLD", "images:\n- name: REPO\n  digest: OLD\n  newTag: v1\n# end\n",
			"images:\n- name: REPO\n  digest: NEXT\n# end\n",
		},
		"a tag that comes first": {
			own, "v1@OLD", "images:\n- newTag: v1\n  name: REPO\n  digest: OLD\n",
			"images:\n- digest: NEXT\n  name: REPO\n",
		},
		"a tag between braces": {
			own, "v1@OLD", "images: [{name: REPO, newTag: v1, digest: OLD}]\n", "images: [{name: REPO, digest: NEXT}]\n",
		},
		"another name is put right": {
			kustomize, "other@NEXT", "images:\n- name: shop\n  newName: other\n  digest: NEXT\n",
			"images:\n- name: shop\n  newName: REPO\n  digest: NEXT\n",
		},
		"an entry gets what it lacks": {
			kustomize, "", "images:\n- name: shop # ours\n- name: z\n", "images:\n- name: shop # ours\n  newName: REPO\n  digest: NEXT\n- name: z\n",
		},
		"an entry between braces gets what it lacks": {
			kustomize, "", "images: [ {name: shop} ]", "images: [ {name: shop, newName: REPO, digest: NEXT} ]",
		},
		"an entry at an end without a line break": {
			kustomize, "", "images:\n- name: shop", "images:\n- name: shop\n  newName: REPO\n  digest: NEXT",
		},
		"a digest without a value": {
			own, "", "images:\n- name: REPO\n  digest: # later\n", "images:\n- name: REPO\n  digest: NEXT # later\n",
		},
		"an entry is added beside one without a name": {
			own, "", "images:\n- newTag: v1\n", "images:\n- name: REPO\n  digest: NEXT\n- newTag: v1\n",
		},
		"an entry is added before others": {
			own, "", "images: # all\n  # about z\n  - name: z\n    newTag: '1'\nb: 1\n",
			"images: # all\n  - name: REPO\n    digest: NEXT\n  # about z\n  - name: z\n    newTag: '1'\nb: 1\n",
		},
		"an entry is added between brackets": {
			own, "", "images: [{name: z}]\n", "images: [{name: REPO, digest: NEXT}, {name: z}]\n",
		},
		"an entry is added to an empty list": {
			own, "", "images: []\n", "images: [{name: REPO, digest: NEXT}]\n",
		},
		"an entry is added where there is no list": {
			own, "", "images:\n\nb: 1\n", "images:\n- name: REPO\n  digest: NEXT\n\nb: 1\n",
		},
		"the list is added": {
			kustomize, "", "kind: Kustomization\nresources:\n- a", "kind: Kustomization\nresources:\n- a\nimages:\n- name: shop\n  newName: REPO\n  digest: NEXT",
		},
		"lines end as Windows writes them": {
			kustomize, "", "images:\r\n- name: shop\r\nb: 1\r\n", "images:\r\n- name: shop\r\n  newName: REPO\r\n  digest: NEXT\r\nb: 1\r\n",
		},
		"a byte order mark comes first": {
			value, "REPO@OLD", "\ufeffimage: REPO@OLD\nb: ü\n", "\ufeffimage: REPO@NEXT\nb: ü\n",
		},
		"letters of two bytes and odd line breaks come before": {
			value, "", "{a: \"ü\u0085 ö\", ä: x\u2028, image: ''} # …", "{a: \"ü\u0085 ö\", ä: x\u2028, image: 'REPO@NEXT'} # …",
		},
		"a whole image at a path": {
			value, "x:1", "image: x:1\n", "image: REPO@NEXT\n",
		},
		"a digest at a path": {
			digest, "", "# |\nimage:\n  note: |\n    digest: OLD\n  digest:\n", "# |\nimage:\n  note: |\n    digest: OLD\n  digest: NEXT\n",
		},
		"a tag in a list": {
			tag, "v1@OLD", "apps:\n- tag: no\n- tag: \"v1@OLD\"\n", "apps:\n- tag: no\n- tag: \"v1.4.2@NEXT\"\n",
		},
		"anchors and aliases elsewhere": {
			digest, "OLD", "base: &b {x: 1}\nother: *b\nimage: {<<: *b, digest: OLD}\n", "base: &b {x: 1}\nother: *b\nimage: {<<: *b, digest: NEXT}\n",
		},
		"every container of every document": {
			manifest, "REPO:v1, REPO@OLD, REPO@NEXT",
			"kind: Deployment\nspec:\n  initContainers: [{image: 'REPO:v1'}]\n  containers:\n  - image: other/REPO:v1\n  - {name: a, image: \"REPO@OLD\"} # b\n---\nkind: CronJob\njobTemplate: {containers: [{image: REPO@NEXT}]}\nimage: REPO:v1\n",
			"kind: Deployment\nspec:\n  initContainers: [{image: 'REPO@NEXT'}]\n  containers:\n  - image: other/REPO:v1\n  - {name: a, image: \"REPO@NEXT\"} # b\n---\nkind: CronJob\njobTemplate: {containers: [{image: REPO@NEXT}]}\nimage: REPO:v1\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := edit.Make([]byte(expand(c.old)), c.place, image)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(p.Result); got != expand(c.want) || p.Done {
				t.Errorf("done %v, and it is\n%s\nand should be\n%s", p.Done, got, expand(c.want))
			}
			if want := expand(c.now); p.Now != want {
				t.Errorf("%q stood there, not %q", p.Now, want)
			}
			again, err := edit.Make(p.Result, c.place, image)
			if err != nil || !again.Done || string(again.Result) != string(p.Result) {
				t.Errorf("a second time: %+v %v", again, err)
			}
		})
	}
}

func TestWhatIsThereAlreadyIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		place edit.Place
		file  string
	}{
		"an image with a tag before its digest": {value, "image: REPO:v9@NEXT\n"},
		"another tag before the digest":         {tag, "apps: [{}, {tag: v9@NEXT}]\n"},
		"a container with a tag":                {manifest, "containers: [{image: REPO:v9@NEXT}]\n"},
		"a pinned image":                        {kustomize, "images: [{digest: NEXT, name: shop, newName: REPO}]\n"},
	} {
		p, err := edit.Make([]byte(expand(c.file)), c.place, image)
		if err != nil || !p.Done || string(p.Result) != expand(c.file) {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
}

func TestWhatCantBeEditedIsRefusedWithItsLine(t *testing.T) {
	for name, c := range map[string]struct {
		place      edit.Place
		file, want string
		kind       promotion.Kind
	}{
		"no YAML":                        {value, "a: [\n", "the file is not YAML", promotion.Invalid},
		"no UTF-8":                       {value, "image: \xff\n", "not UTF-8", promotion.Invalid},
		"too large":                      {value, "image: x #" + strings.Repeat("x", edit.MaxFile), "files of more than 1048576 are not edited", promotion.Invalid},
		"nothing":                        {value, "", "the file is empty", promotion.NotFound},
		"two documents":                  {value, "image: x\n---\nimage: y\n", "line 2: a second document begins here", promotion.Invalid},
		"a path that is not there":       {digest, "image: {tag: x}\n", "there is no image.digest on the way to image.digest", promotion.NotFound},
		"a list that is too short":       {tag, "apps: [x]\n", "there is no apps.1 on the way to apps.1.tag", promotion.NotFound},
		"a path through a text":          {digest, "image: x\n", `line 1: this is no mapping that could have the key "digest"`, promotion.Invalid},
		"a path to a mapping":            {value, "image: {a: b}\n", "line 1: image is not a single value", promotion.Invalid},
		"an alias as the value":          {value, "a: &x y\nimage: *x\n", "line 2: *x is an alias", promotion.Invalid},
		"an alias on the way":            {digest, "a: &x {digest: y}\nimage: *x\n", "line 2: *x is an alias", promotion.Invalid},
		"an alias in a list":             {tag, "a: &x {tag: y}\napps: [z, *x]\n", "line 2: *x is an alias", promotion.Invalid},
		"a merge that may bring it":      {digest, "a: &x {digest: y}\nimage:\n  <<: *x\n", `line 3: "digest" may come in with the merge`, promotion.Invalid},
		"an anchor on quotes":            {value, "image: &x 'y'\n", "line 1: the value is not a plain text on one line", promotion.Invalid},
		"images by alias":                {own, "a: &x [{name: z}]\nimages: *x\n", "line 2: *x is an alias", promotion.Invalid},
		"a digest by alias":              {own, "a: &x OLD\nimages: [{name: REPO, digest: *x}]\n", "line 2: *x is an alias", promotion.Invalid},
		"an anchor on the value":         {value, "image: &x y\n", "line 1: the value is not a plain text on one line", promotion.Invalid},
		"a part that others use":         {digest, "image: &x {digest: y}\nb:\n  c: *x\n", "line 3: *x is an alias of a part of the file that has to change", promotion.Invalid},
		"a type tag on the value":        {value, "image: !!str y\n", "line 1: the value is not a plain text on one line", promotion.Invalid},
		"a block as the value":           {value, "image: >-\n  y\n", "line 1: the value is not a plain text on one line", promotion.Invalid},
		"a value on two lines":           {value, "image: a\n  b\n", "line 1: the value is not a plain text on one line", promotion.Invalid},
		"quotes over two lines":          {value, "image: \"a\n  b\"\n", "line 1: the value is not a plain text on one line", promotion.Invalid},
		"a key twice":                    {value, "image: a\nimage: b\n", `line 2: the key "image" is set on line 1 already`, promotion.Invalid},
		"no container of the repository": {manifest, "containers: [{image: REPO2:v1}]\n", "no container in it runs an image of REPO", promotion.NotFound},
		"a container by alias":           {manifest, "a: &x {image: REPO}\ncontainers: [*x]\n", "line 2: *x is an alias", promotion.Invalid},
		"an image by alias":              {manifest, "a: &x REPO\ncontainers: [{image: *x}]\n", "line 2: *x is an alias", promotion.Invalid},
		"images that are no list":        {own, "images: {a: b}\n", "line 1: images is no list", promotion.Invalid},
		"an image twice":                 {own, "images:\n- name: REPO\n- name: REPO\n", "line 3: the image REPO is there on line 2 already", promotion.Invalid},
		"an entry by alias":              {own, "a: &x {name: REPO}\nimages: [*x]\n", "line 2: *x is an alias", promotion.Invalid},
		"a list with an anchor":          {own, "images: &x\n- name: z\n", "line 1: the list of images has an anchor", promotion.Invalid},
		"a suffix of tags":               {own, "images: [{name: REPO, tagSuffix: -x}]\n", "line 1: a digest takes no tagSuffix", promotion.Invalid},
		"a comment among what has to go": {own, "images: [{name: REPO, # x\n newTag: v1, digest: OLD}]\n", "newTag has to go", promotion.Invalid},
		"a file of braces alone":         {own, "{a: b}\n", "line 1: the file has no images, and is all braces", promotion.Invalid},
		"an end that is marked":          {own, "a: b\n...\n", "can't be put in without changing something else", promotion.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := edit.Make([]byte(expand(c.file)), c.place, image)
			if err == nil || promotion.KindOf(err) != c.kind || !strings.Contains(err.Error(), expand(c.want)) {
				t.Errorf("%+v %v", p, err)
			}
		})
	}
}

// Whoever may push to the repository writes the file.
func FuzzWhateverTheFileHolds(f *testing.F) {
	for _, seed := range []string{"image: {digest: OLD}\n", "images:\n- name: REPO\n  newTag: v1\n", "a: &x [*x]\nimage: *x\n", "containers: [{image: REPO}]\n---\n", "? [a]\n: b\n", "images: [{? name : REPO}]\n"} {
		f.Add(expand(seed))
	}
	f.Fuzz(func(t *testing.T, file string) {
		for _, place := range []edit.Place{kustomize, own, value, digest, tag, manifest} {
			p, err := edit.Make([]byte(file), place, image)
			if err != nil {
				continue
			}
			if again, err := edit.Make(p.Result, place, image); err != nil || !again.Done {
				t.Errorf("%+v: %q became %q, and then %+v %v", place, file, p.Result, again, err)
			}
		}
	})
}

// A file of a megabyte that is all aliases takes no time to speak of.
func TestAFileThatIsMadeToTakeLongDoesNot(t *testing.T) {
	var text strings.Builder
	text.WriteString("base: &b [" + strings.Repeat("x,", 100000) + "]\nlist: [" + strings.Repeat("*b,", 200000) + "]\n")
	text.WriteString("containers:\n" + strings.Repeat("- {image: "+repo+"}\n", 2000))
	p, err := edit.Make([]byte(text.String()), manifest, image)
	if err != nil || strings.Count(string(p.Result), next) != 2000 {
		t.Error(err)
	}
}

func TestAPlaceOfTagsNeedsATag(t *testing.T) {
	_, err := edit.Make([]byte("apps: [x, {tag: v1}]\n"), tag, edit.Image{Repository: repo, Digest: next})
	if promotion.KindOf(err) != promotion.Invalid || !strings.Contains(err.Error(), "carries no tag") {
		t.Error(err)
	}
}
