package config_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
)

// readGitOps reads the mapping of one target, and gives what is wrong with it.
func readGitOps(t *testing.T, text string) (config.GitOps, []string) {
	t.Helper()
	r, root := strict.Parse([]byte(text), "")
	if root == nil {
		t.Fatalf("%v", r.Problems("x"))
	}
	g := config.ReadGitOps(r, root)
	var said []string
	if found, ok := errors.AsType[*config.Problems](r.Problems("promotebot.yaml")); ok {
		for _, p := range found.List {
			said = append(said, p.String())
		}
	}
	return g, said
}

func TestATargetInAGitRepositoryIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want config.GitOps
	}{
		"as little as there can be": {
			`{repository: https://git.example.com/deploy.git, path: "apps/{app}/kustomization.yaml", kustomize: {}, credentials: {password_file: /secrets/git}}`,
			config.GitOps{
				Repository: "https://git.example.com/deploy.git", Path: "apps/{app}/kustomization.yaml", Kustomize: "{image}",
				AuthorName: "promotebot", AuthorEmail: "promotebot@localhost", Credentials: config.GitCredentials{Username: "git", PasswordFile: "/secrets/git"},
			},
		},
		"everything, over HTTPS": {
			"repository: https://git.example.com/{app}.git\nbranch: deploy/{app}\npath: values.yaml\nhelm: {digest: \"apps.{app}.digest\"}\n" +
				"author: The Bot <bot@example.com>\nsigning_key: /secrets/signing\ncredentials: {username: robot, password_env: GIT_TOKEN}\n" +
				"argocd: {server: https://argocd.example.com/argo, app: \"team/{app}-eu\", token_env: ARGOCD_TOKEN}\n",
			config.GitOps{
				Repository: "https://git.example.com/{app}.git", Branch: "deploy/{app}", Path: "values.yaml", Digest: []string{"apps", "{app}", "digest"},
				AuthorName: "The Bot", AuthorEmail: "bot@example.com", SigningKey: "/secrets/signing", Credentials: config.GitCredentials{Username: "robot", PasswordEnv: "GIT_TOKEN"},
				Argo: &config.Argo{Server: "https://argocd.example.com/argo", App: "team/{app}-eu", TokenEnv: "ARGOCD_TOKEN"},
			},
		},
		"what Flux brings there": {
			"repository: https://git.example.com/deploy.git\npath: a.yaml\nhelm: {digest: spec.values.image.digest}\ncredentials: {password_env: T}\n" +
				"flux: {kubeconfig: /secrets/kube, context: eu, kustomization: \"flux-system/{app}\", helm_release: \"{app}/{app}-eu\"}\n" +
				"kubernetes: {kubeconfig: /secrets/kube, namespace: shop, workloads: [{kind: Deployment, name: \"{app}\"}]}\n",
			config.GitOps{
				Repository: "https://git.example.com/deploy.git", Path: "a.yaml", Digest: []string{"spec", "values", "image", "digest"},
				AuthorName: "promotebot", AuthorEmail: "promotebot@localhost", Credentials: config.GitCredentials{Username: "git", PasswordEnv: "T"},
				Flux:      &config.Flux{Kubeconfig: "/secrets/kube", Context: "eu", Kustomization: config.FluxObject{Namespace: "flux-system", Name: "{app}"}, Release: config.FluxObject{Namespace: "{app}", Name: "{app}-eu"}},
				Workloads: &config.Kubernetes{Kubeconfig: "/secrets/kube", Namespace: "shop", Workloads: []config.Workload{{Kind: "Deployment", Name: "{app}"}}},
			},
		},
		"over SSH, a manifest": {
			"repository: ssh://git@git.example.com:2222/deploy.git\npath: a.yaml\nmanifest: true\ncredentials: {ssh_key: /k, known_hosts: /h}\n",
			config.GitOps{
				Repository: "ssh://git@git.example.com:2222/deploy.git", Path: "a.yaml", Manifest: true,
				AuthorName: "promotebot", AuthorEmail: "promotebot@localhost", Credentials: config.GitCredentials{SSHKey: "/k", KnownHosts: "/h"},
			},
		},
		"a name, and a server on this machine": {
			"repository: http://127.0.0.1:3000/deploy.git\npath: a.yaml\nkustomize: {name: \"shop/{app}\"}\ncredentials: {password_env: T}\n",
			config.GitOps{
				Repository: "http://127.0.0.1:3000/deploy.git", Path: "a.yaml", Kustomize: "shop/{app}",
				AuthorName: "promotebot", AuthorEmail: "promotebot@localhost", Credentials: config.GitCredentials{Username: "git", PasswordEnv: "T"},
			},
		},
		"a path of keys with dots": {
			"repository: https://git.example.com/deploy.git\npath: a.yaml\nhelm: {value: [\"a.b\", 0, image]}\ncredentials: {password_env: T}\n",
			config.GitOps{
				Repository: "https://git.example.com/deploy.git", Path: "a.yaml", Value: []string{"a.b", "0", "image"},
				AuthorName: "promotebot", AuthorEmail: "promotebot@localhost", Credentials: config.GitCredentials{Username: "git", PasswordEnv: "T"},
			},
		},
		"a tag": {
			"repository: https://git.example.com/deploy.git\npath: a.yaml\nhelm: {tag: image.tag}\ncredentials: {password_env: T}\n",
			config.GitOps{
				Repository: "https://git.example.com/deploy.git", Path: "a.yaml", Tag: []string{"image", "tag"},
				AuthorName: "promotebot", AuthorEmail: "promotebot@localhost", Credentials: config.GitCredentials{Username: "git", PasswordEnv: "T"},
			},
		},
	} {
		if g, said := readGitOps(t, c.text); said != nil || !reflect.DeepEqual(g, c.want) {
			t.Errorf("%s:\n%+v\n%s", name, g, strings.Join(said, "\n"))
		}
	}
}

// soundGitOps is right as it stands, a key a line; each row below breaks it.
const soundGitOps = `repository: https://git.example.com/deploy.git
branch: main
path: apps/{app}.yaml
kustomize: {name: shop}
author: Bot <bot@example.com>
signing_key: /secrets/signing
credentials: {username: robot, password_file: /secrets/git}
argocd: {server: https://argocd.example.com, app: shop, token_file: /secrets/argocd}
`

// withFlux stands where soundGitOps has Argo CD.
const (
	withArgo = "argocd: {server: https://argocd.example.com, app: shop, token_file: /secrets/argocd}"
	withFlux = "flux: {kubeconfig: /secrets/kube, kustomization: flux-system/shop}"
)

const overSSH = "ssh://git@git.example.com/deploy.git"

func TestEachFaultOfAGitRepositoryIsSaidWithItsPlaceAndItsRemedy(t *testing.T) {
	const address = "https://git.example.com/deploy.git"
	for name, c := range map[string]struct{ old, new, want string }{
		"no mapping":                   {soundGitOps, "[x]\n", "1:1: gitops must be a mapping, not a list: write it as {repository: "},
		"an unknown key":               {"branch: main", "brunch: main", `2:1: unknown key "brunch" in gitops: did you mean "branch"?`},
		"no repository":                {"repository: " + address + "\n", "", "1:1: gitops has no repository: add repository: https://git.example.com/deploy.git"},
		"no path":                      {"path: apps/{app}.yaml\n", "", `1:1: gitops has no path: add path: "apps/{app}/kustomization.yaml"`},
		"no place":                     {"kustomize: {name: shop}\n", "", "1:1: gitops does not say where in the file the image stands: add kustomize: {}, helm: {digest: image.digest} or manifest: true"},
		"no credentials":               {"credentials: {username: robot, password_file: /secrets/git}\n", "", "1:1: gitops has no credentials: add credentials: {username: robot, password_file: /secrets/git}"},
		"two places":                   {"author:", "manifest: true\nauthor:", "5:1: the image stands under kustomize and under manifest: keep one of the two"},
		"an address as for scp":        {address, "git@git.example.com:team/deploy.git", "1:13: repository is written as for scp: write ssh://git@git.example.com/team/deploy.git"},
		"no address":                   {address, "deploy", "1:13: repository is not the address of one: write https://git.example.com/deploy.git or ssh://"},
		"an address of a whole server": {address, "https://git.example.com/", "1:13: repository is not the address of one"},
		"a password in the address":    {address, "https://x:hunter2@git.example.com/deploy.git", "1:13: repository holds a user or a password: write https://git.example.com/deploy.git"},
		"without TLS":                  {address, "http://git.example.com/deploy.git", `1:13: "http://git.example.com/deploy.git" is not reached by HTTPS or SSH`},
		"by another protocol":          {address, "git://git.example.com/deploy.git", `1:13: "git://git.example.com/deploy.git" is not reached by HTTPS or SSH`},
		"an unknown placeholder":       {"{app}.yaml", "{name}.yaml", "3:7: {name} means nothing in path: there is {app}"},
		"no branch":                    {"branch: main", "branch: a..b", `2:9: "a..b" is not the name of a branch: write it as it is listed`},
		"a ref":                        {"branch: main", "branch: refs/heads/main", `2:9: "refs/heads/main" is not the name of a branch`},
		"a path from elsewhere":        {"apps/{app}.yaml", "../x.yaml", `3:7: "../x.yaml" is not the path of a file: write it from the root of the repository`},
		"an absolute path":             {"apps/{app}.yaml", "/x.yaml", `3:7: "/x.yaml" is not the path of a file`},
		"no name of an image":          {"{name: shop}", "{name: \"shop api\"}", `4:19: "shop api" is not the name of an image`},
		"helm without a place":         {"kustomize: {name: shop}", "helm: {}", "4:7: helm does not say where the digest stands: write value for the whole image"},
		"helm with two places":         {"kustomize: {name: shop}", "helm: {digest: a, tag: b}", "4:7: helm names several places: keep one of value, digest and tag"},
		"a path with a gap":            {"kustomize: {name: shop}", "helm: {digest: a..b}", "4:16: digest is not a path: write the keys that lead to it"},
		"a manifest that is none":      {"kustomize: {name: shop}", "manifest: false", "4:11: manifest is false: take the key out"},
		"no author":                    {"Bot <bot@example.com>", "Bot", `5:9: "Bot" is not an author: write a name and an address, such as promotebot <promotebot@example.com>`},
		"a key in the file":            {"signing_key: /secrets/signing", "signing_key: \"-----BEGIN hunter2\"", "6:14: signing_key is not the path of a file: put it into a file"},
		"a password in the file":       {"password_file: /secrets/git", "password: hunter2", `7:32: "password" is a secret, and secrets never live in this file: put it into a file and write password_file: /secrets/git, or into a variable and write password_env: GIT_PASSWORD`},
		"a password for a variable":    {"password_file: /secrets/git", "password_env: hunter2", "7:46: password_env is not the name of a variable: write it in capitals, such as GIT_PASSWORD"},
		"a password in two places":     {"password_file:", "password_env: X, password_file:", "7:49: the password is in a variable and in a file: keep one of the two"},
		"a password_file misspelled":   {"password_file", "pasword_file", `7:32: unknown key "pasword_file" in credentials: did you mean "password_file"?`},
		"a password_file in one word":  {"password_file", "passwordfile", `7:32: unknown key "passwordfile" in credentials: did you mean "password_file"?`},
		"a token_file misspelled":      {"token_file", "tokenfile", `8:57: unknown key "tokenfile" in argocd: did you mean "token_file"?`},
		"no password":                  {", password_file: /secrets/git", "", "7:14: there is no password: put it into a file"},
		"a key for HTTPS":              {"password_file: /secrets/git", "password_file: /secrets/git, ssh_key: /k", "7:61: the repository is not reached by SSH, and ssh_key is for that: take it out"},
		"a password for SSH":           {address, overSSH, "7:15: the repository is not reached by HTTPS, and username is for that: take it out"},
		"SSH without a user":           {address, "ssh://git.example.com/deploy.git", "1:13: repository names no user, or a password: write ssh://git@git.example.com/deploy.git"},
		"a server without TLS":         {"https://argocd", "http://argocd", "8:18: server is not the address of an Argo CD: write it as it stands in the browser"},
		"no server":                    {"server: https://argocd.example.com, ", "", "8:9: argocd has no server: add server: https://argocd.example.com"},
		"no application":               {"app: shop, ", "", `8:9: argocd has no app: add app: "{app}", the name of the application in Argo CD`},
		"no name of an application":    {"app: shop", "app: a/b/c", `8:51: "a/b/c" is not the name of an application: write it as it is listed in Argo CD, with its namespace and a slash before it`},
		"no token":                     {", token_file: /secrets/argocd", "", "8:9: there is no token: put it into a file and write token_file: /secrets/argocd, or into a variable and write token_env: ARGOCD_TOKEN"},
		"a token in the file":          {"token_file: /secrets/argocd", "token: hunter2", `8:57: "token" is a secret, and secrets never live in this file`},
		"both are asked":               {withArgo, withArgo + "\n" + withFlux, "9:1: Argo CD and Flux are both asked how far it is: keep the one of argocd and flux that brings the repository to where it runs"},
		"a Flux without an object":     {withArgo, "flux: {}", `8:7: flux names no object that is asked: add kustomization: "flux-system/{app}", its namespace and its name, or helm_release, or both`},
		"a Flux without a file":        {withArgo, "flux: {context: eu, helm_release: shop/shop}", "8:8: a context is one of a kubeconfig, and none is named"},
		"a name without a namespace":   {withArgo, "flux: {kustomization: shop}", `8:23: "shop" is not the namespace and the name of an object: write both, as in kustomization: "flux-system/{app}"`},
		"a name with two":              {withArgo, "flux: {helm_release: a/b/c}", `8:22: "a/b/c" is not the namespace and the name of an object: write both, as in helm_release: "{app}/{app}"`},
		"workloads without a name":     {withArgo, "kubernetes: {namespace: shop}", "8:13: kubernetes has no workloads: add workloads: [{kind: Deployment"},
		"workloads that are set":       {withArgo, `kubernetes: {namespace: shop, workloads: [{kind: Deployment, name: shop}], take_over: [helm]}`, "8:13: take_over is for images that promotebot sets itself, and these are set from the repository: take it out"},
		"no name of a namespace":       {withArgo, "flux: {kustomization: Flux/shop}", `8:23: "Flux/shop" is not the namespace and the name of an object`},
		"an unknown key of Flux":       {withArgo, "flux: {helmrelease: a/b}", `8:8: unknown key "helmrelease" in flux: did you mean "helm_release"?`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(soundGitOps, c.old, c.new, 1)
			if text == soundGitOps {
				t.Fatalf("%q is not in it", c.old)
			}
			_, said := readGitOps(t, text)
			if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, c.want) }) || len(said) > 1 && c.new != overSSH {
				t.Errorf("it is said:\n%s\nand should be:\n%s", strings.Join(said, "\n"), c.want)
			}
			if strings.Contains(strings.Join(said, "\n"), "hunter2") {
				t.Errorf("a secret is repeated: %s", said)
			}
		})
	}
}

func TestOverSSHAllThatIsMissingIsSaid(t *testing.T) {
	_, said := readGitOps(t, "repository: "+overSSH+"\npath: a\nmanifest: true\ncredentials: {}\n")
	if len(said) != 2 || !strings.Contains(said[0], "credentials has no ssh_key: add ssh_key: /secrets/git") || !strings.Contains(said[1], "credentials has no known_hosts: add known_hosts: /secrets/known_hosts") {
		t.Errorf("%q", said)
	}
	if _, said := readGitOps(t, "repository: "+overSSH+"\npath: a\nmanifest: true\n"); len(said) != 1 || !strings.Contains(said[0], "add credentials: {ssh_key: /secrets/git, known_hosts: /secrets/known_hosts}") {
		t.Errorf("%q", said)
	}
}
