package gitops_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/gitops"
)

func TestSecretsAreReadAnewAndShowNothingOfThemselves(t *testing.T) {
	dir := t.TempDir()
	in := func(name, text string) string {
		path := filepath.Join(dir, name)
		(&world{t: t}).write(path, text)
		return path
	}
	t.Setenv("ARGOCD_TOKEN", "from the environment")
	f := gitops.Files{
		Username: "robot", PasswordFile: in("password", "one\n"), Key: in("key", "-----BEGIN KEY\n"), KnownHosts: "/h",
		Signing: in("signing", "-----BEGIN SIGNING\n"), ArgoTokenEnv: "ARGOCD_TOKEN",
	}
	c, err := f.Read()
	if err != nil || c.Username != "robot" || c.KnownHosts != "/h" || c.Password.Reveal() != "one" || c.Key.Reveal() != "-----BEGIN KEY\n" ||
		c.Signing.Reveal() != "-----BEGIN SIGNING\n" || c.Argo.Reveal() != "from the environment" {
		t.Errorf("%+v %v", c, err)
	}
	in("password", "two")
	if c, err = f.Read(); err != nil || c.Password.Reveal() != "two" {
		t.Errorf("after it was replaced: %q %v", c.Password.Reveal(), err)
	}
	if text := fmt.Sprintf("%+v %#v", c, c); strings.Contains(text, "two") || strings.Contains(text, "BEGIN") || strings.Contains(text, "environment") {
		t.Error(text)
	}
}

func TestASecretThatIsNotThereIsNamed(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	(&world{t: t}).write(empty, " \n")
	for words, f := range map[string]gitops.Files{
		"the password is not there: set GIT_PASSWORD_THAT_IS_NOT_SET in the environment": {PasswordEnv: "GIT_PASSWORD_THAT_IS_NOT_SET"},
		"the password is not there: " + empty + " is empty":                              {PasswordFile: empty},
		"the ssh_key can't be read (open " + empty + ".gone":                             {Key: empty + ".gone"},
		"the signing_key can't be read":                                                  {Signing: filepath.Dir(empty)},
		"the token of Argo CD is not there":                                              {ArgoTokenFile: empty},
	} {
		if _, err := f.Read(); promotion.KindOf(err) != promotion.Invalid || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}
