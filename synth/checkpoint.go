package synth

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/percept-go/percept/internal/safetensors"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// checkpointVersion changes when older checkpoints can no longer be read.
const checkpointVersion = 2

// ErrCheckpoint says that a checkpoint belongs to another synthesis or version.
var ErrCheckpoint = errors.New("the checkpoint does not belong to this synthesis")

// identity tells the checkpoints of a synthesis from those of others.
type identity struct {
	method  string
	options []any           // what must not change, beside start and inputs
	inputs  []tensor.Tensor // (N, …): what each image is made from
	atStart []float64       // its loss at the start, without scale
}

// checkpoint is the header of a checkpoint, JSON under the key "percept" of a
// safetensors file. It counts the images in the file from 0. The tensors are
// the Vars by name, "history.K" with the rows of image K and the one of the
// image as it is, "frame.K.I" with its state before iteration I, and "retired"
// with the images that are done.
type checkpoint struct {
	Version int        `json:"version"`
	Method  string     `json:"method"`
	Images  []origin   `json:"images"`
	Seconds float64    `json:"seconds"`
	Rows    []int      `json:"rows"` // images that the Vars hold
	Tracks  []progress `json:"tracks"`
	Start   []float64  `json:"loss_at_start"`
}

// origin has the SHA-256 of what an image is made from and of how.
type origin struct {
	Target   string `json:"target"`
	Settings string `json:"settings"`
}

// progress is a track without its large parts.
type progress struct {
	Iterations int        `json:"iterations"`
	Spent      int        `json:"evaluations"`
	Mark       float64    `json:"mark"`
	Ended      StopReason `json:"ended"`
	Known      bool       `json:"known"` // the last row of the history tensor is up to date
	Frames     []int      `json:"frames"`
	Standing   standing   `json:"stages"`
}

const recordColumns = 7 + optim.Asides

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

func (r Record) row() []float64 {
	return append([]float64{float64(r.Iteration), float64(r.Evaluations), r.Seconds, r.Loss, r.Penalty, r.GradientNorm, r.PixelChange}, r.Aside[:]...)
}

func recordOf(v []float64) Record {
	return Record{Iteration: int(v[0]), Evaluations: int(v[1]), Seconds: v[2], Loss: v[3], Penalty: v[4], GradientNorm: v[5],
		PixelChange: v[6], Aside: asideOf(v[7:])}
}

// origin returns what tells image k from others.
func (p *problem) origin(k int) origin {
	h := sha256.New()
	for _, v := range append(p.name.options, p.optimizer, p.control.Scheduler, p.control.Window, p.reference, p.every) {
		text, err := json.Marshal(v)
		if err != nil { // a function
			text = nil
		}
		fmt.Fprintf(h, "%T %s\n", v, text)
	}
	digest(h, p.start, k)
	t := sha256.New()
	for _, x := range p.name.inputs {
		digest(t, x, k)
	}
	return origin{hex.EncodeToString(t.Sum(nil)), hex.EncodeToString(h.Sum(nil))}
}

// digest adds the type and the elements of row k of x to a hash.
func digest(h hash.Hash, x tensor.Tensor, k int) {
	x = pick(x, []int{k})
	fmt.Fprintf(h, "%v\n", x.Type)
	_ = tensor.WriteData(h, x) // a hash takes everything
}

// Save writes a checkpoint of the given images, or of all where none is given.
// From it Load continues as if nothing had happened: to the same bits on the
// same backend. It errs if w or the backend does, and panics if there is no such
// image.
func (s *Synthesis) Save(w io.Writer, images ...int) error {
	if len(images) == 0 {
		images = upTo(len(s.tracks))
	}
	if _, err := s.shapedImage(); err != nil { // brings retired up to date
		return err
	}
	head := checkpoint{Version: checkpointVersion, Method: s.name.method, Seconds: s.seconds}
	var ts []safetensors.Source
	add := func(name string, x tensor.Tensor) { ts = append(ts, safetensors.Of(name, x)) }
	var from []int // rows of the Vars
	for i, k := range images {
		if row := slices.Index(s.rows, k); row >= 0 {
			head.Rows, from = append(head.Rows, i), append(from, row)
		}
		head.Images, head.Start = append(head.Images, s.origin(k)), append(head.Start, s.name.atStart[k])
		head.Tracks = append(head.Tracks, s.tracks[k].save(i, add))
	}
	head.Start = finiteOnly(head.Start)
	for _, v := range s.tape.Vars() {
		if len(from) == 0 {
			break
		}
		typ := v.Type()
		typ.Dim[0] = len(from)
		ts = append(ts, safetensors.Source{Name: v.Name(), Type: typ, Get: func() (tensor.Tensor, error) {
			x, err := s.tape.View(v)
			if err != nil || slices.Equal(from, upTo(x.Dim[0])) {
				return x, err
			}
			return pick(x, from), nil
		}})
	}
	add("retired", pick(s.retired, images))
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	return safetensors.Write(w, map[string]string{"percept": string(text)}, ts...)
}

// save adds the large parts of t, image k of the file, and returns the others.
func (t *track) save(k int, add func(name string, x tensor.Tensor)) progress {
	p := progress{t.iterations, t.spent, t.mark, t.ended, t.known, []int{}, t.standing}
	rows := tensor.New(tensor.Float64, len(t.records)+1, recordColumns)
	for i, r := range append(t.records[:len(t.records):len(t.records)], t.now) {
		copy(tensor.Slice[float64](rows)[i*recordColumns:], r.row())
	}
	add(fmt.Sprintf("history.%d", k), rows)
	for _, f := range t.frames {
		add(fmt.Sprintf("frame.%d.%d", k, f.Iteration), f.Image)
		p.Frames = append(p.Frames, f.Iteration)
	}
	return p
}

// Load continues from what Save of a synthesis made with the same arguments
// wrote: one checkpoint of all images, or several that hold them in their order.
// It errs, with ErrCheckpoint if the inputs, the settings or the version differ,
// and then changes nothing.
func (s *Synthesis) Load(readers ...io.Reader) error {
	var all merged
	for _, r := range readers {
		if err := s.read(r, &all); err != nil {
			return err
		}
	}
	if n := s.start.Dim[0]; len(all.tracks) != n {
		return fmt.Errorf("synth: %w: it holds %d images; %d expected", ErrCheckpoint, len(all.tracks), n)
	}
	vars := map[string]tensor.Tensor{}
	for name, parts := range all.parts {
		x, err := stacked(parts)
		if err != nil {
			return fmt.Errorf("synth: %w: %q: %w", ErrCheckpoint, name, err)
		}
		vars[name] = x
	}
	if err := s.restore(all.rows, vars); err != nil {
		return err
	}
	s.tracks, s.seconds = all.tracks, all.seconds
	return nil
}

// merged is what several checkpoints hold.
type merged struct {
	tracks  []track
	rows    []int
	seconds float64
	parts   map[string][]tensor.Tensor // of the Vars and of "retired"
}

// read adds a checkpoint to all.
func (s *Synthesis) read(r io.Reader, all *merged) error {
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
	first := len(all.tracks)
	if err := s.checkHead(&head, first); err != nil {
		return err
	}
	tracks, err := readTracks(&head, ts)
	if err != nil {
		return err
	}
	all.tracks, all.seconds = append(all.tracks, tracks...), max(all.seconds, head.Seconds)
	for _, k := range head.Rows {
		all.rows = append(all.rows, first+k)
	}
	if all.parts == nil {
		all.parts = map[string][]tensor.Tensor{}
	}
	for name, x := range ts {
		if !strings.HasPrefix(name, "history.") && !strings.HasPrefix(name, "frame.") {
			all.parts[name] = append(all.parts[name], x)
		}
	}
	return nil
}

// stacked joins parts along axis 0.
func stacked(parts []tensor.Tensor) (x tensor.Tensor, err error) {
	if len(parts) == 1 {
		return parts[0], nil
	}
	shape := parts[0].Shape()
	for _, p := range parts[1:] {
		other := p.Shape()
		if p.DType != parts[0].DType || len(shape) == 0 || len(other) != len(shape) || !slices.Equal(shape[1:], other[1:]) {
			return x, fmt.Errorf("a %v beside a %v", p.Type, parts[0].Type)
		}
		shape[0] += other[0]
	}
	x = tensor.New(parts[0].DType, shape...)
	at := 0
	for _, p := range parts {
		tensor.Copy(x.Crop(0, at, at+p.Dim[0], 1), p)
		at += p.Dim[0]
	}
	return x, nil
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

// checkHead says why head is not that of a checkpoint of the images of s from
// first on.
func (s *Synthesis) checkHead(head *checkpoint, first int) error {
	n := len(head.Images)
	switch {
	case head.Version != checkpointVersion || head.Method != s.name.method:
		return fmt.Errorf("synth: %w: it is one of version %d of %q; version %d of %q is expected", ErrCheckpoint, head.Version, head.Method, checkpointVersion, s.name.method)
	case n == 0 || first+n > s.start.Dim[0] || len(head.Tracks) != n || len(head.Start) != n:
		return fmt.Errorf("synth: %w: it holds %d images; %d expected", ErrCheckpoint, n, s.start.Dim[0]-first)
	}
	for i, d := range head.Images {
		switch o := s.origin(first + i); {
		case d.Target != o.Target:
			return fmt.Errorf("synth: %w: it is of another target image", ErrCheckpoint)
		case d.Settings != o.Settings:
			return fmt.Errorf("synth: %w: its model, start or options differ", ErrCheckpoint)
		}
		if v := finiteOnly(s.name.atStart[first+i:])[0]; math.Abs(v-head.Start[i]) > sameModel*math.Abs(v) {
			return fmt.Errorf("synth: %w: the loss %d at the start was %g and is %g now: the model differs", ErrCheckpoint, first+i, head.Start[i], v)
		}
	}
	for i, p := range head.Tracks {
		if !p.Standing.fits(&s.stages, p.Iterations) {
			return fmt.Errorf("synth: %w: image %d is at stage %d since iteration %v", ErrCheckpoint, i, p.Standing.Stage, p.Standing.Starts)
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
		*t = track{iterations: p.Iterations, spent: p.Spent, mark: p.Mark, ended: p.Ended, known: p.Known, standing: p.Standing}
		name := fmt.Sprintf("history.%d", k)
		rows, ok := ts[name]
		if !ok || rows.Rank != 2 || rows.Dim[0] == 0 || rows.Dim[1] != recordColumns || rows.DType != tensor.Float64 {
			return nil, fmt.Errorf("synth: %w: %q is missing or a %v", ErrCheckpoint, name, rows.Type)
		}
		v := tensor.Floats(rows)
		for i := range rows.Dim[0] {
			t.records = append(t.records, recordOf(v[i*recordColumns:][:recordColumns]))
		}
		last := len(t.records) - 1
		if last != t.iterations {
			return nil, fmt.Errorf("synth: %w: %q has %d rows; %d expected", ErrCheckpoint, name, last+1, t.iterations+1)
		}
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
	if len(rows) == 0 { // all images are done
		s.retired, s.rows = retired, nil
		return nil
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
