package gitops

import (
	"bytes"
	"crypto/rand"
	"crypto/sha512"
	"encoding/pem"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"golang.org/x/crypto/ssh"

	"github.com/promotebot/promotebot/promotion"
)

// sign signs a commit as Git does, with whichever kind of key it is.
func sign(key promotion.Secret, commit []byte) (string, error) {
	if strings.Contains(key.Reveal(), "BEGIN PGP PRIVATE KEY BLOCK") {
		return signPGP(key, commit)
	}
	signer, err := ssh.ParsePrivateKey([]byte(key.Reveal()))
	if err != nil {
		return "", promotion.Errorf(promotion.Invalid, "the signing_key can't be read: it has to be a private SSH key, or an armoured OpenPGP key, without a passphrase")
	}
	return signSSH(signer, commit)
}

func signPGP(key promotion.Secret, commit []byte) (string, error) {
	ring, err := openpgp.ReadArmoredKeyRing(strings.NewReader(key.Reveal()))
	if err != nil || len(ring) != 1 {
		return "", promotion.Errorf(promotion.Invalid, "the signing_key can't be read: it has to hold one OpenPGP key, as gpg --armor --export-secret-keys prints it")
	}
	var signature bytes.Buffer
	if err := openpgp.ArmoredDetachSign(&signature, ring[0], bytes.NewReader(commit), nil); err != nil {
		return "", promotion.Errorf(promotion.Invalid, "the signing_key does not sign: it must have no passphrase, and be one for signatures that has not expired")
	}
	return signature.String() + "\n", nil
}

// signSSH makes a signature as OpenSSH's PROTOCOL.sshsig describes it.
func signSSH(signer ssh.Signer, commit []byte) (string, error) {
	const magic, namespace, hash = "SSHSIG", "git", "sha512"
	sum := sha512.Sum512(commit)
	signed := append([]byte(magic), ssh.Marshal(struct{ Namespace, Reserved, Hash, Sum string }{namespace, "", hash, string(sum[:])})...)
	signature, err := signer.Sign(rand.Reader, signed)
	if rsa, ok := signer.(ssh.AlgorithmSigner); ok && signer.PublicKey().Type() == ssh.KeyAlgoRSA {
		signature, err = rsa.SignWithAlgorithm(rand.Reader, signed, ssh.KeyAlgoRSASHA512)
	}
	if err != nil {
		return "", promotion.Errorf(promotion.Invalid, "the signing_key does not sign: %w", err)
	}
	blob := append([]byte(magic), ssh.Marshal(struct {
		Version                                   uint32
		Key, Namespace, Reserved, Hash, Signature string
	}{1, string(signer.PublicKey().Marshal()), namespace, "", hash, string(ssh.Marshal(signature))})...)
	return string(pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: blob})), nil
}
