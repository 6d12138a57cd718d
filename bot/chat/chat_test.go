package chat_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/robfig/cron/v3"

	"github.com/promotebot/promotebot/bot/chat"
	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/fixtures/pipenet"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/fixtures/transcript"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/pipeline"
	"github.com/promotebot/promotebot/promotion/policy"
	"github.com/promotebot/promotebot/store/storetest"
)

const (
	channel = "C0SHOP"
	ann     = "U0ANN"
	bob     = "U0BOB"
	eve     = "U0EVE"
	host    = "slack.test:80"
)

// office is the real conversation (slack-go, gate, pipeline, database) with a
// workspace on the other side of a network. The registry answers at once and is
// a map.
type office struct {
	t        testing.TB
	slack    *fakeslack.Server
	listener *pipenet.Listener // nil outside bubbles
	db       storetest.Store
	gate     *gate.Gate
	chat     *chat.Chat
	tags     map[string]promotion.Digest
	log      diary
}

// diary is what the bot logs.
type diary struct{ transcript.Transcript }

func (d *diary) count(said string) int { return strings.Count(d.String(), said) }

func digest(c string) promotion.Digest { return promotion.Digest("sha256:" + strings.Repeat(c, 64)) }

// in runs the test in a bubble, with everything started: the workspace lives in
// the same bubble, so that a day passes in no time.
func in(t *testing.T, test func(t *testing.T, o *office)) { inWorkspace(t, fakeslack.Options{}, test) }

func inWorkspace(t *testing.T, options fakeslack.Options, test func(t *testing.T, o *office)) {
	path := filepath.Join(t.TempDir(), "bot.db")
	synctest.Test(t, func(t *testing.T) {
		network := pipenet.New()
		listener := network.Listen(host)
		o, shut := open(t, path, catalog(t), options, listener, network.DialContext)
		o.listener = listener
		time.Sleep(time.Second)
		test(t, o)
		shut()
	})
}

// workspace has these people in it, Eve, who holds no role, and the bot.
func workspace(options fakeslack.Options, people []promotion.PersonID) *fakeslack.Server {
	options.AppToken, options.BotToken = "xapp-1", "xoxb-1"
	m := chat.Manifest() // the app is what it says, and no more is granted or sent
	if options.Scopes == nil {
		options.Scopes = m.OAuthConfig.Scopes.Bot
	}
	if options.Events == nil {
		options.Events = m.Settings.EventSubscriptions.BotEvents
	}
	for _, c := range m.Features.SlashCommands {
		options.Commands = append(options.Commands, c.Command)
	}
	for _, c := range m.Features.Shortcuts {
		options.Shortcuts = append(options.Shortcuts, c.CallbackID)
	}
	if raceEnabled && options.PingInterval == 0 {
		options.PingInterval = 25 * time.Second // below the half minute after which a client gives up
	}
	s := fakeslack.New(options)
	members := []string{eve}
	for _, id := range people {
		members = append(members, string(id))
	}
	for _, id := range members {
		s.AddUser(fakeslack.User{ID: id, Name: strings.ToLower(id[2:]), RealName: id[2:]})
	}
	s.AddChannel(fakeslack.Channel{ID: channel, Name: "shop", Members: append(members, s.Options().Bot.UserID)})
	return s
}

// open starts everything. The workspace listens on the listener, and dial gets
// there.
func open(t testing.TB, path string, c *gate.Catalog, options fakeslack.Options, l net.Listener, dial func(ctx context.Context, network, addr string) (net.Conn, error)) (o *office, shut func()) {
	t.Helper()
	o = &office{t: t, tags: map[string]promotion.Digest{"production": digest("0")}}
	o.slack = workspace(options, c.Roles["leads"].People)
	server := &http.Server{Handler: o.slack}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()

	db, closeDB := database(t, path)
	o.db = db
	var lanes []*pipeline.Lane
	o.gate = gate.New(db, c, time.Now, func() {
		for _, l := range lanes {
			l.Poke()
		}
	})
	transport := &http.Transport{DialContext: dial}
	var err error
	o.chat, err = chat.Dial(t.Context(), chat.Options{
		AppToken: promotion.NewSecret("xapp-1"), BotToken: promotion.NewSecret("xoxb-1"), APIURL: "http://" + host + "/api/",
		HTTPClient: &http.Client{Transport: transport, Timeout: 20 * time.Second}, Dialer: &websocket.Dialer{NetDialContext: dial}, Log: slog.New(slog.NewTextHandler(&o.log, nil)),
	}, o.gate)
	if err != nil {
		t.Fatal(err)
	}
	lanes = o.lanes()
	if err := o.gate.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 8)
	for _, l := range lanes {
		go func() { ended <- l.Run(ctx) }()
	}
	go func() { ended <- o.chat.Run(ctx) }()
	return o, func() {
		stop()
		for range len(lanes) + 1 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		}
		transport.CloseIdleConnections()
		o.slack.Close()
		_ = server.Close() // its Serve says how it ended
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the server ended with %v", err)
		}
		if err := closeDB(); err != nil {
			t.Error(err)
		}
		if v := o.slack.Violations(); len(v) > 0 {
			t.Errorf("Slack's rules were broken: %q", v)
		}
	}
}

func catalog(t testing.TB) *gate.Catalog {
	t.Helper()
	watch, err := promotion.ParseTagPattern("staging")
	if err != nil {
		t.Fatal(err)
	}
	hourly, err := cron.ParseStandard("0 * * * *")
	if err != nil {
		t.Fatal(err)
	}
	return &gate.Catalog{
		Apps: []gate.App{{Name: "shop", Repository: "registry.example.com/shop", Channel: channel, Policies: map[string]policy.Document{
			"production": {Soak: 24 * time.Hour, Approvals: []policy.Requirement{{Role: "leads", Count: 2}}}}}},
		Environments: []gate.Environment{{Name: "staging", Watch: watch}, {Name: "production", Tags: []promotion.TagTemplate{"production"}}},
		Roles:        map[string]gate.Role{"leads": {People: []promotion.PersonID{ann, bob}}},
		Reminders:    []gate.Reminder{{Spec: "0 * * * *", Schedule: hourly}},
	}
}

// lanes are those of the bot.
func (o *office) lanes() []*pipeline.Lane {
	lane := func(name string, perform map[promotion.EffectKind]pipeline.Perform) *pipeline.Lane {
		return &pipeline.Lane{Name: name, Width: 4, Perform: perform, Queue: o.db, Report: o.gate.Report, Owner: "test", Log: slog.New(slog.DiscardHandler)}
	}
	due := func(context.Context, promotion.Effect) (promotion.Result, error) { return promotion.Result{}, nil }
	return []*pipeline.Lane{
		lane("cards", map[promotion.EffectKind]pipeline.Perform{promotion.EffectCard: o.chat.DrawCard}),
		lane("replies", map[promotion.EffectKind]pipeline.Perform{promotion.EffectNotice: o.chat.PostNotice, promotion.EffectDigest: o.chat.PostDigest}),
		lane("answers", map[promotion.EffectKind]pipeline.Perform{promotion.EffectTell: o.chat.Tell, promotion.EffectSay: o.chat.Say, promotion.EffectHome: o.chat.ShowHome, promotion.EffectDirect: o.chat.Remind}),
		lane("people", map[promotion.EffectKind]pipeline.Perform{
			promotion.EffectPerson: o.chat.ReadPerson, promotion.EffectGroup: o.chat.ReadGroup, promotion.EffectChannel: o.chat.ReadChannel,
		}),
		lane("clock", map[promotion.EffectKind]pipeline.Perform{promotion.EffectWake: due, promotion.EffectRemind: due, promotion.EffectRefresh: due, promotion.EffectStirred: due,
			promotion.EffectNudge: due, promotion.EffectAgain: due, promotion.EffectCallOn: due, promotion.EffectSum: due}),
		lane("registry", map[promotion.EffectKind]pipeline.Perform{
			promotion.EffectInspect: func(context.Context, promotion.Effect) (promotion.Result, error) {
				return promotion.Result{Image: &promotion.Image{Labels: map[string]string{promotion.LabelVersion: "1.4 <!channel>"}}}, nil
			},
			promotion.EffectReadTags: func(context.Context, promotion.Effect) (promotion.Result, error) {
				return promotion.Result{Tags: []promotion.TagReading{{Tag: "production", Digest: o.tags["production"]}}}, nil
			},
			promotion.EffectProve: func(context.Context, promotion.Effect) (promotion.Result, error) {
				return promotion.Result{Proof: &promotion.Proof{Manifests: 1}}, nil
			},
			promotion.EffectMove: func(_ context.Context, e promotion.Effect) (promotion.Result, error) {
				w, err := promotion.Work[promotion.MoveWork](e)
				o.tags["production"] = w.Digest
				return promotion.Result{Moves: []promotion.Move{{Tag: "production", Outcome: promotion.MoveDone, Found: w.Digest}}}, err
			},
		}),
	}
}

// stage has a digest arrive in staging, seen by the watcher.
func (o *office) stage(c string) {
	o.t.Helper()
	o.stageOf("shop", c)
}

func (o *office) stageOf(app, c string) {
	o.t.Helper()
	err := o.gate.Sight(o.t.Context(), []promotion.Sighting{
		{App: app, Environment: "production", Side: promotion.Held, At: time.Now(), Tags: []promotion.TaggedDigest{{Tag: "production", Digest: o.tags["production"]}}},
		{App: app, Environment: "staging", Side: promotion.Source, At: time.Now(), Tags: []promotion.TaggedDigest{{Tag: "staging", Digest: digest(c)}}},
	})
	if err != nil {
		o.t.Fatal(err)
	}
	o.pause()
}

// pause lets everything that is under way happen.
func (o *office) pause() {
	time.Sleep(3 * time.Second)
	synctest.Wait()
}

func (o *office) card() fakeslack.Message {
	o.t.Helper()
	var cards []fakeslack.Message
	for _, m := range o.slack.Messages(channel) {
		if m.Source == "chat.postMessage" { // not what people say, nor what their commands are answered
			cards = append(cards, m)
		}
	}
	if len(cards) != 1 {
		o.t.Fatalf("%d cards in the channel, want one", len(cards))
	}
	return cards[0]
}

func (o *office) click(who, action string) *fakeslack.Delivery {
	o.t.Helper()
	d, err := o.slack.Click(who, channel, o.card().TS, action)
	if err != nil {
		o.t.Fatal(err)
	}
	o.pause()
	return d
}

// choose takes an entry of the card's menu.
func (o *office) choose(who, entry string) {
	o.t.Helper()
	card := o.card()
	for _, m := range regexp.MustCompile(`"value":"(\w+ [^"]+)"`).FindAllStringSubmatch(string(card.Blocks), -1) {
		if action, _ := render.ParseEntry(m[1]); action != entry {
			continue
		}
		if _, err := o.slack.Choose(who, channel, card.TS, render.ActionMore, m[1]); err != nil {
			o.t.Fatal(err)
		}
		o.pause()
		return
	}
	o.t.Fatalf("the card has no menu with %s: %s", entry, card.Blocks)
}

func (o *office) replies(text string) int {
	n := 0
	for _, m := range o.slack.Thread(channel, o.card().TS) {
		if strings.Contains(m.Text, text) && m.ThreadTS != "" && m.TS != m.ThreadTS {
			n++
		}
	}
	return n
}

func TestADayInTheLifeOfACard(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		if c := o.card(); !strings.Contains(c.Text, digest("a").Short()) {
			t.Fatalf("the card: %s", c.Text)
		}
		o.click(ann, render.ActionApprove)
		time.Sleep(24*time.Hour - 10*time.Second)
		synctest.Wait()
		if n := o.replies("oak complete"); n != 0 {
			t.Error("announced before its time")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := o.replies("oak complete"); n != 1 {
			t.Errorf("the complete soak was announced %d times", n)
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if n := o.replies("<@" + bob + ">"); n < 3 {
			t.Errorf("Bob was reminded %d times in three hours", n)
		}
		o.click(bob, render.ActionApprove)
		if o.tags["production"] != digest("a") {
			t.Fatalf("production is %s; the card: %s", o.tags["production"], o.card().Text)
		}
		if c := o.card(); strings.Contains(string(c.Blocks), render.ActionApprove) || !strings.Contains(c.Text, "romoted") {
			t.Errorf("the finished card: %s", c.Text)
		}
		for _, d := range o.slack.Deliveries() {
			if d.Err() != nil || d.Took() > time.Second {
				t.Errorf("acknowledged after %v: %v", d.Took(), d.Err())
			}
		}
	})
}

func TestEveryClickHasAnAnswer(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		seen := o.card()
		o.click(eve, render.ActionApprove)
		told := o.slack.Ephemerals(eve)
		if !slices.ContainsFunc(told, func(m fakeslack.Message) bool { return strings.Contains(m.Text, "role") }) {
			t.Errorf("Eve was told %v", told)
		}
		o.click(ann, render.ActionApprove)
		o.click(ann, render.ActionApprove)
		if told := o.slack.Ephemerals(ann); len(told) != 1 || !strings.Contains(told[0].Text, "already") {
			t.Errorf("Ann was told %v", told)
		}
		o.stage("b")
		if _, err := o.slack.ClickStale(bob, seen, render.ActionApprove); err != nil {
			t.Fatal(err)
		}
		o.pause()
		if told := o.slack.Ephemerals(bob); len(told) != 1 || !strings.Contains(told[0].Text, "superseded") {
			t.Errorf("Bob was told %v", told)
		}
		if all := o.slack.Messages(channel); len(all) != 2 || strings.Contains(string(all[0].Blocks), render.ActionApprove) && strings.Contains(string(all[1].Blocks), render.ActionApprove) {
			t.Errorf("%d cards; the old one is still alive", len(all))
		}
	})
}

func TestTheNetworkGoesAwayForAnHour(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.slack.RefuseSockets(true)
		o.slack.Fail("chat.update", 1000, fakeslack.Fault{Status: http.StatusBadGateway})
		o.slack.Cut()
		time.Sleep(time.Hour)
		synctest.Wait()
		if h := o.chat.Health(); h.Connections != 0 || o.log.count("another process") != 0 {
			t.Fatalf("without a network: %+v", h)
		}
		o.slack.RefuseSockets(false)
		time.Sleep(6 * time.Minute) // slack-go waits up to five between attempts
		synctest.Wait()
		if h := o.chat.Health(); h.Connections != 2 {
			t.Fatalf("with the network back: %+v", h)
		}
		if d := o.click(ann, render.ActionApprove); d.Err() != nil {
			t.Errorf("a click afterwards: %v", d.Err())
		}
	})
}

func TestSocketsAreReplacedWhenSlackAsks(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		for range 20 {
			o.slack.Disconnect("refresh_requested")
			o.pause()
			d, err := o.slack.Command(ann, channel, "/promote", "list")
			if err != nil {
				t.Fatal(err)
			}
			o.pause()
			if d.Err() != nil {
				t.Fatalf("a command after a refresh: %v", d.Err())
			}
		}
	})
}

func TestACardThatWasPostedUnnoticedIsFoundAgain(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.slack.Fail("chat.postMessage", 1, fakeslack.Fault{DropAfterEffect: true})
		o.stage("a")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if c := o.card(); !strings.Contains(string(c.Blocks), render.ActionApprove) {
			t.Errorf("the card: %s", c.Blocks)
		}
	})
}

func TestCommands(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		for _, c := range []struct{ who, text, says, kind string }{
			{eve, "", "status", "ephemeral"},
			{eve, "help why", "why", "ephemeral"},
			{eve, "stauts", "status", "ephemeral"},
			{eve, "status", "shop", "ephemeral"},
			{eve, "list", digest("a").Short(), "ephemeral"},
			{eve, "show shop", digest("a").Short(), "ephemeral"},
			{eve, "why sho", "leads", "ephemeral"},
			{eve, "why shop@bbbbbb", "shop", "ephemeral"},
			{eve, "what-if approve <@" + ann + "|ann> shop", "would count as one of leads", "ephemeral"},
			{eve, "what-if approve <@" + eve + ">", "would not count", "ephemeral"},
			{eve, "history shop", "#1", "ephemeral"},
			{eve, "approve nothere", "nothere", "ephemeral"},
			{ann, "approve shop", "Approved", "in_channel"},
			{ann, "approve shop", "already", "ephemeral"},
			{bob, "withdraw shop", "have not approved", "ephemeral"},
			{ann, "withdraw shop", "taken back", "in_channel"},
			{ann, "approve shop", "Approved", "in_channel"},
			{bob, "lift shop", "No such promotion", "ephemeral"},
			{bob, "reject shop", "", "ephemeral"},
			{bob, "reject shop “security: it leaks”", "security: it leaks", "in_channel"},
			{bob, "approve shop", "shop", "ephemeral"},
			{ann, "lift shop", "whoever rejected", "ephemeral"},
			{bob, "lift shop", "lifted", "in_channel"},
			{bob, "lift shop", "No such promotion", "ephemeral"},
			{bob, "approve shop", "Approved", "in_channel"},
		} {
			d, err := o.slack.Command(c.who, channel, "/promote", c.text)
			if err != nil {
				t.Fatal(err)
			}
			o.pause()
			ack := string(d.Ack())
			if d.Err() != nil || !strings.Contains(ack, c.says) || !strings.Contains(ack, fmt.Sprintf("%q", c.kind)) {
				t.Errorf("/promote %s: %v %.400s", c.text, d.Err(), ack)
			}
		}
	})
}

// clicked presses a button and says what the card's buttons are then.
func (o *office) clicked(who, action string) string {
	o.t.Helper()
	if _, err := o.slack.Click(who, channel, o.card().TS, action); err != nil {
		o.t.Fatal(err)
	}
	o.pause()
	return string(o.card().Blocks)
}

func TestWhatWasSaidCanBeTakenBackFromTheCard(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		if shown := string(o.card().Blocks); strings.Contains(shown, render.ActionWithdraw) || strings.Contains(shown, render.ActionLift) {
			t.Errorf("before anybody has said anything: %s", shown)
		}
		if shown := o.clicked(ann, render.ActionApprove); !strings.Contains(shown, render.ActionWithdraw) {
			t.Errorf("approved: %s", shown)
		}
		if shown := o.clicked(ann, render.ActionWithdraw); strings.Contains(shown, render.ActionWithdraw) {
			t.Errorf("taken back: %s", shown)
		}
		o.clicked(bob, render.ActionReject)
		view, open := o.slack.View(bob)
		if !open {
			t.Fatal("there is no modal")
		}
		if _, err := o.slack.Submit(view.ID, fakeslack.Values{"ground": {"timing"}, "reason": {"not on a Friday"}}); err != nil {
			t.Fatal(err)
		}
		o.pause()
		shown := string(o.card().Blocks)
		if !strings.Contains(shown, "timing: not on a Friday") || !strings.Contains(shown, render.ActionLift) || strings.Contains(shown, render.ActionApprove) {
			t.Errorf("rejected: %s", shown)
		}
		if shown = o.clicked(ann, render.ActionLift); !strings.Contains(shown, "timing: not on a Friday") {
			t.Errorf("Ann, who has not rejected it, lifts it: %s", shown)
		}
		if shown = o.clicked(bob, render.ActionLift); !strings.Contains(shown, render.ActionApprove) || strings.Contains(shown, render.ActionLift) {
			t.Errorf("lifted: %s", shown)
		}
		if v := o.slack.Violations(); len(v) > 0 {
			t.Errorf("Slack's rules were broken: %q", v)
		}
	})
}

func TestStandings(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		for want, u := range map[promotion.Standing]fakeslack.User{
			promotion.Member:      {ID: "U1"},
			promotion.Guest:       {ID: "U2", IsRestricted: true},
			promotion.External:    {ID: "U3", TeamID: "T0OTHER", IsStranger: true},
			promotion.Bot:         {ID: "U4", IsBot: true},
			promotion.Deactivated: {ID: "U5", Deleted: true},
		} {
			o.slack.AddUser(u)
			r, err := o.chat.ReadPerson(t.Context(), promotion.NewEffect(promotion.EffectPerson, "", 0, promotion.PersonWork{ID: promotion.PersonID(u.ID)}, time.Now()))
			if err != nil || r.Person.Standing != want {
				t.Errorf("%s: %+v %v", want, r.Person, err)
			}
		}
		r, err := o.chat.ReadPerson(t.Context(), promotion.NewEffect(promotion.EffectPerson, "", 0, promotion.PersonWork{ID: "U404"}, time.Now()))
		if err != nil || r.Person.Standing != promotion.Unknown {
			t.Errorf("nobody: %+v %v", r.Person, err)
		}
		o.slack.AddGroup("S1", "leads", ann, bob)
		g, err := o.chat.ReadGroup(t.Context(), promotion.NewEffect(promotion.EffectGroup, "", 0, promotion.GroupWork{ID: "S1"}, time.Now()))
		if err != nil || !slices.Equal(g.Group.Members, []promotion.PersonID{ann, bob}) {
			t.Errorf("group: %+v %v", g.Group, err)
		}
		if _, err := o.chat.ReadGroup(t.Context(), promotion.NewEffect(promotion.EffectGroup, "", 0, promotion.GroupWork{ID: "S404"}, time.Now())); promotion.KindOf(err) != promotion.NotFound {
			t.Errorf("no such group: %v", err)
		}
	})
}

// In an organisation with several workspaces a colleague may be of another one,
// with a W… id. Whoever is of no workspace of the organisation is a stranger,
// also where there is no organisation.
func TestColleaguesOfOtherWorkspacesOfTheOrganisationAreMembers(t *testing.T) {
	for enterprise, want := range map[string][3]promotion.Standing{
		"E0ACME": {promotion.Member, promotion.External, promotion.External},
		"":       {promotion.External, promotion.External, promotion.External},
	} {
		inWorkspace(t, fakeslack.Options{Team: fakeslack.Team{EnterpriseID: enterprise}}, func(t *testing.T, o *office) {
			for i, u := range []fakeslack.User{
				{ID: "W0SUE", TeamID: "T0SALES", EnterpriseID: "E0ACME"},
				{ID: "W0TOM", TeamID: "T0THEIRS", EnterpriseID: "E0THEIRS"},
				{ID: "U0LEE", TeamID: "T0THEIRS"},
			} {
				o.slack.AddUser(u)
				r, err := o.chat.ReadPerson(t.Context(), promotion.NewEffect(promotion.EffectPerson, "", 0, promotion.PersonWork{ID: promotion.PersonID(u.ID)}, time.Now()))
				if err != nil || r.Person.Standing != want[i] {
					t.Errorf("in %q, %s of %s is %+v (%v)", enterprise, u.ID, u.EnterpriseID, r.Person, err)
				}
			}
		})
	}
}

func TestWhatSomebodyElseMovedCanBeAdoptedFromItsCard(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.click(ann, render.ActionApprove)
		o.click(bob, render.ActionApprove)
		time.Sleep(25 * time.Hour)
		if o.pause(); o.tags["production"] != digest("a") {
			t.Fatalf("production is %s", o.tags["production"])
		}
		o.tags["production"] = digest("f")
		moved := promotion.Sighting{App: "shop", Environment: "production", Side: promotion.Held, At: time.Now(), Tags: []promotion.TaggedDigest{{Tag: "production", Digest: digest("f")}}}
		if err := o.gate.Sight(t.Context(), []promotion.Sighting{moved}); err != nil {
			t.Fatal(err)
		}
		o.pause()
		newest := func() fakeslack.Message {
			all := o.slack.Messages(channel)
			return all[len(all)-1]
		}
		restore := newest()
		if !strings.Contains(restore.Text, "Moved by somebody else") {
			t.Fatalf("the channel is told: %s", restore.Text)
		}
		if _, err := o.slack.Click(ann, channel, restore.TS, render.ActionAdopt); err != nil {
			t.Fatal(err)
		}
		o.pause()
		if adopt := newest(); adopt.TS == restore.TS || !strings.Contains(adopt.Text, "accepts `"+digest("f").Short()+"`") {
			t.Errorf("after the click: %s", adopt.Text)
		}
		if d, err := o.slack.Command(bob, channel, "/promote", "adopt shop"); err != nil {
			t.Fatal(err)
		} else if o.pause(); !strings.Contains(string(d.Ack()), "No such promotion") {
			t.Errorf("adopting it twice is answered %s", d.Ack())
		}
	})
}
