package cli

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/internal/safetensors"
	"github.com/percept-go/percept/tensor"
)

func (a *app) inspectCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "inspect FILE…",
		Short: "Say what is in a file: arrays, a checkpoint, a picture, a run folder",
		Long: `inspect prints what a file holds: of every array in an .npy, .npz or .safetensors
file the name, the element type, the shape and the range; of a checkpoint what it
is of and how far it was; of a picture how it is stored and what a person may
not expect of it; of a run folder its outcome and its files.`,
		Example: `  percept inspect run
  percept inspect run/result.npy run/checkpoint.safetensors
  percept inspect photo.jpg rep.npz --json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.inspect(args, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return c
}

// A finding is what is known of a file.
type finding struct {
	path   string
	kind   string
	facts  runfolder.Object
	arrays []arrayFinding
}

// An arrayFinding is what is known of an array. Numbers that are not finite are
// counted and no part of the range.
type arrayFinding struct {
	name  string
	dtype string
	shape []int
	words []string // of an array of words
	least float64  // of complex numbers the magnitude
	most  float64
	mean  float64
	nan   int
	inf   int
	empty bool // of finite numbers
}

func (a *app) inspect(paths []string, asJSON bool) error {
	var list []runfolder.Object
	for _, p := range paths {
		f, err := look(p)
		if err != nil {
			return err
		}
		if asJSON {
			list = append(list, f.object())
		} else if err := f.print(a.stdout); err != nil {
			return err
		}
	}
	switch {
	case !asJSON:
		return nil
	case len(list) == 1:
		return a.printJSON(list[0])
	}
	return a.printJSON(list)
}

// sights are the kinds of files that are told from how they begin.
var sights = []struct {
	begins string
	look   func(path string) (*finding, error)
}{{"\x93NUMPY", lookNPY}, {"PK\x03\x04", lookNPZ}}

// look finds out what is at path.
func look(path string) (*finding, error) {
	if strings.HasPrefix(path, "example:") {
		return lookPicture(path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return lookFolder(path)
	}
	begin, err := beginning(path)
	if err != nil {
		return nil, err
	}
	for _, s := range sights {
		if strings.HasPrefix(begin, s.begins) {
			return s.look(path)
		}
	}
	if strings.HasSuffix(path, ".safetensors") || len(begin) > 9 && begin[8] == '{' {
		return lookSafetensors(path)
	}
	return lookPicture(path)
}

// beginning returns the first bytes of a file.
func beginning(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, 16)
	n, err := io.ReadFull(f, b)
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		err = nil
	}
	return string(b[:n]), err
}

// measure returns what is known of x, whose elements a file calls kind.
func measure(name, kind string, x tensor.Tensor) arrayFinding {
	f := arrayFinding{name: name, dtype: kind, shape: x.Shape(), least: math.Inf(1), most: math.Inf(-1)}
	x = tensor.Contiguous(x)
	finite := 0
	for i := range x.Len() {
		v := x.LoadReal(i)
		if x.DType.IsComplex() {
			c := x.Load(i)
			v = math.Hypot(real(c), imag(c))
		}
		switch {
		case math.IsNaN(v):
			f.nan++
		case math.IsInf(v, 0):
			f.inf++
		default:
			finite++
			f.least, f.most, f.mean = math.Min(f.least, v), math.Max(f.most, v), f.mean+v
		}
	}
	if f.empty = finite == 0; !f.empty {
		f.mean /= float64(finite)
	}
	return f
}

func lookNPY(path string) (*finding, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	x, err := lookArray("", file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &finding{path: path, kind: "NumPy array", arrays: []arrayFinding{x}}, nil
}

// lookArray reads an .npy file of numbers or words.
func lookArray(name string, r io.Reader) (arrayFinding, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return arrayFinding{}, err
	}
	if words, err := readWords(bytes.NewReader(data)); err == nil {
		return arrayFinding{name: name, dtype: "words", shape: []int{len(words)}, words: words, empty: true}, nil
	}
	x, err := tensor.ReadNPY(bytes.NewReader(data))
	if err != nil {
		return arrayFinding{}, err
	}
	return measure(name, x.Kind, x.Tensor), nil
}

func lookNPZ(path string) (*finding, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer z.Close()
	f := &finding{path: path, kind: "NumPy archive"}
	for _, entry := range z.File {
		r, err := entry.Open()
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, entry.Name, err)
		}
		x, err := lookArray(strings.TrimSuffix(entry.Name, ".npy"), r)
		r.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, entry.Name, err)
		}
		f.arrays = append(f.arrays, x)
	}
	return f, nil
}

func lookSafetensors(path string) (*finding, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return nil, err
	}
	meta, ts, err := safetensors.Read(file, st.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f := &finding{path: path, kind: "safetensors"}
	for _, name := range sortedKeys(meta) {
		var value any
		if name != "percept" || json.Unmarshal([]byte(meta[name]), &value) != nil {
			f.facts.Add(name, meta[name])
			continue
		}
		f.kind = "checkpoint of percept"
		if o, ok := value.(map[string]any); ok {
			for _, key := range sortedKeys(o) {
				f.facts.Add(key, o[key])
			}
		}
	}
	for _, name := range sortedKeys(ts) {
		f.arrays = append(f.arrays, measure(name, ts[name].DType.String(), ts[name]))
	}
	return f, nil
}

func lookPicture(path string) (*finding, error) {
	x, info, err := images.Load(path, images.Options{Color: images.RGB})
	if err != nil {
		return nil, err
	}
	f := &finding{path: path, kind: "picture", facts: runfolder.Object{{Key: "format", Value: info.Format}, {Key: "stored", Value: info.Stored},
		{Key: "height", Value: info.Height}, {Key: "width", Value: info.Width}}}
	if info.SHA256 != "" {
		f.facts.Add("sha256", info.SHA256)
	}
	if len(info.Notes) > 0 {
		f.facts.Add("notes", info.Notes)
	}
	for c, name := range []string{"red", "green", "blue"} {
		f.arrays = append(f.arrays, measure(name, "float64", x.Crop(1, c, c+1, 1)))
	}
	if f.arrays[0].same(f.arrays[1]) && f.arrays[0].same(f.arrays[2]) {
		f.arrays = f.arrays[:1]
		f.arrays[0].name = "gray"
	}
	return f, nil
}

// same reports whether two arrays cannot be told from what was measured.
func (f arrayFinding) same(g arrayFinding) bool {
	return f.least == g.least && f.most == g.most && f.mean == g.mean
}

// folderFacts are the members of run.json that a person wants first.
var folderFacts = []string{"method", "outcome", "stopped_by", "reason", "iterations", "evaluations", "loss", "eigenvalues", "seed", "dtype", "device", "started"}

func lookFolder(path string) (*finding, error) {
	f := &finding{path: path, kind: "folder"}
	var record map[string]any
	if err := runfolder.ReadJSON(filepath.Join(path, runfolder.RunJSON), &record); err == nil {
		f.kind = "run of percept"
		for _, key := range folderFacts {
			if v, ok := record[key]; ok && v != nil && v != "" {
				f.facts.Add(key, v)
			}
		}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".npy") {
			x, err := lookNPY(filepath.Join(path, e.Name()))
			if err != nil {
				return nil, err
			}
			x.arrays[0].name = e.Name()
			f.arrays = append(f.arrays, x.arrays[0])
		}
	}
	var others []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".npy") {
			others = append(others, e.Name())
		}
	}
	f.facts.Add("files", others)
	return f, nil
}

func (f *finding) object() runfolder.Object {
	o := runfolder.Object{{Key: "path", Value: f.path}, {Key: "kind", Value: f.kind}}
	o = append(o, f.facts...)
	arrays := []runfolder.Object{}
	for _, x := range f.arrays {
		arrays = append(arrays, x.object())
	}
	o.Add("arrays", arrays)
	return o
}

func (f arrayFinding) object() runfolder.Object {
	o := runfolder.Object{{Key: "name", Value: f.name}, {Key: "dtype", Value: f.dtype}, {Key: "shape", Value: f.shape}}
	if f.words != nil {
		o.Add("words", f.words)
		return o
	}
	if !f.empty {
		o = append(o, runfolder.Object{{Key: "min", Value: f.least}, {Key: "max", Value: f.most}, {Key: "mean", Value: f.mean}}...)
	}
	return append(o, runfolder.Object{{Key: "nan", Value: f.nan}, {Key: "infinite", Value: f.inf}}...)
}

// print writes f as a person reads it.
func (f *finding) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", f.path, f.kind)
	for _, m := range f.facts {
		text, err := json.Marshal(m.Value)
		if err != nil {
			return err
		}
		const longest = 200
		if s := []rune(strings.Trim(string(text), `"`)); len(s) > longest {
			text = []byte(string(s[:longest]) + "…")
		}
		fmt.Fprintf(&b, "  %-14s %s\n", m.Key, strings.Trim(string(text), `"`))
	}
	width := 0
	for _, x := range f.arrays {
		width = max(width, len(x.name))
	}
	for _, x := range f.arrays {
		fmt.Fprintf(&b, "  %-*s %s\n", width, x.name, x.text())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// text returns "float64 (4, 1, 16, 16)  -0.1 … 0.9, mean 0.3".
func (f arrayFinding) text() string {
	var axes []string
	for _, n := range f.shape {
		axes = append(axes, fmt.Sprint(n))
	}
	s := fmt.Sprintf("%s (%s)", f.dtype, strings.Join(axes, ", "))
	if f.words != nil {
		return s + "  " + strings.Join(f.words[:min(len(f.words), 3)], " ")
	}
	if !f.empty {
		s += fmt.Sprintf("  %.6g … %.6g, mean %.6g", f.least, f.most, f.mean)
	}
	if strings.HasPrefix(f.dtype, "complex") {
		s += " (magnitudes)"
	}
	if f.nan > 0 {
		s += fmt.Sprintf(", %d NaN", f.nan)
	}
	if f.inf > 0 {
		s += fmt.Sprintf(", %d infinite", f.inf)
	}
	return s
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
