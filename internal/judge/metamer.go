package judge

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// Limits of a metamer.
const (
	// A group is matched if no more than this part of its error at the start
	// remains, and other crops of the same texture are farther away.
	groupRemains = synth.MatchedGroup
	// One of so many other images may be closer by luck, in a group of few numbers.
	luck = 20
	// In groups of fewer, several may be: ranks do not count there.
	fewEntries = 3
	// A representation without groups must be matched better.
	wholeRemains = synth.MatchedError
	// A group that starts closer than this part of the target's norm is measured
	// against that part.
	leastStart = .01
	// The image has moved if its pixels differ from the start by this part of the
	// target's standard deviation; it is the target if they differ from it by less
	// than copyWithin.
	leastMove  = .01
	copyWithin = 1e-3
	// Of the pixels, at most this part may lie farther than outsideBy outside the
	// range that the penalty allows.
	outsideBy   = .01
	mostOutside = .01
	// The loss that the run recorded must be that of the image, within this part.
	lossWithin = 1e-4
)

// A Metamer is what a metamer is judged by.
type Metamer struct {
	Model                 synth.Model
	Target, Start, Result tensor.Tensor // (1, C, H, W); without memory: unknown
	FromPNG               bool          // Result was clipped and rounded
	// Matched are what was matched in place of Target, by the mean of their
	// representations: nothing of the pixels is compared with it then.
	Matched []synth.Source
	// Crops are images of the target's kind and size, such as other crops of its
	// source; Unrelated are others. nil is none. Crops that are of a texture set, since
	// the source is too small, are said so by Set; Both says that they are Unrelated too.
	Crops, Unrelated Images
	Set, Both        bool
	// Loss is that of the run and Recorded what it wrote down for the result; nil
	// means that there is nothing to compare.
	Loss     func(x, target autograd.Value) (objective autograd.Value)
	Recorded *float64
	Coarse   bool       // the images were computed in float32
	Range    [2]float64 // of pixels
}

// uncounted are entries that no default loss counts, since their gradients are
// those of single pixels: the smallest and the largest value of the texture
// model. A group that a user gives no weight counts.
var uncounted = map[string][]int{"pixel_statistics": {4, 5}}

// A part is the entries of one group.
type part struct {
	name    string
	entries []int
}

// parts returns the groups of a model as entries of the flattened representation
// of the given size; nil groups are one part.
func parts(groups []synth.Group, size int) []part {
	if len(groups) == 0 {
		return []part{{name: "the whole representation"}}
	}
	last := 0
	for _, g := range groups {
		for _, from := range g.From {
			last = max(last, from+1)
		}
	}
	var list []part
	for _, g := range groups {
		p := part{name: g.Name}
		for i, from := range g.From {
			if from < 0 || slices.Contains(uncounted[g.Name], i) {
				continue
			}
			for c := 0; c < size; c += last { // each channel
				p.entries = append(p.entries, c+from)
			}
		}
		if len(p.entries) > 0 {
			list = append(list, p)
		}
	}
	return list
}

// A Group is what was measured of one group.
type Group struct {
	Name             string
	Entries          int
	Start, Error     float64
	Remains          float64 // of the error at the start
	CropRank         int     // how many crops are closer to the target
	UnrelatedRank    int
	Crops, Unrelated int     // how many there are
	CropMedian       float64 // distance of crops from the target
}

func (g *Group) good(whole bool) bool {
	limit := groupRemains
	if whole {
		limit = wholeRemains
	}
	if g.Entries < fewEntries {
		return g.Remains <= limit
	}
	return g.Remains <= limit && g.CropRank <= g.Crops/luck && g.UnrelatedRank <= g.Unrelated/luck
}

// Judge judges m. It errs if the model does not take the images.
func (m *Metamer) Judge() (v Verdict, groups []Group, err error) {
	if m.Matched == nil && !m.Result.SameShape(m.Target.Type) || m.Start.Mem != nil && !m.Start.SameShape(m.Result.Type) {
		return v, nil, fmt.Errorf("target %v, start %v and result %v differ in shape", m.Target.Shape(), m.Start.Shape(), m.Result.Shape())
	}
	v.Good = true
	first := m.Target
	if m.Matched != nil {
		first = m.Result // of the model's size, until it is replaced
	}
	start := m.Start
	if start.Mem == nil { // what the start would have been
		start = synth.NoiseStart(m.Result.Type, 0)
		v.note("there is no start: white noise stands for it")
	}
	size, groups, err := m.measured(first, start)
	if err != nil {
		return v, nil, err
	}
	m.table(&v, groups)
	m.pixels(&v, size)
	if err := m.consistent(&v); err != nil {
		return v, nil, err
	}
	m.sentence(&v, groups)
	return v, groups, nil
}

// mean returns the mean representation of what was matched, of the given size.
func (m *Metamer) mean(size int) ([]float64, error) {
	sum := make([]float64, size)
	for _, s := range m.Matched {
		reps, err := evaluate(func(x autograd.Value) []autograd.Value { return []autograd.Value{s.Model.Forward(x)} }, s.Image)
		if err != nil {
			return nil, err
		}
		if len(reps[0][0]) != size {
			return nil, fmt.Errorf("a source has a representation of %d numbers, the result one of %d", len(reps[0][0]), size)
		}
		for i, v := range reps[0][0] {
			sum[i] += v / float64(len(m.Matched))
		}
	}
	return sum, nil
}

// measured compares the images in all groups; first stands for the target, where that
// is what was matched. It returns the size of the representation too.
func (m *Metamer) measured(first, start tensor.Tensor) (size int, groups []Group, err error) {
	d, err := m.distances(ImagesOf(first, m.Result, start), m.Crops, m.Unrelated)
	if err != nil {
		return 0, nil, err
	}
	for i, p := range d.parts {
		far := d.far[i]
		if m.Both {
			far[2] = far[1]
		}
		groups = append(groups, m.measure(p, d.target, far))
	}
	return len(d.target), groups, nil
}

// distances are how far images are from the target.
type distances struct {
	target []float64     // its representation
	parts  []part        // of it
	far    [][][]float64 // by part, by kind of image, by image
}

// distances returns how far images are from the target, which is the first of all. Of
// the representations of the others one is in memory at a time.
func (m *Metamer) distances(kinds ...Images) (d distances, err error) {
	kind := 0
	all := func(yield func(tensor.Tensor, error) bool) {
		for k, images := range kinds {
			if images == nil {
				continue
			}
			kind = k
			for x, err := range images {
				if !yield(x, err) {
					return
				}
			}
		}
	}
	err = evaluateEach(func(x autograd.Value) []autograd.Value { return []autograd.Value{m.Model.Forward(x)} }, all, func(y [][]float64) (err error) {
		if d.target == nil {
			if d.target, d.parts, err = m.targetAndParts(y[0]); err != nil {
				return err
			}
			for range d.parts {
				d.far = append(d.far, make([][]float64, len(kinds)))
			}
		}
		for i, p := range d.parts {
			d.far[i][kind] = append(d.far[i][kind], distance(y[0], d.target, p.entries))
		}
		return nil
	})
	return d, err
}

// targetAndParts returns what is to be matched, given the representation of the
// first image, and its parts.
func (m *Metamer) targetAndParts(first []float64) (target []float64, list []part, err error) {
	if target = first; m.Matched != nil {
		if target, err = m.mean(len(first)); err != nil {
			return nil, nil, err
		}
	}
	var named []synth.Group
	if g, ok := m.Model.(synth.Grouped); ok {
		named = g.Groups()
	}
	return target, parts(named, len(target)), nil
}

// measure compares the images in one group; far holds the distances of target, result
// and start, of crops and of unrelated images from the target.
func (m *Metamer) measure(p part, target []float64, far [][]float64) Group {
	crops, unrelated := far[1], far[2]
	g := Group{Name: p.name, Entries: len(p.entries), Crops: len(crops), Unrelated: len(unrelated)}
	if p.entries == nil {
		g.Entries = len(target)
	}
	g.Error, g.Start = far[0][1], far[0][2]
	length := norm(target, p.entries)
	if g.Error > 0 {
		g.Remains = g.Error / math.Max(g.Start, leastStart*length)
	}
	if math.IsNaN(g.Error) || math.IsInf(g.Error, 0) {
		g.Remains = math.Inf(1)
	}
	closer := func(list []float64) (n int) {
		for _, d := range list {
			n += count(d < g.Error && d > 1e-9*length) // another crop, not the same
		}
		return n
	}
	g.CropRank, g.UnrelatedRank = closer(crops), closer(unrelated)
	if len(crops) > 0 {
		g.CropMedian = slices.Sorted(slices.Values(crops))[len(crops)/2]
	}
	return g
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// table writes the groups down and says which are not matched.
func (m *Metamer) table(v *Verdict, groups []Group) {
	var bad []string
	for i := range groups {
		g := &groups[i]
		ok := g.good(len(groups) == 1)
		row := Row{Name: g.Name, Good: ok, Cells: []string{fmt.Sprint(g.Entries), fmt.Sprintf("%.3g", g.Start), fmt.Sprintf("%.3g", g.Error), Percent(g.Remains)}}
		row.Cells = append(row.Cells, rank(g.CropRank, g.Crops), rank(g.UnrelatedRank, g.Unrelated))
		v.Rows = append(v.Rows, row)
		if !ok {
			bad = append(bad, g.Name)
		}
		v.fact(g.Name+".remains", g.Remains)
	}
	if bad == nil {
		return
	}
	text := strings.Join(bad[:min(3, len(bad))], ", ")
	if more := len(bad) - 3; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	v.fail("%d of %d groups are not matched: %s", len(bad), len(groups), text)
}

// rank says how many of n others are closer.
func rank(closer, n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%d of %d", closer, n)
}

// pixels looks at what a model cannot see. size is that of the representation.
func (m *Metamer) pixels(v *Verdict, size int) {
	target, result := tensor.Floats(m.Target), tensor.Floats(m.Result)
	spread := deviation(target)
	fromTarget := math.Inf(1)
	if m.Matched == nil {
		fromTarget = rms(result, target)
		v.fact("rms_from_target", fromTarget)
	}
	switch {
	case fromTarget == 0 || m.FromPNG && fromTarget < .5/255:
		v.fail("the result is the target: a copy proves nothing")
	case fromTarget < copyWithin*spread && size < len(target):
		v.fail("the result is the target but for %.2g RMS: a copy proves nothing", fromTarget)
	case fromTarget < copyWithin*spread:
		v.note("the result is the target but for %.2g RMS: this model's output, of %d numbers for %d pixels, leaves no other image", fromTarget, size, len(target))
	}
	if m.Start.Mem != nil {
		start := tensor.Floats(m.Start)
		moved := rms(result, start)
		v.fact("rms_from_start", moved)
		if moved < leastMove*spread {
			v.fail("the image has hardly moved from its start: %.2g RMS", moved)
		}
		if m.Matched == nil && rms(start, target) < copyWithin*spread {
			v.fail("the start is the target")
		}
	}
	outside := 0
	for _, x := range result {
		outside += count(!(x >= m.Range[0]-outsideBy && x <= m.Range[1]+outsideBy))
	}
	v.fact("outside", float64(outside))
	if float64(outside) > mostOutside*float64(len(result)) {
		v.fail("%d of %d values lie outside [%g, %g]: a screen clips them", outside, len(result), m.Range[0], m.Range[1])
	}
	if !m.FromPNG && !m.Coarse && onGrid(result) {
		v.fail("all values are whole 255ths: the array was rounded after the run")
	}
}

// onGrid reports whether all of x are whole 255ths.
func onGrid(x []float64) bool {
	for _, v := range x {
		if k := v * 255; math.Abs(k-math.Round(k)) > 1e-9 {
			return false
		}
	}
	return true
}

// consistent compares the recorded loss with that of the image.
func (m *Metamer) consistent(v *Verdict) error {
	if m.Loss == nil || m.Recorded == nil || m.FromPNG {
		return nil
	}
	got, err := evaluate(func(x autograd.Value) []autograd.Value {
		return []autograd.Value{m.Loss(x, x.Tape().Const(m.Target))}
	}, m.Result)
	if err != nil {
		return err
	}
	loss, within := got[0][0][0], lossWithin
	if m.Coarse {
		within = .05
	}
	v.fact("loss", loss)
	if !(math.Abs(loss-*m.Recorded) <= within*math.Abs(*m.Recorded)+1e-12) {
		v.fail("the files do not belong together: the run recorded the loss %.4g, and that of this image and target is %.4g", *m.Recorded, loss)
	}
	return nil
}

// sentence sums up.
func (m *Metamer) sentence(v *Verdict, groups []Group) {
	if !v.Good {
		v.Sentence = "Not a metamer: " + strings.Join(v.Reasons, "; ") + "."
		return
	}
	worst := groups[0]
	for _, g := range groups {
		if g.Remains > worst.Remains {
			worst = g
		}
	}
	v.Sentence = fmt.Sprintf("A metamer: at most %s of a group's error at the start remains (%s)", Percent(worst.Remains), worst.Name)
	if n := groups[0].Crops; n > 0 {
		what := "other crops of its source"
		if m.Set {
			what = "other textures"
		}
		v.Sentence += fmt.Sprintf(", less in every group than of any of %d %s", n, what)
	}
	v.Sentence += "."
}
