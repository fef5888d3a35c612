package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/atomicfile"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/tensor"
)

// metricFlags are those of percept metric.
type metricFlags struct {
	image    imageFlags
	device   deviceFlags
	metric   specFlag[metricKind]
	gradient string
	json     bool
}

func (a *app) metricCommand() *cobra.Command {
	f := metricFlags{metric: specFlag[metricKind]{table: a.metrics}}
	c := &cobra.Command{
		Use:   "metric NAME REF IMAGE…",
		Short: "Measure how different images are from a reference",
		Long: `metric prints the value of a metric for each IMAGE, and for each of its channels
where the metric treats them one by one. NAME is a metric with its keys; "percept
list metrics" shows them. --gradient writes, in the shape of the images, the
derivative of each channel's value with respect to IMAGE.`,
		Example: `  percept metric ssim example:bark example:pebbles
  percept metric dssim:weighted=true,pad=reflect photo.png jpeg-*.png --json
  percept metric model:on-off photo.png other.png --gradient gradient.npy`,
		Args: cobra.MinimumNArgs(3),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := f.metric.Set(args[0]); err != nil {
				return usage("%w", err)
			}
			return a.metric(&f, args[1], args[2:])
		},
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.gradient, "gradient", "", "write the gradient with respect to IMAGE to `FILE.npy`")
	f.device.register(fs)
	f.image.register(fs)
	fs.BoolVar(&f.json, "json", false, "print JSON")
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return a.metrics.Names(), cobra.ShellCompDirectiveNoSpace
		}
		return nil, cobra.ShellCompDirectiveDefault
	}
	a.completeFlags(c)
	return c
}

func (a *app) metric(f *metricFlags, ref string, paths []string) error {
	backend, err := f.device.backend()
	if err != nil {
		return err
	}
	references, err := a.load([]string{ref}, f.image.options())
	if err != nil {
		return err
	}
	list, err := a.load(paths, f.image.options())
	if err != nil {
		return err
	}
	if len(references) != 1 && len(references) != len(list) {
		return usage("%s holds %d images and there are %d to compare; one reference, or one for each, is needed", ref, len(references), len(list))
	}
	for _, p := range append(references[1:len(references):len(references)], list...) {
		if q := &references[0]; !p.x.SameShape(q.x.Type) {
			return usage("%s has the shape %v (channels, height, width) and %s %v; images of one size are needed, such as --size makes", q.label(), q.x.Shape()[1:], p.label(), p.x.Shape()[1:])
		}
	}
	c := comparison{f: f, backend: backend}
	if err := c.prepare(a, references, list); err != nil {
		return err
	}
	defer c.tape.Close()
	if err := c.run(references, list); err != nil {
		return err
	}
	if f.gradient != "" {
		if err := atomicfile.Write(f.gradient, 0o666, func(w io.Writer) error { return tensor.WriteNPY(w, c.gradient) }); err != nil {
			return err
		}
	}
	return a.printValues(f, list, c.values)
}

// A comparison is one metric recorded once, and what it gave for all images.
type comparison struct {
	f                *metricFlags
	backend          autograd.Backend
	tape             *autograd.Tape
	reference, image autograd.Value
	value            autograd.Value // (1, C), or (1, 1)
	program          *autograd.Program
	values           [][]float64
	gradient         tensor.Tensor // of all images; what a crop left out is 0
	crop             [2]int        // first row and column that are used
}

// prepare records the metric for images of the shape of references[0].
func (c *comparison) prepare(a *app, references, list []picture) (err error) {
	n, err := c.side()
	if err != nil {
		return usage("%w", err)
	}
	shape := references[0].x.Shape()
	h, w := shape[2]/n*n, shape[3]/n*n
	if h == 0 || w == 0 {
		return usage("%s has %d×%d pixels; %s needs multiples of %d", references[0].label(), shape[2], shape[3], &c.f.metric, n)
	}
	if h != shape[2] || w != shape[3] {
		c.crop = [2]int{(shape[2] - h) / 2, (shape[3] - w) / 2}
		a.note("of %d×%d pixels the central %d×%d are compared, multiples of %d as %s needs", shape[2], shape[3], h, w, n, &c.f.metric)
	}
	if remark := c.f.metric.make.remark; remark != nil {
		if text := remark(c.f.metric.spec, h, w); text != "" {
			a.note("%s: %s", &c.f.metric, text)
		}
	}
	m, err := c.f.metric.make.construct(c.f.metric.spec, h, w)
	if err != nil {
		return usage("%s: %w", references[0].label(), err)
	}
	c.tape = autograd.New(c.backend)
	defer func() {
		if err != nil {
			c.tape.Close()
		}
	}()
	var outs []autograd.Value
	if err := autograd.Try(func() {
		zero := tensor.New(c.f.device.element(), 1, shape[1], h, w)
		c.reference, c.image = c.tape.Var("reference", zero), c.tape.Var("image", zero)
		c.value = m.Channels(c.reference, c.image)
		outs = append(outs, c.value)
		if c.f.gradient != "" {
			outs = append(outs, autograd.Grad(c.value.Sum(), c.image)[0])
			c.gradient = tensor.New(zero.DType, len(list), shape[1], shape[2], shape[3])
		}
	}); err != nil {
		return usage("%w", err)
	}
	c.program, err = c.tape.Compile(outs, autograd.Value{})
	return err
}

// side returns what both sizes of an image must be multiples of.
func (c *comparison) side() (int, error) {
	if c.f.metric.make.multiple == nil {
		return 1, nil
	}
	return c.f.metric.make.multiple(c.f.metric.spec)
}

// run compares every image with its reference.
func (c *comparison) run(references, list []picture) error {
	for i := range list {
		if i < len(references) {
			if err := c.set(c.reference, references[i].x); err != nil {
				return err
			}
		}
		if err := c.set(c.image, list[i].x); err != nil {
			return err
		}
		if err := c.program.Run(); err != nil {
			return err
		}
		value := tensor.New(tensor.Float64, c.value.Type().Shape()...)
		if err := c.program.Read(0, value); err != nil {
			return err
		}
		c.values = append(c.values, tensor.Floats(value))
		if c.f.gradient == "" {
			continue
		}
		if err := c.program.Read(1, c.used(c.gradient.Crop(0, i, i+1, 1))); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) set(v autograd.Value, x tensor.Tensor) error {
	return c.tape.Set(v, cast(tensor.Contiguous(c.used(x)), c.f.device.element()))
}

// used returns the part of x that is compared.
func (c *comparison) used(x tensor.Tensor) tensor.Tensor {
	t := c.image.Type()
	return x.Crop(2, c.crop[0], c.crop[0]+t.Dim[2], 1).Crop(3, c.crop[1], c.crop[1]+t.Dim[3], 1)
}

// printValues prints a row of values for each image.
func (a *app) printValues(f *metricFlags, list []picture, values [][]float64) error {
	if f.json {
		return a.printJSON(valuesObject(&f.metric, values))
	}
	for i, row := range values {
		if _, err := fmt.Fprint(a.stdout, list[i].label()); err != nil {
			return err
		}
		for _, v := range row {
			fmt.Fprintf(a.stdout, "\t%.10g", v)
		}
		fmt.Fprintln(a.stdout)
	}
	return nil
}

// valuesObject returns what --json prints: a list of channels for each image.
func valuesObject(f *specFlag[metricKind], values [][]float64) runfolder.Object {
	rows, reasons := make([]any, len(values)), []string(nil)
	for i, row := range values {
		list, reason := runfolder.Finite(row)
		rows[i] = list
		if reason != "" {
			reasons = append(reasons, fmt.Sprintf("image %d: %s", i, reason))
		}
	}
	o := runfolder.Object{{Key: "metric", Value: f.String()}, {Key: "value", Value: rows}}
	if reasons != nil {
		o.Add("value_reason", reasons)
	}
	return o
}
