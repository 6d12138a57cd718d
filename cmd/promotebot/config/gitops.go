package config

import (
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
)

// GitOps is a target to which is deployed by a commit. In the repository, the
// branch, the path, the places, the application of Argo CD and the objects of
// Flux, {app} stands for the name of the app.
type GitOps struct {
	Repository string // https://… or ssh://…
	Branch     string // empty: the default branch
	Path       string

	// Where in the file; one of them.
	Kustomize          string // the name of the image; {image} is its repository
	Value, Digest, Tag []string
	Manifest           bool

	AuthorName, AuthorEmail string
	SigningKey              string // a file; empty: commits are not signed
	Credentials             GitCredentials
	Argo                    *Argo // with neither it nor Flux, it is done when the digest is on the branch
	Flux                    *Flux
	Workloads               *Kubernetes // that run what is on the branch; nil: nobody looks at them
}

// GitCredentials say where the credentials for a repository are: for HTTPS a
// user with a password or token, for SSH a key and those of the servers.
type GitCredentials struct {
	Username                  string
	PasswordEnv, PasswordFile string
	SSHKey, KnownHosts        string // files
}

// gitops reads a target to which is deployed by a commit.
func (r *reader) gitops(n *yaml.Node, t *Target) {
	g := ReadGitOps(r.Reader, n)
	t.GitOps = &g
}

const (
	keyGitOps          = "gitops"
	keyGitRepository   = "repository"
	keyGitBranch       = "branch"
	keyGitPath         = "path"
	keyKustomize       = "kustomize"
	keyHelm            = "helm"
	keyManifest        = "manifest"
	keyHelmValue       = "value"
	keyHelmDigest      = "digest"
	keyHelmTag         = "tag"
	keyAuthor          = "author"
	keySigningKey      = "signing_key"
	keyGitUsername     = "username"
	keyGitPassword     = "password"
	keyGitPasswordEnv  = keyGitPassword + "_env"
	keyGitPasswordFile = keyGitPassword + "_file"
	keySSHKey          = "ssh_key"
	keyKnownHosts      = "known_hosts"

	exampleRepository  = "https://git.example.com/deploy.git"
	exampleGitOps      = "{repository: " + exampleRepository + ", path: \"apps/{app}/kustomization.yaml\", kustomize: {}, credentials: {password_file: /secrets/git}}"
	exampleCredentials = "{username: robot, password_file: /secrets/git}"
	exampleSSH         = "{ssh_key: /secrets/git, known_hosts: /secrets/known_hosts}"
)

// Who commits when the file names nobody.
const (
	DefaultAuthorName  = "promotebot"
	DefaultAuthorEmail = "promotebot@localhost"
	DefaultGitUsername = "git" // beside a token, servers look at the token alone
)

// ReadGitOps reads the mapping of one target. What is wrong is reported to r.
func ReadGitOps(r *strict.Reader, n *yaml.Node) (g GitOps) {
	g.AuthorName, g.AuthorEmail = DefaultAuthorName, DefaultAuthorEmail
	in, ok := r.Fields(n, "gitops", exampleGitOps, keyGitRepository, keyGitBranch, keyGitPath, keyKustomize, keyHelm, keyManifest, keyAuthor, keySigningKey, keyCredentials, keyArgoCD, keyFlux, keyKubernetes)
	if !ok {
		return g
	}
	o := gitopsReader{r}
	scheme := ""
	if at, ok := r.Required(n, in, keyGitRepository, "gitops", "add repository: "+exampleRepository); ok {
		g.Repository, scheme = o.repository(at)
	}
	if p, ok := in[keyGitBranch]; ok {
		g.Branch = o.branch(p.Value)
	}
	if at, ok := r.Required(n, in, keyGitPath, "gitops", "add path: \"apps/{app}/kustomization.yaml\""); ok {
		g.Path = o.path(at)
	}
	o.place(n, in, &g)
	if p, ok := in[keyAuthor]; ok {
		o.author(p.Value, &g)
	}
	if p, ok := in[keySigningKey]; ok {
		g.SigningKey = o.file(p.Value, keySigningKey)
	}
	if p, ok := in[keyCredentials]; ok {
		g.Credentials = o.credentials(p.Value, scheme)
	} else if scheme != "" {
		example := exampleCredentials
		if scheme == "ssh" {
			example = exampleSSH
		}
		r.Note(n, "gitops has no credentials", "add credentials: "+example)
	}
	o.asked(in, &g)
	return g
}

// gitopsReader reads the parts of one target.
type gitopsReader struct{ *strict.Reader }

var anyPlaceholder = regexp.MustCompile(`\{[^{}]*\}`)

// template reads a text with placeholders, and gives it as it would be with an
// example in their place.
func (o gitopsReader) template(n *yaml.Node, what string, placeholders ...string) (text, probe string, ok bool) {
	if text, ok = o.Text(n, what); !ok {
		return "", "", false
	}
	for _, p := range anyPlaceholder.FindAllString(text, -1) {
		if !slices.Contains(placeholders, p) {
			o.Fault(n, fmt.Sprintf("%s means nothing in %s", strict.Clip(p), what), "there is "+strings.Join(placeholders, " and "))
			return "", "", false
		}
	}
	return text, anyPlaceholder.ReplaceAllString(text, "x"), true
}

const placeApp, placeImage = "{app}", "{image}"

var scpAddress = regexp.MustCompile(`^([A-Za-z0-9_.-]+@[A-Za-z0-9.-]+):([^/].*)$`)

// repository reads an address. It is not repeated where it may hold a password.
func (o gitopsReader) repository(n *yaml.Node) (address, scheme string) {
	address, probe, ok := o.template(n, keyGitRepository, placeApp)
	if !ok {
		return "", ""
	}
	if m := scpAddress.FindStringSubmatch(probe); m != nil {
		o.Fault(n, "repository is written as for scp", fmt.Sprintf("write ssh://%s/%s", strict.Clip(m[1]), strict.Clip(m[2])))
		return "", ""
	}
	u, err := url.Parse(probe)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") == "":
		o.Fault(n, "repository is not the address of one", "write "+exampleRepository+" or ssh://git@git.example.com/deploy.git")
	case u.Scheme == "ssh" && (u.User.Username() == "" || hasPassword(u)):
		o.Fault(n, "repository names no user, or a password", "write ssh://git@"+strict.Clip(u.Host)+strict.Clip(u.Path)+", and the key under credentials")
	case u.Scheme == "ssh":
		return address, u.Scheme
	case u.User != nil:
		o.Fault(n, "repository holds a user or a password", "write "+exampleRepository+", and where they are under credentials")
	case !overTLS(u):
		o.Fault(n, fmt.Sprintf("%q is not reached by HTTPS or SSH", strict.Clip(probe)), "write "+exampleRepository+" or ssh://git@git.example.com/deploy.git: what is pushed and what pays for it is nobody else's business")
	default:
		return address, "https"
	}
	return "", ""
}

func hasPassword(u *url.URL) bool { _, has := u.User.Password(); return has }

// overTLS: or no further than this machine.
func overTLS(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

var branchName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._/-]*[A-Za-z0-9_-]$|^[A-Za-z0-9_]$`)

func (o gitopsReader) branch(n *yaml.Node) string {
	branch, probe, ok := o.template(n, keyGitBranch, placeApp)
	if ok && (!branchName.MatchString(probe) || strings.Contains(probe, "..") || strings.Contains(probe, "//") || strings.HasPrefix(probe, "refs/")) {
		o.Fault(n, fmt.Sprintf("%q is not the name of a branch", strict.Clip(branch)), "write it as it is listed, such as main, or take the key out for the default branch")
	}
	return branch
}

func (o gitopsReader) path(n *yaml.Node) string {
	file, probe, ok := o.template(n, keyGitPath, placeApp)
	if ok && (probe == "" || path.Clean(probe) != probe || path.IsAbs(probe) || probe == "." || probe == ".." || strings.HasPrefix(probe, "../") || strings.Contains(probe, `\`)) {
		o.Fault(n, fmt.Sprintf("%q is not the path of a file", strict.Clip(file)), `write it from the root of the repository, such as "apps/{app}/kustomization.yaml"`)
	}
	return file
}

const examplePlaces = `kustomize: {}, helm: {digest: image.digest} or manifest: true`

// place reads where in the file the image stands.
func (o gitopsReader) place(n *yaml.Node, in map[string]strict.Pair, g *GitOps) {
	var named []strict.Pair
	for _, key := range []string{keyKustomize, keyHelm, keyManifest} {
		if p, ok := in[key]; ok {
			named = append(named, p)
		}
	}
	switch {
	case len(named) == 0:
		o.Note(n, "gitops does not say where in the file the image stands", "add "+examplePlaces)
		return
	case len(named) > 1:
		o.Fault(named[1].At, fmt.Sprintf("the image stands under %s and under %s", named[0].Key, named[1].Key), "keep one of the two")
		return
	}
	switch p := named[0]; p.Key {
	case keyKustomize:
		o.kustomize(p.Value, g)
	case keyHelm:
		o.helm(p.Value, g)
	default:
		if is, ok := o.Bool(p.Value, keyManifest); ok && !is {
			o.Fault(p.Value, "manifest is false", "take the key out, and add kustomize or helm")
		}
		g.Manifest = true
	}
}

var imageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:-]*$`)

func (o gitopsReader) kustomize(n *yaml.Node, g *GitOps) {
	g.Kustomize = placeImage
	in, ok := o.Fields(n, keyKustomize, "kustomize: {name: shop}", keyName)
	if p, named := in[keyName]; ok && named {
		name, probe, ok := o.template(p.Value, "the name of an image", placeApp, placeImage)
		if ok && !imageName.MatchString(probe) {
			o.Fault(p.Value, fmt.Sprintf("%q is not the name of an image", strict.Clip(name)), "write it as it stands under images in the kustomization, without a tag")
		}
		g.Kustomize = name
	}
}

const exampleHelm = "helm: {digest: image.digest}"

func (o gitopsReader) helm(n *yaml.Node, g *GitOps) {
	in, ok := o.Fields(n, keyHelm, exampleHelm, keyHelmValue, keyHelmDigest, keyHelmTag)
	if !ok {
		return
	}
	into := map[string]*[]string{keyHelmValue: &g.Value, keyHelmDigest: &g.Digest, keyHelmTag: &g.Tag}
	switch {
	case len(in) == 0:
		o.Fault(n, "helm does not say where the digest stands", "write value for the whole image, digest for the digest alone, or tag for a tag with the digest behind it, as in "+exampleHelm)
	case len(in) > 1:
		o.Fault(n, "helm names several places", "keep one of value, digest and tag: what the chart puts together is the image")
	}
	for _, key := range []string{keyHelmValue, keyHelmDigest, keyHelmTag} {
		if p, ok := in[key]; ok {
			*into[key] = o.segments(p.Value, key)
		}
	}
}

// segments reads a path into a file: image.digest, or, where a key has a dot in
// it, a list of keys.
func (o gitopsReader) segments(n *yaml.Node, key string) (all []string) {
	if o.IsText(n) {
		text, _, ok := o.template(n, key, placeApp)
		if !ok {
			return nil
		}
		all = strings.Split(text, ".")
	} else {
		items, _ := o.List(n, key, "image.digest, or [image, digest]")
		for _, item := range items {
			if item.Kind == yaml.ScalarNode && item.Tag == "!!int" { // of a list in the file
				all = append(all, item.Value)
				continue
			}
			text, _, ok := o.template(item, "a key", placeApp)
			if !ok {
				return nil
			}
			all = append(all, text)
		}
	}
	if slices.Contains(all, "") || len(all) == 0 {
		o.Fault(n, key+" is not a path", "write the keys that lead to it with dots between them, such as image.digest; numbers from 0 lead into lists")
	}
	return all
}

func (o gitopsReader) author(n *yaml.Node, g *GitOps) {
	text, ok := o.Text(n, keyAuthor)
	if !ok {
		return
	}
	address, err := mail.ParseAddress(text)
	if err != nil || address.Name == "" || strings.ContainsAny(address.Name, "<>\r\n") {
		o.Fault(n, fmt.Sprintf("%q is not an author", strict.Clip(text)), "write a name and an address, such as promotebot <promotebot@example.com>")
		return
	}
	g.AuthorName, g.AuthorEmail = address.Name, address.Address
}

// file reads the path of a file with something secret in it. It is not
// repeated: somebody may have written the secret.
func (o gitopsReader) file(n *yaml.Node, key string) string {
	name, ok := o.Text(n, key)
	if ok && (name == "" || strings.ContainsAny(name, "\r\n") || strings.HasPrefix(name, "-----")) {
		o.Fault(n, key+" is not the path of a file", "put it into a file, and write the path of that, such as /secrets/git")
	}
	return name
}

var variableName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

// secret reads where the password or token of a server is: in a variable or in a
// file.
func (o gitopsReader) secret(n *yaml.Node, in map[string]strict.Pair, server, what string) (variable, file string) {
	keyPlain, keyEnv, keyFile := what, what+"_env", what+"_file"
	example := strings.ToUpper(server + "_" + what)
	remedy := fmt.Sprintf("put it into a file and write %s: /secrets/%s, or into a variable and write %s: %s", keyFile, server, keyEnv, example)
	if p, ok := in[keyPlain]; ok {
		o.Fault(p.At, fmt.Sprintf("%q is a secret, and secrets never live in this file", keyPlain), remedy)
		return "", ""
	}
	env, inEnv := in[keyEnv]
	path, inFile := in[keyFile]
	switch {
	case inEnv && inFile:
		o.Fault(path.At, fmt.Sprintf("the %s is in a variable and in a file", what), "keep one of the two")
	case inEnv:
		name, ok := o.Text(env.Value, keyEnv)
		if ok && !variableName.MatchString(name) { // it may be the secret itself
			o.Fault(env.Value, keyEnv+" is not the name of a variable", "write it in capitals, such as "+example+", and set that in the environment")
		}
		return name, ""
	case inFile:
		return "", o.file(path.Value, keyFile)
	default:
		o.Note(n, "there is no "+what, remedy)
	}
	return "", ""
}

func (o gitopsReader) credentials(n *yaml.Node, scheme string) (c GitCredentials) {
	in, ok := o.Fields(n, keyCredentials, exampleCredentials, keyGitUsername, keyGitPassword, keyGitPasswordEnv, keyGitPasswordFile, keySSHKey, keyKnownHosts)
	if !ok {
		return c
	}
	others := func(why string, keys ...string) {
		for _, key := range keys {
			if p, ok := in[key]; ok {
				o.Fault(p.At, fmt.Sprintf("the repository is not reached by %s, and %s is for that", why, key), "take it out, or write another address")
			}
		}
	}
	switch scheme {
	case "ssh":
		others("HTTPS", keyGitUsername, keyGitPassword, keyGitPasswordEnv, keyGitPasswordFile)
		if at, ok := o.Required(n, in, keySSHKey, keyCredentials, "add ssh_key: /secrets/git, a private key without a passphrase"); ok {
			c.SSHKey = o.file(at, keySSHKey)
		}
		if at, ok := o.Required(n, in, keyKnownHosts, keyCredentials, "add known_hosts: /secrets/known_hosts, a file with the key of the server: one that is not known is not spoken to"); ok {
			c.KnownHosts = o.file(at, keyKnownHosts)
		}
	case "https":
		others("SSH", keySSHKey, keyKnownHosts)
		c.Username = DefaultGitUsername
		if p, ok := in[keyGitUsername]; ok {
			c.Username, _ = o.Text(p.Value, keyGitUsername)
		}
		c.PasswordEnv, c.PasswordFile = o.secret(n, in, "git", keyGitPassword)
	}
	return c
}
