// Package config reads the one file that says what is promoted, where to, and
// who decides.
//
// A person who edits this file by night, behind a gate that holds up a release,
// has to learn everything that is wrong in one go: where it stands and what to
// write instead. Package strict reads the YAML; what the values mean is checked
// here, all of it before anything is in force.
//
// Sections are read in the order in which they need each other (roles,
// policies, environments, apps), not in the order in which they stand. A name
// whose definition is faulty still counts as defined, so that one mistake is
// reported once.
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Config is everything that the file says.
type Config struct {
	Catalog  gate.Catalog
	Database string // path of the SQLite file
	Poll     Poll
	HTTP     string // listen address of health and metrics, or HTTPOff
	API      string // listen address of what machines send and ask; empty when they can't
	Slack    Slack
	// Registries are those about which the file says something.
	Registries []Registry
	Targets    []Target // of all environments
	Prometheus []Prometheus
	Hash       string // SHA-256 of the document's bytes, in hexadecimal
}

// Poll is how often the watched tags are read.
type Poll struct {
	Every       time.Duration
	Concurrency int // requests under way at the same time
}

// Slack is what holds for every app.
type Slack struct {
	Channel string // id of the channel for cards of apps that name none; may be empty when all do
}

type (
	// Problems is everything that is wrong with a document.
	Problems = strict.Problems
	// Problem is one of it.
	Problem = strict.Problem
)

// What holds when the file does not say otherwise.
const (
	DefaultDatabase    = "promotebot.db"
	DefaultHTTP        = "127.0.0.1:8484" // loopback: neither health nor metrics ask who is there
	exampleAPI         = "127.0.0.1:8485" // loopback: it speaks no TLS, and tokens are secrets
	DefaultEvery       = 30 * time.Second
	DefaultConcurrency = 8

	// HTTPOff, as the value of http, opens no port.
	HTTPOff = "off"
)

// ParseDuration reads a length of time as the file has them: Go's, and d for 24 hours.
func ParseDuration(text string) (time.Duration, error) { return strict.ParseDuration(text) }

// Load reads the file. When the document is at fault the error is *Problems.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, promotion.Errorf(promotion.NotFound, "there is no configuration at %s (%w): write one, or name another with --config", path, err)
	}
	if err != nil {
		return nil, promotion.Errorf(promotion.Unavailable, "the configuration can't be opened (%w): it must be readable by the user that promotebot runs as", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	doc, err := io.ReadAll(io.LimitReader(f, strict.MaxDocument))
	if err != nil {
		return nil, promotion.Errorf(promotion.Unavailable, "the configuration can't be read (%w): --config must name a file", err)
	}
	return Parse(path, doc)
}

// Parse reads a document; name is what its problems are reported under. When
// the document is at fault the error is *Problems.
func Parse(name string, doc []byte) (*Config, error) {
	decoder, root := strict.Parse(doc, "begin with "+exampleEnvironments+" and "+exampleApps)
	r := &reader{Reader: decoder, kinds: map[string]checkKind{}, homeless: map[*policy.After]*yaml.Node{}}
	c := &Config{}
	if root != nil {
		sum := sha256.Sum256(doc)
		c.Hash = hex.EncodeToString(sum[:])
		r.document(root, c)
	}
	if err := r.Problems(name); err != nil {
		return nil, err
	}
	return c, nil
}

// reader reads this program's sections.
type reader struct {
	*strict.Reader
	kinds    map[string]checkKind // by the name of the check
	meters   []Prometheus
	homeless map[*policy.After]*yaml.Node // the first query of each that does not say where it is asked
	programs bool                         // whether any may be run
	trusted  promotion.Trust              // whose word about how an image was built is taken
	spoken   []*yaml.Node                 // the apps of whose images some key can speak
	keyless  bool                         // a key could not be read, so it is not known who can speak
}

// The sections of the file.
const (
	keySlack        = "slack"
	keyDatabase     = "database"
	keyHTTP         = "http"
	keyAPI          = "api"
	keyPoll         = "poll"
	keyEnvironments = "environments"
	keyPolicies     = "policies"
	keyApps         = "apps"
	keyTrains       = "trains"
	keyRoles        = "roles"
	keyRegistries   = "registries"
	keyReminders    = "reminders"
)

// The examples that remedies show are what somebody would paste: on one line,
// so that a problem stays on one line, and together a whole document.
const (
	exampleEnvironments = "environments: [{name: staging, watch: staging-passed}, {name: production, tags: [production], policy: careful}]"
	exampleApps         = "apps: [{name: shop, image: registry.example.com/shop/api}]"
	exampleRoles        = "roles: {tech-leads: [U0ANN, U0BOB]}"
	examplePolicies     = "policies: {careful: {soak: 24h, approvals: {tech-leads: 2}}}"
	exampleSlack        = "slack: {channel: C0123456789}"
	exampleReminders    = `reminders: [{schedule: "0 9 * * MON-FRI", time_zone: Europe/Berlin}]`
)

func (r *reader) document(root *yaml.Node, c *Config) {
	in, ok := r.Fields(root, "the configuration", exampleEnvironments,
		keySlack, keyDatabase, keyHTTP, keyPoll, keyEnvironments, keyPolicies, keyApps, keyTrains, keyRoles, keyPeople, keyRegistries, keyReminders, keyFreezes, keyAPI, keyCommands, keyDirect, keyDigests, keyProvenance)
	if !ok {
		return
	}
	named := r.settings(in, c)
	r.programs = r.commands(in)
	r.trusted = r.trust(in)
	identities := r.people(in)
	roles := r.roles(root, in, identities)
	policies := r.policies(in, roles)
	chain := r.chain(root, in, policies)
	other := fallback{c.Slack.Channel, named}
	apps := r.apps(root, in, other, chain, policies)
	c.Catalog = gate.Catalog{
		Roles:        roles.catalog(),
		Identities:   identities,
		Environments: chain.catalog(),
		Apps:         apps,
		Trains:       r.trains(in, apps, other, chain, policies),
		Reminders:    r.reminders(in),
		Direct:       r.direct(in, roles),
		Trust:        r.trusted,
	}
	c.Catalog.Digests = r.digests(in, &c.Catalog)
	r.speak(in, &c.Catalog)
	if p, ok := in[keyFreezes]; ok {
		c.Catalog.Freezes = r.freezes(p.Value)
	}
	c.Targets = r.deployments(chain, c.Catalog.Apps, c.Catalog.Trains)
	r.measured(chain, c.Catalog.Apps)
	c.Prometheus = r.meters
	c.Registries = r.registries(in, c.Catalog.Apps)
}

// missing reports that a section is not there.
func (r *reader) missing(root *yaml.Node, key, example string) {
	r.Note(root, fmt.Sprintf("the section %q is missing", key), "add, for example, "+example)
}

// name checks a name against the vocabulary.
func (r *reader) name(at *yaml.Node, name string) bool {
	if _, err := promotion.ParseName(name); err != nil {
		r.Refuse(at, err, "write another name")
		return false
	}
	return true
}
