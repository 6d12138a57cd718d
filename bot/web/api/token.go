package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/promotebot/promotebot/promotion"
)

// A token is pb_<id>_<secret>, in hexadecimal. The id finds it, the secret is
// known to the machine alone. It begins so that scanners for leaked secrets find
// it.
var form = regexp.MustCompile(`^pb_([0-9a-f]{12})_([0-9a-f]{64})$`)

// Format writes a token as its machine has to show it.
func Format(id, secret string) string { return "pb_" + id + "_" + secret }

// Hash is what is kept of a secret. It has 256 bits of chance, so nobody finds
// it by trying, and it needs no salt.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func split(token string) (id, secret string, ok bool) {
	m := form.FindStringSubmatch(token)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

// matches compares in a time that says nothing about the secret, also when there
// is no such token.
func matches(hash, secret string) bool {
	return subtle.ConstantTimeCompare([]byte(hash), []byte(Hash(secret))) == 1
}

// shownToken is where a token can stand: in the Authorization header, as a
// bearer token or, from senders that know nothing else, as a password or by
// itself; and in the address for those that can set no header at all.
func shownToken(r *http.Request, webhook bool) (token string, inAddress bool) {
	header := r.Header.Get("Authorization")
	if scheme, bearer, ok := strings.Cut(header, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(bearer), false
	}
	if !webhook {
		return "", false
	}
	if _, password, ok := r.BasicAuth(); ok {
		return password, false
	}
	if header != "" {
		return header, false
	}
	return r.URL.Query().Get("token"), true
}

const githubSignature = "X-Hub-Signature-256"

// signedBy tells whether the signature is that of the body
// (docs.github.com, "Validating webhook deliveries").
func signedBy(secret promotion.Secret, signature string, body []byte) bool {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write(body)
	return hmac.Equal([]byte("sha256="+hex.EncodeToString(mac.Sum(nil))), []byte(signature))
}

// How often a token may ask: more than any pipeline does.
const (
	perSecond = 10
	burst     = 50
)

// limits bounds what each token may ask. Only tokens that exist get one.
type limits struct {
	mu *sync.Mutex
	by map[string]*rate.Limiter
}

func newLimits() limits { return limits{&sync.Mutex{}, map[string]*rate.Limiter{}} }

func (l limits) take(token string, now time.Time) (wait time.Duration, busy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.by[token]
	if limiter == nil {
		limiter = rate.NewLimiter(perSecond, burst)
		l.by[token] = limiter
	}
	reservation := limiter.ReserveN(now, 1)
	if wait := reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return wait, true
	}
	return 0, false
}
