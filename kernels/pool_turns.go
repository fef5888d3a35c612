package kernels

import "time"

const (
	turnsTrial   = 20 * time.Millisecond // of turns that are judged together, at least
	shortestHold = 4                     // times as long a new way is kept to
	longestHold  = 64                    // and one that trials confirm
)

// poolTurns decides in which turns of a Pool its workers take part. If other
// programs want the cores too, the scheduler may take one from a thread that has
// begun a chunk, for longer than a whole turn takes, and all others wait; one thread
// alone has a core for itself. What pays is found by trial: some turns with
// the workers, then some without. The better way holds for a while, longer when
// another trial confirms it; one that contradicts it has it tried again soon.
type poolTurns struct {
	alone  bool          // For runs on its caller alone
	began  bool          // whether there was a turn
	rest   time.Duration // until the next trial
	took   time.Duration // of the turns of this trial
	turns  int           // likewise
	shared time.Duration // of a turn with the workers, when one without them is tried; else 0
	single bool          // whether the way that is kept to is alone
	hold   int           // how many times the length of a trial it is
}

// Turn calls work, which calls For and does the same in every turn. In some turns
// For is one call on its caller: where other programs keep the workers from their
// cores so much that one thread is faster, in most; else in one of 64 at most, by
// time. A nil Pool just calls work. It allocates nothing; it panics if work does.
func (p *Pool) Turn(work func()) {
	if p.Threads() == 1 {
		work()
		return
	}
	start := time.Now()
	work()
	p.turns.note(time.Since(start), p.Threads())
}

// note takes into account how long a turn took.
func (t *poolTurns) note(took time.Duration, threads int) {
	if !t.began {
		t.began, t.hold = true, longestHold
		t.rest = longestHold * time.Duration(threads) * max(took, turnsTrial)
	}
	if t.rest > 0 {
		if t.rest -= took; t.rest <= 0 {
			t.alone = false
		}
		return
	}
	t.took += took
	t.turns++
	if t.took < turnsTrial {
		return
	}
	if each := t.took / time.Duration(t.turns); t.alone {
		t.judge(each < t.shared)
		t.alone, t.rest = t.single, time.Duration(t.hold)*t.took
	} else {
		t.shared, t.alone = each, true
	}
	t.took, t.turns = 0, 0
}

// judge decides on the way to keep to and for how long.
func (t *poolTurns) judge(single bool) {
	switch {
	case single == t.single:
		t.hold = min(2*t.hold, longestHold)
	case t.hold > shortestHold:
		t.hold /= 4
	default:
		t.single = single
	}
}
