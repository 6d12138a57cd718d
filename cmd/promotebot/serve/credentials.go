package serve

import (
	"context"
	"errors"
	"os/exec"
	"strings"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/authn/github"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/google"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// keyring finds the credentials of each registry where the configuration says
// that they are. A registry about which it says nothing has them where docker
// login put them.
type keyring map[string]authn.Keychain

// newKeyring refuses a credential helper that is not there: its registry would
// otherwise be asked without credentials, and look as if its images had gone.
func newKeyring(registries []config.Registry) (keyring, error) {
	k := keyring{}
	for _, r := range registries {
		host := canonical(r.Host)
		switch r.Credentials {
		case config.CredentialsDocker:
			k[host] = authn.DefaultKeychain
		case config.CredentialsGoogle:
			k[host] = google.Keychain
		case config.CredentialsGitHub:
			k[host] = github.Keychain
		case config.CredentialsNone:
			k[host] = authn.NewMultiKeychain()
		default:
			program := "docker-credential-" + r.Credentials
			if _, err := exec.LookPath(program); err != nil {
				return nil, promotion.Errorf(promotion.Invalid, "registries: the credentials of %s come from %s, which is not installed: %w; put it on the PATH", r.Host, program, err)
			}
			k[host] = helper(program)
		}
	}
	return k, nil
}

// canonical is the host that a registry is really reached at: Docker Hub has
// another than its name.
func canonical(host string) string {
	r, err := name.NewRegistry(host)
	if err != nil {
		return host // the configuration was checked; what is not a host is never asked for
	}
	return r.RegistryStr()
}

// Resolve implements authn.Keychain.
func (k keyring) Resolve(r authn.Resource) (authn.Authenticator, error) {
	return k.ResolveContext(context.Background(), r)
}

// ResolveContext implements authn.ContextKeychain.
func (k keyring) ResolveContext(ctx context.Context, r authn.Resource) (authn.Authenticator, error) {
	chain, ok := k[r.RegistryStr()]
	if !ok {
		chain = authn.DefaultKeychain
	}
	a, err := authn.Resolve(ctx, chain, r)
	if err != nil && strings.Contains(err.Error(), `"Secret"`) {
		// Of a helper that fails all is quoted that it has printed, and this one has
		// answered before.
		return nil, errors.New("the credential helper failed after it had printed the credentials, which are not repeated: run it by hand")
	}
	return a, err
}

// helper is a keychain that runs a credential helper. Unlike
// authn.NewKeychainFromHelper it says when the helper fails: without
// credentials, a registry answers as if there were no such image.
type helper string

// Resolve implements authn.Keychain.
func (h helper) Resolve(r authn.Resource) (authn.Authenticator, error) {
	had, err := client.Get(client.NewShellProgramFunc(string(h)), r.RegistryStr())
	if credentials.IsErrCredentialsNotFound(err) {
		return nil, errors.New(string(h) + " has no credentials for " + r.RegistryStr())
	}
	if err != nil {
		return nil, err
	}
	if had.Username == tokenUser {
		return authn.FromConfig(authn.AuthConfig{IdentityToken: had.Secret}), nil
	}
	return &authn.Basic{Username: had.Username, Password: had.Secret}, nil
}

// tokenUser stands where the secret is an identity token and no password
// (docker-credential-helpers, README).
const tokenUser = "<token>"

// approach is how the configuration has registries approached.
func approach(registries []config.Registry) (realms map[string][]string, manners map[string]wire.Manners, largest map[string]int64) {
	realms, manners, largest = map[string][]string{}, map[string]wire.Manners{}, map[string]int64{}
	for _, r := range registries {
		m := wire.Manners{Concurrency: r.Concurrency, Rate: r.Rate}
		realms[r.Host], manners[r.Host], manners[canonical(r.Host)] = r.TokenHosts, m, m
		if r.LargestBlob > 0 {
			largest[r.Host] = r.LargestBlob
		}
	}
	return realms, manners, largest
}
