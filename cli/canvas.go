package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// canvasFlags say what is matched, and on what canvas, where that is not one
// image of the result's size.
type canvasFlags struct {
	match      fileList
	mask       string
	outputSize sizeFlag
}

func (f *canvasFlags) registerCanvas(fs *pflag.FlagSet) {
	fs.Var(&f.match, "match", "one more image of a mixture: all images are then one target, the mean of their representations; may be repeated")
	fs.Var(&f.outputSize, "output-size", "height and width of the result in pixels, for models whose representation does not depend on the size (default that of the image)")
	fs.StringVar(&f.mask, "mask", "", "`FILE` of the image's size: where it is white, pixels stay as they are in the image, at the centre of the result")
}

// fileList is a flag that may be repeated; each value is a file, or several with a
// line break between.
type fileList struct{ paths []string }

func (l *fileList) String() string { return strings.Join(l.paths, "\n") }
func (l *fileList) Type() string   { return "FILE" }

func (l *fileList) Set(s string) error {
	for _, path := range strings.Split(s, "\n") {
		if path == "" {
			return fmt.Errorf("the name of a file expected")
		}
		l.paths = append(l.paths, path)
	}
	return nil
}

// source is an image as a model sees it.
type source struct {
	picture *picture
	model   synth.Model
}

// mixed reports whether several images are matched as one.
func (f *canvasFlags) mixed() bool { return len(f.match.paths) > 0 }

// withMatched returns the images that are given and those of the mixture.
func (f *canvasFlags) withMatched(given []string) []string {
	known := map[string]bool{} // those of --config are all given
	for _, p := range given {
		known[p] = true
	}
	for _, p := range f.match.paths {
		if !known[p] {
			given = append(given, p)
		}
	}
	return given
}

// matched returns what synth is to match in place of one image of the result's
// size; nothing if it is that.
func (f *canvasFlags) matched(list []source, shape []int, d tensor.DType) []synth.Source {
	p := list[0].picture
	if len(list) == 1 && p.x.Dim[2] == shape[2] && p.x.Dim[3] == shape[3] {
		return nil
	}
	var sources []synth.Source
	for _, s := range list {
		sources = append(sources, synth.Source{Image: cast(s.picture.x, d), Model: s.model})
	}
	return sources
}

// canvas returns the shape of the result, whose model suits it.
func (f *metamerFlags) canvas(list []source) (shape []int, m synth.Model, err error) {
	p := list[0].picture
	for _, s := range list[1:] {
		if s.picture.x.Dim[1] != p.x.Dim[1] {
			return nil, nil, usage("%s has %d channels and %s %d: they cannot be mixed", s.picture.label(), s.picture.x.Dim[1], p.label(), p.x.Dim[1])
		}
	}
	shape = p.x.Shape()
	if f.outputSize.Size == (images.Size{}) {
		return shape, list[0].model, nil
	}
	shape[2], shape[3] = f.outputSize.H, f.outputSize.W
	m, err = f.model.make.construct(f.model.spec, shape[2], shape[3])
	if err != nil {
		return nil, nil, usage("--output-size %s: %w%s", &f.outputSize, err, f.model.make.hint(err, f.model.spec, shape[2], shape[3]))
	}
	return shape, m, nil
}

// kept returns where pixels of the result stay, (H, W), or a Tensor without memory
// where there is no mask. p is the image, shape that of the result.
func (f *metamerFlags) kept(p *picture, shape []int) (keep tensor.Tensor, err error) {
	if f.mask == "" {
		return keep, nil
	}
	h, w := p.x.Dim[2], p.x.Dim[3]
	top, left := (shape[2]-h)/2, (shape[3]-w)/2
	if shape[2] < h || shape[3] < w {
		return keep, usage("--mask: the result, %d×%d pixels, is smaller than the image, %d×%d", shape[2], shape[3], h, w)
	}
	o := f.image.options()
	o.Color, o.Light, o.InputRange = images.Gray, images.Encoded, nil
	x, _, err := images.Load(f.mask, o)
	if err != nil {
		return keep, fmt.Errorf("--mask: %w", err)
	}
	if c := p.crop; c != nil && x.Dim[2] >= c.Y+c.H && x.Dim[3] >= c.X+c.W {
		x = x.Crop(2, c.Y, c.Y+c.H, 1).Crop(3, c.X, c.X+c.W, 1)
	}
	if x.Dim[0] != 1 || x.Dim[2] != h || x.Dim[3] != w {
		return keep, usage("--mask %s has %d×%d pixels, the image %s %d×%d", f.mask, x.Dim[2], x.Dim[3], p.label(), h, w)
	}
	keep = tensor.New(tensor.Float64, shape[2], shape[3])
	some := false
	for i, v := range tensor.Floats(x) {
		if v >= .5 {
			some = true
			keep.StoreReal((i/w+top)*shape[3]+i%w+left, 1)
		}
	}
	if !some {
		return keep, usage("--mask %s is black everywhere: no pixel would stay as it is", f.mask)
	}
	return keep, nil
}

// paste puts the pixels of the image p that stay into the start x.
func paste(x tensor.Tensor, p *picture, keep tensor.Tensor) {
	h, w := p.x.Dim[2], p.x.Dim[3]
	top, left := (x.Dim[2]-h)/2, (x.Dim[3]-w)/2
	for i, v := range tensor.Floats(p.x) {
		c, row, column := i/(h*w), i/w%h+top, i%w+left
		if keep.LoadReal(row*x.Dim[3]+column) != 0 {
			x.StoreReal((c*x.Dim[2]+row)*x.Dim[3]+column, v)
		}
	}
}

// writeCanvas writes what a resumed run needs to know of the canvas.
func (j *job) writeCanvas() error {
	if len(j.sources) > 1 {
		var list []member
		for i, s := range j.sources {
			list = append(list, member{name: fmt.Sprintf("image-%d", i), tensor: s.Image})
		}
		if err := j.folder.Write(runfolder.Sources, func(w io.Writer) error { return writeNPZ(w, list) }); err != nil {
			return err
		}
	}
	if j.keep.Mem == nil {
		return nil
	}
	return j.folder.WriteNPY(runfolder.Keep, j.keep)
}

// readCanvas reads it again.
func (f *metamerFlags) readCanvas(j *job) error {
	var err error
	if j.keep, err = j.folder.ReadNPY(runfolder.Keep); err != nil && (f.mask != "" || !errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	pictures := []tensor.Tensor{j.target}
	if f.mixed() {
		if pictures, err = readSources(j.folder.Path(runfolder.Sources)); err != nil {
			return err
		}
	}
	var list []source
	for _, x := range pictures {
		if x.Rank != 4 || x.DType != j.target.DType {
			return fmt.Errorf("%s has an image of the type %v; %v expected", runfolder.Sources, x.Type, j.target.DType)
		}
		m, err := modelOf(&f.model, x)
		if err != nil {
			return err
		}
		list = append(list, source{&picture{x: x}, m})
	}
	if j.shape, j.model, err = f.canvas(list); err != nil {
		return err
	}
	j.sources = f.matched(list, j.shape, j.target.DType)
	return nil
}

func readSources(path string) ([]tensor.Tensor, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return nil, err
	}
	_, arrays, err := tensor.ReadNPZ(file, st.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var list []tensor.Tensor
	for _, a := range arrays {
		list = append(list, a.Tensor)
	}
	return list, nil
}
