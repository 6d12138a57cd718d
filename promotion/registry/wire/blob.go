package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/promotebot/promotebot/promotion"
)

// Blob opens a blob at an offset, or at its beginning when the registry can't
// do that: at says which. Registries hand blobs out by a redirect to their
// storage; it is followed once, without our credentials. The bytes are not
// proved here.
func (c *Client) Blob(ctx context.Context, p Place, d promotion.Digest, offset int64) (body io.ReadCloser, at int64, err error) {
	ctx = context.WithValue(ctx, streamed{}, true)
	r := Request{Place: p, Method: http.MethodGet, Path: "/blobs/" + string(d), Header: http.Header{}}
	if offset > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := c.do(ctx, r, "", nil, 0)
	if err != nil {
		return nil, 0, err
	}
	switch resp.StatusCode {
	case http.StatusTemporaryRedirect, http.StatusFound, http.StatusSeeOther:
		_ = resp.Body.Close() // only its header was of interest
		if resp, err = c.do(ctx, r, resp.Header.Get("Location"), nil, 0); err != nil {
			return nil, 0, err
		}
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return resp.Body, 0, nil
	case http.StatusPartialContent:
		var first int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &first); err == nil && first == offset {
			return resp.Body, offset, nil
		}
	}
	defer resp.Body.Close() //nolint:errcheck // there is an error already
	text, _ := io.ReadAll(io.LimitReader(resp.Body, small))
	return nil, 0, refusal(r, Answer{Status: resp.StatusCode, Header: resp.Header, Body: text})
}

// Upload sends a blob to the address that an upload session was given, and has
// it committed under its digest. What became of it is for the caller to ask,
// whatever the error.
func (c *Client) Upload(ctx context.Context, p Place, location string, d promotion.Digest, body io.Reader, size int64) error {
	u, err := url.Parse(location)
	if err != nil {
		return promotion.Errorf(promotion.Invalid, "%s names an address that can't be read", p.Repository)
	}
	if u.RawQuery != "" {
		u.RawQuery += "&" // the rest of it is the registry's, and stays as it is
	}
	u.RawQuery += "digest=" + url.QueryEscape(string(d))
	if size == 0 {
		body = http.NoBody
	}
	r := Request{Place: p, Method: http.MethodPut, Header: http.Header{"Content-Type": {"application/octet-stream"}}}
	resp, err := c.do(context.WithValue(ctx, streamed{}, true), r, u.String(), body, size)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing more is expected of it
	text, _ := io.ReadAll(io.LimitReader(resp.Body, small))
	switch resp.StatusCode {
	case http.StatusCreated:
		return nil
	case http.StatusRequestEntityTooLarge:
		return promotion.Errorf(promotion.Invalid, "%s takes no blob of %d bytes (413%s): something before it may have a limit", p.Repository, size, errorCode(text))
	case http.StatusNotFound:
		return promotion.Errorf(promotion.Unavailable, "%s has lost an upload (404%s)", p.Repository, errorCode(text))
	}
	return refusal(r, Answer{Status: resp.StatusCode, Header: resp.Header, Body: text})
}

// Abandon tells the registry that an upload will not be ended. It is a
// courtesy: whether it was heard does not matter.
func (c *Client) Abandon(ctx context.Context, p Place, location string) {
	if resp, err := c.do(ctx, Request{Place: p, Method: http.MethodDelete}, location, nil, 0); err == nil {
		_ = resp.Body.Close() // nothing depends on it
	}
}
