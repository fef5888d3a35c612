package autograd

// Roll returns x shifted circularly: element i along axes[k] goes to i+shifts[k],
// and what leaves at one end enters at the other. Any shift is legal. It panics
// with *Error if an axis is out of range or named twice, or if there is not one
// shift per axis.
func (x Value) Roll(shifts []int, axes ...int) Value {
	if len(shifts) != len(axes) {
		fail("roll", []Value{x}, "shifts %v for axes %v; one shift per axis expected", shifts, axes)
	}
	runs, moved := x.wholeRuns(), false
	for i, a := range x.axes("roll", axes) {
		n := x.Type().Dim[a]
		if n == 0 {
			continue
		}
		s := (shifts[i]%n + n) % n
		runs[a] = []run{{n - s, s, 1}, {0, n - s, 1}}
		moved = moved || s != 0
	}
	if !moved {
		return x
	}
	return x.joinRuns(runs)
}
