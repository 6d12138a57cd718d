package command

import (
	"context"
	"errors"
	"os/exec"

	"github.com/promotebot/promotebot/promotion"
)

// maxReport is more than a report of what runs takes.
const maxReport = 64 << 10

// report keeps what is printed, as long as it is no longer than a report is.
type report struct {
	text []byte
	long bool
}

func (r *report) Write(p []byte) (int, error) {
	if r.long = r.long || len(r.text)+len(p) > maxReport; !r.long { // else the program is to end as it would
		r.text = append(r.text, p...)
	}
	return len(p), nil
}

// Running has the other program say what runs there now of the app of an order.
// It prints that as JSON, and ends well.
func (d *Deployer) Running(ctx context.Context, o promotion.Order) ([]promotion.Running, error) {
	var out report
	var words output
	err := d.run(ctx, o, d.opts.Running, &out, &words)
	program := d.opts.Running[0]
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
		return nil, promotion.Errorf(promotion.Unavailable, "%s did not say in time what runs: %w", program, ctx.Err())
	case exited:
		said := ""
		if lines := d.hide(words.lines()); len(lines) > 0 {
			said = ": " + promotion.Line(lines[len(lines)-1])
		}
		return nil, promotion.Errorf(promotion.Unavailable, "%s could not say what runs (%s)%s", program, exit, said)
	case err != nil:
		return nil, promotion.Errorf(promotion.Invalid, "the program %s can't be run: %w", program, err)
	case out.long:
		return nil, promotion.Errorf(promotion.Invalid, "%s prints more than %d KiB: it is to say what runs, and nothing else", program, maxReport>>10)
	}
	all, err := promotion.ParseRunning([]byte(d.hide([]string{string(out.text)})[0]))
	if err != nil {
		return nil, promotion.Errorf(promotion.KindOf(err), "what %s prints is not what it should be: %w", program, err)
	}
	return all, nil
}
