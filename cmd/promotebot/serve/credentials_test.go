package serve

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
)

// install puts a credential helper on the PATH that answers with the script.
func install(t *testing.T, helper, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+helper), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func resolve(t *testing.T, credentials string) (authn.AuthConfig, error) {
	t.Helper()
	keys, err := newKeyring([]config.Registry{{Host: "registry.example.com", Credentials: credentials}})
	if err != nil {
		t.Fatal(err)
	}
	repo, err := name.NewRepository("registry.example.com/shop")
	if err != nil {
		t.Fatal(err)
	}
	auth, err := authn.Resolve(t.Context(), keys, repo)
	if err != nil {
		return authn.AuthConfig{}, err
	}
	c, err := auth.Authorization()
	if err != nil {
		t.Fatal(err)
	}
	return *c, nil
}

func TestACredentialHelperIsRunForItsRegistry(t *testing.T) {
	install(t, "cloud", `read host; echo "{\"ServerURL\":\"$host\",\"Username\":\"bot\",\"Secret\":\"for $host\"}"`)
	if c, err := resolve(t, "cloud"); err != nil || c.Username != "bot" || c.Password != "for registry.example.com" {
		t.Errorf("%+v, %v", c, err)
	}
	install(t, "cloud", `echo '{"Username":"<token>","Secret":"t"}'`)
	if c, err := resolve(t, "cloud"); err != nil || c.IdentityToken != "t" {
		t.Errorf("an identity token: %+v, %v", c, err)
	}
}

// What a helper has printed is quoted when it fails, unless it was the answer.
func TestAHelperThatFailsAfterItsAnswerIsNotQuoted(t *testing.T) {
	const answers = `echo '{"ServerURL": "registry.example.com", "Username": "bot", "Secret": "canary-of-a-helper"}'; exit 1`
	install(t, "cloud", answers)
	if _, err := resolve(t, "cloud"); err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "run it by hand") {
		t.Errorf("named by the configuration: %v", err)
	}
	docker := t.TempDir()
	if err := os.WriteFile(filepath.Join(docker, "config.json"), []byte(`{"credHelpers": {"registry.example.com": "cloud"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", docker)
	if _, err := resolve(t, config.CredentialsDocker); err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "run it by hand") {
		t.Errorf("named by Docker's: %v", err)
	}
	install(t, "cloud", "echo 'the session has expired'; exit 1")
	if _, err := resolve(t, "cloud"); err == nil || !strings.Contains(err.Error(), "the session has expired") {
		t.Errorf("one that says why: %v", err)
	}
}

// Without credentials a registry answers as if there were no such image, so a
// helper that fails must not look like one that has nothing to say.
func TestAHelperThatFailsIsNoAnonymousAccess(t *testing.T) {
	for what, script := range map[string]string{
		"it has none":    "echo 'credentials not found in native keychain'; exit 1",
		"its role ended": "echo 'ExpiredToken'; exit 1",
	} {
		install(t, "cloud", script)
		if c, err := resolve(t, "cloud"); err == nil {
			t.Errorf("%s: %+v", what, c)
		}
	}
}

func TestAHelperThatIsNotInstalledIsSaidAtTheStart(t *testing.T) {
	_, err := newKeyring([]config.Registry{{Host: "registry.example.com", Credentials: "no-such-thing"}})
	if promotion.KindOf(err) != promotion.Invalid || err == nil || !strings.Contains(err.Error(), "docker-credential-no-such-thing") {
		t.Errorf("said %v", err)
	}
}

func TestNoCredentialsMeansNone(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(`{"auths":{"registry.example.com":{"auth":"Ym90OnB3"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := resolve(t, config.CredentialsDocker); err != nil || c.Username != "bot" {
		t.Errorf("of docker login: %+v, %v", c, err)
	}
	if c, err := resolve(t, config.CredentialsNone); err != nil || c != (authn.AuthConfig{}) {
		t.Errorf("none: %+v, %v", c, err)
	}
}
