package transfer

import (
	"sync"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// reportEvery is how often progress is told, when there is any.
const reportEvery = 300 * time.Millisecond

// tally counts what a copy has done.
type tally struct {
	mu      sync.Mutex
	copy    promotion.Copy
	changed bool
}

func (t *tally) change(f func(*promotion.Copy)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.copy)
	t.changed = true
}

func (t *tally) snapshot() promotion.Copy {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changed = false
	return t.copy
}

// report tells progress until it is stopped. It runs beside the copy, so that
// whoever is told can take its time.
func (t *tally) report(progress func(promotion.Copy)) (stop func()) {
	if progress == nil {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(reportEvery)
		defer ticker.Stop()
		for {
			select {
			case <-end:
				return
			case <-ticker.C:
			}
			t.mu.Lock()
			changed := t.changed
			t.mu.Unlock()
			if changed {
				progress(t.snapshot())
			}
		}
	}()
	return func() { close(end); <-ended }
}
