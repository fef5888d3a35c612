package cli

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/tensor"
)

// A picture is one image of the command line, as a model gets it.
type picture struct {
	path  string
	file  int    // of the files on the command line
	name  string // of its run folder
	info  images.Info
	crop  *images.Rect  // what was kept to suit the model; nil: all
	x     tensor.Tensor // float64, 1×C×H×W
	index int           // along axis 0 of the file, -1 where that has one image
	notes []string      // what a person may not expect
}

// label is what a person calls p.
func (p *picture) label() string {
	if p.index < 0 {
		return p.path
	}
	return fmt.Sprintf("%s[%d]", p.path, p.index)
}

// load reads the images at paths and says on stderr what a person may not
// expect.
func (a *app) load(paths []string, o images.Options) ([]picture, error) {
	var list []picture
	for file, path := range paths {
		x, info, err := images.Load(path, o)
		if err != nil {
			return nil, err
		}
		for _, n := range info.Notes {
			a.note("%s: %s", path, n)
		}
		for i := range x.Dim[0] {
			p := picture{path: path, file: file, name: runfolder.BaseName(path), info: info, x: tensor.Contiguous(x.Crop(0, i, i+1, 1)), index: -1, notes: info.Notes}
			if x.Dim[0] > 1 {
				p.index = i
				p.name += fmt.Sprintf("-%d", i)
			}
			list = append(list, p)
		}
	}
	return list, nil
}

// suit crops p around its centre so that both sizes are multiples of m.
func (a *app) suit(p *picture, f *specFlag[modelKind], m int) error {
	h, w := p.x.Dim[2], p.x.Dim[3]
	r := images.Rect{H: h / m * m, W: w / m * m}
	if r.H == h && r.W == w {
		return nil
	}
	if r.H == 0 || r.W == 0 {
		return usage("%s has %d×%d pixels; %s needs multiples of %d%s", p.label(), h, w, f, m, f.make.hint(nil, f.spec, h, w))
	}
	r.Y, r.X = (h-r.H)/2, (w-r.W)/2
	p.x = tensor.Contiguous(p.x.Crop(2, r.Y, r.Y+r.H, 1).Crop(3, r.X, r.X+r.W, 1))
	p.crop = &r
	a.remark(p, "of %d×%d pixels the central %d×%d are used, multiples of %d as %s needs", h, w, r.H, r.W, m, f.spec.Name)
	return nil
}

// hasVariance errs if all pixels of p have one value.
func hasVariance(p *picture) error {
	v := tensor.Slice[float64](p.x)
	for _, x := range v {
		if math.Abs(x-v[0]) > 1e-12 {
			return nil
		}
	}
	return fmt.Errorf("%s: every pixel is %.6g; an image without variance has no texture to match", p.label(), v[0])
}

// note says something on stderr that a person may not expect.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.stderr, format+"\n", args...)
}

// remark says something about p that a person may not expect, and keeps it.
func (a *app) remark(p *picture, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	a.note("%s: %s", p.label(), text)
	p.notes = append(p.notes[:len(p.notes):len(p.notes)], text)
}
