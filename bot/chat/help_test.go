package chat_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/bot/command"
	"github.com/promotebot/promotebot/bot/render"
)

// Whoever asks what there is must not be shown a part of it.
func TestTheHelpHasEveryCommand(t *testing.T) {
	m := render.Help(command.Lines(""))
	raw, err := json.Marshal(m.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range command.Lines("") {
		call, _, _ := strings.Cut(strings.TrimPrefix(line, "/promote "), " ")
		call = strings.TrimSuffix(call, ":")
		if !strings.Contains(string(raw), "/promote "+call) || !strings.Contains(m.Text, "/promote "+call) {
			t.Errorf("%q is left out", call)
		}
	}
	if strings.Contains(m.Text, " more") && strings.Contains(m.Text, "…") {
		t.Errorf("it is cut: %s", m.Text[len(m.Text)-200:])
	}
}
