package cli

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// A status is what a progress line says.
type status struct {
	iteration, total int           // done, and in all
	loss, gradient   float64       // no gradient: NaN
	left             time.Duration // 0: not known
	measure          string        // what the loss is
	note             string        // what the method adds
}

// A progress tells on w how far a run is: on a terminal in one line that
// changes, elsewhere in plain lines that become rarer, or not at all.
type progress struct {
	w     io.Writer
	label string
	mode  string     // "bar", "plain" or "none"
	width func() int // of the terminal
	now   func() time.Time

	start, last time.Time
	first       int // iterations done before start
	drawn       bool
}

// newProgress returns the progress of the run called label, of which first
// iterations are done. A mode of auto becomes bar on a terminal.
func newProgress(w io.Writer, label, mode string, first int) *progress {
	p := &progress{w: w, label: label, mode: mode, first: first, now: time.Now}
	p.width = func() int { return 80 }
	if f, ok := w.(*os.File); ok && mode == "auto" && term.IsTerminal(int(f.Fd())) {
		p.mode = "bar"
		p.width = func() int {
			if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
				return n
			}
			return 80
		}
	}
	if p.mode == "auto" {
		p.mode = "plain"
	}
	p.start = p.now()
	p.last = p.start
	return p
}

// barInterval keeps a terminal readable; plainShare makes the lines of a log
// rarer as the run grows.
const (
	barInterval = 100 * time.Millisecond
	plainShare  = 10
)

// update shows s if it is time to.
func (p *progress) update(s status) {
	now := p.now()
	since, elapsed := now.Sub(p.last), now.Sub(p.start)
	switch p.mode {
	case "bar":
		if since < barInterval && p.drawn {
			return
		}
		p.draw(s, elapsed)
	case "plain":
		if since < max(time.Second, elapsed/plainShare) {
			return
		}
		fmt.Fprintf(p.w, "%s: %s\n", p.label, p.text(s, elapsed))
	default:
		return
	}
	p.last = now
}

// finish shows the last s and ends the line.
func (p *progress) finish(s status) {
	elapsed := p.now().Sub(p.start)
	switch p.mode {
	case "bar":
		p.draw(s, elapsed)
		fmt.Fprintln(p.w)
	case "plain":
		fmt.Fprintf(p.w, "%s: %s\n", p.label, p.text(s, elapsed))
	}
}

// pause ends the line that changes, so that another can be written.
func (p *progress) pause() {
	if p.drawn {
		fmt.Fprintln(p.w)
		p.drawn = false
	}
}

func (p *progress) draw(s status, elapsed time.Duration) {
	const bar = 20
	full := 0
	if s.total > 0 {
		full = min(bar, bar*s.iteration/s.total)
	}
	line := []rune(fmt.Sprintf("%s %s%s %s", p.label, strings.Repeat("━", full), strings.Repeat("─", bar-full), p.text(s, elapsed)))
	if most := p.width() - 1; len(line) > most {
		line = line[:max(most, 0)]
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", string(line))
	p.drawn = true
}

// text returns "iteration 12/100  loss 0.0123  gradient 0.45  3.2 it/s  28s left".
func (p *progress) text(s status, elapsed time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "iteration %d/%d  %s %.4g", s.iteration, s.total, cmp.Or(s.measure, "loss"), s.loss)
	if !math.IsNaN(s.gradient) {
		fmt.Fprintf(&b, "  gradient %.3g", s.gradient)
	}
	if s.note != "" {
		b.WriteString("  " + s.note)
	}
	rate := float64(s.iteration-p.first) / elapsed.Seconds()
	if rate > 0 && !math.IsInf(rate, 1) {
		fmt.Fprintf(&b, "  %.3g it/s", rate)
		if left := p.left(s, rate); left > 0 {
			fmt.Fprintf(&b, "  %v left", left)
		}
	}
	return b.String()
}

// left returns the time that the remaining iterations take at this rate, or
// what the time budget leaves.
func (p *progress) left(s status, rate float64) time.Duration {
	seconds := float64(s.total-s.iteration) / rate
	if s.left > 0 {
		seconds = math.Min(seconds, s.left.Seconds())
	}
	return time.Duration(math.Min(seconds, 1e9)) * time.Second
}
