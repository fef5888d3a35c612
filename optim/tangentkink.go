package optim

import "github.com/percept-go/percept/autograd"

// Constants of how kinks are made sharper.
const (
	kinkGap    = 1e-8 // relative difference of a smooth function from the exact one that is none
	kinkLeast  = 1e-6 // difference that may remain where rounding ends the search
	kinkRounds = 60   // times that kinks are made sharper, at most
	kinkPace   = 1000 // iterations that must together gain less than that difference before
	kinkPeak   = 30   // the same for the largest of several elements: no side is taken for good
	kinkLoose  = .05  // or the residual, at first; it falls as widths do
	kinkFirst  = .3   // of the widths, that they have the second time
	kinkSlow   = .6   // of the difference, more than which makes widths smaller
	kinkShrink = .3   // of them, that remains
	kinkNear   = 1e-6 // of the widths at the start: what lies nearer to its kink lies on it
	kinkFar    = 10   // widths from its kink, at which an amplitude will not come back
)

// A sharpening makes the kinks of what is minimized sharper (see autograd.Kink). Where
// an amplitude wants to be small, its multiplier moves, so that it comes to lie at its
// kink whatever the width is; where it wants to be large, the kink only repels it, and
// there is no multiplier: h is not negative then.
type sharpening struct {
	due     autograd.Value // 1: now
	updates []autograd.Update
}

// sharpen is what a tick does about kinks at its point, the conditions there being k.
// settled says that the smooth problem is solved, ended that it cannot be solved
// better.
func (s *tangent) sharpen(e Evaluation, m tangentPoint, v tangentVerdict, k tangentConditions, settled, ended autograd.Value) (r sharpening) {
	n := s.number
	if len(e.Kinks) == 0 {
		r.due = n(0).Expand(s.n)
		return r
	}
	var short, pause, loss, held []autograd.Value // what sharper kinks change at most
	for _, kink := range e.Kinks {
		lean := kink.Loss.Sub(kink.Held.Mul(per(k.multiplier, kink.Held)))
		change, patience := dotWide(lean.Abs(), kink.Short), kinkPace
		if kink.Size > 0 {
			patience = kinkPeak
		}
		short, pause = append(short, change), append(pause, change.Scale(1/float64(patience)))
		loss, held = append(loss, dotWide(kink.Loss.Abs(), kink.Short)), append(held, dotWide(kink.Held.Abs(), kink.Short))
	}
	gap := quotient(autograd.Sum(loss...), e.Loss.Abs()).Max(quotient(autograd.Sum(held...), e.Held.Abs()))
	step := v.accept.Mul(not(v.began))
	pace := s.pace.Scale(.9).Add(s.merit.Sub(m.merit).Abs().Scale(.1))
	slowed := step.Mul(pace.Le(autograd.Sum(pause...)))
	blunt := gap.Gt(n(kinkGap))
	for _, kink := range e.Kinks {
		blunt = either(blunt, kink.Off.Mul(s.narrowed).Gt(kink.Used.Scale(kinkNear)))
	}
	slow := s.gap.Gt(n(0)).Mul(gap.Gt(s.gap.Scale(kinkSlow)))
	// Narrower kinks are no use where rounding ends the search.
	limit := ended.Mul(slow).Mul(gap.Lt(n(kinkLeast)))
	r.due = v.accept.Mul(either(slowed, either(settled, ended))).Mul(blunt).Mul(s.sharpened.Lt(n(kinkRounds))).Mul(not(limit))
	shrink := autograd.Where(s.sharpened.Eq(n(0)), n(kinkFirst), autograd.Where(slow, n(kinkShrink), n(1)))
	when := func(x, y autograd.Value) {
		r.updates = append(r.updates, x.Becomes(autograd.Where(per(r.due, x), y, x)))
	}
	when(s.gap, gap)
	when(s.loose, s.loose.Scale(kinkShrink))
	when(s.narrowed, s.narrowed.Mul(shrink))
	when(s.sharpened, s.sharpened.AddScalar(1))
	pace = autograd.Where(step, pace, s.pace)
	r.updates = append(r.updates, s.pace.Becomes(autograd.Where(r.due, autograd.Sum(short...), pace)))
	for _, kink := range e.Kinks {
		lean := kink.Loss.Sub(kink.Held.Mul(per(k.multiplier, kink.Held)))
		at := kink.At
		if kink.Size == 0 {
			far := kink.Y.Abs().Gt(kink.Used.Scale(kinkFar).Cast(lean.Type().DType).Reshape(s.n, 1))
			at = at.Mul(either(lean.Gt(s.tape.Zeros(lean.Type())), far))
		}
		when(kink.Multiplier, at)
		r.updates = append(r.updates, kink.Width.Becomes(kink.Used.Mul(autograd.Where(r.due, shrink, n(1)))))
	}
	return r
}
