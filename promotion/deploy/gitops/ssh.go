package gitops

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/promotebot/promotebot/promotion"
)

// beginSSH runs the service on the server. The connection ends with the
// conversation, and with ctx.
func (r *remote) beginSSH(ctx context.Context, service string) (*conversation, error) {
	client, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	end := func() { stop(); _ = client.Close() } // nothing more is expected of it
	session, err := client.NewSession()
	if err != nil {
		end()
		return nil, promotion.Errorf(promotion.Unavailable, "%s opens no session: %w", r.url.Host, err)
	}
	var said bytes.Buffer
	session.Stderr = &limited{to: &said, left: maxAnswer}
	in, err1 := session.StdinPipe()
	out, err2 := session.StdoutPipe()
	if err := errors.Join(err1, err2, session.Start(service+" '"+strings.ReplaceAll(r.url.Path, "'", `'\''`)+"'")); err != nil {
		end()
		return nil, promotion.Errorf(promotion.Unavailable, "%s does not run %s: %w", r.url.Host, service, err)
	}
	refs, err := advertised(r, out)
	if err != nil {
		_ = session.Wait() // what it printed is complete then
		end()
		if text := strings.Join(linesOf(said.String()), " "); text != "" && ctx.Err() == nil {
			return nil, promotion.Errorf(promotion.NotFound, "%s gives no access to %s: %s", r.url.Host, r.url.Path, clip(text))
		}
		return nil, err
	}
	ask := func(message []byte) (io.ReadCloser, error) {
		if _, err := in.Write(message); err != nil {
			return nil, promotion.Errorf(promotion.Unavailable, "%s has stopped listening: %w", r.url.Host, err)
		}
		_ = in.Close() // the message is there; that it was the last one is a courtesy
		return io.NopCloser(out), nil
	}
	return &conversation{refs: refs, ask: ask, end: end}, nil
}

func (r *remote) dial(ctx context.Context) (*ssh.Client, error) {
	signer, err := ssh.ParsePrivateKey([]byte(r.credentials.Key.Reveal()))
	if err != nil {
		return nil, promotion.Errorf(promotion.Invalid, "the ssh_key for %s can't be read: it has to be a private key without a passphrase", r.url.Host)
	}
	address := r.url.Host
	if r.url.Port() == "" {
		address = net.JoinHostPort(r.url.Hostname(), "22")
	}
	known, algorithms, err := knownKeys(r.credentials.KnownHosts, address)
	if err != nil {
		return nil, err
	}
	raw, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, promotion.Errorf(promotion.Unavailable, "%s can't be reached: %w", r.url.Host, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() }) // which ends a handshake that does not
	defer stop()
	conn, channels, requests, err := ssh.NewClientConn(raw, address, &ssh.ClientConfig{
		User: r.url.User.Username(), Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: known, HostKeyAlgorithms: algorithms, Timeout: dialTimeout,
	})
	if err != nil {
		_ = raw.Close() // there is an error already
		return nil, r.stranger(err)
	}
	return ssh.NewClient(conn, channels, requests), nil
}

// stranger says why there is no connection by SSH.
func (r *remote) stranger(err error) error {
	unknown, isUnknown := errors.AsType[*knownhosts.KeyError](err)
	switch {
	case isUnknown && len(unknown.Want) > 0:
		return promotion.Errorf(promotion.Forbidden, "%s shows another key than known_hosts has for it: find out from its owner whether it was changed, and only then put the new one there", r.url.Host)
	case isUnknown:
		return promotion.Errorf(promotion.Forbidden, "known_hosts has no key for %s: get it from its owner (GitHub, GitLab and Bitbucket publish theirs; ssh-keyscan asks the network) and put the line there", r.url.Host)
	case strings.Contains(err.Error(), "unable to authenticate"):
		return promotion.Errorf(promotion.Forbidden, "%s does not take the ssh_key: its public half has to be a deploy key that may write, or belong to a user who may", r.url.Host)
	}
	return promotion.Errorf(promotion.Unavailable, "%s can't be spoken to by SSH: %w", r.url.Host, err)
}

// knownKeys reads known_hosts, and asks it by which kinds of key the server is
// known: without that the server may show one of another kind, which is no
// stranger's and yet unknown.
func knownKeys(file, address string) (ssh.HostKeyCallback, []string, error) {
	callback, err := knownhosts.New(file)
	if err != nil {
		return nil, nil, promotion.Errorf(promotion.Invalid, "known_hosts, %s, can't be read: it has to be a file whose lines name hosts, a kind of key and a key, as ssh-keyscan prints them", file)
	}
	var algorithms []string
	if unknown, ok := errors.AsType[*knownhosts.KeyError](callback(address, &net.TCPAddr{}, noKey{})); ok {
		for _, key := range unknown.Want {
			algorithms = append(algorithms, algorithmsOf(key.Key.Type())...)
		}
	}
	slices.Sort(algorithms)
	return callback, slices.Compact(algorithms), nil
}

// algorithmsOf are the ways to sign with a kind of key: RSA has two names of
// signatures that are not the one of the key.
func algorithmsOf(kind string) []string {
	if kind == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{kind}
}

// noKey is a key that is known to nobody.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return nil }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("this key signs nothing") }

// limited takes what fits, and drops the rest.
type limited struct {
	to   io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	fits := p[:min(len(p), l.left)]
	l.left -= len(fits)
	if _, err := l.to.Write(fits); err != nil {
		return 0, err
	}
	return len(p), nil
}
