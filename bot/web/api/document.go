package api

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
)

//go:embed openapi.json
var openapi []byte

// document is what a client needs to know. It holds no secret: it is the same
// for everybody who runs promotebot.
func document(context.Context, *server, caller, *http.Request, []byte) (int, any, error) {
	return http.StatusOK, json.RawMessage(openapi), nil
}
