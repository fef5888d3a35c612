package synth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/percept-go/percept/internal/dense"
	"github.com/percept-go/percept/internal/rng"
	"github.com/percept-go/percept/internal/safetensors"
	"github.com/percept-go/percept/tensor"
)

// eigenMethodName is what a checkpoint calls its method, eigenCheckpointVersion
// changes when older ones can no longer be read.
const (
	eigenMethodName        = "eigendistortion"
	eigenCheckpointVersion = 3
)

// eigenCheckpoint is the header of a checkpoint, JSON under the key "percept" of
// a safetensors file. The tensors are the rows of image K's state, "K.NAME", and
// of its unfinished state, "unfinished.K.NAME".
type eigenCheckpoint struct {
	Version    int                 `json:"version"`
	Method     string              `json:"method"`
	Images     []origin            `json:"images"`
	Runs       []eigenState        `json:"runs"`
	Unfinished map[int]*eigenState `json:"unfinished,omitempty"` // by position in Runs
}

// unfinishedRows is what the names of rows of unfinished states begin with.
const unfinishedRows = "unfinished."

// origin returns what tells image k from others.
func (s *Eigendistortion) origin(k int) origin {
	h := sha256.New()
	o := s.options
	o.Seed += uint64(k)
	o.MaxSteps = 0 // may change
	for _, v := range []any{s.model, o, s.dtype} {
		text, err := json.Marshal(v)
		if err != nil { // a function
			text = nil
		}
		fmt.Fprintf(h, "%T %s\n", v, text)
	}
	t := sha256.New()
	digest(t, s.images, k)
	return origin{hex.EncodeToString(t.Sum(nil)), hex.EncodeToString(h.Sum(nil))}
}

// Save writes a checkpoint of the given images, or of all where none is given.
// From it Load continues as if nothing had happened: to the same bits on the
// same backend. It errs if w does, and panics if there is no such image.
func (s *Eigendistortion) Save(w io.Writer, images ...int) error {
	if len(images) == 0 {
		images = upTo(len(s.runs))
	}
	head := eigenCheckpoint{Version: eigenCheckpointVersion, Method: eigenMethodName, Unfinished: map[int]*eigenState{}}
	var ts []safetensors.Source
	for i, k := range images {
		r := s.runs[k]
		head.Images, head.Runs = append(head.Images, s.origin(k)), append(head.Runs, r.eigenState)
		ts = append(ts, r.sources(fmt.Sprintf("%d.", i))...)
		if u := r.unfinished; u != nil {
			head.Unfinished[i] = &u.eigenState
			ts = append(ts, u.sources(fmt.Sprintf("%s%d.", unfinishedRows, i))...)
		}
	}
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	return safetensors.Write(w, map[string]string{"percept": string(text)}, ts...)
}

// sources returns the rows of r's state, whose names begin with prefix in the file.
func (r *eigenRun) sources(prefix string) (list []safetensors.Source) {
	for _, name := range slices.Sorted(maps.Keys(r.rows)) {
		if rows := r.rows[name]; rows.Len() > 0 {
			list = append(list, safetensors.Of(prefix+name, tensor.Of(rows.V, rows.Len(), rows.N)))
		}
	}
	return list
}

// Load continues from what Save of an Eigendistortion made with the same
// arguments wrote: one checkpoint of all images, or several that hold them in
// their order. MaxSteps may differ: a search that had run out of steps goes on as
// if it had had the larger number from the beginning. It errs, with ErrCheckpoint
// if the images, the settings or the version differ, and then changes nothing.
func (s *Eigendistortion) Load(readers ...io.Reader) error {
	var runs []*eigenRun
	for _, r := range readers {
		more, err := s.readRuns(r, len(runs))
		if err != nil {
			return err
		}
		runs = append(runs, more...)
	}
	if len(runs) != len(s.runs) {
		return fmt.Errorf("synth: %w: it holds %d images; %d expected", ErrCheckpoint, len(runs), len(s.runs))
	}
	for k, r := range runs {
		if was := s.runs[k].Probe; math.Abs(was-r.Probe) > sameModel*was {
			return fmt.Errorf("synth: %w: image %d changed the model by %g along a noise and does by %g now: the model differs", ErrCheckpoint, k, r.Probe, was)
		}
	}
	for k, r := range runs {
		if u := r.unfinished; u != nil && r.RanOut < s.options.maxSteps() {
			runs[k] = u
		}
	}
	s.runs = runs
	return nil
}

// probe returns what makes models that differ known: ‖Jz‖ for a noise z.
func (s *Eigendistortion) probe() (float64, error) {
	jz, _, err := s.jac.apply(noise(rng.New(filterSeed), 1, s.jac.n))
	return dense.Norm(jz.V), err
}

// readRuns reads a checkpoint of the images from first on.
func (s *Eigendistortion) readRuns(r io.Reader, first int) ([]*eigenRun, error) {
	r, size, err := sized(r)
	if err != nil {
		return nil, err
	}
	meta, ts, err := safetensors.Read(r, size)
	if err != nil {
		return nil, err
	}
	var head eigenCheckpoint
	if err := json.Unmarshal([]byte(meta["percept"]), &head); err != nil {
		return nil, fmt.Errorf("synth: %w: its header cannot be read: %w", ErrCheckpoint, err)
	}
	n := len(head.Runs)
	switch {
	case head.Version != eigenCheckpointVersion || head.Method != eigenMethodName:
		return nil, fmt.Errorf("synth: %w: it is one of version %d of %q; version %d of %q is expected", ErrCheckpoint, head.Version, head.Method, eigenCheckpointVersion, eigenMethodName)
	case n == 0 || first+n > len(s.runs) || len(head.Images) != n:
		return nil, fmt.Errorf("synth: %w: it holds %d images; %d expected", ErrCheckpoint, n, len(s.runs)-first)
	}
	var runs []*eigenRun
	for i, state := range head.Runs {
		switch o := s.origin(first + i); {
		case head.Images[i].Target != o.Target:
			return nil, fmt.Errorf("synth: %w: it is of another image", ErrCheckpoint)
		case head.Images[i].Settings != o.Settings:
			return nil, fmt.Errorf("synth: %w: its model or options differ", ErrCheckpoint)
		}
		run := s.newRun(state)
		if u := head.Unfinished[i]; u != nil {
			run.unfinished = s.newRun(*u)
		}
		runs = append(runs, run)
	}
	return runs, fillRows(runs, ts)
}

// fillRows gives runs the rows of a checkpoint.
func fillRows(runs []*eigenRun, ts map[string]tensor.Tensor) error {
	for full, x := range ts {
		name, unfinished := strings.CutPrefix(full, unfinishedRows)
		number, of, found := strings.Cut(name, ".")
		i, err := strconv.Atoi(number)
		if !found || err != nil || i < 0 || i >= len(runs) || unfinished && runs[i].unfinished == nil || x.Rank != 2 || x.DType != tensor.Float64 {
			return fmt.Errorf("synth: %w: it holds a %v %q", ErrCheckpoint, x.Type, full)
		}
		r := runs[i]
		if unfinished {
			r = r.unfinished
		}
		r.rows[of] = dense.Rows{N: x.Dim[1], V: tensor.Floats(x)}
	}
	return nil
}
