package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

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
	defer resp.Body.Close()                                 //nolint:errcheck // there is an error already
	text, _ := io.ReadAll(io.LimitReader(resp.Body, small)) // what does not arrive has no code
	return nil, 0, refusal(r, Answer{Status: resp.StatusCode, Header: resp.Header, Body: text})
}

// HasBlob tells whether a blob is there. An answer that names another size is a
// fault; where the registry answers for its storage, the storage is asked.
func (c *Client) HasBlob(ctx context.Context, p Place, d promotion.Digest, size int64) (bool, error) {
	there, _, err := c.findBlob(ctx, p, d, size)
	return there, err
}

// ProveBlob is HasBlob for whoever concludes something from absence: where that
// is not plain, it is Unavailable.
func (c *Client) ProveBlob(ctx context.Context, p Place, d promotion.Digest, size int64) (bool, error) {
	there, plain, err := c.findBlob(ctx, p, d, size)
	if err == nil && !there && !plain {
		err = promotion.Errorf(promotion.Unavailable, "the storage of %s does not say whether it has %s", p.Repository, d.Short())
	}
	return there, err
}

func (c *Client) findBlob(ctx context.Context, p Place, d promotion.Digest, size int64) (there, plain bool, err error) {
	r := Request{Place: p, Method: http.MethodHead, Path: "/blobs/" + string(d), OK: []int{http.StatusOK, http.StatusNotFound, http.StatusTemporaryRedirect, http.StatusFound, http.StatusSeeOther}}
	a, err := c.Call(ctx, r)
	if err != nil || a.Status == http.StatusNotFound {
		return false, err == nil, err
	}
	if a.Status != http.StatusOK {
		resp, err := c.do(ctx, r, a.Header.Get("Location"), nil, 0)
		if err != nil {
			return false, false, err
		}
		_ = resp.Body.Close() // a HEAD has none
		if a.Header = resp.Header; resp.StatusCode != http.StatusOK {
			return false, resp.StatusCode == http.StatusNotFound, nil // it may be there all the same; sending it again does no harm
		}
	}
	if said := a.Header.Get("Content-Length"); said != "" && said != strconv.FormatInt(size, 10) {
		return false, false, promotion.Errorf(promotion.Conflict, "%s has %s with %s bytes instead of %d: the registry or something before it is broken", p.Repository, d.Short(), said, size)
	}
	return true, true, nil
}

// Begin opens an upload: location is where the bytes go. With a digest to
// mount, the registry is asked to take that blob from the place's From instead;
// mounted tells whether it did. One that would rather have the bytes opens an
// upload, and one that won't have either gives no location.
func (c *Client) Begin(ctx context.Context, p Place, mount promotion.Digest) (location string, mounted bool, err error) {
	r := Request{Place: p, Method: http.MethodPost, Path: "/blobs/uploads/", Header: http.Header{"Content-Length": {"0"}}, Limit: small, OK: []int{http.StatusAccepted}}
	if mount != "" {
		_, from, _ := strings.Cut(string(p.From), "/")
		r.Path += "?mount=" + string(mount) + "&from=" + from
		r.OK = append(r.OK, http.StatusCreated, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed)
	}
	a, err := c.Call(ctx, r)
	switch {
	case err != nil:
		return "", false, err
	case a.Status == http.StatusCreated:
		return "", true, nil
	case a.Status != http.StatusAccepted:
		return "", false, nil
	case a.Header.Get("Location") == "":
		return "", false, promotion.Errorf(promotion.Unavailable, "%s opens an upload and does not say where", p.Repository)
	}
	return a.Header.Get("Location"), false, nil
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
		body = nil
	}
	r := Request{Place: p, Method: http.MethodPut, Header: http.Header{"Content-Type": {"application/octet-stream"}}}
	resp, err := c.do(context.WithValue(ctx, streamed{}, true), r, u.String(), body, size)
	if err != nil {
		return err
	}
	defer resp.Body.Close()                                 //nolint:errcheck // nothing more is expected of it
	text, _ := io.ReadAll(io.LimitReader(resp.Body, small)) // what does not arrive has no code
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

// courtesy is how long a request may take on which nothing depends.
const courtesy = 5 * time.Second

// Abandon tells the registry that an upload will not be ended, also when ctx
// has. Whether it was heard matters only to whoever says that nothing was left
// behind.
func (c *Client) Abandon(ctx context.Context, p Place, location string) (heard bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), courtesy)
	defer cancel()
	resp, err := c.do(ctx, Request{Place: p, Method: http.MethodDelete}, location, nil, 0)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // nothing depends on it
	return resp.StatusCode < http.StatusMultipleChoices
}
