package gitops

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/promotebot/promotebot/promotion"
)

// The two services of a Git server.
const (
	uploadPack  = "git-upload-pack"  // gives objects
	receivePack = "git-receive-pack" // takes them
)

const (
	// maxRefs bounds the list of branches and tags with which a server begins: some
	// hundred thousand of them take less.
	maxRefs = 32 << 20
	// room bounds what is fetched, and so the disk: it is one commit, without the
	// files that nobody asks for where the server can leave them out.
	room = 1 << 30
	// maxAnswer bounds what a server says about a push.
	maxAnswer = 1 << 20
)

// remote is a repository on a server. It speaks version 0 of the protocol, which
// every server does. How its messages are written is go-git's; whom they go to,
// with which credentials and for how long is decided here.
type remote struct {
	url         *url.URL
	credentials Credentials
	client      *http.Client
	room        int64 // how many bytes may be fetched at once
}

func newRemote(repository string, credentials Credentials, roots *x509.CertPool, room int64) (*remote, error) {
	u, err := url.Parse(repository)
	if err != nil || u.Host == "" {
		return nil, promotion.Errorf(promotion.Invalid, "the repository is no address: write https://git.example.com/deploy.git or ssh://git@git.example.com/deploy.git")
	}
	return &remote{url: u, credentials: credentials, client: httpClient(roots), room: room}, nil
}

// httpClient follows nobody: a redirect would carry the credentials, or a push,
// to where the configuration does not send them.
func httpClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   dialTimeout,
			ResponseHeaderTimeout: time.Minute,
			ForceAttemptHTTP2:     true,
			IdleConnTimeout:       10 * time.Second, // the client is gone by then
		},
	}
}

const dialTimeout = 10 * time.Second

func (r *remote) String() string { return r.url.Host + r.url.Path }

// conversation is what is said to one service. The server speaks first, then
// the rest is one message and its answer.
type conversation struct {
	refs *packp.AdvRefs
	ask  func(message []byte) (io.ReadCloser, error)
	end  func()
}

func (r *remote) begin(ctx context.Context, service string) (c *conversation, err error) {
	defer r.discreet(&err)
	if r.url.Scheme == "ssh" {
		return r.beginSSH(ctx, service)
	}
	return r.beginHTTP(ctx, service)
}

// discreet takes what the server was shown out of an error, in which it may have
// repeated that.
func (r *remote) discreet(err *error) { *err = promotion.HideIn(*err, r.credentials.secrets()...) }

func (r *remote) beginHTTP(ctx context.Context, service string) (*conversation, error) {
	resp, err := r.call(ctx, http.MethodGet, "/info/refs?service="+service, service, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read, or there is an error already
	refs, err := advertised(r, resp.Body)
	if err != nil {
		return nil, err
	}
	ask := func(message []byte) (io.ReadCloser, error) {
		resp, err := r.call(ctx, http.MethodPost, "/"+service, service, message)
		if err != nil {
			return nil, err
		}
		return resp.Body, nil
	}
	return &conversation{refs: refs, ask: ask, end: r.client.CloseIdleConnections}, nil
}

func (r *remote) call(ctx context.Context, method, path, service string, message []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.url.String(), "/")+path, bytes.NewReader(message))
	if err != nil {
		return nil, promotion.Errorf(promotion.Invalid, "%s is no address of a repository", r)
	}
	req.Header.Set("User-Agent", "git/promotebot") // some servers answer only what calls itself git
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-"+service+"-request")
		req.Header.Set("Accept", "application/x-"+service+"-result")
	}
	if password := r.credentials.Password.Reveal(); password != "" {
		req.SetBasicAuth(r.credentials.Username, password)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, promotion.Errorf(promotion.Unavailable, "%s can't be reached: %w", r.url.Host, cause(err))
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close() //nolint:errcheck // there is an error already
	return nil, r.refusal(resp)
}

// cause leaves out the address, which the message has already.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func (r *remote) refusal(resp *http.Response) error {
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized:
		return promotion.Errorf(promotion.Forbidden, "%s does not take the credentials (401): check username and password under credentials, and that the token has not expired", r)
	case status == http.StatusForbidden:
		return promotion.Errorf(promotion.Forbidden, "%s refuses these credentials (403): they have to be allowed to read and to write the repository", r)
	case status == http.StatusNotFound:
		return promotion.Errorf(promotion.NotFound, "there is no repository %s, or these credentials may not see it (404)", r)
	case status >= 300 && status < 400:
		return promotion.Errorf(promotion.Forbidden, "%s sends promotebot elsewhere (%d): refused, because the credentials are for this address alone; write the new one", r, status)
	case status == http.StatusRequestEntityTooLarge:
		return promotion.Errorf(promotion.Invalid, "%s takes no request of this size (413): something before it may have a limit", r)
	default:
		later := promotion.Errorf(promotion.Unavailable, "%s answers with %d", r, status)
		if e, ok := errors.AsType[*promotion.Error](later); ok {
			e.RetryAfter = retryAfter(resp.Header)
		}
		return later
	}
}

// retryAfter is the pause that a server asks for, in seconds as forges do.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return time.Duration(max(0, min(seconds, 3600))) * time.Second
}

// advertised reads what a server begins with. An empty repository is one
// without branches.
func advertised(r *remote, body io.Reader) (*packp.AdvRefs, error) {
	refs := packp.NewAdvRefs()
	err := refs.Decode(io.LimitReader(body, maxRefs))
	var refused *pktline.ErrorLine
	switch {
	case errors.As(err, &refused):
		return nil, promotion.Errorf(promotion.NotFound, "%s can't be read: %s", r, clip(r.credentials.hide(refused.Text)))
	case err != nil && !errors.Is(err, packp.ErrEmptyAdvRefs):
		return nil, promotion.Errorf(promotion.Unavailable, "%s does not answer as a Git server does: %w", r, err)
	}
	if format := refs.Capabilities.Get(capability.ObjectFormat); len(format) > 0 && format[0] != "sha1" {
		return nil, promotion.Errorf(promotion.Invalid, "%s names its objects by %s: only repositories with SHA-1 are supported", r, clip(format[0]))
	}
	return refs, nil
}

// fetch brings commits into the store: as many of the history of wanted as depth
// says, and of their files what the filter lets through. Depth 0 is for an
// object that is no commit.
func (c *conversation) fetch(r *remote, into *filesystem.Storage, wanted plumbing.Hash, depth int, filter packp.Filter) (err error) {
	defer r.discreet(&err)
	req := packp.NewUploadPackRequest()
	offered := c.refs.Capabilities
	if !offered.Supports(capability.Shallow) {
		depth = 0 // all of the history, as far as there is room for it
	}
	req.Wants, req.Depth, req.Filter = []plumbing.Hash{wanted}, packp.DepthCommits(depth), filter
	for _, wish := range []capability.Capability{capability.OFSDelta, capability.Sideband64k, capability.NoProgress, capability.MultiACKDetailed} {
		if offered.Supports(wish) {
			_ = req.Capabilities.Set(wish) // fails for what needs a value, which these do not
		}
	}
	if depth > 0 {
		_ = req.Capabilities.Set(capability.Shallow)
	}
	if filter != "" {
		_ = req.Capabilities.Set(capability.Filter)
	}
	var message bytes.Buffer
	if err := req.UploadRequest.Encode(&message); err != nil {
		return err
	}
	if err := pktline.NewEncoder(&message).EncodeString("done\n"); err != nil {
		return err
	}
	body, err := c.ask(message.Bytes())
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // it was read, or there is an error already
	limited := &io.LimitedReader{R: body, N: r.room}
	answer := packp.NewUploadPackResponse(req)
	if err := answer.Decode(io.NopCloser(limited)); err != nil {
		return promotion.Errorf(promotion.Unavailable, "%s does not give %s: %w", r, short(wanted), err)
	}
	var pack io.Reader = answer
	if req.Capabilities.Supports(capability.Sideband64k) {
		pack = sideband.NewDemuxer(sideband.Sideband64k, answer)
	}
	if err := take(into, pack, min(maxObject, r.room)); err != nil {
		return r.taken(err, wanted, limited.N)
	}
	return nil
}

// filters are ways to ask for a commit without its large files, the most
// sparing first. The last is for servers that have no filters.
func (c *conversation) filters() []packp.Filter {
	if !c.refs.Capabilities.Supports(capability.Filter) {
		return []packp.Filter{""}
	}
	return []packp.Filter{packp.FilterBlobNone(), packp.FilterBlobLimit(1, packp.BlobLimitPrefixMebi), ""}
}

// refused is a push that the server did not take, in its words.
type refused struct {
	reason string   // of the branch
	lines  []string // what its hooks have printed
}

func (r *refused) Error() string { return r.reason }

// refused is that without what the server was shown.
func (r *remote) refused(reason, said string) error {
	return &refused{reason: r.credentials.hide(reason), lines: linesOf(r.credentials.hide(said))}
}

// push moves the branch from one commit to another, if it still is where it was:
// the server compares. An error other than *refused says nothing about what
// became of it.
func (c *conversation) push(r *remote, branch plumbing.ReferenceName, from, to plumbing.Hash, pack []byte) (err error) {
	defer r.discreet(&err)
	req := packp.NewReferenceUpdateRequest()
	req.Commands = []*packp.Command{{Name: branch, Old: from, New: to}}
	req.Packfile = io.NopCloser(bytes.NewReader(pack))
	if !c.refs.Capabilities.Supports(capability.ReportStatus) {
		return promotion.Errorf(promotion.Invalid, "%s does not say what becomes of a push (report-status)", r)
	}
	_ = req.Capabilities.Set(capability.ReportStatus)
	banded := c.refs.Capabilities.Supports(capability.Sideband64k)
	if banded {
		_ = req.Capabilities.Set(capability.Sideband64k)
	}
	var message bytes.Buffer
	if err := req.Encode(&message); err != nil {
		return err
	}
	body, err := c.ask(message.Bytes())
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // it was read, or there is an error already
	answer := io.LimitReader(body, maxAnswer)
	var said bytes.Buffer
	if banded {
		demuxer := sideband.NewDemuxer(sideband.Sideband64k, answer)
		demuxer.Progress, answer = &said, demuxer
	}
	report := packp.NewReportStatus()
	if err := report.Decode(answer); err != nil {
		return promotion.Errorf(promotion.Unavailable, "%s did not say what became of the push: %w", r, err)
	}
	if report.UnpackStatus != "ok" {
		return r.refused(report.UnpackStatus, said.String())
	}
	for _, status := range report.CommandStatuses {
		if status.Status != "ok" {
			return r.refused(status.Status, said.String())
		}
	}
	return nil
}

// linesOf are the last lines of a text, as far as somebody would read them.
func linesOf(text string) (lines []string) {
	const enough = 20
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = clip(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-enough):]
}

// clip makes one line of foreign text, of a length that somebody reads.
func clip(s string) string {
	const enough = 200
	if runes := []rune(promotion.Line(s)); len(runes) > enough {
		return string(runes[:enough]) + "…"
	}
	return promotion.Line(s)
}

// short is a commit as forges show it.
func short(h plumbing.Hash) string { return fmt.Sprintf("%.8s", h.String()) }
