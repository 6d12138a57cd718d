package config_test

import (
	"strings"
	"testing"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
)

func TestMachinesAreAnsweredWhereItSays(t *testing.T) {
	for text, want := range map[string]string{"127.0.0.1:8485": "127.0.0.1:8485", `{listen: ":9000"}`: ":9000", "off": ""} {
		c, err := config.Parse("promotebot.yaml", []byte("api: "+text+"\n"+sound))
		if err != nil || c.API != want {
			t.Errorf("%s: %+v, %v", text, c, err)
		}
	}
	if c, err := config.Parse("promotebot.yaml", []byte(sound)); err != nil || c.API != "" {
		t.Errorf("without the key: %+v, %v", c, err)
	}
	for text, says := range map[string]string{
		"{}": "api has no listen", "{port: 80}": `unknown key "port" in api`, "nowhere": "is not an address to listen on", config.DefaultHTTP: "health and metrics are at", "[a]": "api must be text",
	} {
		if found := problems(t, "api: "+text+"\n"+sound).Error(); !strings.Contains(found, says) {
			t.Errorf("%s: %s", text, found)
		}
	}
}
