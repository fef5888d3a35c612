package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/figure"
	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/tensor"
)

// figureFlags are those of percept figure.
type figureFlags struct {
	what      choice
	out       string
	compare   bool
	animate   bool
	rate      float64
	amplitude float64
	display   displayFlags
	json      bool
}

// displayFlags say how numbers become pictures.
type displayFlags struct {
	rangeName, complex string
	zoom               float64
	batch, channel     int
	rgb                bool
}

const defaultFigure = "figure.png"

// pictureAmplitude is the L2 norm of eigendistortions in pictures.
const pictureAmplitude = 5

func (a *app) figureCommand() *cobra.Command {
	f := &figureFlags{what: *newChoice("status", "representation", "images", "loss")}
	c := &cobra.Command{
		Use:   "figure DIR…",
		Short: "Pictures and animations of runs, images and representations",
		Long: `figure draws what a run did, from its folder alone: the status picture of its
method, the representation as its model shows it, all its images, or the loss.
Of a folder of MAD images it draws all of them. A picture or an array (NPY,
N×C×H×W) in place of DIR is displayed, each pixel as a square.

It writes ` + defaultFigure + ` into DIR, or -o FILE: PNG, SVG or PDF, and with --animate
GIF, PNG or WebP (animated), MP4 or WebM (these two with ffmpeg). An animation shows the
images that --save-every kept, or the frames of a geodesic.`,
		Example: `  percept figure run
  percept figure run --what representation -o rep.svg
  percept figure --compare run-1 run-2 run-3 -o compare.pdf
  percept figure run --animate -o run.gif --rate 5
  percept figure run/result.npy --range auto0 --zoom 4 -o result.png`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.figure(f, args) },
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVarP(&f.out, "output", "o", "", "the `FILE` to write: .png .svg .pdf, of an animation .gif .png .webp .mp4 .webm")
	fs.Var(&f.what, "what", "what is drawn: "+strings.Join(f.what.words, "|"))
	fs.BoolVar(&f.compare, "compare", false, "all runs side by side in one figure")
	fs.BoolVar(&f.animate, "animate", false, "the images that a run kept, in turn")
	fs.Float64Var(&f.rate, "rate", 10, "frames in a second, of an animation")
	fs.Float64Var(&f.amplitude, "amplitude", pictureAmplitude, "L2 norm of the eigendistortions that are added to the image")
	fs.StringVar(&f.display.rangeName, "range", "indep1", "of images: what is black and white: auto0…auto3, indep0…indep3, or LO,HI")
	fs.StringVar(&f.display.complex, "complex", "rectangular", "of images: rectangular|polar|logpolar")
	fs.Float64Var(&f.display.zoom, "zoom", 0, "of images: screen pixels of a pixel, a whole number or 1 divided by one (0: they fit in 256)")
	fs.IntVar(&f.display.batch, "batch-index", -1, "of images: which of axis 0 (-1: all)")
	fs.IntVar(&f.display.channel, "channel", -1, "of images: which of axis 1 (-1: all)")
	fs.BoolVar(&f.display.rgb, "rgb", false, "of images: three channels are one picture in colour")
	fs.BoolVar(&f.json, "json", false, "print what was written as JSON")
	a.completeFlags(c)
	return c
}

// figure draws what paths name.
func (a *app) figure(f *figureFlags, paths []string) error {
	groups, err := f.gather(paths)
	if err != nil {
		return err
	}
	if f.out != "" && len(groups) > 1 {
		return usage("-o names one file, but there are %d figures; --compare puts them side by side", len(groups))
	}
	var written []string
	for _, g := range groups {
		path, err := a.drawOne(f, g)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name(), err)
		}
		written = append(written, path)
	}
	if f.json {
		return a.printJSON(runfolder.Object{{Key: "files", Value: written}})
	}
	_, err = fmt.Fprintln(a.stdout, strings.Join(written, "\n"))
	return err
}

// A drawing is one figure to make: of a file, or of runs.
type drawing struct {
	file   string
	folder string // where the figure goes
	runs   []string
}

func (d drawing) name() string {
	if d.file != "" {
		return d.file
	}
	return d.folder
}

// gather says which figures there are to make.
func (f *figureFlags) gather(paths []string) ([]drawing, error) {
	if f.compare {
		d := drawing{folder: "."}
		for _, p := range paths {
			runs, err := runFolders([]string{p})
			if err != nil {
				return nil, err
			}
			d.runs = append(d.runs, runs...)
		}
		return []drawing{d}, nil
	}
	var list []drawing
	for _, p := range paths {
		st, err := os.Stat(p)
		switch {
		case strings.HasPrefix(p, "example:") || err == nil && !st.IsDir():
			list = append(list, drawing{file: p, folder: "."})
			continue
		case err != nil:
			return nil, err
		}
		runs, err := runFolders([]string{p})
		if err != nil {
			return nil, err
		}
		for _, together := range competitions(runs) {
			d := drawing{folder: together[0], runs: together}
			if len(together) > 1 {
				d.folder = filepath.Dir(together[0])
			}
			list = append(list, d)
		}
	}
	return list, nil
}

// drawOne makes a figure or an animation and returns its path.
func (a *app) drawOne(f *figureFlags, d drawing) (string, error) {
	path := f.out
	if f.animate {
		if path == "" {
			path = filepath.Join(d.folder, "animation.gif")
		}
		n, err := a.animation(f, d)
		if err != nil {
			return "", err
		}
		return path, n.Save(path)
	}
	if path == "" {
		path = filepath.Join(d.folder, defaultFigure)
	}
	if d.file != "" {
		fig, err := f.display.show(d.file)
		if err != nil {
			return "", err
		}
		return path, fig.Save(path)
	}
	fig, err := a.figureOf(f, d)
	if err != nil {
		return "", err
	}
	return path, fig.Save(path)
}

// figureOf draws runs.
func (a *app) figureOf(f *figureFlags, d drawing) (*figure.Figure, error) {
	var views []*runView
	for _, r := range d.runs {
		v, err := a.viewRun(r)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	switch what := f.what.value; {
	case len(views) > 1 && what == "loss":
		return lossesOf(views), nil
	case len(views) > 1 && what == "status" && !f.compare:
		return competition(views)
	}
	var list []*figure.Figure
	for _, v := range views {
		fig, err := f.draw(v)
		if err != nil && len(views) > 1 {
			err = fmt.Errorf("%s: %w", v.folder.Dir, err)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, fig)
	}
	switch {
	case len(list) == 1:
		return list[0], nil
	case f.what.value == "status":
		return figure.Above("", lossesOf(views), figure.Beside("", list...)), nil
	}
	return figure.Beside("", list...), nil
}

// draw makes the figure that --what names of one run.
func (f *figureFlags) draw(v *runView) (*figure.Figure, error) {
	switch f.what.value {
	case "representation":
		return v.representation(f.amplitude)
	case "images":
		return v.images(f.display)
	case "loss":
		return &figure.Figure{Title: v.label(), Rows: [][]figure.Panel{{v.lossCurves()}}}, nil
	}
	return v.status(f.amplitude)
}

// lossesOf draws the losses of several runs together.
func lossesOf(views []*runView) *figure.Figure {
	c := &figure.Curves{Title: "Loss", XLabel: "seconds", Log: true, Width: 640, Height: 380}
	for _, v := range views {
		s := figure.Series{Name: v.label(), X: v.history.Column("seconds"), Y: v.history.Column("loss")}
		c.Series, c.Log = append(c.Series, s), c.Log && canBeLog(s)
	}
	return &figure.Figure{Title: "Runs side by side", Rows: [][]figure.Panel{{c}}}
}

// set returns how d shows images.
func (d displayFlags) set() (o figure.Display, err error) {
	o = figure.Display{Range: d.rangeName, Complex: d.complex, Zoom: d.zoom, RGB: d.rgb}
	if lo, hi, ok := strings.Cut(d.rangeName, ","); ok {
		o.Range, o.Fixed = "", new([2]float64)
		if _, err := fmt.Sscanf(lo+" "+hi, "%g %g", &o.Fixed[0], &o.Fixed[1]); err != nil {
			return o, usage("--range %s: two numbers are expected", d.rangeName)
		}
	}
	if d.batch >= 0 {
		o.Batch = &d.batch
	}
	if d.channel >= 0 {
		o.Channel = &d.channel
	}
	return o, nil
}

// show displays the file at path.
func (d displayFlags) show(path string) (*figure.Figure, error) {
	x, err := readPictures(path, d.rgb)
	if err != nil {
		return nil, err
	}
	return d.showAll(filepath.Base(path), x)
}

// imagesInRow is how many pictures stand side by side.
const imagesInRow = 6

func (d displayFlags) showAll(title string, x ...tensor.Tensor) (*figure.Figure, error) {
	o, err := d.set()
	if err != nil {
		return nil, err
	}
	panels, err := o.Images(x...)
	if err != nil {
		return nil, err
	}
	fig := &figure.Figure{Title: title}
	for len(panels) > 0 {
		n := min(imagesInRow, len(panels))
		fig.Rows, panels = append(fig.Rows, panels[:n]), panels[n:]
	}
	return fig, nil
}

// readPictures reads an array of any numbers, or a picture, as (N, C, H, W).
func readPictures(path string, rgb bool) (tensor.Tensor, error) {
	if strings.EqualFold(filepath.Ext(path), ".npy") {
		file, err := os.Open(path)
		if err != nil {
			return tensor.Tensor{}, err
		}
		defer file.Close()
		a, err := tensor.ReadNPY(file)
		if err != nil {
			return tensor.Tensor{}, err
		}
		shape := a.Shape()
		for len(shape) < 4 {
			shape = append([]int{1}, shape...)
		}
		x, ok := tensor.Contiguous(a.Tensor).Reshape(shape...)
		if !ok || len(shape) > 4 {
			return x, fmt.Errorf("an array of the shape %v; H×W, C×H×W or N×C×H×W is expected", a.Shape())
		}
		return x, nil
	}
	o := images.Options{}
	if rgb {
		o.Color = images.RGB
	}
	x, _, err := images.Load(path, o)
	return x, err
}

// animation returns what a run kept, frame by frame.
func (a *app) animation(f *figureFlags, d drawing) (*figure.Animation, error) {
	if d.file != "" || len(d.runs) != 1 {
		return nil, usage("--animate takes one run")
	}
	v, err := a.viewRun(d.runs[0])
	if err != nil {
		return nil, err
	}
	list, err := v.movie()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("the run kept no images; --save-every K keeps every K-th")
	}
	if err != nil {
		return nil, err
	}
	return figure.Animate(f.rate, list...), nil
}
