package gitops

import (
	"encoding/base64"
	"io"
	"os"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// Credentials are what the far sides want to see. Which of them are used is for
// the address to say: HTTPS takes the password, SSH the key.
type Credentials struct {
	Username   string // beside the password
	Password   promotion.Secret
	Key        promotion.Secret // private, as OpenSSH keeps it
	KnownHosts string           // a file: the keys of the servers
	Signing    promotion.Secret // signs commits: a private SSH key or an armoured OpenPGP key; none: they are not signed
	Argo       promotion.Secret // a token
}

// secrets are those that a far side is shown, in each form: a private key is shown to
// nobody.
func (c Credentials) secrets() []promotion.Secret {
	all := []promotion.Secret{c.Password, c.Argo}
	if c.Password.Reveal() != "" {
		all = append(all, promotion.NewSecret(base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password.Reveal()))))
	}
	return all
}

// hide is what a far side says without what it was shown.
func (c Credentials) hide(text string) string {
	for _, s := range c.secrets() {
		text = s.Hide(text)
	}
	return text
}

// Files say where credentials are. They are read again for every use: tokens are
// replaced while the bot runs.
type Files struct {
	Username                    string
	PasswordEnv, PasswordFile   string
	Key, KnownHosts, Signing    string
	ArgoTokenEnv, ArgoTokenFile string
}

// maxSecret is more than any key takes.
const maxSecret = 1 << 20

// Read reads them. Its errors name files and variables, and nothing of what is in them.
func (f Files) Read() (c Credentials, err error) {
	c = Credentials{Username: f.Username, KnownHosts: f.KnownHosts}
	for _, one := range []struct {
		into           *promotion.Secret
		what           string
		variable, file string
	}{
		{&c.Password, "the password", f.PasswordEnv, f.PasswordFile},
		{&c.Key, "the ssh_key", "", f.Key},
		{&c.Signing, "the signing_key", "", f.Signing},
		{&c.Argo, "the token of Argo CD", f.ArgoTokenEnv, f.ArgoTokenFile},
	} {
		if *one.into, err = secret(one.what, one.variable, one.file); err != nil {
			return Credentials{}, err
		}
	}
	return c, nil
}

func secret(what, variable, file string) (promotion.Secret, error) {
	var text string
	switch {
	case variable != "":
		if text = os.Getenv(variable); text == "" {
			return promotion.Secret{}, promotion.Errorf(promotion.Invalid, "%s is not there: set %s in the environment", what, variable)
		}
	case file != "":
		f, err := os.Open(file)
		if err != nil {
			return promotion.Secret{}, promotion.Errorf(promotion.Invalid, "%s can't be read (%w): the file has to be there, and readable by the user that promotebot runs as", what, err)
		}
		defer f.Close() //nolint:errcheck // it was only read
		raw, err := io.ReadAll(io.LimitReader(f, maxSecret))
		if err != nil {
			return promotion.Secret{}, promotion.Errorf(promotion.Invalid, "%s can't be read: %w", what, err)
		}
		if text = string(raw); strings.TrimSpace(text) == "" {
			return promotion.Secret{}, promotion.Errorf(promotion.Invalid, "%s is not there: %s is empty", what, file)
		}
	}
	if !strings.Contains(text, "-----BEGIN") { // a key keeps its last line break
		text = strings.TrimSpace(text)
	}
	return promotion.NewSecret(text), nil
}
