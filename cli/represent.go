package cli

import (
	"fmt"
	"io"
	"math"
	"math/cmplx"
	"strings"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/atomicfile"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// representFlags are those of percept represent.
type representFlags struct {
	image  imageFlags
	device deviceFlags
	model  specFlag[modelKind]
	out    string
	json   bool
}

func (a *app) representCommand() *cobra.Command {
	f := representFlags{model: a.modelFlag()}
	c := &cobra.Command{
		Use:   "represent IMAGE… -o FILE.npz",
		Short: "Write what a model computes of images, for numpy.load",
		Long: `represent writes an .npz file with the arrays "representation" (one row for each
image), one array for each named group of statistics, and "files". Entries that
a model leaves out because symmetry makes them redundant are NaN in the groups.`,
		Example: `  percept represent photo.png -o rep.npz
  percept represent *.png --model portilla-simoncelli:scales=3 -o rep.npz
  percept represent example:pebbles --size 128x128 -o rep.npz --json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.represent(&f, args) },
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.Var(&f.model, "model", "the model")
	fs.StringVarP(&f.out, "output", "o", "", "the `FILE.npz` to write (required)")
	f.device.register(fs)
	f.image.register(fs)
	fs.BoolVar(&f.json, "json", false, "print what was written as JSON")
	a.completeFlags(c)
	return c
}

func (a *app) represent(f *representFlags, paths []string) error {
	if f.out == "" {
		return usage("the file to write is missing: -o FILE.npz")
	}
	backend, err := f.device.backend()
	if err != nil {
		return err
	}
	list, err := a.load(paths, f.image.options())
	if err != nil {
		return err
	}
	first := list[0].x
	words := make([]string, len(list))
	for i, p := range list {
		if !p.x.SameShape(first.Type) {
			return usage("%s has the shape %v (channels, height, width) and %s %v; images of one size are needed, such as --size makes", list[0].label(), first.Shape()[1:], p.label(), p.x.Shape()[1:])
		}
		words[i] = p.label()
	}
	model, err := a.construct(&f.model, list)
	if err != nil {
		return err
	}
	rep, err := evaluate(backend, model, list, f.device.element())
	if err != nil {
		return err
	}
	members := append([]member{{name: "representation", tensor: rep}}, groupMembers(model, rep)...)
	a.noteUndefined(rep)
	members = append(members, member{name: "files", words: words})
	if err := atomicfile.Write(f.out, 0o666, func(w io.Writer) error { return writeNPZ(w, members) }); err != nil {
		return err
	}
	return a.printMembers(f, members)
}

// noteUndefined says that rep has numbers that do not exist.
func (a *app) noteUndefined(rep tensor.Tensor) {
	n := 0
	for i := range rep.Len() {
		if v := rep.Load(i); cmplx.IsNaN(v) || cmplx.IsInf(v) {
			n++
		}
	}
	if n > 0 {
		a.note("%d of %d numbers are not finite: statistics that divide by a variance do not exist where an image, or a band of it, has none, and others of it may be rounding", n, rep.Len())
	}
}

func (a *app) printMembers(f *representFlags, members []member) error {
	if f.json {
		arrays := runfolder.Object{}
		for _, m := range members {
			if m.words == nil {
				arrays.Add(m.name, m.tensor.Shape())
			}
		}
		return a.printJSON(runfolder.Object{{Key: "file", Value: f.out}, {Key: "files", Value: members[len(members)-1].words}, {Key: "shapes", Value: arrays}})
	}
	for _, m := range members {
		text := m.tensor.Type.String()
		if m.words != nil {
			text = strings.Join(m.words, " ")
		}
		if _, err := fmt.Fprintf(a.stdout, "%-40s %s\n", m.name, text); err != nil {
			return err
		}
	}
	return nil
}

// modelFlag returns the flag that chooses the model.
func (a *app) modelFlag() specFlag[modelKind] {
	f := specFlag[modelKind]{table: a.models}
	if err := f.Set("portilla-simoncelli"); err != nil {
		panic(err) // the table of this package has it
	}
	return f
}

// construct crops all of list, which have one shape, to suit the model and
// returns it.
func (a *app) construct(f *specFlag[modelKind], list []picture) (synth.Model, error) {
	if f.make.multiple != nil {
		for i := range list {
			if err := a.suit(&list[i], f, f.make.multiple(f.spec)); err != nil {
				return nil, err
			}
		}
	}
	h, w := list[0].x.Dim[2], list[0].x.Dim[3]
	model, err := f.make.construct(f.spec, h, w)
	if err != nil {
		return nil, usage("%s: %w%s", list[0].label(), err, f.make.hint(err, f.spec, h, w))
	}
	if len(list) == 1 {
		return held(model, list[0].x)
	}
	return model, nil
}

// evaluate returns the representations of list, one after the other along
// axis 0: the memory needed is that of one image.
func evaluate(backend autograd.Backend, model synth.Model, list []picture, d tensor.DType) (rep tensor.Tensor, err error) {
	t := autograd.New(backend)
	defer t.Close()
	var x, y autograd.Value
	if err := autograd.Try(func() {
		x = t.Var("image", cast(list[0].x, d))
		y = model.Forward(x)
	}); err != nil {
		return rep, err
	}
	prog, err := t.Compile([]autograd.Value{y}, autograd.Value{})
	if err != nil {
		return rep, err
	}
	shape := y.Type().Shape()
	if len(shape) == 0 || shape[0] != 1 {
		return rep, fmt.Errorf("the model returns %v for one image; axis 0 must count images", y.Type())
	}
	rep = tensor.New(y.Type().DType, append([]int{len(list)}, shape[1:]...)...)
	for i, p := range list {
		if err := t.Set(x, cast(p.x, d)); err != nil {
			return rep, err
		}
		if err := prog.Run(); err != nil {
			return rep, err
		}
		if err := prog.Read(0, rep.Crop(0, i, i+1, 1)); err != nil {
			return rep, err
		}
	}
	return rep, nil
}

// groupMembers returns the named parts of rep (N, C, S), each (N, C, shape…);
// what the representation leaves out is NaN.
func groupMembers(model synth.Model, rep tensor.Tensor) []member {
	g, ok := model.(synth.Grouped)
	if !ok || rep.Rank != 3 {
		return nil
	}
	var list []member
	n, c := rep.Dim[0], rep.Dim[1]
	for _, group := range g.Groups() {
		t := tensor.New(rep.DType, append([]int{n, c}, group.Shape...)...)
		for i := range n * c {
			for j, from := range group.From {
				v := complex(math.NaN(), 0)
				if from >= 0 {
					v = rep.Load(i*rep.Dim[2] + from)
				}
				t.Store(i*len(group.From)+j, v)
			}
		}
		list = append(list, member{name: group.Name, tensor: t})
	}
	return list
}
