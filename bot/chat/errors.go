package chat

import (
	"errors"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/promotion"
)

// What Slack's error codes mean (docs.slack.dev, the methods' error tables).
// Codes that are not listed are Unavailable: an unknown refusal is tried again.
var codes = map[string]struct {
	kind promotion.Kind
	text string
}{
	"invalid_auth":           {promotion.Forbidden, "Slack does not accept the token: it was revoked or belongs to another app"},
	"not_authed":             {promotion.Forbidden, "Slack got no token"},
	"token_revoked":          {promotion.Forbidden, "the token was revoked: install the app again"},
	"token_expired":          {promotion.Forbidden, "the token has expired: switch token rotation off and install the app again"},
	"account_inactive":       {promotion.Forbidden, "the token belongs to a deactivated account or app: install the app again"},
	"not_allowed_token_type": {promotion.Forbidden, "this is the wrong kind of token for this call: SLACK_APP_TOKEN begins with xapp-, SLACK_BOT_TOKEN with xoxb-"},
	"missing_scope":          {promotion.Forbidden, "a scope is missing: paste the output of \"promotebot manifest\" into the app's settings and install it again"},
	"channel_not_found":      {promotion.NotFound, "Slack knows no such channel, or the bot may not see it: check the id and invite the bot"},
	"not_in_channel":         {promotion.Forbidden, "the bot is not in the channel: invite it with /invite"},
	"is_archived":            {promotion.Conflict, "the channel is archived"},
	"is_inactive":            {promotion.Conflict, "the channel is archived"},
	"message_not_found":      {promotion.NotFound, "the message is gone"},
	"cant_update_message":    {promotion.NotFound, "the message can't be updated any more"},
	"edit_window_closed":     {promotion.NotFound, "the message can't be updated any more"},
	"block_mismatch":         {promotion.NotFound, "the message can't be updated any more"},
	"user_not_in_channel":    {promotion.NotFound, "the person is not in the channel"},
	"user_not_found":         {promotion.NotFound, "Slack knows no such user"},
	"user_not_visible":       {promotion.NotFound, "Slack does not show this user"},
	"no_such_subteam":        {promotion.NotFound, "Slack knows no such user group"},
	"subteam_not_found":      {promotion.NotFound, "Slack knows no such user group"},
	"plan_upgrade_required":  {promotion.Forbidden, "user groups need a paid Slack plan: name people instead"},
	"expired_trigger_id":     {promotion.Stale, "it took longer than Slack allows to open the dialog: click again"},
	"exchanged_trigger_id":   {promotion.Stale, "the dialog was opened already"},
	"invalid_trigger_id":     {promotion.Stale, "Slack does not know the click to which the dialog belongs: click again"},
	"invalid_blocks":         {promotion.Invalid, "Slack refused the layout of a message"},
	"invalid_blocks_format":  {promotion.Invalid, "Slack refused the layout of a message"},
	"msg_blocks_too_long":    {promotion.Invalid, "Slack refused a message as too long"},
	"metadata_too_large":     {promotion.Invalid, "Slack refused what a message says of itself as too long"},
	"invalid_arguments":      {promotion.Invalid, "Slack refused a message"},
	"msg_too_long":           {promotion.Invalid, "Slack refused a message as too long"},
	"view_too_large":         {promotion.Invalid, "Slack refused a dialog or a home as too large"},
	"hash_conflict":          {promotion.Stale, "somebody else was faster to publish the home"},
	"not_enabled":            {promotion.Forbidden, "the app has no home tab: paste the output of \"promotebot manifest\" into the app's settings and install it again"},
	"messages_tab_disabled":  {promotion.Forbidden, "the app takes no direct messages: paste the output of \"promotebot manifest\" into the app's settings and install it again"},
	"restricted_action":      {promotion.Forbidden, "a setting of the workspace or of the channel keeps the bot from posting: have an admin of the workspace let it"},

	"restricted_action_read_only_channel":      {promotion.Forbidden, "only some may post in the channel: have its managers let the bot, or name another one in the configuration"},
	"restricted_action_thread_only_channel":    {promotion.Forbidden, "nothing but replies can be posted in the channel: name another one in the configuration"},
	"restricted_action_non_threadable_channel": {promotion.Forbidden, "there are no replies in the channel: name another one in the configuration"},
	"restricted_action_thread_locked":          {promotion.Forbidden, "the thread of the card is locked: have an admin of the workspace unlock it"},

	"user_disabled": {promotion.NotFound, "the account is deactivated"},
	"cannot_dm_bot": {promotion.NotFound, "nobody can write to a bot"},
}

// apiError is the one place where Slack's errors become ours.
func apiError(method string, err error) error {
	if ours, ok := errors.AsType[*promotion.Error](err); ok { // Slack was not asked
		return ours
	}
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return &promotion.Error{Kind: promotion.Unavailable, Text: "Slack asks promotebot to wait (" + method + ")", RetryAfter: limited.RetryAfter, Err: err}
	}
	if refused, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		if c, ok := codes[refused.Err]; ok {
			return promotion.Errorf(c.kind, "%s (%w)", c.text, err)
		}
		return promotion.Errorf(promotion.Unavailable, "Slack refused %s (%w)", method, err)
	}
	return &promotion.Error{Kind: promotion.Unavailable, Text: "Slack could not be reached (" + method + ")", Err: err}
}

func isCode(err error, code string) bool {
	var refused slack.SlackErrorResponse
	return errors.As(err, &refused) && refused.Err == code
}
