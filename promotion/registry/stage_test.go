package registry_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// stage is where programs meet registries: behind TLS with a certificate that
// their environment has them trust, and with an account that it gives them.
type stage struct {
	t           testing.TB
	home        string
	certificate tls.Certificate
	opening     time.Duration // what a new connection takes: two round trips, TCP's and TLS 1.3's
	old         bool          // HTTP/1.1
	accounts    map[string]map[string]string
	opened      atomic.Int32 // connections
}

const stageUser, stagePassword = "ann", "secret"

// loopback is an address of this machine that no client takes for one: at
// 127.0.0.1 they would try without TLS too.
const loopback = "127.0.0.2"

func newStage(t testing.TB, opening time.Duration, old bool) *stage {
	t.Helper()
	s := &stage{t: t, home: t.TempDir(), opening: opening, old: old, accounts: map[string]map[string]string{}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a registry"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.ParseIP(loopback)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	s.must(err)
	s.certificate = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	s.must(os.WriteFile(s.authority(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	s.must(os.Mkdir(filepath.Join(s.home, ".docker"), 0o700))
	return s
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) authority() string { return filepath.Join(s.home, "authority.pem") }
func (s *stage) docker() string    { return filepath.Join(s.home, ".docker", "config.json") }

// env is all of the environment that the programs get.
func (s *stage) env() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.home, "DOCKER_CONFIG=" + filepath.Dir(s.docker()), "REGISTRY_AUTH_FILE=" + s.docker(),
		"SSL_CERT_FILE=" + s.authority(), "SSL_CERT_DIR=" + filepath.Join(s.home, "no-others"),
	}
}

// serve serves a registry, and says where.
func (s *stage) serve(h http.Handler) (host string) {
	s.t.Helper()
	listener, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		s.t.Skipf("this machine is not at %s, as Linux is: %v", loopback, err)
	}
	server := httptest.NewUnstartedServer(h)
	s.must(server.Listener.Close())
	server.Listener = &distant{listener, s.opening}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{s.certificate}, MinVersion: tls.VersionTLS12}
	server.EnableHTTP2 = !s.old
	server.Config.ErrorLog = quiet
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.opened.Add(1)
		}
	}
	server.StartTLS()
	s.t.Cleanup(server.Close)
	host = listener.Addr().String()
	s.accounts[host] = map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(stageUser + ":" + stagePassword))}
	config, err := json.Marshal(map[string]any{"auths": s.accounts})
	s.must(err)
	s.must(os.WriteFile(s.docker(), config, 0o600))
	return host
}
