package config_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
)

// quoted is a key on one line, as YAML has it in quotes.
func quoted(t *testing.T, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%q", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func sound25519(t *testing.T) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return quoted(t, public)
}

func TestWhoseProvenanceIsTakenIsPartOfAPolicyThatExcludesAuthors(t *testing.T) {
	one, other := sound25519(t), sound25519(t)
	read := func(policy, keys string) *config.Config {
		t.Helper()
		c, err := config.Parse("promotebot.yaml", []byte(asking(policy)+"people: {ann: [U0ANN, ann@example.com, \"github:12345\"]}\nprovenance: {"+keys+"}\n"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := read("{approvals: leads, authors: cannot-approve, provenance: required}", "keys: {ci: "+one+"}, fields: a.b.*")
	d := c.Catalog.Apps[0].Policies["production"]
	if !d.Provenance.Required || d.Provenance.By == "" || d.Provenance.By != c.Catalog.Trust.Hash() {
		t.Errorf("%+v, trusting %+v", d.Provenance, c.Catalog.Trust)
	}
	if by := c.Catalog.Identities.Addresses["github:12345"]; by != "U0ANN" {
		t.Errorf("the account of GitHub is %q", by)
	}
	if other := read("{approvals: leads, authors: cannot-approve}", "keys: {ci: "+other+"}").Catalog.Apps[0].Policies["production"]; other.Provenance.Required || other.Hash() == d.Hash() || other.Provenance.By == d.Provenance.By {
		t.Errorf("with another key: %+v", other.Provenance)
	}
	if d := read("{approvals: leads}", "keys: {ci: "+one+"}").Catalog.Apps[0].Policies["production"]; d.Provenance.By != "" {
		t.Errorf("authors may approve, and provenance is looked for: %+v", d.Provenance)
	}
}

func TestWhatIsTightenedCanRequireProvenanceAndNotLetItGo(t *testing.T) {
	const people = "people: {ann: [U0ANN, ann@example.com]}\n"
	text := func(base, more string) string {
		tightened := strings.Replace(asking(base), "image: registry.example.com/shop}", "image: registry.example.com/shop, policy: {production: {tightens: careful, provenance: "+more+"}}}", 1)
		if tightened == asking(base) {
			t.Fatal("there is no app to give a policy of its own")
		}
		return tightened + people + "provenance: {keys: {ci: " + sound25519(t) + "}}\n"
	}
	c, err := config.Parse("promotebot.yaml", []byte(text("{approvals: leads, authors: cannot-approve}", "required")))
	if err != nil {
		t.Fatal(err)
	}
	if d := c.Catalog.Apps[0].Policies["production"]; !d.Provenance.Required || d.Provenance.By == "" {
		t.Errorf("%+v", d)
	}
	if got := problems(t, text("{approvals: leads, authors: cannot-approve, provenance: required}", "optional")); len(got.List) != 1 || !strings.Contains(got.Error(), "careful is stricter in this") {
		t.Errorf("%v", got)
	}
}

// A key of one team says nothing about the images of another.
func TestAKeyCanBeForSomeAppsOnly(t *testing.T) {
	one, other := sound25519(t), sound25519(t)
	doc := func(policy, keys string) string {
		two := strings.Replace(asking(policy), "image: registry.example.com/shop}", "image: registry.example.com/shop}\n  - {name: cart, image: registry.example.com/cart}", 1)
		return two + "people: {ann: [U0ANN, ann@example.com]}\nprovenance: {keys: " + keys + "}\n"
	}
	const required = "{approvals: leads, authors: cannot-approve, provenance: required}"
	c, err := config.Parse("promotebot.yaml", []byte(doc(required, "{ci: {public_key: "+one+", apps: [shop]}, all: "+other+"}")))
	if err != nil {
		t.Fatal(err)
	}
	trust := c.Catalog.Trust
	if shop, cart := trust.For("shop"), trust.For("cart"); len(shop.Keys) != 2 || len(cart.Keys) != 1 || cart.Keys[0].Name != "all" {
		t.Errorf("of shop %+v, of cart %+v", shop, cart)
	}
	wide, err := config.Parse("promotebot.yaml", []byte(doc(required, "{ci: {public_key: "+one+"}, all: "+other+"}")))
	if err != nil {
		t.Fatal(err)
	}
	if wide.Catalog.Trust.Hash() == trust.Hash() {
		t.Error("of which apps a key can speak is not part of what is agreed to")
	}
	short, err := config.Parse("promotebot.yaml", []byte(doc(required, "{ci: "+one+", all: "+other+"}")))
	if err != nil || short.Catalog.Trust.Hash() != wide.Catalog.Trust.Hash() {
		t.Errorf("a key alone is one for all apps: %v", err)
	}
	for _, c := range []struct{ policy, keys, says string }{
		{required, "{ci: {public_key: " + one + ", apps: [shop]}}", "cart needs provenance, and none of the keys can speak of it"},
		{required, "{ci: {public_key: " + one + ", apps: [shop, crat]}}", `there is no app "crat": did you mean "cart"?`},
		{required, "{ci: {public_key: " + one + ", apps: []}}", "the key ci can speak of no app"},
		{required, "{ci: {apps: [shop]}}", "the key ci has no public_key"},
		{required, "{ci: {public_key: nonsense, apps: [shop]}}", "it is not PEM"},
		{required, "{ci: {public_key: " + one + ", app: [shop, cart]}}", `did you mean "apps"?`},
	} {
		if got := problems(t, doc(c.policy, c.keys)); len(got.List) != 1 || !strings.Contains(got.Error(), c.says) {
			t.Errorf("%.80s:\n%v\nwant one that says %q", c.keys, got, c.says)
		}
	}
	if _, err := config.Parse("promotebot.yaml", []byte(doc("{approvals: leads, authors: cannot-approve}", "{ci: {public_key: "+one+", apps: [shop]}}"))); err != nil {
		t.Errorf("nothing is required, and no key can speak of cart: %v", err)
	}
	coupled := "trains: [{name: both, apps: [shop, cart], policy: {production: " + required + "}}]\n"
	if got := problems(t, doc("{approvals: leads}", "{ci: {public_key: "+one+", apps: [shop]}}")+coupled); len(got.List) != 1 || !strings.Contains(got.Error(), "cart needs provenance") {
		t.Errorf("in a train: %v", got)
	}
}

func TestWhatIsWrongWithKeysIsSaid(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good := sound25519(t)
	for _, c := range []struct{ policy, section, says string }{
		{"{approvals: leads}", "keys: {}", "there are 0 keys"},
		{"{approvals: leads}", "fields: a.b", "has no keys"},
		{"{approvals: leads}", "keys: {ci: nonsense}", "it is not PEM"},
		{"{approvals: leads}", "keys: {ci: 7}", "the key ci must be text"},
		{"{approvals: leads}", "keys: {CI: " + good + "}", "is not a name"},
		{"{approvals: leads}", "keys: {ci: " + quoted(t, &short.PublicKey) + "}", "an RSA key of 1024 bits"},
		{"{approvals: leads}", "keys: {ci: " + strings.Replace(good, `\n"`, `\n`+strings.Trim(good, `"`)+`"`, 1) + "}", "there are several"},
		{"{approvals: leads}", "keys: {ci: " + strings.ReplaceAll(good, "PUBLIC", "PRIVATE") + "}", "it is a PRIVATE KEY"},
		{"{approvals: leads}", "keys: {ci: " + good + "}, fields: [a..b]", `"a..b" does not lead to a field`},
		{"{approvals: leads, provenance: required}", "keys: {ci: " + good + "}", "add authors: cannot-approve"},
		{"{approvals: leads, authors: cannot-approve, provenance: perhaps}", "keys: {ci: " + good + "}", `"perhaps" does not say`},
		{"{approvals: leads, authors: cannot-approve, provenance: required}", "", "no key that it could be signed with"},
	} {
		text := asking(c.policy) + "people: {ann: [U0ANN, ann@example.com]}\n"
		if c.section != "" {
			text += "provenance: {" + c.section + "}\n"
		}
		if got := problems(t, text); len(got.List) != 1 || !strings.Contains(got.Error(), c.says) {
			t.Errorf("%s with %.60s:\n%v\nwant one that says %q", c.policy, c.section, got, c.says)
		}
	}
}
