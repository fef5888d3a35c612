package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func runProgress(mode string, width int) string {
	var b bytes.Buffer
	p := newProgress(&b, "pebbles", mode, 10)
	clock := p.start
	p.now = func() time.Time { return clock }
	p.width = func() int { return width }
	for k := 11; k <= 30; k++ {
		clock = clock.Add(500 * time.Millisecond)
		p.update(status{iteration: k, total: 30, loss: 1 / float64(k), gradient: 0.25})
	}
	p.finish(status{iteration: 30, total: 30, loss: 0.02, gradient: 0.25})
	return b.String()
}

func TestPlainProgress(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(runProgress("plain", 80)), "\n")
	assert.Equal(t, "pebbles: iteration 12/30  loss 0.08333  gradient 0.25  2 it/s  9s left", lines[0])
	assert.Equal(t, "pebbles: iteration 30/30  loss 0.02  gradient 0.25  2 it/s", lines[len(lines)-1])
	assert.NotContains(t, strings.Join(lines, ""), "\r")
	assert.LessOrEqual(t, len(lines), 11)
}

func TestBarProgress(t *testing.T) {
	out := runProgress("bar", 50)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\r\x1b[K")
	assert.Equal(t, "pebbles ━━━━━━━─────────────", lines[1][:strings.Index(lines[1], " iter")])
	assert.Equal(t, 1, strings.Count(out, "\n"), "one line, which changes")
	for _, l := range lines {
		assert.LessOrEqual(t, len([]rune(l)), 49, "no line is wrapped")
	}
}

func TestNoProgress(t *testing.T) {
	assert.Empty(t, runProgress("none", 80))
	p := newProgress(&bytes.Buffer{}, "x", "auto", 0)
	assert.Equal(t, "plain", p.mode, "what is not a terminal gets plain lines")
}

func TestTimeBudgetLeft(t *testing.T) {
	p := newProgress(&bytes.Buffer{}, "x", "plain", 0)
	text := p.text(status{iteration: 10, total: 1000, loss: 1, gradient: 1, left: 7 * time.Second}, 10*time.Second)
	assert.Contains(t, text, "7s left")
}
