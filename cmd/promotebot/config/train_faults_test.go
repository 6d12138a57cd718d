package config_test

import (
	"strings"
	"testing"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
)

// soundTrain has two apps that can go together.
const soundTrain = sound + `  - {name: cart, image: registry.example.com/cart}
trains:
  - {name: both, apps: [shop, cart]}
`

func TestTrainFaults(t *testing.T) {
	if _, err := config.Parse("promotebot.yaml", []byte(soundTrain)); err != nil {
		t.Fatalf("the sound document: %v", err)
	}
	for _, f := range []fault{
		{"trains that are no list", "trains:\n  - {name: both, apps: [shop, cart]}", "trains: both", []string{
			`12:9: trains must be a list, not the text "both": write it as trains: [{name: storefront, apps: [shop, cart]}]`,
		}},
		{"a train without a name", "name: both, ", "", []string{"13:5: the train has no name: add name: storefront"}},
		{"a train without apps", ", apps: [shop, cart]", "", []string{"13:5: the train has no apps: add the apps that go together: apps: [shop, cart]"}},
		{"a train with the name of an app", "name: both", "name: cart", []string{
			`13:12: there is another app or train "cart" above: give each its own name`,
		}},
		{"two trains of one name", "cart]}\n", "cart]}\n  - {name: both, apps: [shop, cart]}\n", []string{
			`14:12: there is another app or train "both" above: give each its own name`,
		}},
		{"a name that is none", "name: both", "name: Both", []string{
			`13:12: "Both" is not a name: up to 63 lower-case letters, digits and '-', beginning with a letter or digit`,
		}},
		{"an app that there is not", "[shop, cart]", "[shop, crat]", []string{
			`13:31: there is no app "crat": did you mean "cart"? Otherwise define it: apps: [{name: shop, image: registry.example.com/shop/api}]`,
		}},
		{"an app twice", "[shop, cart]", "[shop, cart, shop]", []string{`13:37: the app "shop" is here twice: take one of the two out`}},
		{"one app", "[shop, cart]", "[shop]", []string{
			"13:24: a train of 1 has nothing to couple: name at least two apps, such as [shop, cart]; one app is promoted by itself",
		}},
		{"apps that are no list", "[shop, cart]", "shop", []string{
			`13:24: apps of a train must be a list, not the text "shop": write it as [shop, cart]`,
		}},
		{"a failure that nobody provides for", "cart]}\n", "cart], on_failure: panic}\n", []string{
			`13:50: "panic" does not say what becomes of a train of which one app has failed: write complete, which is the default and lets the others go on, or take-back`,
		}},
		{"a key that there is not", "cart]}\n", "cart], onfailure: complete}\n", []string{
			`13:38: unknown key "onfailure" in a train: did you mean "on_failure"?`,
		}},
		{"a policy that there is not", "cart]}\n", "cart], policy: {production: carefull}}\n", []string{
			`13:59: there is no policy "carefull": did you mean "careful"? Otherwise define it under policies, or write it out here: {soak: 24h, approvals: {tech-leads: 2}}`,
		}},
		{"a policy for an environment that there is not", "cart]}\n", "cart], policy: {prod: careful}}\n", []string{
			`13:47: there is no environment "prod": name production`,
		}},
		{"a policy that is none", "cart]}\n", "cart], policy: careful}\n", []string{
			`13:46: policy of a train must be a mapping, not the text "careful": write it as {production: careful}, for each environment`,
		}},
		{"a channel that is none", "cart]}\n", "cart], channel: \"#ship\"}\n", []string{
			`13:47: "#ship" is not the id of a channel: use the id, such as C0123456789, because names change: it is in Slack under channel details → About`,
		}},
		{"no channel at all", "slack: {channel: C0SHIP}", "slack: {}", []string{
			"10:5: the app has no channel, and there is none for all: add channel: C0SHOP here, or at the top slack: {channel: C0123456789}",
			"11:5: the app has no channel, and there is none for all: add channel: C0SHOP here, or at the top slack: {channel: C0123456789}",
			"13:5: the train has no channel, and there is none for all: add channel: C0SHOP here, or at the top slack: {channel: C0123456789}",
		}},
		{"an app with a policy of its own", "com/cart}", "com/cart, policy: {production: {approvals: {leads: 2}}}}", []string{
			"13:5: cart has a policy of its own for production, and the train has none: say which policy holds when they go together, such as policy: {production: careful}",
		}},
	} {
		t.Run(f.with, func(t *testing.T) {
			doc := strings.Replace(soundTrain, f.old, f.new, 1)
			if doc == soundTrain {
				t.Fatalf("%q is not in the document", f.old)
			}
			var got []string
			for _, p := range problems(t, doc).List {
				got = append(got, p.String())
			}
			if strings.Join(got, "\n") != strings.Join(f.want, "\n") {
				t.Errorf("it is said:\n%s\nand should be:\n%s", strings.Join(got, "\n"), strings.Join(f.want, "\n"))
			}
		})
	}
	long := strings.Replace(soundTrain, "[shop, cart]", "["+strings.TrimSuffix(strings.Repeat("shop, ", 21), ", ")+"]", 1)
	if found := problems(t, long); !reports(found, 13, 24, "a train of 21 apps is too long", "20 apps at most") {
		t.Errorf("a train of 21:\n%s", found)
	}
}

func TestATrainHasThePolicyOfTheEnvironmentUnlessItSaysOtherwise(t *testing.T) {
	parse := func(doc string) *config.Config {
		t.Helper()
		c, err := config.Parse("promotebot.yaml", []byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := parse(soundTrain)
	train, ok := c.Catalog.Train("both")
	if d := train.Policies["production"]; !ok || d.Name != "careful" || d.OnFailure != promotion.Complete || train.Channel != "C0SHIP" {
		t.Errorf("the train: %+v", train)
	}
	if d := c.Catalog.Apps[0].Policies["production"]; d.OnFailure != "" {
		t.Errorf("an app by itself provides for the failure of a train: %+v", d)
	}
	c = parse(strings.Replace(soundTrain, "cart]}\n", "cart], channel: C0BOTH, on_failure: take-back, policy: {production: {approvals: {leads: 2}}}}\n", 1))
	train, _ = c.Catalog.Train("both")
	if d := train.Policies["production"]; d.Name != "both to production" || d.Approvals[0].Count != 2 || d.OnFailure != promotion.TakeBack || train.Channel != "C0BOTH" {
		t.Errorf("the train: %+v", train)
	}
}
