package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// matched returns what the metamer of v was to match where that is not one image
// of its size: the target, or the images of a mixture, with the models that see
// them.
func (v *runView) matched(target, result tensor.Tensor) ([]synth.Source, error) {
	pictures, err := readSources(v.folder.Path(runfolder.Sources))
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err == nil:
	case target.Dim[0] == result.Dim[0] && (target.Dim[2] != result.Dim[2] || target.Dim[3] != result.Dim[3]):
		pictures = []tensor.Tensor{target}
	}
	var list []synth.Source
	for _, x := range pictures {
		if x.Rank != 4 || x.DType.IsComplex() || x.Dim[0] != 1 {
			return nil, fmt.Errorf("%s holds a %v; images (1, C, H, W) are expected", v.folder.Path(runfolder.Sources), x.Type)
		}
		m, err := v.model(x.Dim[2], x.Dim[3])
		if err != nil {
			return nil, err
		}
		list = append(list, synth.Source{Image: cast(x, tensor.Float64), Model: m})
	}
	return list, nil
}

// resultAndTarget returns the representation of the first image of the result of a
// run, that which it was to have, and their groups.
func (v *runView) resultAndTarget(result, target tensor.Tensor) (image, want tensor.Tensor, groups []synth.Group, err error) {
	first := func(x tensor.Tensor) tensor.Tensor { return tensor.Contiguous(x.Crop(0, 0, 1, 1)) }
	sources, err := v.matched(target, result)
	if err != nil {
		return image, want, nil, err
	}
	if sources == nil {
		reps, groups, err := v.representations(first(result), first(target))
		if err != nil {
			return image, want, nil, err
		}
		return reps[0], reps[1], groups, nil
	}
	reps, groups, err := v.representations(first(result))
	if err != nil {
		return image, want, nil, err
	}
	for i, s := range sources {
		one, err := representAll(s.Model, s.Image)
		if err != nil {
			return image, want, nil, err
		}
		if i == 0 {
			want = tensor.New(tensor.Float64, one[0].Shape()...)
		}
		for k := range want.Len() {
			want.StoreReal(k, want.LoadReal(k)+one[0].LoadReal(k)/float64(len(sources)))
		}
	}
	return reps[0], want, groups, nil
}
