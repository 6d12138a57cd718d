package provenance_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/provenance"
)

var hex = strings.Repeat("a", 64)

var image = promotion.Digest("sha256:" + hex)

const inToto = "application/vnd.in-toto+json"

// signer signs as its kind of key does.
type signer func(message []byte) []byte

func generate(t testing.TB, kind string) (provenance.Key, signer) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	var public any
	var sign signer
	sum256 := func(m []byte) []byte { s := sha256.Sum256(m); return s[:] }
	onCurve := func(c elliptic.Curve, sum func([]byte) []byte) {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		must(err)
		public = &key.PublicKey
		sign = func(m []byte) []byte { sig, err := ecdsa.SignASN1(rand.Reader, key, sum(m)); must(err); return sig }
	}
	switch kind {
	case "ECDSA":
		onCurve(elliptic.P256(), sum256)
	case "ECDSA of 384 bits":
		onCurve(elliptic.P384(), func(m []byte) []byte { s := sha512.Sum384(m); return s[:] })
	case "ECDSA of 384 bits, as cosign signs":
		onCurve(elliptic.P384(), sum256)
	case "ECDSA of 521 bits":
		onCurve(elliptic.P521(), func(m []byte) []byte { s := sha512.Sum512(m); return s[:] })
	case "Ed25519":
		p, key, err := ed25519.GenerateKey(rand.Reader)
		must(err)
		public, sign = p, func(m []byte) []byte { return ed25519.Sign(key, m) }
	case "RSA", "RSA, PSS":
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		must(err)
		public = &key.PublicKey
		sign = func(m []byte) []byte {
			sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum256(m))
			must(err)
			return sig
		}
		if kind == "RSA, PSS" {
			sign = func(m []byte) []byte {
				sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum256(m), nil)
				must(err)
				return sig
			}
		}
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	must(err)
	key, err := provenance.ParseKey(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	must(err)
	return key, sign
}

// sealed is an envelope around the payload, as DSSE has it.
func sealed(payload string, sign signer) map[string]any {
	message := fmt.Sprintf("DSSEv1 %d %s %d %s", len(inToto), inToto, len(payload), payload)
	return map[string]any{
		"payload": base64.StdEncoding.EncodeToString([]byte(payload)), "payloadType": inToto,
		"signatures": []any{map[string]any{"keyid": "", "sig": base64.StdEncoding.EncodeToString(sign([]byte(message)))}},
	}
}

func stated(predicateType, predicate string) string {
	return fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"%064d"}},{"name":"shop","digest":{"sha256":%q}}],"predicateType":%q,"predicate":%s}`,
		7, hex, predicateType, predicate)
}

const (
	v02 = "https://slsa.dev/provenance/v0.2"
	v1  = "https://slsa.dev/provenance/v1"
	one = `{"buildDefinition":{"internalParameters":{"github":{"actor_id":"973615"}}}}`
)

func text(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatAKeyHasSignedIsVerified(t *testing.T) {
	for _, kind := range []string{"ECDSA", "ECDSA of 384 bits", "ECDSA of 384 bits, as cosign signs", "ECDSA of 521 bits", "Ed25519", "RSA", "RSA, PSS"} {
		other, _ := generate(t, kind)
		key, sign := generate(t, kind)
		e := sealed(stated(v1, one), sign)
		for how, b := range map[string][]byte{"plainly": text(t, e), "in a bundle": text(t, map[string]any{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": e})} {
			if j, err := provenance.Judge(b, image, []provenance.Key{other, key}, nil); err != nil || !j.Verified || j.Refusal != "" || !slices.Equal(j.Authors, []string{"github:973615"}) {
				t.Errorf("%s, %s: %+v, %v", kind, how, j, err)
			}
			if j, err := provenance.Judge(b, image, []provenance.Key{other}, nil); err != nil || j.Verified || len(j.Authors) > 0 || j.Refusal != "none of the keys has signed it" {
				t.Errorf("%s, %s, by somebody else: %+v, %v", kind, how, j, err)
			}
		}
	}
}

func TestNothingElseIsBelieved(t *testing.T) {
	key, sign := generate(t, "ECDSA")
	good := stated(v1, one)
	with := func(change func(e map[string]any)) []byte {
		e := sealed(good, sign)
		change(e)
		return text(t, e)
	}
	for name, c := range map[string]struct {
		envelope []byte
		says     string // "" for none of our business
	}{
		"no JSON":   {[]byte("hello"), "no envelope that can be read"},
		"nothing":   {[]byte("{}"), "something else than an in-toto statement"},
		"no base64": {with(func(e map[string]any) { e["payload"] = "!" }), "can't be decoded"},
		"another payload": {with(func(e map[string]any) {
			e["payload"] = base64.StdEncoding.EncodeToString([]byte(strings.Replace(good, "973615", "973616", 1)))
		}), "none of the keys"},
		"another type":     {with(func(e map[string]any) { e["payloadType"] = "application/json" }), "something else than an in-toto statement"},
		"no signature":     {with(func(e map[string]any) { e["signatures"] = nil }), "none of the keys"},
		"an empty one":     {with(func(e map[string]any) { e["signatures"] = []any{map[string]any{"sig": ""}} }), "none of the keys"},
		"over the payload": {text(t, sealed(good, func([]byte) []byte { return sign([]byte(good)) })), "none of the keys"},
		"over another type": {text(t, sealed(good, func([]byte) []byte {
			return sign([]byte(fmt.Sprintf("DSSEv1 16 application/json %d %s", len(good), good)))
		})), "none of the keys"},
		"a certificate":        {text(t, map[string]any{"verificationMaterial": map[string]any{"certificate": map[string]any{"rawBytes": "MIIB"}}, "dsseEnvelope": sealed(good, func([]byte) []byte { return []byte("x") })}), "none of the keys"},
		"about another digest": {text(t, sealed(strings.ReplaceAll(good, hex, strings.Repeat("b", 64)), sign)), "about another digest"},
		"about nothing":        {text(t, sealed(strings.Replace(good, `"subject"`, `"object"`, 1), sign)), "about another digest"},
		"an old statement":     {text(t, sealed(strings.Replace(good, "Statement/v1", "Statement/v9", 1), sign)), "no statement that can be read"},
		"signed nonsense":      {text(t, sealed("[", sign)), "no statement that can be read"},
		"a bill of materials":  {text(t, sealed(stated("https://cyclonedx.org/bom", one), sign)), ""},
		"one of a stranger":    {text(t, sealed(stated("https://cyclonedx.org/bom", one), func([]byte) []byte { return nil })), ""},
		"the eleventh signature": {with(func(e map[string]any) {
			all := slices.Repeat([]any{map[string]any{"sig": "AA=="}}, 10)
			e["signatures"] = append(all, e["signatures"].([]any)...)
		}), "none of the keys"},
	} {
		j, err := provenance.Judge(c.envelope, image, []provenance.Key{key}, []string{"buildDefinition.internalParameters.github.actor_id"})
		if err != nil || j.Verified || len(j.Authors) > 0 || !strings.Contains(j.Refusal, c.says) || (j.Refusal == "") != (c.says == "") {
			t.Errorf("%s: %+v, %v", name, j, err)
		}
	}
}

func TestAuthorsAreFoundWhereTheDocumentsOfBuildersHaveThem(t *testing.T) {
	key, sign := generate(t, "Ed25519")
	for name, c := range map[string]struct {
		kind, predicate string
		fields, want    []string
	}{
		"slsa-github-generator": {v02, `{"invocation":{"environment":{"github_actor":"ann","github_actor_id":"973615","github_event_payload":{
			"commits":[{"author":{"email":"ann@example.com"}},{"author":{"email":"Bob@example.com"}},{"author":{"email":"ann@example.com"}}],"head_commit":{"author":{"email":"cat@example.com"}}}}}}`,
			nil, []string{"ann@example.com", "Bob@example.com", "cat@example.com", "github:973615"}},
		"the event as text":  {v02, `{"invocation":{"environment":{"github_event_payload":"{\"head_commit\":{\"author\":{\"email\":\"ann@example.com\"}}}"}}}`, nil, []string{"ann@example.com"}},
		"GitHub's workflows": {v1, `{"buildDefinition":{"internalParameters":{"github":{"actor_id":973615,"triggering_actor_id":"7"}}}}`, nil, []string{"github:973615", "github:7"}},
		"GitLab":             {v1, `{"buildDefinition":{"externalParameters":{"variables":{"CI_COMMIT_AUTHOR":"Ann <ann@example.com>","GITLAB_USER_EMAIL":"bob@example.com"}}}}`, nil, []string{"Ann <ann@example.com>", "bob@example.com"}},
		"BuildKit":           {v02, `{"invocation":{"configSource":{"uri":"https://github.com/shop/api"},"environment":{"platform":"linux/amd64"}},"metadata":{"https://mobyproject.org/buildkit@v1#metadata":{"vcs":{"revision":"abc"}}}}`, nil, nil},
		"a field of one's own": {v1, `{"buildDefinition":{"externalParameters":{"people":[{"mail":"ann@example.com"},{"mail":"bob@example.com"},{}]}}}`,
			[]string{"buildDefinition.externalParameters.people.*.mail"}, []string{"ann@example.com", "bob@example.com"}},
		"of a version that has other fields": {v02, one, nil, nil},
		"what is no text":                    {v1, `{"buildDefinition":{"internalParameters":{"github":{"actor_id":{"a":1},"triggering_actor_id":null}}}}`, nil, nil},
		"no predicate":                       {v1, `null`, nil, nil},
		"what draws itself elsewhere":        {v1, `{"buildDefinition":{"externalParameters":{"variables":{"CI_COMMIT_AUTHOR":"a\u202e@example.com\n"}}}}`, nil, []string{"a@example.com"}},
	} {
		j, err := provenance.Judge(text(t, sealed(stated(c.kind, c.predicate), sign)), image, []provenance.Key{key}, c.fields)
		if err != nil || !j.Verified || !slices.Equal(j.Authors, c.want) {
			t.Errorf("%s: %+v, %v; want %q", name, j, err, c.want)
		}
	}
}

// Whom a trusted key names can't be passed over because they are many.
func TestMoreThanCanBeTakenInIsAnError(t *testing.T) {
	key, sign := generate(t, "Ed25519")
	var many []string
	for i := range promotion.MaxAuthors + 1 {
		many = append(many, fmt.Sprintf(`"a%d@example.com"`, i))
	}
	for name, names := range map[string]string{"too many": strings.Join(many, ","), "too long": `"` + strings.Repeat("a", promotion.MaxAuthorLength) + `@example.com"`} {
		e := text(t, sealed(stated(v1, `{"authors":[`+names+`]}`), sign))
		if j, err := provenance.Judge(e, image, []provenance.Key{key}, []string{"authors.*"}); err == nil || promotion.KindOf(err) != promotion.Invalid {
			t.Errorf("%s: %d authors, %v", name, len(j.Authors), err)
		}
		if _, err := provenance.Judge(e, image, nil, []string{"authors.*"}); err != nil {
			t.Errorf("%s, signed by a stranger: %v", name, err)
		}
	}
}

// Whatever is attached, nobody is named whom no key vouches for.
func FuzzJudge(f *testing.F) {
	key, sign := generate(f, "Ed25519")
	stranger, _ := generate(f, "ECDSA")
	f.Add(text(f, sealed(stated(v1, one), sign)))
	f.Add(text(f, map[string]any{"dsseEnvelope": sealed(stated(v02, `{"invocation":{"environment":{"github_event_payload":"{}"}}}`), sign)}))
	f.Add([]byte(`{"payload":"e30","signatures":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if j, err := provenance.Judge(b, image, []provenance.Key{stranger}, []string{"a.*.b", "*"}); err != nil || j.Verified || len(j.Authors) > 0 {
			t.Errorf("%+v, %v", j, err)
		}
		if j, err := provenance.Judge(b, image, []provenance.Key{key, stranger}, []string{"a.*.b", "*"}); err == nil && !j.Verified && len(j.Authors) > 0 {
			t.Errorf("%+v", j)
		}
	})
}
