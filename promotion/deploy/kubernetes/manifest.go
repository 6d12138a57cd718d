package kubernetes

import (
	"strings"
)

// Manifest is what has to be applied before promotebot may deploy into the
// namespaces: an account, and in each namespace a role with exactly the verbs
// that this package uses. Reading logs can be left out of it: a rollout that
// fails is then told without them.
//
// The namespaces themselves are not in it, and its comments say that they have to
// be there: whoever deletes what it made would delete them with all that is in
// them, and making one takes rights in the whole cluster.
func Manifest(namespaces []string) string { return manifest(role, "promotebot", namespaces) }

// FluxManifest is what has to be applied before promotebot may ask Flux, in the
// namespaces of its objects, how far it is.
func FluxManifest(namespaces []string) string {
	return manifest(fluxRole, "promotebot-flux", namespaces)
}

func manifest(role, name string, namespaces []string) string {
	documents := []string{account}
	for _, namespace := range namespaces {
		documents = append(documents, strings.NewReplacer("NAMESPACE", namespace, "ROLE", name).Replace(role+"---\n"+binding))
	}
	return strings.Join(documents, "---\n")
}

const account = `# Where promotebot itself runs. If it comes from outside of the cluster, name
# the user of its kubeconfig as the subject of the role bindings instead.
# The namespace has to exist: kubectl create namespace promotebot
apiVersion: v1
kind: ServiceAccount
metadata:
  name: promotebot
  namespace: promotebot
`

const role = `# What promotebot may do in NAMESPACE, and nothing else. The namespace has to exist.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: ROLE
  namespace: NAMESPACE
rules:
  # Read workloads, follow their rollout, and set their image.
  - apiGroups: [apps]
    resources: [deployments, statefulsets, daemonsets]
    verbs: [get, list, watch, patch]
  - apiGroups: [batch]
    resources: [cronjobs]
    verbs: [get, list, watch, patch]
  # See which digests run.
  - apiGroups: [""]
    resources: [pods]
    verbs: [list, watch]
  # Say why a pod fails. Without this its log is not shown.
  - apiGroups: [""]
    resources: [pods/log]
    verbs: [get]
`

const fluxRole = `# What promotebot may do in NAMESPACE, and nothing else. The namespace has to exist.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: ROLE
  namespace: NAMESPACE
rules:
  # See how far Flux is with a commit.
  - apiGroups: [kustomize.toolkit.fluxcd.io]
    resources: [kustomizations]
    verbs: [get]
  - apiGroups: [helm.toolkit.fluxcd.io]
    resources: [helmreleases]
    verbs: [get]
`

const binding = `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: ROLE
  namespace: NAMESPACE
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: ROLE
subjects:
  - kind: ServiceAccount
    name: promotebot
    namespace: promotebot
`
