// Package provenance judges what is attached to an image and says how it was
// built: a SLSA provenance (slsa.dev/provenance) in an in-toto statement, in a DSSE
// envelope that somebody has signed.
//
// Anybody who can push can attach anything, so nothing is believed before a key of
// the configuration has signed it: the signature is over the exact bytes of the
// payload and its type (DSSE, "PAE"), and the statement has to be about this very
// digest. Keys are all that is verified. Whether a certificate of Fulcio is good,
// or an entry in a transparency log there, is not looked at, so what is signed
// without a key is signed by nobody.
package provenance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// The layers that hold an envelope, plainly or in a bundle of Sigstore's.
const (
	envelopeType = "application/vnd.dsse.envelope.v1+json"
	bundleType   = "application/vnd.dev.sigstore.bundle" // with a version behind it
)

// Holds tells whether a layer of the type holds an envelope.
func Holds(mediaType string) bool {
	return mediaType == envelopeType || strings.HasPrefix(mediaType, bundleType)
}

// MaxEnvelope is how large an envelope may be. A build with the whole event that
// started it has a tenth of that.
const MaxEnvelope = 1 << 20

// maxSignatures is how many signatures of one envelope are looked at. Each is tried
// with every key.
const maxSignatures = 10

const payloadType = "application/vnd.in-toto+json"

var (
	statementTypes = []string{"https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"}
	predicateTypes = []string{v02, v1}
)

const (
	v02 = "https://slsa.dev/provenance/v0.2"
	v1  = "https://slsa.dev/provenance/v1"
)

// Judgement is what comes of one attachment. Without a refusal, and not verified,
// it is no provenance and none of our business.
type Judgement struct {
	Verified bool
	Authors  []string
	Refusal  string // why it does not count, in our words
}

type envelope struct {
	Payload     string `json:"payload"`
	PayloadType string `json:"payloadType"`
	Signatures  []struct {
		Sig string `json:"sig"`
	} `json:"signatures"`
}

type statement struct {
	Type    string `json:"_type"`
	Subject []struct {
		Digest struct {
			SHA256 string `json:"sha256"`
		} `json:"digest"`
	} `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// Judge says what an envelope, or a bundle with one, is worth for the digest. The
// error is Invalid: it is verified, and says more than can be taken in, so nobody
// may go on as if it said nothing.
func Judge(b []byte, d promotion.Digest, keys []Key, fields []string) (Judgement, error) {
	var bundle struct {
		Envelope *envelope `json:"dsseEnvelope"`
		envelope
	}
	if err := json.Unmarshal(b, &bundle); err != nil {
		return Judgement{Refusal: "it is no envelope that can be read"}, nil //nolint:nilerr // that is the judgement
	}
	e := bundle.envelope
	if bundle.Envelope != nil {
		e = *bundle.Envelope
	}
	payload, err := decode(e.Payload)
	if err != nil {
		return Judgement{Refusal: "its payload can't be decoded"}, nil //nolint:nilerr // that is the judgement
	}
	var s statement
	readable := json.Unmarshal(payload, &s) == nil
	if readable && !slices.Contains(predicateTypes, s.PredicateType) {
		return Judgement{}, nil // a bill of materials, the result of a scan, …
	}
	switch {
	case e.PayloadType != payloadType:
		return Judgement{Refusal: "its payload is said to be something else than an in-toto statement"}, nil
	case !e.signed(payload, keys):
		return Judgement{Refusal: "none of the keys has signed it"}, nil
	case !readable || !slices.Contains(statementTypes, s.Type):
		return Judgement{Refusal: "it is signed, and no statement that can be read"}, nil
	case !s.about(d):
		return Judgement{Refusal: "it is signed, and about another digest"}, nil
	}
	authors, err := s.authors(fields)
	return Judgement{Verified: true, Authors: authors}, err
}

// decode reads base64 of either alphabet, as DSSE has it.
func decode(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	return base64.StdEncoding.DecodeString(text)
}

// signed tells whether one of the keys has signed the payload. What the envelope
// says about which key that was is not asked: it is not signed.
func (e envelope) signed(payload []byte, keys []Key) bool {
	message := encode(e.PayloadType, payload)
	for _, s := range e.Signatures[:min(len(e.Signatures), maxSignatures)] {
		sig, err := decode(s.Sig)
		if err == nil && slices.ContainsFunc(keys, func(k Key) bool { return k.verifies(message, sig) }) {
			return true
		}
	}
	return false
}

// encode is what is signed (DSSE, "Pre-Authentication Encoding"): with the length
// of each part before it, no two envelopes have the same.
func encode(payloadType string, payload []byte) []byte {
	var b bytes.Buffer
	b.WriteString("DSSEv1 " + strconv.Itoa(len(payloadType)) + " " + payloadType + " " + strconv.Itoa(len(payload)) + " ")
	b.Write(payload)
	return b.Bytes()
}

func (s statement) about(d promotion.Digest) bool {
	for _, subject := range s.Subject {
		if "sha256:"+subject.Digest.SHA256 == string(d) {
			return true
		}
	}
	return false
}
