package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/promotebot/promotebot/bot/web/api"
	"github.com/promotebot/promotebot/bot/web/hook"
)

// contract is the document that is served, as far as answers are held to it.
type contract struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]struct {
		RequestBody struct {
			Content map[string]struct{ Schema schema }
		}
		Parameters []struct {
			Name   string
			In     string
			Schema schema
		}
		Responses map[string]struct {
			Content map[string]struct{ Schema schema }
		}
	}
	Components struct{ Schemas map[string]schema }
}

// schema is the part of JSON Schema that the document uses. What it does not
// know, it refuses to read, so that no keyword is without effect.
type schema struct {
	Ref           string            `json:"$ref"`
	Type          string            `json:"type"`
	Description   string            `json:"description"`
	Format        string            `json:"format"`
	Pattern       string            `json:"pattern"`
	Enum          []string          `json:"enum"`
	MaxLength     int               `json:"maxLength"`
	MaxProperties int               `json:"maxProperties"`
	Properties    map[string]schema `json:"properties"`
	Required      []string          `json:"required"`
	Items         *schema           `json:"items"`
	Additional    json.RawMessage   `json:"additionalProperties"`
}

func readContract(t testing.TB) *contract {
	t.Helper()
	raw, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{}
	if err := json.Unmarshal(raw, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// problems are where the value is not as the schema says.
func (c *contract) problems(s schema, v any, at string) []string {
	if s.Ref != "" {
		name := strings.TrimPrefix(s.Ref, "#/components/schemas/")
		named, ok := c.Components.Schemas[name]
		if !ok {
			return []string{at + ": there is no schema " + s.Ref}
		}
		return c.problems(named, v, at)
	}
	wrong := func(format string, args ...any) []string {
		return []string{at + ": " + fmt.Sprintf(format, args...)}
	}
	switch s.Type {
	case "string":
		text, ok := v.(string)
		if !ok {
			return wrong("%v is no string", v)
		}
		if _, err := time.Parse(time.RFC3339, text); s.Format == "date-time" && err != nil {
			return wrong("%q is no time", text)
		}
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, text) || s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(text) || s.MaxLength > 0 && utf8.RuneCountInString(text) > s.MaxLength {
			return wrong("%q is not allowed", text)
		}
	case "integer":
		if n, ok := v.(float64); !ok || n != float64(int64(n)) {
			return wrong("%v is no integer", v)
		}
	case "number":
		if _, ok := v.(float64); !ok {
			return wrong("%v is no number", v)
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return wrong("%v is neither true nor false", v)
		}
	case "array":
		items, ok := v.([]any)
		if !ok {
			return wrong("%v is no array", v)
		}
		var all []string
		for i, item := range items {
			all = append(all, c.problems(*s.Items, item, fmt.Sprintf("%s[%d]", at, i))...)
		}
		return all
	case "object":
		return c.object(s, v, at)
	default:
		return wrong("the document has the type %q", s.Type)
	}
	return nil
}

func (c *contract) object(s schema, v any, at string) (all []string) {
	fields, ok := v.(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s: %v is no object", at, v)}
	}
	for _, name := range s.Required {
		if _, ok := fields[name]; !ok {
			all = append(all, at+" has no "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if of, ok := s.Properties[name]; ok {
			all = append(all, c.problems(of, fields[name], at+"."+name)...)
			continue
		}
		var other schema
		if err := json.Unmarshal(s.Additional, &other); err != nil && string(s.Additional) == "false" {
			all = append(all, at+" has "+name+", which is not in the document")
		} else if other.Type != "" {
			all = append(all, c.problems(other, fields[name], at+"."+name)...)
		}
	}
	return all
}

func TestTheDocumentNamesExactlyWhatIsAnswered(t *testing.T) {
	c := readContract(t)
	if c.OpenAPI != "3.1.0" {
		t.Errorf("OpenAPI %s", c.OpenAPI)
	}
	documented := map[string][]string{}
	for path, operations := range c.Paths {
		for method := range operations {
			documented[path] = append(documented[path], strings.ToUpper(method))
		}
	}
	answered := api.Paths()
	if fmt.Sprint(documented) != fmt.Sprint(answered) {
		t.Errorf("documented %v\nanswered   %v", documented, answered)
	}
	var kinds []string
	for _, k := range hook.Kinds() {
		kinds = append(kinds, string(k))
	}
	if got := c.Paths["/v1/hooks/{kind}"]["post"].Parameters[0].Schema.Enum; !slices.Equal(got, kinds) {
		t.Errorf("webhooks of %v are documented, of %v understood", got, kinds)
	}
}

func TestEverySchemaIsUsedAndKnown(t *testing.T) {
	raw, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	for name := range readContract(t).Components.Schemas {
		if !strings.Contains(string(raw), `"#/components/schemas/`+name+`"`) {
			t.Errorf("%s is used nowhere", name)
		}
	}
	var doc struct {
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	for name, s := range doc.Components.Schemas {
		d := json.NewDecoder(strings.NewReader(string(s)))
		d.DisallowUnknownFields()
		if err := d.Decode(&schema{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheDocumentIsServedToAnybody(t *testing.T) {
	s := newStation(t)
	status, body := s.ask(http.MethodGet, "/v1/openapi.json", "", nil)
	if raw, _ := os.ReadFile("openapi.json"); status != http.StatusOK || strings.TrimSpace(body) != strings.TrimSpace(string(raw)) {
		t.Errorf("%d, %.100s", status, body)
	}
}
