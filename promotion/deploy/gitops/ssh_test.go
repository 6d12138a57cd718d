package gitops_test

import (
	"crypto/ed25519"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"golang.org/x/crypto/ssh"

	"github.com/promotebot/promotebot/promotion"
)

// overSSH has the world reached by SSH, and gives the file of known hosts.
func (w *world) overSSH() (knownHosts string) {
	w.t.Helper()
	door := w.SSH()
	knownHosts = filepath.Join(w.t.TempDir(), "known_hosts")
	w.write(knownHosts, string(door.KnownHosts))
	w.opts.Repository = door.URL
	w.credentials.Key, w.credentials.KnownHosts = promotion.NewSecret(string(door.Key)), knownHosts
	return knownHosts
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestADigestIsDeployedOverSSH(t *testing.T) {
	w := newWorld(t)
	w.overSSH()
	o := order()
	r := w.deploy(o)
	if w.Head() != r.Handle || w.File(file) != kustomization(next) {
		t.Errorf("the branch is at %s, the handle is %s, and the file\n%s", w.Head(), r.Handle, w.File(file))
	}
	if again := w.deploy(o); again.Handle != r.Handle || w.commits() != 2 {
		t.Errorf("a second time: %+v, and %d commits", again, w.commits())
	}
	w.Hook("pre-receive", "echo no >&2\nexit 1\n")
	o.Digest = hers
	if r := w.refused(o, promotion.Forbidden, "pre-receive hook declined no"); len(r.Lines) != 1 {
		t.Errorf("%q", r.Lines)
	}
}

// Over SSH, git gives no file by its name unless it is told to.
func TestAServerThatGivesNoSingleFileIsAskedForMore(t *testing.T) {
	for _, off := range []string{"uploadpack.allowAnySHA1InWant", "uploadpack.allowFilter"} {
		w := newWorld(t)
		w.overSSH()
		w.Config(off, "false")
		w.deploy(order())
		if w.File(file) != kustomization(next) {
			t.Errorf("without %s the file is\n%s", off, w.File(file))
		}
	}
}

func TestAServerThatIsNotKnownIsRefused(t *testing.T) {
	w := newWorld(t)
	known := w.overSSH()
	line, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	w.write(known, strings.Replace(string(line), "127.0.0.1", "127.0.0.2", 1))
	w.refused(order(), promotion.Forbidden, "known_hosts has no key for 127.0.0.1:")

	other, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(other)
	if err != nil {
		t.Fatal(err)
	}
	w.write(known, strings.Fields(string(line))[0]+" "+string(ssh.MarshalAuthorizedKey(public)))
	w.refused(order(), promotion.Forbidden, "shows another key than known_hosts has for it")

	w.write(known, "what?\n")
	w.refused(order(), promotion.Invalid, "can't be read")
	w.credentials.KnownHosts = known + ".gone"
	w.refused(order(), promotion.Invalid, "can't be read")
}

func TestAKeyThatIsNotLetInIsRefused(t *testing.T) {
	w := newWorld(t)
	w.overSSH()
	w.credentials.Key = promotion.NewSecret(string(w.NewKey()))
	w.refused(order(), promotion.Forbidden, "does not take the ssh_key")
	w.credentials.Key = promotion.NewSecret("no key")
	w.refused(order(), promotion.Invalid, "the ssh_key for 127.0.0.1:")
}

func TestARepositoryThatIsNotThereOverSSH(t *testing.T) {
	w := newWorld(t)
	w.overSSH()
	w.opts.Repository = strings.Replace(w.opts.Repository, "deploy.git", "it's.git", 1)
	w.refused(order(), promotion.NotFound, "does not appear to be a git repository")
}

func TestAServerWithoutAHandshakeIsGivenUpInTime(t *testing.T) {
	w := newWorld(t)
	w.overSSH()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	w.opts.Repository = "ssh://git@" + listener.Addr().String() + "/x.git"
	ctx, cancel := contextFor(t, 300*time.Millisecond)
	defer cancel()
	if _, err := w.deployer().Deploy(ctx, order()); promotion.KindOf(err) != promotion.Unavailable {
		t.Error(err)
	}
}

func TestACommitIsSignedWithAnSSHKeyAsGitVerifiesIt(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		missing(t, "ssh-keygen is not installed; git verifies signatures with it")
	}
	w := newWorld(t)
	key := w.NewKey()
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	w.credentials.Signing = promotion.NewSecret(string(key))
	r := w.deploy(order())
	allowed := filepath.Join(t.TempDir(), "allowed")
	w.write(allowed, "promotebot@example.com "+string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	if said := w.In("-c", "gpg.ssh.allowedSignersFile="+allowed, "verify-commit", r.Handle); !strings.Contains(said, `Good "git" signature for promotebot@example.com`) {
		t.Error(said)
	}
}

func TestACommitIsSignedWithAnOpenPGPKey(t *testing.T) {
	w := newWorld(t)
	entity, err := openpgp.NewEntity("promotebot", "", "promotebot@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	var key strings.Builder
	armoured, err := armor.Encode(&key, openpgp.PrivateKeyType, nil)
	if err == nil {
		err = entity.SerializePrivate(armoured, nil)
	}
	if err == nil {
		err = armoured.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	w.credentials.Signing = promotion.NewSecret(key.String())
	r := w.deploy(order())
	raw := w.In("cat-file", "commit", r.Handle)
	header, rest, _ := strings.Cut(raw, "gpgsig ")
	signature, rest, _ := strings.Cut(rest, "\n\n")
	signature = strings.ReplaceAll(signature, "\n ", "\n")
	unsigned := strings.TrimSuffix(header, "\n") + "\n\n" + rest
	if !strings.HasSuffix(unsigned, "\n") {
		unsigned += "\n" // which was cut off when it was printed
	}
	who, err := openpgp.CheckArmoredDetachedSignature(openpgp.EntityList{entity}, strings.NewReader(unsigned), strings.NewReader(signature), nil)
	if err != nil || who != entity {
		t.Errorf("%v\n%s", err, raw)
	}
}

func TestASigningKeyThatDoesNotSignIsNamed(t *testing.T) {
	w := newWorld(t)
	for _, key := range []string{"no key", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n", string(pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY"}))} {
		w.credentials.Signing = promotion.NewSecret(key)
		w.refused(order(), promotion.Invalid, "the signing_key can't be read")
	}
}
