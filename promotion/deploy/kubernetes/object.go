package kubernetes

import (
	"context"
	"fmt"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/promotebot/promotebot/promotion"
)

// Object reads an object of a kind that this package knows nothing of, as JSON.
// It is how others ask the tools that live in a cluster how far they are. The
// rights that it takes are in FluxManifest.
func (c *Cluster) Object(ctx context.Context, group, version, resource, namespace, name string) ([]byte, error) {
	of := schema.GroupVersionResource{Group: group, Version: version, Resource: resource}
	ctx, cancel := context.WithTimeout(quiet(ctx), patience)
	defer cancel()
	answer := c.clients[corev1.SchemeGroupVersion].Get().AbsPath("/apis", of.Group, of.Version, "namespaces", url.PathEscape(namespace), of.Resource, url.PathEscape(name)).Do(ctx)
	text, err := answer.Raw()
	if err == nil {
		return text, nil
	}
	err = c.fault("get", of.Group, place{of.Resource, namespace}, answer.Error()) // which has what the server said
	switch promotion.KindOf(err) {
	case promotion.NotFound:
		return nil, &promotion.Error{Kind: promotion.NotFound, Err: err, Text: fmt.Sprintf("%s has no %s %s in the namespace %s, or knows no such kind in version %s", c.name, of.GroupResource(), name, namespace, of.Version)}
	case promotion.Forbidden:
		return nil, &promotion.Error{Kind: promotion.Forbidden, Err: err, Text: fmt.Sprintf("%s does not let promotebot get %s in the namespace %s: apply there what \"promotebot manifest flux %s\" prints, and see that its credentials have not expired", c.name, of.GroupResource(), namespace, namespace)}
	}
	return nil, err
}
