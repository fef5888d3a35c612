package cli

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/atomicfile"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/tensor"
)

// normalizeFlags are those of percept normalize.
type normalizeFlags struct {
	image     imageFlags
	device    deviceFlags
	model     specFlag[modelKind]
	luminance string
	out       string
	json      bool
}

func (a *app) normalizeCommand() *cobra.Command {
	f := normalizeFlags{model: a.modelFlag()}
	c := &cobra.Command{
		Use:   "normalize FOLDER… -o FILE.npz",
		Short: "Measure a model's output over a set of images, to z-score it by",
		Long: `normalize computes the mean and the standard deviation of every entry of a
model's output over all pictures in the folders (or files) given, one picture
after the other. The model normalize=FILE.npz then sees entries less the mean,
over the standard deviation. Entries that hardly vary, by less than 1e-8 of the
most varying one of their group, get weight 0 and are listed.

Photographs of van Hateren (.iml, .imc: 1536×1024, 16-bit, big-endian) are each
divided by their maximum, or, with --luminance TABLE, are multiplied by their
factors and divided by the largest luminance of all. A line of TABLE has the
name or the number of a picture first and its factor last.`,
		Example: `  percept normalize photographs --size 256x256 -o norm.npz
  percept normalize iml --luminance settings.txt --crop 256,512,512,512 -o norm.npz
  percept metamer photo.png --size 256x256 --model portilla-simoncelli:normalize=norm.npz`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.normalize(&f, args) },
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.Var(&f.model, "model", "the model")
	fs.StringVarP(&f.out, "output", "o", "", "the `FILE.npz` to write (required)")
	fs.StringVar(&f.luminance, "luminance", "", "factors from stored numbers to luminance, in the lines of `TABLE`")
	f.device.register(fs)
	f.image.register(fs)
	fs.BoolVar(&f.json, "json", false, "print what was written as JSON")
	a.completeFlags(c)
	return c
}

// fewImages is below how many a standard deviation is uncertain by a tenth.
const fewImages = 50

func (a *app) normalize(f *normalizeFlags, paths []string) error {
	switch {
	case f.out == "":
		return usage("the file to write is missing: -o FILE.npz")
	case f.model.spec.Text("normalize") != "none":
		return usage("--model %s: it is normalized already", f.model.text)
	}
	files, err := pictureFiles(paths)
	if err != nil {
		return err
	}
	factors, light, err := f.factors(files)
	if err != nil {
		return err
	}
	set, err := a.momentsOf(f, files, factors)
	if err != nil {
		return err
	}
	if set.stats.Count < fewImages {
		a.note("%d images are few: standard deviations are uncertain by about %.0f %%", set.stats.Count, 100/math.Sqrt(2*float64(set.stats.Count-1)))
	}
	members := []member{{name: "mean", tensor: set.stats.Mean}, {name: "std", tensor: set.stats.Std},
		{name: "count", tensor: tensor.Scalar(float64(set.stats.Count))}, {name: "model", words: []string{f.model.text, bareSettings(f.model.spec)}},
		{name: "files", words: files}, {name: "light", words: []string{light}}}
	if err := atomicfile.Write(f.out, 0o666, func(w io.Writer) error { return writeNPZ(w, members) }); err != nil {
		return err
	}
	return a.printNormalized(f, set, light)
}

// imageSet is what was measured of a set of images.
type imageSet struct {
	stats models.Statistics
	flat  map[string][]int
}

// momentsOf evaluates the model on all pictures of the files.
func (a *app) momentsOf(f *normalizeFlags, files []string, factors map[string]*[2]float64) (set imageSet, err error) {
	var moments models.Moments
	var each evaluator
	defer each.close()
	for _, file := range files {
		o := f.image.options()
		if r := factors[file]; r != nil {
			o.InputRange = r
		}
		list, err := a.load([]string{file}, o)
		if err != nil {
			return set, err
		}
		for i := range list {
			rep, err := each.evaluate(a, f, list[i:i+1])
			if err == nil {
				err = moments.Add(rep)
			}
			if err != nil {
				return set, fmt.Errorf("%s: %w", list[i].label(), err)
			}
		}
	}
	if set.stats, err = moments.Statistics(); err != nil {
		return set, usage("%w", err)
	}
	_, set.flat, err = models.Normalize(each.model, set.stats)
	return set, err
}

// factors returns the input range of each of van Hateren's files, where a table
// of luminances is given, and what was done to make numbers of light.
func (f *normalizeFlags) factors(files []string) (ranges map[string]*[2]float64, light string, err error) {
	if f.luminance == "" {
		light = "as stored"
		if slices.ContainsFunc(files, vanHateren) {
			light = "each picture divided by its maximum"
		}
		return nil, light, nil
	}
	table, err := readLuminance(f.luminance)
	if err != nil {
		return nil, "", err
	}
	most := 0.
	own := map[string]float64{}
	for _, file := range files {
		if !vanHateren(file) {
			return nil, "", usage("--luminance: %s is no .iml or .imc file", file)
		}
		factor, ok := table[pictureNumber(file)]
		if !ok {
			return nil, "", usage("%s has no line for %s", f.luminance, file)
		}
		x, _, err := images.Load(file, images.Options{InputRange: &[2]float64{0, 1}})
		if err != nil {
			return nil, "", err
		}
		own[file] = factor
		most = max(most, factor*slices.Max(tensor.Slice[float64](x)))
	}
	ranges = map[string]*[2]float64{}
	for file, factor := range own {
		ranges[file] = &[2]float64{0, most / factor}
	}
	return ranges, fmt.Sprintf("luminance by %s, divided by its maximum in all pictures, %g", filepath.Base(f.luminance), most), nil
}

func vanHateren(file string) bool {
	ext := strings.ToLower(filepath.Ext(file))
	return ext == ".iml" || ext == ".imc"
}

// pictureNumber returns the number in the name of a picture, "imk01234.iml", or
// the name where there is none.
func pictureNumber(name string) string {
	name = filepath.Base(name)
	name = strings.TrimSuffix(name, filepath.Ext(name))
	if n, err := strconv.Atoi(lastDigits.FindString(name)); err == nil {
		return strconv.Itoa(n)
	}
	return name
}

var lastDigits = regexp.MustCompile(`[0-9]+$`)

// readLuminance reads a table of factors by number of picture. Empty lines and
// those that begin with # are no part of it.
func readLuminance(path string) (map[string]float64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	table := map[string]float64{}
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		words := strings.FieldsFunc(lines.Text(), func(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == ';' })
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		factor, err := strconv.ParseFloat(words[len(words)-1], 64)
		if len(words) < 2 || err != nil || !(factor > 0) || math.IsInf(factor, 0) {
			return nil, usage("%s:%d: a line has a picture first and a positive factor last", path, number)
		}
		table[pictureNumber(words[0])] = factor
	}
	return table, lines.Err()
}

// pictureEnds are the endings of files that a folder is searched for.
var pictureEnds = []string{".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".webp", ".bmp", ".pbm", ".pgm", ".ppm", ".npy", ".iml", ".imc"}

// pictureFiles returns the pictures in the given folders, by name, and the files
// given as such. It errs if a folder has none.
func pictureFiles(paths []string) (files []string, err error) {
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil && !strings.HasPrefix(p, "example:") {
			return nil, err
		}
		if err != nil || !info.IsDir() {
			files = append(files, p)
			continue
		}
		entries, err := os.ReadDir(p)
		if err != nil {
			return nil, err
		}
		before := len(files)
		for _, e := range entries {
			if !e.IsDir() && slices.Contains(pictureEnds, strings.ToLower(filepath.Ext(e.Name()))) {
				files = append(files, filepath.Join(p, e.Name()))
			}
		}
		if len(files) == before {
			return nil, usage("%s holds no pictures (%s)", p, strings.Join(pictureEnds, " "))
		}
	}
	return files, nil
}

func (a *app) printNormalized(f *normalizeFlags, set imageSet, light string) error {
	groups := slices.Sorted(maps.Keys(set.flat))
	if f.json {
		flat := runfolder.Object{}
		for _, g := range groups {
			flat.Add(g, set.flat[g])
		}
		return a.printJSON(runfolder.Object{{Key: "file", Value: f.out}, {Key: "model", Value: f.model.text}, {Key: "images", Value: set.stats.Count},
			{Key: "shape", Value: set.stats.Mean.Shape()}, {Key: "light", Value: light}, {Key: "weight_0", Value: flat}})
	}
	if _, err := fmt.Fprintf(a.stdout, "%s: %v of %d images\n", f.out, set.stats.Mean.Type, set.stats.Count); err != nil {
		return err
	}
	for _, g := range groups {
		if _, err := fmt.Fprintf(a.stdout, "weight 0, since they hardly vary: %d entries of %s: %s\n", len(set.flat[g]), g, listed(set.flat[g])); err != nil {
			return err
		}
	}
	return nil
}

// listed writes a list of numbers, of a long one the beginning.
func listed(list []int) string {
	const most = 20
	var words []string
	for _, v := range list[:min(len(list), most)] {
		words = append(words, strconv.Itoa(v))
	}
	if len(list) > most {
		words = append(words, "…")
	}
	return strings.Join(words, " ")
}
