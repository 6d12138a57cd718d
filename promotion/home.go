package promotion

import "time"

// Home is what Slack shows somebody on the app's home tab, and since when.
type Home struct {
	Person   PersonID
	OpenedAt time.Time  // the last time
	ShownAt  *time.Time // nil until something was published
	Hash     string     // Slack's name of the view that it has; it changes with every version
	Print    string     // ours, of what is on it: what would look the same is not published again
}

// HomeWork has the home of a person published.
type HomeWork struct{ Person PersonID }

// Decided is a gesture and what came of it.
type Decided struct {
	Gesture Gesture
	Answer  Answer
}
