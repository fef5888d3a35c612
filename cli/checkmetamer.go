package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/judge"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

var metamerHeads = []string{"group", "entries", "error at the start", "error now", "remains", "closer crops", "closer images"}

// checkMetamer judges the metamer of v.
func (v *runView) checkMetamer(f *checkFlags) (c checked, err error) {
	c.heads = metamerHeads
	m := judge.Metamer{Range: [2]float64{0, 1}, Coarse: v.words("dtype") == "float32"}
	if m.Target, err = v.image(runfolder.Target); err != nil {
		return c, err
	}
	if m.Start, err = v.image(runfolder.Start); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	var notes []string
	m.Result, err = v.image(runfolder.Result)
	if f.png || errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			notes = append(notes, "there is no "+runfolder.Result+": "+runfolder.ResultPNG+" is judged")
		}
		m.FromPNG = true
		like := m.Target
		if m.Start.Mem != nil {
			like = m.Start
		}
		m.Result, err = v.picture(runfolder.ResultPNG, like)
	}
	if err != nil {
		return c, err
	}
	if m.Model, err = v.model(m.Result.Dim[2], m.Result.Dim[3]); err != nil {
		return c, err
	}
	if m.Matched, err = v.matched(m.Target, m.Result); err != nil {
		return c, err
	}
	if err := v.claim(&m); err != nil {
		return c, err
	}
	if m.Matched == nil {
		m.Crops, m.Set = v.crops(m.Target, f.crops)
	}
	path := v.words("input", "path")
	if m.Set && !strings.HasPrefix(path, "example:") && m.Result.SameShape(m.Target.Type) {
		m.Both = true // they would be the same textures
	} else {
		m.Unrelated = unrelated(m.Result, path, f.crops)
	}
	var groups []judge.Group
	c.Verdict, groups, err = m.Judge()
	c.Notes = append(notes, c.Notes...)
	if err == nil && !c.Good {
		c.Advice = v.advise(groups, m.Model)
	}
	return c, err
}

// planReport allocates what checkMetamer works in: target, start and result, the image
// that crops are taken from, the textures that are being made, and the model with the
// representations of the target and another image, all in float64.
func (f *metamerFlags) planReport(l *autograd.Ledger, j *job) error {
	typ := tensor.MakeType(tensor.Float64, j.shape...)
	pixels := j.shape[2] * j.shape[3]
	numbers := 3*typ.Len() + texturesAtOnce()*images.ExampleFields*pixels
	if in := j.inputs[0]; strings.HasPrefix(in.Path, "example:") {
		numbers += 4 * pixels // see source
	} else {
		numbers += j.shape[1] * in.Height * in.Width
	}
	t := autograd.New(l)
	defer t.Close()
	var out autograd.Value
	if err := autograd.Try(func() { out = j.model.Forward(t.Var("image", tensor.New(typ.DType, j.shape...))) }); err != nil {
		return err
	}
	parts := 1
	if out.Type().DType.IsComplex() {
		parts = 2
	}
	numbers += 2 * parts * out.Type().Len()
	held, err := l.Alloc(numbers * typ.DType.Size())
	if err != nil {
		return err
	}
	defer held.Free()
	_, err = t.Compile([]autograd.Value{out}, autograd.Value{})
	return err
}

// claim gives m the loss of the run and what the run says that it was.
func (v *runView) claim(m *judge.Metamer) error {
	recorded, ok := v.number("loss")
	if !ok {
		return nil
	}
	f := v.app.newMetamerFlags()
	c := &cobra.Command{}
	f.common().set = c.Flags()
	f.register(c)
	settings, _ := at(v.record, "settings").(map[string]any)
	if err := apply(c.Flags(), settings); err != nil {
		return fmt.Errorf("%s: %w", runfolder.RunJSON, err)
	}
	o, err := f.options()
	if err != nil {
		return err
	}
	scale, ok := v.number("loss_scale")
	if !ok {
		scale = 1
	}
	if r, ok := o.Penalty.(synth.Range); ok && (r.Low != 0 || r.High != 0) {
		m.Range = [2]float64{r.Low, r.High}
	}
	model, matched := m.Model, m.Matched
	m.Recorded = &recorded
	m.Loss = func(x, target autograd.Value) autograd.Value {
		penalty, weight := o.Penalty.Penalty(x)
		want := autograd.Value{}
		if matched == nil {
			want = model.Forward(target)
		}
		for i, s := range matched {
			if one := s.Model.Forward(x.Tape().Const(s.Image)); i == 0 {
				want = one
			} else {
				want = want.Add(one)
			}
		}
		if matched != nil {
			want = want.Scale(1 / float64(len(matched)))
		}
		return o.Loss.Loss(model.Forward(x), want, groupsOf(model)).Scale(1 / scale).Add(penalty.Scale(weight))
	}
	return nil
}

// crops returns n images of the target's kind: other crops of the source at the
// same scale. set says that the source has no room for them, so that they are
// of example textures.
func (v *runView) crops(target tensor.Tensor, n int) (list judge.Images, set bool) {
	h, w := target.Dim[2], target.Dim[3]
	source, err := v.source(target)
	if err == nil && source.Dim[2]*source.Dim[3] >= 2*h*w && source.Dim[2] >= h && source.Dim[3] >= w {
		return cropsOf(source, target, n), false
	}
	return unrelated(target, "", n), true
}

// source reads the image that the run was made from, at the target's scale. It
// errs if it has gone or changed.
func (v *runView) source(target tensor.Tensor) (x tensor.Tensor, err error) {
	path := v.words("input", "path")
	o := images.Options{Light: v.light()}
	if target.Dim[1] == 3 {
		o.Color = images.RGB
	}
	if strings.HasPrefix(path, "example:") {
		o.Size, o.Seed = images.Size{H: 2 * target.Dim[2], W: 2 * target.Dim[3]}, 1
		x, _, err = images.Load(path, o)
		return x, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return x, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != v.words("input", "sha256") {
		return x, fmt.Errorf("%s has changed", path)
	}
	if v.setting("input-range") != "" {
		return x, errors.New("the range of the input is its own")
	}
	x, _, err = images.Load(path, o)
	if err != nil || v.setting("size") == "" {
		return x, err
	}
	part := x.Dim[2] // what was resampled to the target's size
	if crop, ok := v.number("settings", "crop", "h"); ok {
		part = int(crop)
	}
	scale := float64(target.Dim[2]) / float64(part)
	o.Size = images.Size{H: int(math.Round(float64(x.Dim[2]) * scale)), W: int(math.Round(float64(x.Dim[3]) * scale))}
	x, _, err = images.Load(path, o)
	return x, err
}

// cropsOf returns n parts of x of the target's shape, at places that depend on
// nothing but n, none of them the target itself.
func cropsOf(x, target tensor.Tensor, n int) judge.Images {
	h, w := target.Dim[2], target.Dim[3]
	return func(yield func(tensor.Tensor, error) bool) {
		rng := rand.New(rand.NewPCG(1, uint64(n)))
		found := 0
		for try := 0; found < n && try < 10*n; try++ {
			y, z := rng.IntN(x.Dim[2]-h+1), rng.IntN(x.Dim[3]-w+1)
			crop := tensor.Contiguous(x.Crop(0, 0, 1, 1).Crop(2, y, y+h, 1).Crop(3, z, z+w, 1))
			if correlation(crop, target) >= .5 {
				continue
			}
			if found++; !yield(crop, nil) {
				return
			}
		}
	}
}

// texturesAtOnce returns how many textures are made at a time: each takes memory.
func texturesAtOnce() int { return min(runtime.GOMAXPROCS(0), 4) }

// unrelated returns n images of the target's shape: example textures, but not
// the one called but.
func unrelated(target tensor.Tensor, but string, n int) judge.Images {
	var names []string
	for _, e := range images.Examples() {
		if e.Texture && "example:"+e.Name != but {
			names = append(names, e.Name)
		}
	}
	type made struct {
		x   tensor.Tensor
		err error
	}
	begin := func(k int) chan made {
		c := make(chan made, 1)
		go func() {
			x, err := images.Example(names[k%len(names)], target.Dim[2], target.Dim[3], uint64(100+k/len(names)))
			c <- made{channels(x, target.Dim[1]), err}
		}()
		return c
	}
	return func(yield func(tensor.Tensor, error) bool) {
		var ahead []chan made
		for k := range n {
			for next := k + len(ahead); next < n && len(ahead) < texturesAtOnce(); next++ {
				ahead = append(ahead, begin(next))
			}
			m := <-ahead[0]
			if ahead = ahead[1:]; !yield(m.x, m.err) {
				return
			}
		}
	}
}

// channels repeats the one channel of x (1, 1, H, W).
func channels(x tensor.Tensor, n int) tensor.Tensor {
	if n == 1 || x.Mem == nil {
		return x
	}
	return tensor.Contiguous(x.Expand(1, n, x.Dim[2], x.Dim[3]))
}

// checkImage judges an image that no run of percept made.
func (a *app) checkImage(f *checkFlags, path string) (c checked, err error) {
	c.name, c.method, c.heads = path, "metamer", metamerHeads
	o := f.image.options()
	m := judge.Metamer{Range: [2]float64{0, 1}, FromPNG: !strings.HasSuffix(path, ".npy")}
	if m.Target, _, err = images.Load(f.target, o); err != nil {
		return c, err
	}
	read := func(path string) (tensor.Tensor, error) {
		x, err := readPictures(path, o.Color == images.RGB)
		if err != nil || x.SameShape(m.Target.Type) {
			return cast(x, tensor.Float64), err
		}
		return x, usage("%s has the shape %v, the target %v", path, x.Shape(), m.Target.Shape())
	}
	if m.Result, err = read(path); err != nil {
		return c, err
	}
	if f.start != "" {
		if m.Start, err = read(f.start); err != nil {
			return c, err
		}
	}
	if m.Model, err = modelOf(&f.model, m.Target); err != nil {
		return c, &exitError{ExitUsage, err}
	}
	m.Set = true
	m.Crops = unrelated(m.Target, "", f.crops)
	c.Verdict, _, err = m.Judge()
	return c, err
}
