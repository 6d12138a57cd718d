package main_test

// The rules of the house, in the form in which house_test.go checks them. Who
// adds a package adds its row, and says in "why" what the walls around it are
// for: a rule without a reason is a rule that gets deleted.

// room is what one package may reach.
type room struct {
	pkg      string   // relative to the module; "fixtures/..." is a whole tree
	ours     []string // packages of this module that it may import; "x/..." is a tree
	theirs   []string // import paths of other modules, with everything below them
	without  []string // packages of the standard library that it must not import
	pure     bool     // nothing of impure, and no goroutine; timeless as well
	timeless bool     // nothing of clock: instants are given to it
	why      string
}

var (
	decides = []string{"promotion", "promotion/policy", "promotion/audit", "promotion/gate"}
	runs    = append([]string{"bot/...", "promotion/pipeline", "promotion/registry/...", "promotion/deploy/...", "promotion/prometheus", "store", "store/sqlite", "cmd/promotebot/config", "cmd/promotebot/serve"}, decides...)
)

var rooms = []room{
	{
		pkg: "promotion", pure: true,
		why: "everybody speaks its words: whatever it imported, everybody would have, and a cycle would be one import away",
	},
	{
		pkg: "promotion/policy", ours: []string{"promotion"}, theirs: []string{"github.com/robfig/cron/v3"}, pure: true,
		why: "the same document, facts and instant have to give the same verdict a year later, when somebody asks why",
	},
	{
		pkg: "promotion/audit", ours: []string{"promotion"}, theirs: []string{"golang.org/x/mod/sumdb/tlog"}, pure: true,
		why: "the log is verified offline, from its entries alone, by somebody who does not trust this machine",
	},
	{
		pkg: "promotion/gate", ours: []string{"promotion", "promotion/policy", "promotion/audit"}, theirs: []string{"github.com/robfig/cron/v3"}, pure: true,
		why: "it decides inside a transaction: what it can't reach it can't call before the commit, and the clock is read once for each gesture",
	},
	{
		pkg: "promotion/pipeline", ours: []string{"promotion"}, without: []string{"database/sql", "net/http", "os/exec"},
		why: "it performs what was written down without knowing the far side or the database, and so can't decide with what it finds there",
	},
	{
		pkg: "promotion/registry", ours: []string{"promotion", "promotion/registry/..."},
		theirs:  []string{"github.com/google/go-containerregistry", "golang.org/x/sync/errgroup"},
		without: []string{"database/sql", "os", "os/exec"},
		why:     "the one place that talks to registries knows neither policies nor rows: a tag is moved because the gate wrote it down, never because of what was read here",
	},
	{
		pkg: "promotion/deploy/command", ours: []string{"promotion"}, without: []string{"database/sql", "net/http"},
		why: "the one place that runs programs is given an order and a list of arguments, and knows nothing that it could let them have",
	},
	{
		pkg: "promotion/deploy/webhook", ours: []string{"promotion"}, without: []string{"database/sql", "os", "os/exec"},
		why: "a service is told what was written down; where it may send promotebot is the configuration's to say, and not its own",
	},
	{
		pkg: "promotion/prometheus", ours: []string{"promotion"}, without: []string{"database/sql", "os", "os/exec"},
		why: "it says what a query came to, or why that is not known; whether it is good or bad is the policy's to say",
	},
	{
		pkg: "promotion/registry/wire", ours: []string{"promotion"},
		theirs:  []string{"github.com/google/go-containerregistry", "golang.org/x/time/rate"},
		without: []string{"database/sql", "os", "os/exec", "log/slog"},
		why:     "who may be asked, how often and with which credentials is decided below everything that wants to ask",
	},
	{
		pkg: "promotion/registry/closure", ours: []string{"promotion"}, pure: true,
		why: "what belongs to a digest depends on documents alone, or a second reading could leave a signature behind",
	},
	{
		pkg: "promotion/registry/provenance", ours: []string{"promotion"}, pure: true,
		why: "whether something that a stranger attached is believed depends on its bytes and the keys alone, and the standard library is all that verifies it",
	},
	{
		pkg: "promotion/registry/transfer", ours: []string{"promotion", "promotion/registry/wire", "promotion/registry/closure"},
		theirs:  []string{"golang.org/x/sync/errgroup"},
		without: []string{"database/sql", "net/http", "os", "os/exec"},
		why:     "it copies through the wire's limits or not at all",
	},
	{
		pkg: "promotion/deploy/kubernetes", ours: []string{"promotion"}, theirs: []string{"k8s.io"},
		without: []string{"database/sql", "os", "os/exec"},
		why:     "it asks a cluster for the digest of an order and says what it saw there; what follows from that is decided by the gate, which can't be reached from here",
	},
	{
		pkg: "promotion/deploy/gitops", ours: []string{"promotion", "promotion/deploy/gitops/edit"},
		theirs:  []string{"github.com/go-git/go-git/v5/plumbing", "github.com/go-git/go-git/v5/storage", "github.com/go-git/go-billy/v5/osfs", "github.com/ProtonMail/go-crypto/openpgp", "golang.org/x/crypto/ssh"},
		without: []string{"database/sql", "os/exec", "log/slog"},
		why:     "it has the formats of Git without its program and without a work tree, so nothing that lies in a repository is ever run",
	},
	{
		pkg: "promotion/deploy/gitops/edit", ours: []string{"promotion"}, theirs: []string{"go.yaml.in/yaml/v3"}, pure: true,
		why: "what becomes of a file that people keep is decided by the file and the digest, where everything can be tried",
	},
	{
		pkg: "store", ours: []string{"promotion", "promotion/audit", "promotion/gate"},
		theirs:  []string{"github.com/pressly/goose/v3", "golang.org/x/mod/sumdb/tlog"},
		without: []string{"net/http", "os", "os/exec", "log/slog"}, timeless: true,
		why: "it keeps instants that it was given: an instant of its own would be one that the audit log does not know",
	},
	{
		pkg: "store/sqlite", ours: []string{"promotion", "store"},
		theirs:  []string{"github.com/pressly/goose/v3", "modernc.org/sqlite"},
		without: []string{"net/http", "os/exec", "log/slog"}, timeless: true,
		why: "only what one database does differently from another stands here: the driver, the file, its errors",
	},
	{
		pkg: "store/memory", ours: []string{"promotion", "promotion/audit", "promotion/gate"}, theirs: []string{"golang.org/x/mod/sumdb/tlog"}, pure: true,
		why: "what it has committed is gone with the process: tests may have it, and nothing that runs in earnest names it here",
	},
	{
		pkg: "store/storetest", ours: []string{"promotion", "promotion/audit", "promotion/gate"}, without: []string{"database/sql", "net/http", "os"},
		why: "the suite holds for any store, so it knows none",
	},
	{
		pkg: "bot/command", ours: []string{"promotion", "promotion/policy"}, pure: true,
		why: "text becomes a command without asking anybody: it is what the fuzzer is let loose on",
	},
	{
		pkg: "bot/render", ours: []string{"promotion", "promotion/policy", "bot/render/page"},
		theirs: []string{"github.com/slack-go/slack", "github.com/dustin/go-humanize"}, pure: true,
		why: "the same state has to give the same card, or a redrawn card would be another one",
	},
	{
		pkg: "bot/render/sample", ours: []string{"promotion", "promotion/policy"}, pure: true,
		why: "what the golden files are made of and the gallery shows is a list of views, and no other way to render them",
	},
	{
		pkg: "bot/render/page", ours: []string{"promotion"}, theirs: []string{"github.com/slack-go/slack"}, pure: true,
		why: "what makes foreign text harmless is read in one sitting, apart from the words",
	},
	{
		pkg: "bot/chat", ours: []string{"promotion", "promotion/gate", "bot/command", "bot/render"},
		theirs:  []string{"github.com/slack-go/slack", "github.com/gorilla/websocket", "golang.org/x/time/rate"},
		without: []string{"database/sql", "os", "os/exec"},
		why:     "the conversation has one way to change anything: a gesture handed to the gate",
	},
	{
		pkg: "bot/web", ours: []string{"promotion", "promotion/gate", "bot/command", "bot/render"},
		theirs:  []string{"github.com/prometheus/client_golang"},
		without: []string{"database/sql", "os", "os/exec"},
		why:     "pages and metrics read through the gate, so that they can't show what it would not say",
	},
	{
		pkg: "bot/web/api", ours: []string{"promotion", "promotion/policy", "promotion/gate", "bot/web/hook"},
		theirs:  []string{"golang.org/x/time/rate"},
		without: []string{"database/sql", "os", "os/exec"},
		why:     "what a machine sends is handed to the gate, which asks whether its token allows it; what it asks is answered from the verdict that everybody sees",
	},
	{
		pkg: "bot/web/hook", ours: []string{"promotion"}, pure: true,
		why: "bodies that strangers wrote are read where nothing can be reached: it is what the fuzzer is let loose on",
	},
	{
		pkg: "cmd/promotebot/config/strict", ours: []string{"promotion"}, theirs: []string{"go.yaml.in/yaml/v3"},
		without: []string{"database/sql", "net/http", "os", "os/exec", "log/slog"}, timeless: true,
		why: "how a document is read has nothing to do with what this program's sections mean",
	},
	{
		pkg: "cmd/promotebot/config", ours: []string{"promotion", "promotion/policy", "promotion/gate", "promotion/registry/closure", "promotion/registry/provenance", "cmd/promotebot/config/strict"},
		theirs:  []string{"go.yaml.in/yaml/v3", "github.com/robfig/cron/v3"},
		without: []string{"database/sql", "net/http", "os/exec", "log/slog"}, timeless: true,
		why: "a configuration can be checked on a laptop without the network, and the answer depends on the file alone",
	},
	{
		pkg: "cmd/promotebot/scenario", ours: append([]string{"cmd/promotebot/config/strict"}, decides...), theirs: []string{"go.yaml.in/yaml/v3"},
		without: []string{"database/sql", "net/http", "os/exec", "log/slog"}, timeless: true,
		why: "what a team tries its policies on is a file and the policies, on a laptop and in its CI alike",
	},
	{
		pkg: "cmd/promotebot/serve", ours: runs,
		theirs:  []string{"github.com/google/go-containerregistry", "github.com/docker/docker-credential-helpers", "golang.org/x/sync/errgroup"},
		without: []string{"database/sql"}, // os/exec finds the credential helpers that the configuration names
		why:     "it puts the parts together; that it can't import a fixture is why the demo and production are the same program",
	},
	{
		pkg: "cmd/promotebot/demo/...", ours: append([]string{"fixtures/..."}, runs...),
		theirs:  []string{"github.com/google/go-containerregistry", "golang.org/x/sync/errgroup"},
		without: []string{"database/sql", "os/exec"},
		why:     "the only door through which fixtures get into the binary",
	},
	{
		pkg: "cmd/promotebot/demo/browser", ours: []string{"cmd/promotebot/demo"},
		why: "only tests, in the directory of what npm installs for them: the browser is judge, and what it judges is the demo as everybody gets it",
	},
	{
		pkg: "cmd/promotebot/simulation", pure: true,
		why: "it is made of tests alone, whole lives of the real bot: nothing that runs in earnest has any business there",
	},
	{
		pkg: "cmd/promotebot", ours: append([]string{"cmd/promotebot/demo", "cmd/promotebot/scenario"}, runs...), without: []string{"os/exec"},
		why: "the command line says what is run; how is known further down",
	},
	{
		pkg: "fixtures/...", ours: []string{"fixtures/..."}, theirs: []string{"*"},
		why: "a fake that shared code with the bot would share its mistakes, and both would agree on them; this holds for its tests too",
	},
}

// everywhere is what no package of ours may import.
var everywhere = map[string]string{
	"C":      "the binary is static, and crosses to another platform with GOOS alone",
	"unsafe": "who reads the code to decide whether to trust it can stop at the types",
}

// impure are the doors to the outside, each closed to pure packages together
// with what lies below it, except as in harmless.
var impure = []string{"database/sql", "embed", "io/fs", "log", "math/rand", "crypto/rand", "net", "os", "path/filepath", "plugin", "runtime", "syscall", "testing"}

// harmless lie below an impure package and only compute.
var harmless = []string{"net/url"}

// clock is what makes an outcome depend on when it is computed.
var clock = []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTicker", "NewTimer", "Sleep", "Tick"}

// interfaces are all of them: each has to say why a concrete type would not do.
var interfaces = map[string]string{
	"promotion/gate.Store":        "the gate decides in a transaction of a database that it must not know",
	"promotion/gate.Tx":           "what can be read and written in that transaction, and nothing else",
	"promotion/pipeline.Deployer": "a cluster, a Git repository, a deploy system and a program are told in different ways to run the same digest",
	"promotion/pipeline.Queue":    "the outbox lives in the database, which performs nothing",
	"store.row":                   "sql.Row and sql.Rows share no type, and are read by the same function",
	"store/storetest.Store":       "the suite holds for every store",
}

// vague names say what a package is made of, not what it is for, and so
// everything fits into it.
var vague = []string{
	"base", "common", "commons", "constants", "core", "generic", "helper", "helpers", "interfaces", "internal", "lib", "manager", "misc", "mock", "mocks",
	"model", "models", "pkg", "shared", "tools", "type", "types", "util", "utilities", "utils",
}

// topLevel is what the repository opens on.
var topLevel = []string{
	"bot", "cmd", "fixtures", "promotion", "store",
	"go.mod", "go.sum", "Dockerfile", "README.md", "LICENSE", "CHANGELOG.md",
	".ci", ".dockerignore", ".github", ".gitignore", ".golangci.yml",
}

// Alarm lines: not limits, but the size from which on somebody should look.
const (
	alarmFile     = 500
	alarmPackage  = 1000 // without tests
	alarmFunction = 60
)
