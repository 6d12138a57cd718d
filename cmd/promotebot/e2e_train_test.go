package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

// byHand is the user agent of whoever moves tags past the bot.
const byHand = "somebody-with-credentials"

// station is a town with a second app, cart, that goes with shop as storefront.
// Both run something in production.
func station(t *testing.T, onFailure string) (w, cart *town) {
	t.Helper()
	w = newTown(t, oneLead)
	second := *w
	cart = &second
	cart.repo = w.repo.Registry.Repo("shop", "cart")
	text := fmt.Sprintf(`
slack: {channel: %s}
database: %s
http: 127.0.0.1:0
poll: {every: 1s}
environments:
  - {name: staging, watch: staging-passed}
  - {name: production, tags: [production, "v{label.org.opencontainers.image.version}"], policy: %s}
apps:
  - {name: shop, image: %s}
  - {name: cart, image: %s}
trains:
  - {name: storefront, apps: [shop, cart], on_failure: %s}
roles:
  leads: [%s, %s]
`, shopChannel, filepath.Join(w.dir, "bot.db"), oneLead, w.repo.Name(), cart.repo.Name(), onFailure, ann, bob)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.push("production")
	cart.push("production")
	return w, cart
}

// push puts an image that the bot knows nothing of behind a tag.
func (w *town) push(tag string) v1.Hash {
	w.t.Helper()
	image, err := random.Image(256, 1)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := remote.Write(w.repo.Tag(tag), image, remote.WithContext(w.t.Context()), remote.WithUserAgent(byHand)); err != nil {
		w.t.Fatal(err)
	}
	d, err := image.Digest()
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// trainCard is the card of the train, once there is one.
func (w *town) trainCard() (fakeslack.Message, bool) {
	for _, m := range w.slack.Messages(shopChannel) {
		if strings.Contains(string(m.Blocks), "storefront: staging") {
			return m, true
		}
	}
	return fakeslack.Message{}, false
}

func (w *town) trainSays(text string) func() bool {
	return func() bool {
		m, ok := w.trainCard()
		return ok && strings.Contains(m.Text+string(m.Blocks), text)
	}
}

// board has builds of both apps staged and asks for the train.
func (w *town) board(cart *town) (shop, other v1.Hash) {
	w.t.Helper()
	shop, other = w.stage("1.4.2"), cart.stage("0.9.0")
	w.eventually("each build has a card", func() bool {
		both := ""
		for _, m := range w.slack.Messages(shopChannel) {
			if strings.Contains(string(m.Blocks), approve) {
				both += m.Text
			}
		}
		return strings.Contains(both, shop.Hex[:12]) && strings.Contains(both, other.Hex[:12])
	})
	if said := w.command(eve, "request storefront"); !strings.Contains(said, "recorded") && !strings.Contains(said, "is open") {
		w.t.Fatalf("the request is answered %q", said)
	}
	w.eventually("the card of the train can be approved", w.trainSays(approve))
	w.eventually("it names both digests", func() bool { return w.trainSays(shop.Hex[:12])() && w.trainSays(other.Hex[:12])() })
	return shop, other
}

func (w *town) approveTrain(who string) {
	w.t.Helper()
	m, _ := w.trainCard()
	d, err := w.slack.Click(who, shopChannel, m.TS, approve)
	if err != nil {
		w.t.Fatal(err)
	}
	w.acked(d)
}

func TestATrainGoesWithOneApproval(t *testing.T) {
	w, cart := station(t, "complete")
	w.start()
	shop, other := w.board(cart)
	if w.tag("v1.4.2") != "" || cart.tag("v0.9.0") != "" {
		t.Fatal("promoted before anybody approved")
	}
	w.approveTrain(ann)
	w.eventually("both are in production", func() bool {
		return w.tag("production") == shop.String() && cart.tag("production") == other.String() && w.tag("v1.4.2") == shop.String() && cart.tag("v0.9.0") == other.String()
	})
	w.eventually("the card says so", w.trainSays("*Promoted*"))
	if said := w.command(eve, "history shop"); !strings.Contains(said, "with train #3") {
		t.Errorf("history of shop: %q", said)
	}
	if said := w.command(eve, "history"); strings.Contains(said, "with train") {
		t.Errorf("history: %q", said)
	}
	if said := w.command(eve, "why cart"); !strings.Contains(said, "storefront") {
		t.Errorf("why cart: %q", said)
	}
	if said := w.command(eve, "status storefront"); !strings.Contains(said, "*shop*") || !strings.Contains(said, "*cart*") {
		t.Errorf("status: %q", said)
	}
	if out, err := w.run("audit", "verify", "-config", w.config); err != nil || !strings.Contains(out, "whole") {
		t.Errorf("audit verify: %v\n%s", err, out)
	}
	if v := w.slack.Violations(); len(v) > 0 {
		t.Errorf("Slack's rules were broken: %q", v)
	}
}

// Somebody moves production of cart after the intent was written; what became
// of shop meanwhile is taken back.
func TestATrainThatMeetsAConflictIsTakenBack(t *testing.T) {
	w, cart := station(t, "take-back")
	before := w.tag("production")
	bot := w.start()
	shop, other := w.board(cart)
	if said := w.command(ann, "approve cart"); !strings.Contains(said, "goes with the train storefront") {
		t.Errorf("approving one app of it: %q", said)
	}
	held := make(chan struct{})
	goOn := sync.OnceFunc(func() { close(held) })
	t.Cleanup(goOn)
	w.door.set(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		tag := strings.Contains(r.URL.Path, "/shop/cart/manifests/") && !strings.Contains(r.URL.Path, "/manifests/sha256:") // the way back is read by digest
		if r.Method != http.MethodPut && tag && !strings.Contains(r.UserAgent(), byHand) {
			<-held
		}
		next.ServeHTTP(rw, r)
	})
	w.approveTrain(bob)
	w.eventually("shop is in production", func() bool { return w.tag("production") == shop.String() })
	meddled := cart.push("production")
	bot.kill()
	goOn()
	w.start()
	w.eventually("shop is back at what it was", func() bool { return w.tag("production") == before })
	w.eventually("the card says what happened", func() bool {
		return w.trainSays("*Failed*")() && w.trainSays("it was taken back, and v1.4.2 stays")() && w.trainSays("production points at "+meddled.Hex[:12])()
	})
	if found := cart.tag("production"); found != meddled.String() || found == other.String() {
		t.Errorf("cart in production is %s", found)
	}
	if v := w.slack.Violations(); len(v) > 0 {
		t.Errorf("Slack's rules were broken: %q", v)
	}
}
