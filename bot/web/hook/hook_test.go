package hook_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/bot/web/hook"
	"github.com/promotebot/promotebot/promotion"
)

// The bodies are shortened from the senders' own documents.
var bodies = []struct {
	kind hook.Kind
	body string
	want []string
}{
	{hook.Distribution, `{"events":[
		{"id":"1","action":"push","target":{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","digest":"sha256:0","repository":"shop/api","tag":"staging"},"request":{"host":"registry.example.com:5000"}},
		{"id":"2","action":"pull","target":{"repository":"wiki"}},
		{"id":"3","action":"push","target":{"repository":"shop/api"}},
		{"id":"4","action":"delete","target":{"repository":"cart"}}]}`, []string{"shop/api", "cart"}},
	{hook.Harbor, `{"type":"PUSH_ARTIFACT","occur_at":1680501893,"operator":"harbor-jobservice","event_data":{"resources":[{"digest":"sha256:0","tag":"latest","resource_url":"harbor.example.com/shop/api:latest"}],"repository":{"date_created":1,"name":"api","namespace":"shop","repo_full_name":"shop/api","repo_type":"private"}}}`, []string{"shop/api"}},
	{hook.Harbor, `{"specversion":"1.0","type":"harbor.artifact.pushed","data":{"resources":[],"repository":{"name":"api","repo_full_name":"shop/api"}},"operator":"admin"}`, []string{"shop/api"}},
	{hook.Harbor, `{"type":"QUOTA_EXCEED","event_data":{"custom_attributes":{}}}`, nil},
	{hook.DockerHub, `{"callback_url":"https://registry.hub.docker.com/u/shop/api/hook/1/","push_data":{"pushed_at":1417566161,"pusher":"trustedbuilder","tag":"latest"},"repository":{"comment_count":0,"name":"api","namespace":"shop","repo_name":"shop/api","status":"Active"}}`, []string{"shop/api"}},
	{hook.GitHub, `{"action":"published","package":{"id":1,"name":"API","namespace":"Shop","package_type":"CONTAINER","owner":{"login":"Shop"}}}`, []string{"shop/api"}},
	{hook.GitHub, `{"action":"updated","registry_package":{"name":"store/api","owner":{"login":"shop"},"package_type":"CONTAINER"}}`, []string{"shop/store/api"}},
	{hook.GitHub, `{"zen":"Keep it logically awesome.","hook_id":1}`, nil},
	{hook.Quay, `{"name":"api","repository":"shop/api","namespace":"shop","docker_url":"quay.io/shop/api","homepage":"https://quay.io/repository/shop/api","updated_tags":["latest"]}`, []string{"shop/api"}},
	{hook.Quay, `{"name":"api","repository":"shop/api","updated_tags":{"latest":"0"}}`, []string{"shop/api"}},
}

func TestWhatTheSendersSend(t *testing.T) {
	for _, c := range bodies {
		got, err := hook.Paths(c.kind, []byte(c.body))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v, want %q\n%s", c.kind, got, err, c.want, c.body)
		}
	}
}

func TestWhatTheyDoNot(t *testing.T) {
	for _, kind := range hook.Kinds() {
		for _, body := range []string{"", "null", "[]", "x", `"shop"`, `{"repository":7,"events":7,"event_data":7,"package":7}`} {
			if got, err := hook.Paths(kind, []byte(body)); !errors.Is(err, promotion.Invalid) {
				t.Errorf("%s: %q is %q, %v", kind, body, got, err)
			}
		}
	}
	if _, err := hook.Paths("artifactory", []byte("{}")); !errors.Is(err, promotion.NotFound) {
		t.Errorf("a sender that is not understood: %v", err)
	}
}

func TestManyEventsAreCut(t *testing.T) {
	var events []string
	for i := range 5000 {
		events = append(events, `{"action":"push","target":{"repository":"r/`+strings.Repeat("x", i%300)+`"}}`)
	}
	got, err := hook.Paths(hook.Distribution, []byte(`{"events":[`+strings.Join(events, ",")+`]}`))
	if err != nil || len(got) > 100 {
		t.Errorf("%d paths, %v", len(got), err)
	}
}

func FuzzPaths(f *testing.F) {
	for _, c := range bodies {
		f.Add(string(c.kind), []byte(c.body))
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		paths, err := hook.Paths(hook.Kind(kind), body)
		if err != nil && len(paths) > 0 {
			t.Fatalf("refused, and yet %q", paths)
		}
		for _, p := range paths {
			if p == "" || len(p) > 255 || p != strings.ToLower(p) {
				t.Fatalf("the path %q", p)
			}
		}
	})
}
