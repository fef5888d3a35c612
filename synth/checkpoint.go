package synth

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"

	"github.com/percept-go/percept/internal/safetensors"
	"github.com/percept-go/percept/tensor"
)

// checkpointVersion changes when older checkpoints can no longer be read.
const checkpointVersion = 1

// ErrCheckpoint says that a checkpoint belongs to another synthesis or version.
var ErrCheckpoint = errors.New("the checkpoint does not belong to this synthesis")

// checkpoint is the header of a checkpoint, JSON under the key "percept" of a
// safetensors file. The tensors are the Vars by name, "history.K" with the rows
// of image K and the one of the image as it is, "frame.K.I" with its state before iteration I, and "retired" with
// the images that are done.
type checkpoint struct {
	Version  int        `json:"version"`
	Method   string     `json:"method"`
	Settings string     `json:"settings"` // SHA-256
	Target   string     `json:"target"`   // SHA-256
	Seconds  float64    `json:"seconds"`
	Rows     []int      `json:"rows"` // images that the Vars hold
	Tracks   []progress `json:"tracks"`
	Start    []float64  `json:"loss_at_start"`
}

// progress is a track without its large parts.
type progress struct {
	Iterations int        `json:"iterations"`
	Spent      int        `json:"evaluations"`
	Mark       float64    `json:"mark"`
	Ended      StopReason `json:"ended"`
	Known      bool       `json:"known"` // the last row of the history tensor is up to date
	Frames     []int      `json:"frames"`
}

const recordColumns = 7

// sameModel is how far, relatively, losses at the start may be apart on two
// machines.
const sameModel = 1e-3

// finiteOnly returns x with 0 for what JSON cannot hold.
func finiteOnly(x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			y[i] = v
		}
	}
	return y
}

func (r Record) row() [recordColumns]float64 {
	return [...]float64{float64(r.Iteration), float64(r.Evaluations), r.Seconds, r.Loss, r.Penalty, r.GradientNorm, r.PixelChange}
}

func recordOf(v []float64) Record {
	return Record{int(v[0]), int(v[1]), v[2], v[3], v[4], v[5], v[6]}
}

// digest returns the SHA-256 of a tensor's type and elements.
func digest(x tensor.Tensor) string {
	h := sha256.New()
	fmt.Fprintf(h, "%v\n", x.Type)
	_ = tensor.WriteData(h, x) // a hash takes everything
	return hex.EncodeToString(h.Sum(nil))
}

// settings describes what must not change between a checkpoint and its
// continuation.
func (s *Metamer) settings() string {
	o := s.options
	h := sha256.New()
	for _, v := range []any{s.model, o.Loss, o.Penalty, o.Optimizer, o.Scheduler, o.Joint, o.Reference, o.Seed, o.StoreEvery, o.Window} {
		text, err := json.Marshal(v)
		if err != nil { // a function
			text = nil
		}
		fmt.Fprintf(h, "%T %s\n", v, text)
	}
	fmt.Fprintln(h, digest(s.start))
	return hex.EncodeToString(h.Sum(nil))
}

// Save writes a checkpoint, from which Load continues as if nothing had
// happened: to the same bits on the same backend. It errs if w or the backend
// does.
func (s *Metamer) Save(w io.Writer) error {
	head := checkpoint{Version: checkpointVersion, Method: "metamer", Settings: s.settings(), Target: digest(s.target),
		Seconds: s.seconds, Rows: s.rows, Start: finiteOnly(s.atStart.loss)}
	var names []string
	var ts []tensor.Tensor
	add := func(name string, x tensor.Tensor) { names, ts = append(names, name), append(ts, x) }
	for _, v := range s.tape.Vars() {
		x, err := s.tape.Get(v)
		if err != nil {
			return err
		}
		add(v.Name(), x)
	}
	add("retired", s.retired)
	for k := range s.tracks {
		t := &s.tracks[k]
		p := progress{t.iterations, t.spent, t.mark, t.ended, t.known, []int{}}
		rows := tensor.New(tensor.Float64, len(t.records)+1, recordColumns)
		for i, r := range append(t.records[:len(t.records):len(t.records)], t.now) {
			for c, v := range r.row() {
				rows.StoreReal(i*recordColumns+c, v)
			}
		}
		add(fmt.Sprintf("history.%d", k), rows)
		for _, f := range t.frames {
			add(fmt.Sprintf("frame.%d.%d", k, f.Iteration), f.Image)
			p.Frames = append(p.Frames, f.Iteration)
		}
		head.Tracks = append(head.Tracks, p)
	}
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	return safetensors.Write(w, map[string]string{"percept": string(text)}, names, ts)
}

// Load continues from a checkpoint that Save of a Metamer made with the same
// arguments wrote. It errs, with ErrCheckpoint if the target, the settings or
// the version differ, and then changes nothing.
func (s *Metamer) Load(r io.Reader) error {
	r, size, err := sized(r)
	if err != nil {
		return err
	}
	meta, ts, err := safetensors.Read(r, size)
	if err != nil {
		return err
	}
	var head checkpoint
	if err := json.Unmarshal([]byte(meta["percept"]), &head); err != nil {
		return fmt.Errorf("synth: %w: its header cannot be read: %w", ErrCheckpoint, err)
	}
	if err := s.checkHead(&head); err != nil {
		return err
	}
	tracks, err := readTracks(&head, ts)
	if err != nil {
		return err
	}
	if err := s.restore(head.Rows, ts); err != nil {
		return err
	}
	s.tracks, s.seconds = tracks, head.Seconds
	return nil
}

// sized returns r and how many bytes it holds, reading it where it does not say.
func sized(r io.Reader) (io.Reader, int64, error) {
	switch f := r.(type) {
	case interface{ Len() int }:
		return r, int64(f.Len()), nil
	case interface {
		Stat() (fs.FileInfo, error)
		Seek(int64, int) (int64, error)
	}:
		st, err := f.Stat()
		if err != nil {
			return r, 0, err
		}
		at, err := f.Seek(0, io.SeekCurrent)
		return r, st.Size() - at, err
	}
	b, err := io.ReadAll(r)
	return bytes.NewReader(b), int64(len(b)), err
}

// checkHead says why head is not that of a checkpoint of s.
func (s *Metamer) checkHead(head *checkpoint) error {
	n := s.start.Dim[0]
	switch {
	case head.Version != checkpointVersion || head.Method != "metamer":
		return fmt.Errorf("synth: %w: it is one of version %d of %q; version %d of \"metamer\" is expected", ErrCheckpoint, head.Version, head.Method, checkpointVersion)
	case head.Target != digest(s.target):
		return fmt.Errorf("synth: %w: it is of another target image", ErrCheckpoint)
	case head.Settings != s.settings():
		return fmt.Errorf("synth: %w: its model, start or options differ", ErrCheckpoint)
	case len(head.Tracks) != n || len(head.Start) != n || len(head.Rows) == 0 || len(head.Rows) > n:
		return fmt.Errorf("synth: %w: it holds %d images; %d expected", ErrCheckpoint, len(head.Tracks), n)
	}
	for i, v := range finiteOnly(s.atStart.loss) {
		if math.Abs(v-head.Start[i]) > sameModel*math.Abs(v) {
			return fmt.Errorf("synth: %w: the loss %d at the start was %g and is %g now: the model differs", ErrCheckpoint, i, head.Start[i], v)
		}
	}
	last := -1
	for _, k := range head.Rows {
		if k <= last || k >= n {
			return fmt.Errorf("synth: %w: its images are numbered %v", ErrCheckpoint, head.Rows)
		}
		last = k
	}
	return nil
}

// readTracks takes the histories and frames from a checkpoint.
func readTracks(head *checkpoint, ts map[string]tensor.Tensor) ([]track, error) {
	tracks := make([]track, len(head.Tracks))
	for k, p := range head.Tracks {
		t := &tracks[k]
		*t = track{iterations: p.Iterations, spent: p.Spent, mark: p.Mark, ended: p.Ended, known: p.Known}
		name := fmt.Sprintf("history.%d", k)
		rows, ok := ts[name]
		if !ok || rows.Rank != 2 || rows.Dim[0] == 0 || rows.Dim[1] != recordColumns || rows.DType != tensor.Float64 {
			return nil, fmt.Errorf("synth: %w: %q is missing or a %v", ErrCheckpoint, name, rows.Type)
		}
		v := tensor.Floats(rows)
		for i := range rows.Dim[0] {
			t.records = append(t.records, recordOf(v[i*recordColumns:]))
		}
		last := len(t.records) - 1
		t.records, t.now = t.records[:last], t.records[last]
		for _, i := range p.Frames {
			name := fmt.Sprintf("frame.%d.%d", k, i)
			x, ok := ts[name]
			if !ok {
				return nil, fmt.Errorf("synth: %w: %q is missing", ErrCheckpoint, name)
			}
			t.frames = append(t.frames, Frame{i, x})
		}
	}
	return tracks, nil
}

// restore builds the program for the given images and sets its Vars. If it errs,
// s is unchanged.
func (s *Synthesis) restore(rows []int, ts map[string]tensor.Tensor) error {
	retired, ok := ts["retired"]
	if !ok || retired.Type != s.retired.Type {
		return fmt.Errorf("synth: %w: \"retired\" is missing or a %v; %v expected", ErrCheckpoint, retired.Type, s.retired.Type)
	}
	old := *s
	if err := s.build(rows); err != nil {
		return err
	}
	for _, v := range s.tape.Vars() {
		x, ok := ts[v.Name()]
		if !ok || x.Type != v.Type() {
			s.tape.Close()
			*s = old
			return fmt.Errorf("synth: %w: %q is missing or a %v; %v expected", ErrCheckpoint, v.Name(), x.Type, v.Type())
		}
		if err := s.tape.Set(v, x); err != nil {
			s.tape.Close()
			*s = old
			return err
		}
	}
	old.tape.Close()
	s.retired = retired
	return nil
}
