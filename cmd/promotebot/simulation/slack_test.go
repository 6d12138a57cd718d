package simulation

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

const (
	channel = "C0SHOP"
	team    = "T0"
)

// workspace is Slack: a channel with its messages, the people and their groups.
// It answers the few methods that the bot's performers call, in the form in
// which Slack documents them; package fakeslack is the thorough one, and too
// slow to be asked a hundred million times.
type workspace struct {
	w        *world
	messages []*message // oldest first
	last     time.Time  // of the last message, whose time is its name
	people   map[promotion.PersonID][]standing
	groups   map[promotion.GroupID][]membership
}

type message struct {
	ts, thread string
	text       string
	blocks     string
	event, key string // of its metadata
	asked      string // the effect that it was posted for
}

// standing is what somebody was from an instant on; membership likewise.
type standing struct {
	since time.Time
	is    promotion.Standing
}

type membership struct {
	since   time.Time
	members []promotion.PersonID
}

func (s *workspace) is(id promotion.PersonID, now promotion.Standing) {
	s.people[id] = append(s.people[id], standing{time.Now(), now})
}

func (s *workspace) regroup(id promotion.GroupID, members ...promotion.PersonID) {
	s.groups[id] = append(s.groups[id], membership{time.Now(), members})
}

func (s *workspace) members(id promotion.GroupID) []promotion.PersonID {
	all := s.groups[id]
	return all[len(all)-1].members
}

// serve is the Web API.
func (s *workspace) serve(q request) answer {
	args, err := url.ParseQuery(string(q.body))
	if err != nil {
		return answer{status: http.StatusBadRequest, header: http.Header{}}
	}
	result, code := s.call(q.by, strings.TrimPrefix(q.path, "/api/"), args)
	if code != "" {
		result = map[string]any{"error": code}
	}
	result["ok"] = code == ""
	body, err := json.Marshal(result)
	if err != nil {
		panic(err) // it is made of maps and strings
	}
	return answer{http.StatusOK, http.Header{"Content-Type": {"application/json"}, "X-Oauth-Scopes": {scopes}}, body}
}

const scopes = "chat:write,commands,users:read,usergroups:read,channels:history,groups:history,im:write,im:history,channels:read,groups:read,app_mentions:read"

type reply = map[string]any

func (s *workspace) call(by *caller, method string, args url.Values) (reply, string) {
	switch method {
	case "auth.test":
		return reply{"team_id": team, "user_id": "U0BOT"}, ""
	case "apps.connections.open":
		return reply{"url": "wss://slack.test/link"}, ""
	case "chat.postMessage":
		m := &message{ts: s.stamp(), thread: args.Get("thread_ts"), asked: by.work.Key}
		m.show(args)
		s.messages = append(s.messages, m)
		return reply{"channel": channel, "ts": m.ts}, ""
	case "chat.update":
		i := slices.IndexFunc(s.messages, func(m *message) bool { return m.ts == args.Get("ts") })
		if i < 0 {
			return nil, "message_not_found"
		}
		s.messages[i].show(args)
		return reply{"channel": channel, "ts": s.messages[i].ts, "text": s.messages[i].text}, ""
	case "chat.getPermalink":
		return reply{"channel": channel, "permalink": "https://slack.test/archives/" + channel + "/p" + strings.ReplaceAll(args.Get("message_ts"), ".", "")}, ""
	case "chat.postEphemeral":
		return reply{"message_ts": s.stamp()}, ""
	case "conversations.history":
		return reply{"messages": s.listed(func(m *message) bool { return m.thread == "" })}, ""
	case "conversations.replies":
		of := args.Get("ts")
		return reply{"messages": s.listed(func(m *message) bool { return m.ts == of || m.thread == of })}, ""
	case "conversations.info":
		return reply{"channel": reply{"id": args.Get("channel"), "is_channel": true, "is_member": true}}, ""
	case "users.info":
		return s.user(promotion.PersonID(args.Get("user")))
	case "usergroups.users.list":
		return reply{"users": s.members(promotion.GroupID(args.Get("usergroup")))}, ""
	}
	return nil, "unknown_method"
}

func (s *workspace) user(id promotion.PersonID) (reply, string) {
	all := s.people[id]
	if len(all) == 0 {
		return nil, "user_not_found"
	}
	is := all[len(all)-1].is
	return reply{"user": reply{
		"id": id, "team_id": team, "real_name": string(id), "tz": "UTC",
		"deleted": is == promotion.Deactivated, "is_restricted": is == promotion.Guest,
	}}, ""
}

func (s *workspace) stamp() string {
	at := time.Now()
	if !at.After(s.last) {
		at = s.last.Add(time.Microsecond)
	}
	s.last = at
	return fmt.Sprintf("%d.%06d", at.Unix(), at.Nanosecond()/1000)
}

func (m *message) show(args url.Values) {
	m.text, m.blocks = args.Get("text"), args.Get("blocks")
	var meta struct {
		Event   string            `json:"event_type"`
		Payload map[string]string `json:"event_payload"`
	}
	if json.Unmarshal([]byte(args.Get("metadata")), &meta) == nil {
		m.event, m.key = meta.Event, meta.Payload["key"]
	}
}

func (s *workspace) listed(take func(*message) bool) []reply {
	list := []reply{}
	for _, m := range s.messages {
		if take(m) {
			list = append(list, reply{"ts": m.ts, "metadata": reply{"event_type": m.event, "event_payload": reply{"key": m.key}}})
		}
	}
	return list
}

// cards are the messages that stand for promotions.
func (s *workspace) cards() []*message {
	var cards []*message
	for _, m := range s.messages {
		if m.event == "promotebot_card" {
			cards = append(cards, m)
		}
	}
	return cards
}

// button is the value of a button that is on the message, or of what is in its menu.
func (m *message) button(action string) (value string, ok bool) {
	if !strings.Contains(m.blocks, action) {
		return "", false
	}
	var blocks []struct {
		Elements []struct {
			ActionID string `json:"action_id"`
			Value    string `json:"value"`
			Options  []struct {
				Value string `json:"value"`
			} `json:"options"`
		} `json:"elements"`
	}
	if json.Unmarshal([]byte(m.blocks), &blocks) != nil {
		return "", false
	}
	for _, b := range blocks {
		for _, e := range b.Elements {
			if e.ActionID == action {
				return e.Value, true
			}
			for _, o := range e.Options {
				if value, is := strings.CutPrefix(o.Value, action+" "); is {
					return value, true
				}
			}
		}
	}
	return "", false
}
