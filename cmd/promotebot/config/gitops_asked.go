package config

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
)

// Argo is where Argo CD is asked how far it is.
type Argo struct {
	Server, App         string
	TokenEnv, TokenFile string
}

// Flux is where Flux is asked how far it is: one of its objects in a cluster, or
// both.
type Flux struct {
	Kubeconfig, Context    string // empty: the cluster that promotebot runs in
	Kustomization, Release FluxObject
}

// FluxObject is an object in a namespace; without a name, none.
type FluxObject struct{ Namespace, Name string }

const (
	keyArgoCD        = "argocd"
	keyArgoServer    = "server"
	keyArgoApp       = "app"
	keyArgoToken     = "token"
	keyArgoTokenEnv  = keyArgoToken + "_env"
	keyArgoTokenFile = keyArgoToken + "_file"
	keyFlux          = "flux"
	keyKustomization = "kustomization"
	keyHelmRelease   = "helm_release"

	exampleArgoCD = "{server: https://argocd.example.com, app: \"{app}\", token_file: /secrets/argocd}"
	exampleFlux   = "{kustomization: \"flux-system/{app}\"}"
)

// asked reads who is asked how far it is once the digest is on the branch.
func (o gitopsReader) asked(in map[string]strict.Pair, g *GitOps) {
	argo, withArgo := in[keyArgoCD]
	flux, withFlux := in[keyFlux]
	if withArgo && withFlux {
		o.Fault(flux.At, "Argo CD and Flux are both asked how far it is", "keep the one of argocd and flux that brings the repository to where it runs")
		return
	}
	if withArgo {
		g.Argo = o.argo(argo.Value)
	}
	if withFlux {
		g.Flux = o.flux(flux.Value)
	}
	if p, ok := in[keyKubernetes]; ok {
		g.Workloads = o.workloads(p.Value)
	}
}

// workloads reads those that run what is on the branch. They are looked at as those
// of a target of their own are, and never set.
func (o gitopsReader) workloads(n *yaml.Node) *Kubernetes {
	k, ok := ReadKubernetes(o.Reader, n)
	if len(k.TakeOver) > 0 {
		o.Fault(n, "take_over is for images that promotebot sets itself, and these are set from the repository", "take it out")
	}
	if !ok {
		return nil
	}
	return &k
}

func (o gitopsReader) argo(n *yaml.Node) *Argo {
	in, ok := o.Fields(n, keyArgoCD, exampleArgoCD, keyArgoServer, keyArgoApp, keyArgoToken, keyArgoTokenEnv, keyArgoTokenFile)
	if !ok {
		return nil
	}
	a := &Argo{}
	if at, ok := o.Required(n, in, keyArgoServer, keyArgoCD, "add server: https://argocd.example.com"); ok {
		if text, ok := o.Text(at, keyArgoServer); ok {
			u, err := url.Parse(text)
			if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !overTLS(u) {
				o.Fault(at, "server is not the address of an Argo CD", "write it as it stands in the browser, such as https://argocd.example.com")
			}
			a.Server = text
		}
	}
	if at, ok := o.Required(n, in, keyArgoApp, keyArgoCD, `add app: "{app}", the name of the application in Argo CD`); ok {
		var probe string
		if a.App, probe, ok = o.template(at, keyArgoApp, placeApp); ok && !applicationName.MatchString(probe) {
			o.Fault(at, fmt.Sprintf("%q is not the name of an application", strict.Clip(a.App)), "write it as it is listed in Argo CD, with its namespace and a slash before it where that is not the one of Argo CD")
		}
	}
	a.TokenEnv, a.TokenFile = o.secret(n, in, "argocd", keyArgoToken)
	return a
}

var applicationName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

func (o gitopsReader) flux(n *yaml.Node) *Flux {
	in, ok := o.Fields(n, keyFlux, exampleFlux, keyKubeconfig, keyContext, keyKustomization, keyHelmRelease)
	if !ok {
		return nil
	}
	f := &Flux{}
	f.Kubeconfig, f.Context, _ = clusterOf(o.Reader, in) // what is wrong was said
	kustomization, withKustomization := in[keyKustomization]
	release, withRelease := in[keyHelmRelease]
	if withKustomization {
		f.Kustomization = o.fluxObject(kustomization.Value, keyKustomization, "flux-system/{app}")
	}
	if withRelease {
		f.Release = o.fluxObject(release.Value, keyHelmRelease, "{app}/{app}")
	}
	if !withKustomization && !withRelease {
		o.Note(n, "flux names no object that is asked", `add kustomization: "flux-system/{app}", its namespace and its name, or helm_release, or both`)
	}
	return f
}

// fluxObject reads NAMESPACE/NAME.
func (o gitopsReader) fluxObject(n *yaml.Node, key, example string) FluxObject {
	text, probe, ok := o.template(n, key, placeApp)
	if !ok {
		return FluxObject{}
	}
	namespace, name, _ := strings.Cut(probe, "/")
	if !labelName.MatchString(namespace) || !resourceName.MatchString(name) {
		o.Fault(n, fmt.Sprintf("%q is not the namespace and the name of an object", strict.Clip(text)), fmt.Sprintf("write both, as in %s: %q", key, example))
		return FluxObject{}
	}
	namespace, name, _ = strings.Cut(text, "/")
	return FluxObject{namespace, name}
}
