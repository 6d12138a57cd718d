package promotion

import "errors"

// Diagnosis is one thing that was looked at to find out whether the bot can do
// its job, and how that is.
type Diagnosis struct {
	About     string    `json:"about"`
	Condition Condition `json:"condition"`
	Says      string    `json:"says"`
	Remedy    string    `json:"remedy,omitempty"` // what to do about it, where the text does not say it
}

// Condition is how something is that was looked at.
type Condition string

// The conditions. From a remark nothing follows: it is something to know, or
// something that nobody can know.
const (
	Well       Condition = "ok"
	Remarked   Condition = "remark"
	Ill        Condition = "wrong"
	Unexamined Condition = "unknown" // it could not be looked at; says nothing about how it is
)

// Diagnose makes the diagnosis of an error: what could not be asked was not
// examined, and everything else that failed is ill.
func Diagnose(about string, err error, remedy string) Diagnosis {
	d := Diagnosis{About: about, Condition: Ill, Says: "it failed inside promotebot", Remedy: remedy}
	if e, ok := errors.AsType[*Error](err); ok {
		d.Says = e.Text
	}
	if KindOf(err) == Unavailable {
		d.Condition = Unexamined
		if cause := Cause(err); cause != "" {
			d.Says += " (" + cause + ")"
		}
	}
	return d
}
