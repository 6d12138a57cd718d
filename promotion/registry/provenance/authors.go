package provenance

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/promotebot/promotebot/promotion"
)

// field is where a predicate names an author, and what is written before what
// stands there.
type field struct{ path, prefix string }

// SLSA has no field for an author. Those who count are who wrote the commits that
// were built and who had them built, wherever the documents of a builder say that
// it stands:
//
//   - slsa-github-generator (PROVENANCE_FORMAT.md, v0.2): the event of GitHub that
//     started it, whose commits have authors with addresses, and the id of who did.
//   - the build type of GitHub workflows (github-actions-buildtypes, workflow/v1):
//     the ids of who started it, first and again.
//   - GitLab (SLSA provenance specification, v1): the variables of the job, among
//     which are the author of the commit and the address of who started it.
//
// BuildKit says nothing of people. Whatever else names them is configured.
var known = map[string][]field{
	v02: {
		{path: "invocation.environment.github_event_payload.commits.*.author.email"},
		{path: "invocation.environment.github_event_payload.head_commit.author.email"},
		{"invocation.environment.github_actor_id", "github:"},
	},
	v1: {
		{"buildDefinition.internalParameters.github.actor_id", "github:"},
		{"buildDefinition.internalParameters.github.triggering_actor_id", "github:"},
		{path: "buildDefinition.externalParameters.variables.CI_COMMIT_AUTHOR"},
		{path: "buildDefinition.externalParameters.variables.GITLAB_USER_EMAIL"},
	},
}

// authors are all that the statement names, each once.
func (s statement) authors(more []string) ([]string, error) {
	fields := known[s.PredicateType]
	for _, path := range more {
		fields = append(slices.Clip(fields), field{path: path})
	}
	var all []string
	seen := map[string]bool{}
	for _, f := range fields {
		err := each(s.Predicate, strings.Split(f.path, "."), func(text string) error {
			text = promotion.Line(text)
			if text == "" || seen[f.prefix+text] {
				return nil
			}
			seen[f.prefix+text], all = true, append(all, f.prefix+text)
			if len(all) > promotion.MaxAuthors || utf8.RuneCountInString(f.prefix+text) > promotion.MaxAuthorLength {
				return promotion.Errorf(promotion.Invalid, "a provenance that is verified names more than %d authors, or one with more than %d characters, so it can't be known who they are: attest another without that one", promotion.MaxAuthors, promotion.MaxAuthorLength)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// each gives what stands at the end of a path, piece by piece. What is no text or
// number names nobody.
func each(v json.RawMessage, path []string, use func(string) error) error {
	var text string
	isText := json.Unmarshal(v, &text) == nil
	if len(path) == 0 {
		var n json.Number
		if !isText && json.Unmarshal(v, &n) == nil {
			text = n.String()
		}
		return use(text)
	}
	if isText { // an event can stand there as text
		v = json.RawMessage(text)
	}
	if path[0] == "*" {
		var items []json.RawMessage
		_ = json.Unmarshal(v, &items) // what is no list has none
		for _, item := range items {
			if err := each(item, path[1:], use); err != nil {
				return err
			}
		}
		return nil
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(v, &members) // what has no members names nobody
	if member, ok := members[path[0]]; ok {
		return each(member, path[1:], use)
	}
	return nil
}
