package kernels

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// turnsOf plays turns of ten seconds in all, of what one takes with workers or alone.
// It returns which share of the time went alone.
func turnsOf(t *poolTurns, shared, alone time.Duration) float64 {
	var all, single time.Duration
	for all < 10*time.Second {
		took := shared
		if t.alone {
			took = alone
			single += took
		}
		all += took
		t.note(took, 2)
	}
	return single.Seconds() / all.Seconds()
}

func TestPoolTurns(t *testing.T) {
	const ms = time.Millisecond
	for _, scale := range []time.Duration{ms / 100, ms} {
		p := &poolTurns{}
		require.Less(t, turnsOf(p, 6*scale, 10*scale), .017, "workers help")
		turnsOf(p, 14*scale, 10*scale) // until they are found to be late
		require.Greater(t, turnsOf(p, 14*scale, 10*scale), .95, "they are late")
		turnsOf(p, 6*scale, 10*scale)
		require.Less(t, turnsOf(p, 6*scale, 10*scale), .017, "they help again")
	}
	p := &poolTurns{}
	for range 4 {
		p.note(turnsTrial, 2)
	}
	require.False(t, p.alone, "a short run is not disturbed")
}

// What loops compute is the same in turns alone.
func TestPoolTurnAlone(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	calls := 0
	call := func(_, _, _ int) { calls++ }
	count := func() { p.For(1000, 8, call) }
	p.turns = poolTurns{began: true, alone: true, rest: time.Hour}
	p.Turn(func() { checkCover(t, p, 1000, 8) })
	p.Turn(count)
	require.Equal(t, 1, calls)
	(*Pool)(nil).Turn(func() { calls++ })
	require.Equal(t, 2, calls)
	require.Zero(t, testing.AllocsPerRun(10, func() { p.Turn(count) }))
}
