package cli

import (
	"archive/zip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// normalize is the key that every model has.
var normalize = spec.Key{Name: "normalize", Type: spec.Text, Default: "none",
	Doc: "the output is z-scored by statistics of a set of images, the FILE.npz of percept normalize; or each group is divided by the L2 norm that it has for the target: target; or none"}

// normalizing returns a constructor of models that obeys the key normalize.
func normalizing(construct func(s spec.Spec, h, w int) (synth.Model, error)) func(s spec.Spec, h, w int) (synth.Model, error) {
	return func(s spec.Spec, h, w int) (synth.Model, error) {
		m, err := construct(s, h, w)
		if err != nil {
			return nil, err
		}
		switch by := s.Text("normalize"); by {
		case "none":
			return m, nil
		case "target":
			return unheld{m}, nil
		default:
			stats, of, err := readStatistics(by)
			if err != nil {
				return nil, statisticsError{err}
			}
			if own := bareSettings(s); of[1] != own {
				return nil, statisticsError{fmt.Errorf("%s holds statistics of %s, %s, and not of %s", by, of[0], of[1], own)}
			}
			n, _, err := models.Normalize(m, stats)
			if err != nil {
				return nil, statisticsError{err}
			}
			return n, nil
		}
	}
}

// A statisticsError is one of the file of normalize=FILE.
type statisticsError struct{ error }

func (e statisticsError) Unwrap() error { return e.error }

// bareSettings returns the settings of s but for normalize, as JSON: it says which
// model statistics are of.
func bareSettings(s spec.Spec) string {
	m := s.Settings()
	delete(m, normalize.Name)
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // they are words and numbers
	}
	return string(text)
}

// unheld is a model that is to be normalized by a target that is not known yet.
type unheld struct{ synth.Model }

// Forward panics with *autograd.Error: there is no target.
func (u unheld) Forward(x autograd.Value) autograd.Value {
	panic(&autograd.Error{Op: "normalize=target", In: []tensor.Type{x.Type()}, Err: errors.New("there is no one target here to normalize by")})
}

// held returns m, which may be to be normalized by its target, with the given one.
func held(m synth.Model, target tensor.Tensor) (synth.Model, error) {
	u, ok := m.(unheld)
	if !ok {
		return m, nil
	}
	rep, err := evaluate(nil, u.Model, []picture{{x: target}}, target.DType)
	if err != nil {
		return nil, err
	}
	return models.NormalizeByTarget(u.Model, rep)
}

// modelOf makes the model of f for a target (1, C, H, W).
func modelOf(f *specFlag[modelKind], target tensor.Tensor) (synth.Model, error) {
	m, err := f.make.construct(f.spec, target.Dim[2], target.Dim[3])
	if err != nil {
		return nil, err
	}
	return held(m, target)
}

// readStatistics reads a file of percept normalize, and which model it is of: as
// it was written, and its settings.
func readStatistics(path string) (s models.Statistics, of []string, err error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return s, nil, fmt.Errorf("%s: %w", path, err)
	}
	defer z.Close()
	arrays := map[string]tensor.Tensor{}
	for _, name := range []string{"mean", "std", "count"} {
		err := readArray(&z.Reader, name, func(r io.Reader) error {
			x, err := tensor.ReadNPY(r)
			arrays[name] = x.Tensor
			return err
		})
		if err != nil {
			return s, nil, fmt.Errorf("%s is no file of percept normalize: %w", path, err)
		}
	}
	err = readArray(&z.Reader, "model", func(r io.Reader) error {
		var err error
		if of, err = readWords(r); err == nil && len(of) != 2 {
			err = fmt.Errorf("%d words in place of 2", len(of))
		}
		return err
	})
	if err != nil {
		return s, nil, fmt.Errorf("%s is no file of percept normalize: %w", path, err)
	}
	return models.Statistics{Count: int(tensor.Floats(arrays["count"])[0]), Mean: arrays["mean"], Std: arrays["std"]}, of, nil
}

// readArray gives the array called name to read.
func readArray(z *zip.Reader, name string, read func(r io.Reader) error) error {
	f, err := z.Open(name + ".npy")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("it holds no array %q", name)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := read(f); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

var wordsHeader = regexp.MustCompile(`'descr': '<U(\d+)'.*'shape': \((\d+),\)`)

// readWords reads what writeWords wrote.
func readWords(r io.Reader) ([]string, error) {
	data, err := io.ReadAll(io.LimitReader(r, 1<<26))
	if err != nil {
		return nil, err
	}
	if len(data) < 10 || string(data[:8]) != "\x93NUMPY\x01\x00" {
		return nil, errors.New("it is no array of words")
	}
	body := 10 + int(binary.LittleEndian.Uint16(data[8:]))
	if body > len(data) {
		return nil, io.ErrUnexpectedEOF
	}
	m := wordsHeader.FindSubmatch(data[10:body])
	if m == nil {
		return nil, errors.New("it is no array of words")
	}
	width, _ := strconv.Atoi(string(m[1]))
	count, _ := strconv.Atoi(string(m[2]))
	if data = data[body:]; width < 1 || len(data)/4/width < count {
		return nil, io.ErrUnexpectedEOF
	}
	words := make([]string, count)
	for i := range words {
		var b strings.Builder
		for k := range width {
			if c := binary.LittleEndian.Uint32(data[4*(i*width+k):]); c != 0 {
				b.WriteRune(rune(c))
			}
		}
		words[i] = b.String()
	}
	return words, nil
}

// An evaluator keeps a model for images of one size after the other.
type evaluator struct {
	model synth.Model
	tape  *autograd.Tape
	prog  *autograd.Program
	x     autograd.Value
	rep   autograd.Value
}

func (e *evaluator) close() {
	if e.tape != nil {
		e.tape.Close()
	}
}

// evaluate returns the representation of the one picture of list.
func (e *evaluator) evaluate(a *app, f *normalizeFlags, list []picture) (rep tensor.Tensor, err error) {
	model, err := a.construct(&f.model, list)
	if err != nil {
		return rep, err
	}
	x := cast(list[0].x, f.device.element())
	if e.tape == nil || e.x.Type() != x.Type {
		backend, err := f.device.backend()
		if err != nil {
			return rep, err
		}
		e.close()
		e.model, e.tape = model, autograd.New(backend)
		if err := autograd.Try(func() {
			e.x = e.tape.Var("image", x)
			e.rep = model.Forward(e.x)
		}); err != nil {
			return rep, err
		}
		if e.prog, err = e.tape.Compile([]autograd.Value{e.rep}, autograd.Value{}); err != nil {
			return rep, err
		}
	}
	if err := e.tape.Set(e.x, x); err != nil {
		return rep, err
	}
	if err := e.prog.Run(); err != nil {
		return rep, err
	}
	t := e.rep.Type()
	if t.Rank == 0 || t.Dim[0] != 1 {
		return rep, fmt.Errorf("the model returns %v for one image; axis 0 must count images", t)
	}
	rep = tensor.New(t.DType, t.Shape()...)
	return rep, e.prog.Read(0, rep)
}
