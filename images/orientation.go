package images

import "github.com/percept-go/percept/tensor"

// An orientation is the EXIF number of how the stored picture is to be turned:
// the bits of orientation-1 mean below.
type orientation int

// mirrors says which axes are reversed, after the axes were exchanged where
// transposed; indexed by the EXIF number.
var mirrors = [9]struct{ transposed, y, x bool }{
	2: {x: true},
	3: {y: true, x: true},
	4: {y: true},
	5: {transposed: true},
	6: {transposed: true, x: true},
	7: {transposed: true, y: true, x: true},
	8: {transposed: true, y: true},
}

// size returns the size of the upright picture that is stored as h×w.
func (o orientation) size(h, w int) (int, int) {
	if mirrors[o].transposed {
		return w, h
	}
	return h, w
}

// undo returns where the part r of the upright h×w picture is stored.
func (o orientation) undo(r Rect, h, w int) Rect {
	m := mirrors[o]
	if m.y {
		r.Y = h - r.Y - r.H
	}
	if m.x {
		r.X = w - r.X - r.W
	}
	if m.transposed {
		return Rect{r.X, r.Y, r.W, r.H}
	}
	return r
}

// apply turns the stored pictures of t, of shape N×C×H×W, upright.
func (o orientation) apply(t tensor.Tensor) tensor.Tensor {
	m := mirrors[o]
	if m.transposed {
		t = t.Permute(0, 1, 3, 2)
	}
	if m.y {
		t = t.Flip(2)
	}
	if m.x {
		t = t.Flip(3)
	}
	return t
}
