package kubernetes_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/fixtures/kubeapi"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/kubernetes"
)

func TestWhatRunsIsReadWhoeverHasSetIt(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 1))
	d := c.Deployer(api())
	o := deploy(t, d, order(1))
	reads := func(id string) []promotion.Running {
		t.Helper()
		s.Put(core+"pods/api-0", "kubelet", podOf("api", o.Image(), id))
		var got []promotion.Running
		within(t, "the pod is seen", func() bool {
			var err error
			if got, err = d.Running(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			return len(got) > 0 && strings.HasSuffix(id, string(got[len(got)-1].Digest))
		})
		return got
	}
	for _, ours := range []promotion.Digest{o.Digest, o.Manifests[0]} {
		if others := o.Others(reads("registry.example.com/shop/api@" + string(ours))); len(others) != 0 {
			t.Errorf("%s is taken for something else: %+v", ours, others)
		}
	}
	where := "Deployment api, container api"
	want := []promotion.Running{{Where: where, Digest: digest(3), Count: 1}}
	if others := o.Others(reads("registry.example.com/shop/api@" + string(digest(3)))); !reflect.DeepEqual(others, want) {
		t.Errorf("got  %+v\nwant %+v", others, want)
	}
	s.Change(apps+"deployments/api", func(w kubeapi.Object) {
		look(w, "spec", "template", "spec", "containers", 0).(kubeapi.Object)["image"] = image
	})
	want = append([]promotion.Running{{Where: where, Set: image}}, want...)
	if got, err := d.Running(t.Context(), o); err != nil || !reflect.DeepEqual(o.Others(got), want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	s.Change(apps+"deployments/api", func(w kubeapi.Object) {
		look(w, "spec", "template", "spec", "containers", 0).(kubeapi.Object)["image"] = "elsewhere.example.com/api:1"
	})
	if got, err := d.Running(t.Context(), o); err != nil || len(got) != 1 || !strings.Contains(got[0].Set, "elsewhere.example.com/api:1") || got[0].Where != "Deployment api" {
		t.Errorf("with an image of another: %+v, %v", got, err)
	}
}

func TestWhatCannotBeToldOrReadIsAnErrorAndNotNothing(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 1))
	d := c.Deployer(api())
	o := deploy(t, d, order(1))
	s.Put(core+"pods/api-0", "kubelet", podOf("api", o.Image(), "sha256:"+strings.Repeat("7", 64)))
	within(t, "the pod is seen", func() bool {
		_, err := d.Running(t.Context(), o)
		return err != nil && strings.Contains(err.Error(), "what pod api-0 runs can't be told")
	})
	s.Refuse(func(r *http.Request) *kubeapi.Status {
		if strings.Contains(r.URL.Path, "/deployments") {
			return &kubeapi.Status{Code: 403, Reason: "Forbidden", Message: "no"}
		}
		return nil
	})
	if got, err := d.Running(t.Context(), o); err == nil {
		t.Errorf("without the right to read: %+v", got)
	}
	s.Refuse(nil)
	s.Delete(apps + "deployments/api")
	if got, err := d.Running(t.Context(), o); promotion.KindOf(err) != promotion.NotFound {
		t.Errorf("of what is not there: %+v, %v", got, err)
	}
}
