package config_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// asking is the sound document with another policy, four leads and more roles.
func asking(p string) string {
	doc := strings.Replace(sound, "{approvals: {leads: 1}}", p, 1)
	return strings.Replace(doc, "leads: [U0ANN, U0BOB]", "leads: [U0ANN, U0BOB, U0SUE, U0TOM]\n  owners: [U0OLGA]\n  security: [U0MEL, U0SUE]", 1)
}

func document(t *testing.T, doc string) policy.Document {
	t.Helper()
	return read(t, doc).Apps[0].Policies["production"]
}

func read(t *testing.T, doc string) gate.Catalog {
	t.Helper()
	c, err := config.Parse("promotebot.yaml", []byte(doc))
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	return c.Catalog
}

func TestApprovalsAreCombined(t *testing.T) {
	leaf := func(role string, count int) policy.Tree { return policy.Tree{Role: role, Count: count} }
	for text, want := range map[string]policy.Tree{
		"{any: [owners, {leads: 2}]}":                                    {Count: 1, Of: []policy.Tree{leaf("owners", 1), leaf("leads", 2)}},
		"{all: [{leads: 2}, {any: [owners, security]}]}":                 {Count: 2, Of: []policy.Tree{leaf("leads", 2), {Count: 1, Of: []policy.Tree{leaf("owners", 1), leaf("security", 1)}}}},
		"{at-least: 2, of: [owners, leads, security]}":                   {Count: 2, Of: []policy.Tree{leaf("owners", 1), leaf("leads", 1), leaf("security", 1)}},
		"{any: [owners, {leads: 1, security: 1}]}":                       {Count: 1, Of: []policy.Tree{leaf("owners", 1), {Count: 2, Of: []policy.Tree{leaf("leads", 1), leaf("security", 1)}}}},
		"{any: [owners, {all: [{at-least: 1, of: [leads]}, security]}]}": {Count: 1, Of: []policy.Tree{leaf("owners", 1), {Count: 2, Of: []policy.Tree{leaf("leads", 1), leaf("security", 1)}}}},
	} {
		d := document(t, asking("{approvals: "+text+"}"))
		if d.Tree == nil || !reflect.DeepEqual(*d.Tree, want) || d.Approvals != nil {
			t.Errorf("%s is read as %+v and %+v", text, d.Tree, d.Approvals)
		}
	}
}

func TestAListIsWrittenInMoreThanOneWay(t *testing.T) {
	want := document(t, asking("{approvals: {leads: 2, security: 1}}"))
	for _, text := range []string{"{all: [{leads: 2}, security]}", "{at-least: 2, of: [{leads: 2}, {security: 1}]}", "{any: [{leads: 2, security: 1}]}"} {
		if d := document(t, asking("{approvals: "+text+"}")); d.Hash() != want.Hash() {
			t.Errorf("%s is another policy: %+v, %+v", text, d.Tree, d.Approvals)
		}
	}
}

func TestARuleThatIsNotUsedDoesNotChangeThePolicy(t *testing.T) {
	want := policy.Document{Approvals: []policy.Requirement{{Role: "leads", Count: 1}}}
	for _, text := range []string{"{approvals: leads}", "{approvals: leads, authors: may-approve}", "{approvals: leads, requester: cannot-approve}"} {
		if d := document(t, asking(text)); d.Hash() != want.Hash() {
			t.Errorf("%s: %+v", text, d)
		}
	}
}

func TestAPersonHasAccountsAndAddresses(t *testing.T) {
	c, err := config.Parse("promotebot.yaml", []byte(sound+"people: {ann: [U0ANN, U0ANN2, Ann@Example.com], tom: tom@example.com}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := promotion.Identities{
		Accounts:  map[promotion.PersonID]promotion.PersonID{"U0ANN": "U0ANN", "U0ANN2": "U0ANN"},
		Addresses: map[string]promotion.PersonID{"ann@example.com": "U0ANN", "tom@example.com": ""},
	}
	if !reflect.DeepEqual(c.Catalog.Identities, want) {
		t.Errorf("%+v", c.Catalog.Identities)
	}
}

func TestTheOtherRulesOfAPolicyAreRead(t *testing.T) {
	d := document(t, asking("{approvals: leads, authors: cannot-approve, reject: {by: [leads, security], lift: owners, reasons: [security, law]}, expires: {request: 7d, approval: 48h}}")+
		"people: {ann: [U0ANN, ann@example.com]}\n")
	if !d.AuthorsCannotApprove || d.Expires != (policy.Expiry{Request: 7 * 24 * time.Hour, Approval: 48 * time.Hour}) {
		t.Errorf("%+v", d)
	}
	if want := (policy.Veto{By: []string{"leads", "security"}, Lift: []string{"owners"}, Grounds: []promotion.Ground{"security", "law"}}); !reflect.DeepEqual(d.Reject, want) {
		t.Errorf("%+v", d.Reject)
	}
}

func TestPoliciesThatCanNeverBeMetAreRefused(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{"{approvals: {any: [{owners: 2}, leads]}}", "owners has to approve 2 times, and only 1 person holds it"},
		{"{approvals: {all: [owners, owners]}}", "owners has to approve 2 times, and only 1 person holds it"},
		{"{approvals: {any: [{all: [{owners: 1}, owners]}, {all: [{security: 2}, security]}]}}", "none of the 2 ways to fulfil it can be: in the first, owners has to approve 2 times"},
		{"{approvals: {any: [owners], leads: 1}}", `unknown key "leads" in a combination of approvals`},
		{"{approvals: {any: [owners], all: [leads]}}", "all and any alone does not say what is enough"},
		{"{approvals: {at-least: 2}}", "at-least alone does not say what is enough"},
		{"{approvals: {of: [leads]}}", "of alone does not say what is enough"},
		{"{approvals: {at-least: 3, of: [leads, owners]}}", "at-least must be a number from 1 to 2"},
		{"{approvals: {any: []}}", "any names nobody"},
		{"{approvals: {any: leads}}", "any must be a list"},
		{"{approvals: {any: [owner]}}", `there is no role "owner" to ask`},
		{"{approvals: {at-least: 5, of: [leads, leads, leads, leads, leads, leads, leads, leads, leads, leads]}}", "more than 64 ways"},
		{"{approvals: leads, authors: cannot-approve}", "it is not known who anybody is that an image names"},
		{"{approvals: leads, authors: maybe}", `"maybe" says nothing about the authors`},
		{"{approvals: leads, soak: 48h, expires: {request: 48h}}", "every request would expire after 48h, before its soak"},
		{"{approvals: leads, expires: {approval: 10s}}", "an expiry after 10s is out of bounds"},
		{"{approvals: leads, expires: {approval: 400d}}", "an expiry after 400d is out of bounds"},
		{"{approvals: leads, reject: {by: []}}", "by names no role"},
		{"{approvals: leads, reject: {by: [lead]}}", `there is no role "lead" to ask`},
		{"{approvals: leads, reject: {lift: [leads, leads]}}", `the role "leads" is there already`},
		{"{approvals: leads, reject: {reasons: []}}", "0 kinds of reason"},
		{"{approvals: leads, reject: {reasons: [law, law]}}", `"law" is there already`},
		{"{approvals: leads, reject: {reasons: [Law Suit]}}", "is not a name"},
	} {
		if got := problems(t, asking(c.text)); len(got.List) != 1 || !strings.Contains(got.Error(), c.says) {
			t.Errorf("%s:\n%v\nwant one that says %q", c.text, got, c.says)
		}
	}
}

func TestPeopleThatCantBe(t *testing.T) {
	for text, says := range map[string]string{
		"{ann: [U0ANN], bob: [U0BOB, U0ANN]}":          `"U0ANN" belongs to ann already`,
		"{ann: [a@example.com], bob: [A@example.com]}": `"A@example.com" belongs to ann already`,
		"{ann: []}":          "ann has neither an account nor an address",
		"{ann: [<@U0ANN>]}":  "is a mention, not an id",
		"{ann: [S0LEADS]}":   "is neither an account",
		"{Ann Lee: [U0ANN]}": "is not a name",
		"[U0ANN]":            "people must be a mapping",
	} {
		if got := problems(t, sound+"people: "+text+"\n"); len(got.List) != 1 || !strings.Contains(got.Error(), says) {
			t.Errorf("%s:\n%v\nwant one that says %q", text, got, says)
		}
	}
	for _, name := range []string{"all", "any", "at-least", "of", "none"} {
		if got := problems(t, strings.Replace(sound, "roles:", "roles:\n  "+name+": [U0EVE]", 1)); !strings.Contains(got.Error(), "can't be a role") {
			t.Errorf("%s: %v", name, got)
		}
	}
	two := strings.Replace(sound, "{leads: 1}", "{leads: 2}", 1)
	if got := problems(t, two+"people: {ann: [U0ANN, U0BOB]}\n"); !strings.Contains(got.Error(), "only 1 person holds it") {
		t.Errorf("two approvals of one person with two accounts: %v", got)
	}
}
