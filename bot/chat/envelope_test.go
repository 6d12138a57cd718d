package chat_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
)

// envelopes are written after Slack's documents (docs.slack.dev: Socket Mode,
// slash commands, interaction payloads, the reference of each event), with the
// fields that a client could stumble over: of organisations with several
// workspaces, of shared channels, null where there is nothing, numbers as texts.
// Each is to be acknowledged, whatever it is about.
var envelopes = map[string]string{
	"a command": `{"type": "slash_commands", "accepts_response_payload": true, "payload": {"token": "t", "team_id": "T0", "team_domain": "acme", "enterprise_id": "E0", "enterprise_name": "Acme", "channel_id": "C1",
		"channel_name": "shop", "user_id": "W0ANN", "user_name": "ann", "command": "/promote", "text": "status", "api_app_id": "A0", "is_enterprise_install": "false", "response_url": "https://hooks.slack.com/commands/T0/1/x", "trigger_id": "1.2.a"}}`,
	"a click in an organisation": `{"type": "interactive", "accepts_response_payload": false, "payload": {"type": "block_actions", "user": {"id": "W0ANN", "username": "ann", "name": "ann", "team_id": "T9"},
		"api_app_id": "A0", "token": "t", "container": {"type": "message", "message_ts": "1795424400.000100", "channel_id": "C1", "is_ephemeral": false, "is_app_unfurl": false}, "trigger_id": "1.2.b",
		"team": {"id": "T0", "domain": "acme", "enterprise_id": "E0", "enterprise_name": "Acme"}, "enterprise": {"id": "E0", "name": "Acme"}, "is_enterprise_install": false, "channel": {"id": "C1", "name": "shop"},
		"message": {"bot_id": "B0", "type": "message", "text": "x", "user": "U0PROMOTE", "ts": "1795424400.000100", "app_id": "A0", "blocks": [{"type": "hologram", "block_id": "x"}], "team": "T0"}, "state": {"values": {}},
		"response_url": "https://hooks.slack.com/actions/T0/1/x", "actions": [{"action_id": "promotebot_approve", "block_id": "b", "text": {"type": "plain_text", "text": "Approve", "emoji": true}, "value": "404.x", "style": "primary", "type": "button", "action_ts": "1795424401.000200"}]}}`,
	"a click outside an organisation": `{"type": "interactive", "payload": {"type": "block_actions", "user": {"id": "U0ANN", "team_id": "T0"}, "team": {"id": "T0", "domain": "acme"}, "enterprise": null, "channel": {"id": "D1", "name": "directmessage"},
		"container": {"type": "message_attachment", "attachment_id": 1}, "trigger_id": "1.2.c", "message": null, "actions": [{"action_id": "link", "type": "button", "action_ts": "1.1"}]}}`,
	"a closed dialog": `{"type": "interactive", "payload": {"type": "view_closed", "team": {"id": "T0", "domain": "acme"}, "user": {"id": "U0ANN", "name": "ann"}, "view": {"id": "V1", "type": "modal", "callback_id": "x", "blocks": []}, "is_cleared": false}}`,
	"a shortcut":      `{"type": "interactive", "payload": {"type": "shortcut", "token": "t", "action_ts": "1.1", "team": {"id": "T0", "domain": "acme"}, "user": {"id": "U0ANN", "username": "ann", "team_id": "T0"}, "callback_id": "x", "trigger_id": "1.2.d"}}`,
	"a changed group": event(`{"type": "subteam_members_changed", "subteam_id": "S1", "team_id": "T0", "date_previous_update": 1446670362, "date_update": 1492906952, "added_users": ["U1"], "added_users_count": "1", "removed_users": [], "removed_users_count": "0"}`),
	"a group that is off": event(`{"type": "subteam_updated", "subteam": {"id": "S1", "team_id": "T0", "is_usergroup": true, "name": "Leads", "description": "", "handle": "leads", "is_external": false, "date_create": 1446746793, "date_update": 1446747767,
		"date_delete": 1446748865, "auto_type": null, "created_by": "U1", "updated_by": "U1", "deleted_by": "U1", "prefs": {"channels": [], "groups": []}, "users": ["U1"], "user_count": "1"}}`),
	"a changed account": event(`{"type": "user_change", "user": {"id": "W0ANN", "team_id": "T9", "name": "ann", "deleted": false, "color": "9f69e7", "real_name": "Ann", "tz": "Europe/Berlin", "tz_label": "Central European Time", "tz_offset": 3600,
		"profile": {"real_name": "Ann", "display_name": "ann", "email": "ann@example.com", "fields": {}, "status_expiration": 0}, "is_admin": false, "is_bot": false, "is_restricted": false, "updated": 1795424400,
		"enterprise_user": {"id": "W0ANN", "enterprise_id": "E0", "enterprise_name": "Acme", "is_admin": false, "is_owner": false, "teams": ["T0", "T9"]}}, "cache_ts": 1795424400, "event_ts": "1795424400.000100"}`),
	"a shared channel":           event(`{"type": "channel_shared", "connected_team_id": "E0OTHER", "channel": "C1", "event_ts": "1795424400.000100"}`),
	"a channel shared no longer": event(`{"type": "channel_unshared", "previously_connected_team_id": "E0OTHER", "channel": "C1", "is_ext_shared": false, "event_ts": "1795424400.000100"}`),
	"a channel's other id":       event(`{"type": "channel_id_changed", "old_channel_id": "G1", "new_channel_id": "C1", "event_ts": "1795424400.000100"}`),
	"a revoked token":            event(`{"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": ["U0PROMOTE"]}, "event_ts": "1795424400.000100"}`),
	"an app that was removed":    event(`{"type": "app_uninstalled", "event_ts": "1795424400.000100"}`),
	"an event of the future":     event(`{"type": "coffee_ready", "event_ts": "1795424400.000100"}`),
	"a kind of the future":       `{"type": "telepathy", "payload": {}}`,
}

// event is the envelope of an event.
func event(inner string) string {
	return `{"type": "events_api", "accepts_response_payload": false, "retry_attempt": 1, "retry_reason": "timeout", "payload": {"token": "t", "team_id": "T0", "enterprise_id": "E0", "context_team_id": "T0", "context_enterprise_id": null,
		"api_app_id": "A0", "type": "event_callback", "event_id": "Ev1", "event_time": 1795424400, "is_ext_shared_channel": false, "event_context": "4-x",
		"authorizations": [{"enterprise_id": null, "team_id": "T0", "user_id": "U0PROMOTE", "is_bot": true, "is_enterprise_install": false}], "event": ` + inner + `}}`
}

func TestWhatSlackIsDocumentedToSendIsUnderstood(t *testing.T) {
	var frames, names []string
	for _, name := range slices.Sorted(maps.Keys(envelopes)) {
		var frame map[string]any
		if err := json.Unmarshal([]byte(envelopes[name]), &frame); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		frame["envelope_id"] = name
		b, err := json.Marshal(frame)
		if err != nil {
			t.Fatal(err)
		}
		frames, names = append(frames, string(b)), append(names, name)
	}
	acknowledges(t, frames, names)
}
