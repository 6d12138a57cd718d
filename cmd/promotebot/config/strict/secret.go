package strict

import (
	"fmt"
	"slices"
	"strings"
)

// signedWith is the one key that names the place of a secret and does not sound so.
const signedWith = "signed_with"

// slackKey is the mapping in which, and beside which, the tokens for Slack are
// looked for.
const slackKey = "slack"

// secretive tells whether a key speaks of a secret.
func secretive(key string) bool {
	key = strings.ToLower(key)
	return strings.Contains(key, "token") || strings.Contains(key, "secret") || strings.Contains(key, "password")
}

// locates tells whether a key speaks of a secret and does not ask for it: it says
// where it is, as token_file does, or something else about it, as token_hosts does.
func locates(key string) bool {
	return key == signedWith || secretive(key) && !slices.Contains([]string{"token", "secret", "password"}, key)
}

// secret says what is wrong with a key that speaks of a secret and is none of a
// mapping's, and where the secret belongs.
func secret(key, what string, keys []string) (message, remedy string) {
	message = fmt.Sprintf("%q is a secret, and secrets never live in this file", key)
	var places []string
	for _, k := range keys {
		if k == signedWith || locates(k) && (strings.HasSuffix(k, "_env") || strings.HasSuffix(k, "_file")) {
			places = append(places, k)
		}
	}
	key = strings.ToLower(key)
	switch {
	case len(places) > 0 && (strings.HasSuffix(key, "env") || strings.HasSuffix(key, "file")):
		return fmt.Sprintf("unknown key %q in %s", key, what), "say where the secret is with " + strings.Join(places, " or ")
	case len(places) > 0:
		return message, "take it out, and say where it is with " + strings.Join(places, " or ")
	case strings.Contains(key, "password"):
		return message, "credentials of registries are read where docker keeps them: run docker login"
	case what != slackKey && !slices.Contains(keys, slackKey):
		return message, fmt.Sprintf("take it out: %s has no key for one, there are %s", what, strings.Join(keys, ", "))
	case strings.Contains(key, "app"):
		return message, "set SLACK_APP_TOKEN in the environment, or SLACK_APP_TOKEN_FILE"
	case strings.Contains(key, "bot"):
		return message, "set SLACK_BOT_TOKEN in the environment, or SLACK_BOT_TOKEN_FILE"
	}
	return message, "set SLACK_APP_TOKEN and SLACK_BOT_TOKEN in the environment, or the same with _FILE"
}
