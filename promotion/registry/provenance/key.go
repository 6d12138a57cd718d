package provenance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"

	"github.com/promotebot/promotebot/promotion"
)

// Key is a public key.
type Key struct{ public crypto.PublicKey }

// minRSA is what is too short to be trusted today, in bits.
const minRSA = 2048

// ParseKey reads a public key as `cosign public-key` and `openssl pkey -pubout`
// write it. The error is Invalid and says what to write instead.
func ParseKey(text string) (Key, error) {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return Key{}, promotion.Errorf(promotion.Invalid, "it is not PEM: write it with its lines -----BEGIN PUBLIC KEY----- and -----END PUBLIC KEY-----")
	case block.Type != "PUBLIC KEY":
		return Key{}, promotion.Errorf(promotion.Invalid, "it is a %s: write the public key, as cosign public-key or openssl pkey -pubout print it", promotion.Line(block.Type))
	}
	if more, _ := pem.Decode(rest); more != nil {
		return Key{}, promotion.Errorf(promotion.Invalid, "there are several: write each under a name of its own")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Key{}, promotion.Errorf(promotion.Invalid, "it can't be read: write it as it was printed")
	}
	switch k := public.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return Key{public}, nil
	case *rsa.PublicKey:
		if k.N.BitLen() >= minRSA {
			return Key{public}, nil
		}
		return Key{}, promotion.Errorf(promotion.Invalid, "it is an RSA key of %d bits: sign with one of %d or more", k.N.BitLen(), minRSA)
	}
	return Key{}, promotion.Errorf(promotion.Invalid, "it is a key of another kind: sign with ECDSA, Ed25519 or RSA")
}

// verifies tells whether the signature over the message is the key's. Who signs
// with SHA-256 whatever the curve, as cosign does, is understood, and who goes by
// the size of the curve; both paddings of RSA are.
func (k Key) verifies(message, sig []byte) bool {
	short := sha256.Sum256(message)
	switch public := k.public.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(public, message, sig)
	case *ecdsa.PublicKey:
		sums := [][]byte{short[:]}
		switch public.Curve.Params().BitSize {
		case 384:
			long := sha512.Sum384(message)
			sums = append(sums, long[:])
		case 521:
			long := sha512.Sum512(message)
			sums = append(sums, long[:])
		}
		for _, sum := range sums {
			if ecdsa.VerifyASN1(public, sum, sig) {
				return true
			}
		}
		return false
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, short[:], sig) == nil || rsa.VerifyPSS(public, crypto.SHA256, short[:], sig, nil) == nil
	}
	return false
}
