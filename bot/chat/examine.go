package chat

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/promotion"
)

// Named is what a configuration names in Slack.
type Named struct {
	Channels []string
	Groups   []promotion.GroupID
	People   []promotion.PersonID
}

// examination is of one workspace, beside a bot that may be connected to it: it
// asks for a connection and opens none, posts nothing and changes nothing.
type examination struct {
	*Chat
	found []promotion.Diagnosis
}

// Examine says whether promotebot can do its job in Slack: with these tokens,
// and in the channels and for the people that the configuration names.
func Examine(ctx context.Context, opts Options, named Named) []promotion.Diagnosis {
	x := &examination{Chat: &Chat{opts: opts, api: client(opts), log: opts.Log}}
	all := tokens(opts)
	if app := all[0]; x.check(app.name, app.kind()) {
		if x.check(app.name, x.mayConnect(ctx)) {
			x.well(app.name, "Slack gives a connection for it")
		}
	}
	if bot := all[1]; !x.check(bot.name, bot.kind()) || !x.workspace(ctx, bot.name) {
		return x.found // nothing more can be asked
	}
	for _, id := range named.Channels {
		x.channel(ctx, id)
	}
	if len(named.Groups) > 0 {
		x.groups(ctx, named.Groups)
	}
	for _, id := range named.People {
		x.person(ctx, id)
	}
	return x.found
}

// check notes an error, and tells whether there was none.
func (x *examination) check(about string, err error) bool {
	if err != nil {
		x.found = append(x.found, promotion.Diagnose(about, err, ""))
	}
	return err == nil
}

func (x *examination) well(about, says string) {
	x.found = append(x.found, promotion.Diagnosis{About: about, Condition: promotion.Well, Says: says})
}

func (x *examination) ill(about, says, remedy string) {
	x.found = append(x.found, promotion.Diagnosis{About: about, Condition: promotion.Ill, Says: says, Remedy: remedy})
}

func (x *examination) remark(about, says string) {
	x.found = append(x.found, promotion.Diagnosis{About: about, Condition: promotion.Remarked, Says: says})
}

// workspace asks whose the token is, what it may do, and what time it is.
func (x *examination) workspace(ctx context.Context, token string) bool {
	asked := time.Now()
	auth, err := x.api.AuthTestContext(ctx)
	if err != nil {
		return x.check(token, apiError("auth.test", err))
	}
	answered := time.Now()
	x.team, x.enterprise = auth.TeamID, auth.EnterpriseID
	x.well(token, fmt.Sprintf("it is %s in the workspace %s (%s)", auth.User, auth.Team, auth.TeamID))
	granted := auth.Header.Get("X-OAuth-Scopes")
	missing := missingScopes(granted)
	for _, s := range Scopes {
		if slices.Contains(missing, s.Name) {
			x.ill("scope "+s.Name, "it was not granted; it is needed for this: "+s.For, `add it under OAuth & Permissions (or paste the output of "promotebot manifest") and install the app again`)
		}
	}
	if len(missing) == 0 {
		x.well("scopes", "all that are needed were granted")
	}
	var told []string
	for _, e := range Events {
		told = append(told, string(e.Name))
	}
	x.remark("events", "a token can't ask which ones the app subscribes to; these are wanted: "+strings.Join(told, ", ")+`. Without them everything is noticed later; "promotebot manifest" has them`)
	x.clock(auth.Header, asked, answered)
	return true
}

// skew is how far the clock may be from Slack's. What a header says is up to a
// second old; what is decided by the minute does not notice a few more.
const skew = 10 * time.Second

// clock compares the clock with Slack's, which has said in the header what time
// it was somewhere between the two instants.
func (x *examination) clock(h http.Header, asked, answered time.Time) {
	const about = "clock"
	theirs, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		x.found = append(x.found, promotion.Diagnosis{About: about, Condition: promotion.Unexamined, Says: "Slack did not say what time it is"})
		return
	}
	var off time.Duration
	switch {
	case asked.Truncate(time.Second).After(theirs):
		off = asked.Truncate(time.Second).Sub(theirs)
	case theirs.After(answered):
		off = answered.Sub(theirs)
	}
	if off.Abs() > skew {
		way := "ahead of"
		if off < 0 {
			way = "behind"
		}
		x.ill(about, fmt.Sprintf("it is %s %s Slack's: soaks, windows and expiries end at other instants than people see", off.Abs().Truncate(time.Second), way), "have the clock of this machine set by NTP")
		return
	}
	x.well(about, "it agrees with Slack's")
}

func (x *examination) channel(ctx context.Context, id string) {
	about := "channel " + id
	c, err := x.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
	switch {
	case err != nil:
		x.check(about, apiError("conversations.info", err))
	case c.IsArchived:
		x.ill(about, "it is archived: no card can be posted", "unarchive it, or name another channel in the configuration")
	case !c.IsMember:
		x.ill(about, "promotebot is not in it: no card can be posted", "/invite @promotebot in that channel")
	case c.IsExtShared:
		x.remark(about, "promotebot is in it, and so are other organisations, who see the cards. Their people's clicks count for nothing")
	default:
		x.well(about, "promotebot is in it")
	}
}

// groups asks for all of them at once: Slack lets user groups be asked for
// twenty times a minute.
func (x *examination) groups(ctx context.Context, named []promotion.GroupID) {
	all, err := x.api.GetUserGroupsContext(ctx, slack.GetUserGroupsOptionIncludeUsers(true), slack.GetUserGroupsOptionIncludeDisabled(true))
	if err != nil {
		x.check("user groups", apiError("usergroups.list", err))
		return
	}
	for _, id := range named {
		about := "user group " + string(id)
		i := slices.IndexFunc(all, func(g slack.UserGroup) bool { return g.ID == string(id) })
		switch {
		case i < 0:
			x.ill(about, "Slack knows no such user group", "correct the id in the configuration, under roles")
		case all[i].DateDelete != 0:
			x.ill(about, "it is switched off: nobody holds a role by it", "switch it on in Slack, or take it out of the configuration")
		case len(all[i].Users) == 0:
			x.ill(about, "nobody is in it", "add members in Slack, or take it out of the configuration")
		default:
			x.well(about, fmt.Sprintf("its %d members can be read", len(all[i].Users)))
		}
	}
}

func (x *examination) person(ctx context.Context, id promotion.PersonID) {
	about := "person " + string(id)
	who, err := x.whoIs(ctx, id)
	switch {
	case err != nil:
		x.check(about, err)
	case who.Standing == promotion.Unknown:
		x.ill(about, "Slack knows no such user, or does not show them: they can approve nothing", "correct the id in the configuration, or take it out")
	case who.Standing != promotion.Member:
		x.ill(about, fmt.Sprintf("the account counts for nothing (%s): only members of this workspace decide", who.Standing), "take the id out of the configuration, or make the account a member")
	default:
		x.well(about, "is a member of this workspace")
	}
}
