package kubernetes

import (
	"io"
	"net/http"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// maxRefusal bounds what is read of an answer that is no yes: it is a sentence or
// two.
const maxRefusal = 1 << 20

// discreet takes out of what a cluster says of a failure what it was shown: that
// goes to logs and to people, and something in front of a cluster may repeat it.
// It sits next to the wire, where a token is known wherever it comes from: from the
// kubeconfig, a file, a credential plugin, or the pod of promotebot itself.
type discreet struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (d discreet) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.next.RoundTrip(r)
	if err != nil || resp.StatusCode < http.StatusBadRequest {
		return resp, err
	}
	said, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	_ = resp.Body.Close() // it was only read
	if err != nil {
		return nil, err
	}
	text := string(said)
	for _, secret := range shown(r) {
		text = secret.Hide(text)
	}
	resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	resp.Header.Del("Content-Length") // of what was said before
	return resp, nil
}

// shown are the credentials that a request carries.
func shown(r *http.Request) []promotion.Secret {
	_, whole, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	_, password, _ := r.BasicAuth()
	return []promotion.Secret{promotion.NewSecret(whole), promotion.NewSecret(password)}
}
