package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/promotebot/promotebot/promotion/gate"
)

// read takes the body, up to what a body may have. One that says to have more is
// not begun with.
func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, errTooLarge()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, errTooLarge()
	}
	if err != nil {
		return nil, problem(http.StatusBadRequest, "the body could not be read to its end", "send it again")
	}
	return body, nil
}

func errTooLarge() error {
	return problem(http.StatusRequestEntityTooLarge, "the body is larger than 1 MiB", "send less: a summary is one line, and reports belong behind the url")
}

// decode reads a body strictly: what is spelled wrong must not be taken for
// left out.
func decode(r *http.Request, body []byte, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return problem(http.StatusUnsupportedMediaType, "the body is not said to be JSON", "send Content-Type: application/json")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		return problem(http.StatusBadRequest, "after the object there is something more", "send one JSON object")
	}
	const remedy = "GET /v1/openapi.json says what the body may hold"
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return problem(http.StatusUnprocessableEntity, "there is no field "+clip(field), remedy)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return problem(http.StatusUnprocessableEntity, fmt.Sprintf("the field %q can't be a %s", clip(wrong.Field), clip(wrong.Value)), remedy)
	}
	return problem(http.StatusBadRequest, "the body is not a JSON object", remedy)
}

func clip(s string) string {
	const enough = 60
	if runes := []rune(s); len(runes) > enough {
		return string(runes[:enough]) + "…"
	}
	return s
}

// call is how a request is known again when it is sent again.
func call(c caller, r *http.Request, body []byte) (gate.Call, error) {
	key := r.Header.Get("Idempotency-Key")
	for _, b := range []byte(key) {
		if b < 0x20 || b > 0x7e || len(key) > maxKey {
			return gate.Call{}, problem(http.StatusBadRequest, "the idempotency key is longer than 255 characters, or holds some that are not plain", "send the id of the job, or a UUID")
		}
	}
	sum := sha256.Sum256(append([]byte(r.Method+" "+r.URL.Path+"\n"), body...))
	return gate.Call{Token: c.token.ID, Key: key, Sum: hex.EncodeToString(sum[:])}, nil
}

// from is a call that needs no key: its reports carry keys of their own.
func from(c caller) gate.Call { return gate.Call{Token: c.token.ID} }
