package figure

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/percept-go/percept/tensor"
)

// A Metamer is what the pictures of a metamer show.
type Metamer struct {
	Title         string
	Image, Target tensor.Tensor // (1, C, H, W)
	Iteration     float64       // of Image
	Iterations    []float64     // of the rows of Loss and Penalty
	Loss, Penalty []float64     // Penalty may be nil
	Error         []Part        // of the representation: the image's minus the target's; may be nil
	Remains       *Bars         // what remains of each group's error; may be nil
}

// statusFit is the side of pictures in status figures, in screen pixels.
const statusFit = 300

// picture shows the first image of x as the eye sees it: [0, 1] from black to
// white, in colour if it has three channels.
func picture(title string, x tensor.Tensor, fit int) (Panel, error) {
	p, err := pictures([]string{title}, fit, x)
	if err != nil {
		return nil, err
	}
	return p[0], nil
}

// pictures shows the first image of each x; of images with other than one or
// three channels the first channel.
func pictures(titles []string, fit int, x ...tensor.Tensor) ([]Panel, error) {
	zero := 0
	var list []Panel
	for i, t := range x {
		d := Display{Fixed: &[2]float64{0, 1}, Batch: &zero, Titles: titles[i : i+1], Fit: fit, NoNote: true}
		if t.Rank == 4 && t.Dim[1] == 3 {
			d.RGB = true
		} else {
			d.Channel = &zero
		}
		p, err := d.Images(t)
		if err != nil {
			return nil, err
		}
		list = append(list, p...)
	}
	return list, nil
}

// Status returns the status picture: target and image, loss, pixel values, the
// error of the representation and what remains of each group's.  It errs if
// the images are none.
func (m Metamer) Status() (*Figure, error) {
	first, err := pictures([]string{"Target", fmt.Sprintf("Metamer, iteration %.0f", m.Iteration)}, statusFit, m.Target, m.Image)
	if err != nil {
		return nil, err
	}
	loss := &Curves{Title: "Loss", XLabel: "iteration", Log: true, At: &m.Iteration, Height: 320,
		Series: []Series{{Name: "loss", X: m.Iterations, Y: m.Loss}}}
	if anyPositive(m.Penalty) {
		loss.Series = append(loss.Series, Series{Name: "penalty", X: m.Iterations, Y: m.Penalty, Dashed: true})
	}
	pixels := &Histogram{Title: "Pixel values", Data: []Sample{{"target", tensor.Floats(m.Target)}, {"metamer", tensor.Floats(m.Image)}}}
	f := &Figure{Title: m.Title, Rows: [][]Panel{append(first, loss), {pixels}}}
	if m.Remains != nil {
		f.Rows[1] = append(f.Rows[1], m.Remains)
	}
	if m.Error == nil {
		return f, nil
	}
	rep, err := Representation("Representation error", m.Error)
	if err != nil {
		return nil, err
	}
	f.Rows = append(f.Rows, []Panel{inset{rep}})
	return f, nil
}

func anyPositive(v []float64) bool {
	for _, x := range v {
		if x > 0 {
			return true
		}
	}
	return false
}

// A MAD is what the pictures of one MAD image show.
type MAD struct {
	Title            string
	Image, Reference tensor.Tensor // (1, C, H, W)
	Initial          tensor.Tensor // the reference with noise
	Target           string        // "min" or "max"
	Iteration        float64
	Iterations       []float64
	Names            [2]string    // of the reference and of the optimized metric
	Values           [2][]float64 // of both over the iterations
}

// Status returns the status picture: the images and both metrics over the
// iterations. It errs if the images are none.
func (m MAD) Status() (*Figure, error) {
	first, err := pictures([]string{"Reference", "Initial", m.label()}, statusFit, m.Reference, m.Initial, m.Image)
	if err != nil {
		return nil, err
	}
	row := make([]Panel, 2)
	for i, role := range []string{"Reference metric", "Optimized metric"} {
		row[i] = &Curves{Title: role + ": " + m.Names[i], XLabel: "iteration", At: &m.Iteration,
			Series: []Series{{Name: m.Names[i], X: m.Iterations, Y: m.Values[i], Color: palette[i]}}}
	}
	pixels := &Histogram{Title: "Pixel values", Data: []Sample{{"reference", tensor.Floats(m.Reference)}, {"MAD image", tensor.Floats(m.Image)}}}
	return &Figure{Title: m.Title, Rows: [][]Panel{first, append(row, pixels)}}, nil
}

func (m MAD) label() string {
	word := map[string]string{"min": "Smallest", "max": "Largest"}[m.Target]
	return fmt.Sprintf("%s %s", word, m.Names[1])
}

// MADAll shows the images of a competition, those with the same optimized
// metric in one row, and the metrics of all over the iterations. It errs if
// there is none or the images are none.
func MADAll(title string, list []MAD) (*Figure, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("figure: a MAD competition without images")
	}
	f := &Figure{Title: title}
	first, err := pictures([]string{"Reference", "Initial"}, statusFit, list[0].Reference, list[0].Initial)
	if err != nil {
		return nil, err
	}
	f.Rows = append(f.Rows, first)
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b MAD) int { return strings.Compare(b.Target, a.Target) }) // min before max
	for _, name := range optimizedNames(list) {
		var row []Panel
		for _, m := range list {
			if m.Names[1] != name {
				continue
			}
			p, err := picture(m.label()+"\nat equal "+m.Names[0], m.Image, statusFit)
			if err != nil {
				return nil, err
			}
			row = append(row, p)
		}
		f.Rows = append(f.Rows, row)
	}
	var row []Panel
	for _, name := range optimizedNames(list) {
		row = append(row, metricCurves(name, list))
	}
	f.Rows = append(f.Rows, row)
	return f, nil
}

func optimizedNames(list []MAD) []string {
	var names []string
	for _, m := range list {
		if !strings.Contains("\n"+strings.Join(names, "\n")+"\n", "\n"+m.Names[1]+"\n") {
			names = append(names, m.Names[1])
		}
	}
	return names
}

// metricCurves draws one metric in all syntheses, optimized or held. A synthesis
// has one look in all panels: the colour of the metric that it optimizes, dashed
// where that is the smallest.
func metricCurves(name string, list []MAD) *Curves {
	c := &Curves{Title: name, XLabel: "iteration", Width: 520}
	names := optimizedNames(list)
	for _, m := range list {
		for i, n := range m.Names {
			if n != name {
				continue
			}
			c.Series = append(c.Series, Series{Name: fmt.Sprintf("%s %s", m.Target, m.Names[1]), X: m.Iterations, Y: m.Values[i], Dashed: m.Target == "min",
				Color: palette[slices.Index(names, m.Names[1])%len(palette)]})
		}
	}
	return c
}

// Eigendistortions is what the picture of eigendistortions shows.
type Eigendistortions struct {
	Title   string
	Image   tensor.Tensor // (1, C, H, W)
	Vectors tensor.Tensor // (K, C, H, W), of unit norm
	Values  []float64     // eigenvalues
	Index   []int         // which of all eigenvalues, the largest being 0
	Scale   float64       // 0 means 5: the L2 norm of what is added to the image
	Most    int           // vectors shown, from both ends; 0 means 6
}

// Grid shows the image, the eigendistortions, and the image with each of them
// added. It errs if the images are none.
func (e Eigendistortions) Grid() (*Figure, error) {
	amount := e.Scale
	if amount == 0 {
		amount = 5
	}
	original, err := picture("Image", e.Image, statusFit)
	if err != nil {
		return nil, err
	}
	f := &Figure{Title: e.Title}
	shown := e.shown()
	zero := 0
	var above, below []Panel
	for _, k := range shown {
		v := e.Vectors.Crop(0, k, k+1, 1)
		d := Display{Range: "indep0", Batch: &zero, Titles: []string{e.name(k)}, Fit: statusFit, NoNote: true}
		if v.Dim[1] == 3 {
			d.RGB, v = true, shifted(v)
		} else {
			d.Channel = &zero
		}
		p, err := d.Images(v)
		if err != nil {
			return nil, err
		}
		with, err := picture(fmt.Sprintf("Image + %g × it", amount), sum(e.Image, e.Vectors.Crop(0, k, k+1, 1), amount), statusFit)
		if err != nil {
			return nil, err
		}
		above, below = append(above, p...), append(below, with)
	}
	w, h := original.size()
	above = append([]Panel{&space{w, h}}, above...)
	f.Rows = [][]Panel{above, append([]Panel{original}, below...)}
	if len(e.Values) > 2 {
		f.Rows = append(f.Rows, []Panel{e.spectrum()})
	}
	return f, nil
}

// spectrum draws the eigenvalues that are known.
func (e Eigendistortions) spectrum() Panel {
	x := make([]float64, len(e.Index))
	for i, k := range e.Index {
		x[i] = float64(k)
	}
	return &Curves{Title: "Eigenvalues", XLabel: "index", Log: true, Series: []Series{{X: x, Y: e.Values, Points: true, NoLine: true}}}
}

func (e Eigendistortions) name(k int) string {
	s := fmt.Sprintf("Eigendistortion %d", k)
	if k < len(e.Index) {
		s = fmt.Sprintf("Eigendistortion %d", e.Index[k])
	}
	if k < len(e.Values) {
		s += fmt.Sprintf("\neigenvalue %.3g", e.Values[k])
	}
	return s
}

// shown returns the vectors that are shown, in the order of their indices.
func (e Eigendistortions) shown() []int {
	order := make([]int, e.Vectors.Dim[0])
	for k := range order {
		order[k] = k
	}
	if len(e.Index) == len(order) {
		slices.SortStableFunc(order, func(a, b int) int { return e.Index[a] - e.Index[b] })
	}
	var list []int
	for _, k := range ends(len(order), or(e.Most, 6)) {
		list = append(list, order[k])
	}
	return list
}

// ends returns at most most of n indices: those at both ends.
func ends(n, most int) []int {
	var list []int
	for k := range n {
		if k < (most+1)/2 || k >= n-most/2 {
			list = append(list, k)
		}
	}
	return list
}

// sum returns x + a·y.
func sum(x, y tensor.Tensor, a float64) tensor.Tensor {
	out := tensor.Floats(x)
	for i, v := range tensor.Floats(y) {
		out[i] += a * v
	}
	return tensor.Of(out, x.Shape()...)
}

// shifted shows a distortion in colour around grey, at full contrast.
func shifted(v tensor.Tensor) tensor.Tensor {
	out := tensor.Floats(v)
	lo, hi := extremes(out)
	m := math.Max(math.Max(math.Abs(lo), math.Abs(hi)), 1e-300)
	for i := range out {
		out[i] = .5 + out[i]/(2*m)
	}
	return tensor.Of(out, v.Shape()...)
}

// space is an empty panel.
type space struct{ w, h float64 }

func (s *space) size() (w, h float64)           { return s.w, s.h }
func (s *space) draw(*canvas, float64, float64) {}

// A Geodesic is what the pictures of a geodesic show.
type Geodesic struct {
	Title      string
	Frames     tensor.Tensor // (T, C, H, W): both ends included
	Iterations []float64
	Energy     []float64   // of the path over the iterations
	Lines      []Deviation // of paths from straight ones
	Steps      []Sample    // lengths of the steps, of several paths
}

// A Deviation is a path's distance from a straight line between its ends, against
// how far along the line it is, both in lengths of the line.
type Deviation struct {
	Name        string
	Along, Away []float64
}

// DeviationFromLine returns how far the rows of v, each a point of a path, lie
// from the line between the first and the last, and how far along it, both in
// lengths of the line (unless that is 0). It panics if there are no two rows of
// one size.
func DeviationFromLine(name string, v [][]float64) Deviation {
	first, last := v[0], v[len(v)-1]
	unit, length := make([]float64, len(first)), 0.
	for i := range unit {
		unit[i] = last[i] - first[i]
		length += unit[i] * unit[i]
	}
	length = math.Sqrt(length)
	if length == 0 {
		length = 1
	}
	d := Deviation{Name: name}
	for _, row := range v {
		along, whole := 0., 0.
		for i, x := range row {
			along += (x - first[i]) * unit[i] / length
		}
		for i, x := range row {
			away := x - first[i] - along*unit[i]/length
			whole += away * away
		}
		d.Along, d.Away = append(d.Along, along/length), append(d.Away, math.Sqrt(whole)/length)
	}
	return d
}

// Status returns the status picture: the geodesic's frames above those of the
// pixelfade, the energy over the iterations, the deviation from a straight line
// and the lengths of the steps. It errs if the frames are none.
func (g Geodesic) Status() (*Figure, error) {
	n := g.Frames.Dim[0]
	if g.Frames.Rank != 4 || n < 2 {
		return nil, fmt.Errorf("figure: %v is no path of images (T, C, H, W)", g.Frames.Type)
	}
	fade := pixelfade(g.Frames)
	shown := evenly(n, 7)
	var above, below []Panel
	for _, k := range shown {
		t := fmt.Sprintf("%d", k)
		if k == 0 {
			t = "Geodesic 0"
		}
		p, err := pictures([]string{t, strings.Replace(t, "Geodesic", "Pixelfade", 1)}, 160, g.Frames.Crop(0, k, k+1, 1), fade.Crop(0, k, k+1, 1))
		if err != nil {
			return nil, err
		}
		above, below = append(above, p[0]), append(below, p[1])
	}
	f := &Figure{Title: g.Title, Rows: [][]Panel{above, below, nil}}
	last := &f.Rows[2]
	if len(g.Energy) > 0 {
		*last = append(*last, &Curves{Title: "Path energy", XLabel: "iteration", Log: true, Width: 400, Series: []Series{{X: g.Iterations, Y: g.Energy}}})
	}
	if len(g.Lines) > 0 {
		c := &Curves{Title: "Deviation from a straight line", XLabel: "along the line", YLabel: "away from it", Width: 400}
		for _, d := range g.Lines {
			c.Series = append(c.Series, Series{Name: d.Name, X: d.Along, Y: d.Away, Points: true})
		}
		*last = append(*last, c)
	}
	if len(g.Steps) > 0 {
		c := &Curves{Title: "Length of each step", XLabel: "step", Width: 400}
		for _, s := range g.Steps {
			c.Series = append(c.Series, Series{Name: s.Name, Y: s.Values, Points: true})
		}
		*last = append(*last, c)
	}
	return f, nil
}

// pixelfade returns the straight line between the ends of a path.
func pixelfade(x tensor.Tensor) tensor.Tensor {
	v, n := tensor.Floats(x), x.Dim[0]
	each := len(v) / n
	out := make([]float64, len(v))
	for k := range n {
		t := float64(k) / float64(n-1)
		for i := range each {
			out[k*each+i] = (1-t)*v[i] + t*v[(n-1)*each+i]
		}
	}
	return tensor.Of(out, x.Shape()...)
}

// evenly returns at most most of n indices, evenly spaced if that is possible,
// with both ends.
func evenly(n, most int) []int {
	m := min(n, most)
	for k := m; k > most/2; k-- {
		if (n-1)%(k-1) == 0 {
			m = k
			break
		}
	}
	list := make([]int, m)
	for i := range list {
		list[i] = int(math.Round(float64(i*(n-1)) / float64(max(m-1, 1))))
	}
	return list
}

// Movie returns a figure for each frame: the geodesic beside the pixelfade. It
// errs if the frames are none.
func (g Geodesic) Movie() ([]*Figure, error) {
	if g.Frames.Rank != 4 || g.Frames.Dim[0] < 2 {
		return nil, fmt.Errorf("figure: %v is no path of images (T, C, H, W)", g.Frames.Type)
	}
	fade := pixelfade(g.Frames)
	var list []*Figure
	for k := range g.Frames.Dim[0] {
		p, err := pictures([]string{fmt.Sprintf("Geodesic, step %d", k), "Pixelfade"}, statusFit, g.Frames.Crop(0, k, k+1, 1), fade.Crop(0, k, k+1, 1))
		if err != nil {
			return nil, err
		}
		list = append(list, &Figure{Title: g.Title, Rows: [][]Panel{p}})
	}
	return list, nil
}
