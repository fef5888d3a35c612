package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/percept-go/percept/images"
)

// imageFlags say how images are read.
type imageFlags struct {
	color *choice
	light *choice
	crop  rectFlag
	size  sizeFlag
	rng   rangeFlag
}

func (f *imageFlags) register(fs *pflag.FlagSet) {
	f.color = newChoice("gray", "rgb")
	f.light = newChoice("encoded", "linear")
	fs.Var(f.color, "color", "channels of the image")
	fs.Var(&f.crop, "crop", "keep only this part: row, column, height and width in pixels")
	fs.Var(&f.size, "size", "resample to this height and width in pixels, after cropping")
	fs.Var(f.light, "light", "values as stored, or linear light by the sRGB curve")
	fs.Var(&f.rng, "input-range", "stored values that become 0 and 1, for files with others")
}

// options returns what images.Load takes. Examples are drawn from seed 0: they
// are the same in every run, whatever the seed of its start.
func (f *imageFlags) options() images.Options {
	o := images.Options{Crop: f.crop.Rect, Size: f.size.Size, InputRange: f.rng.r}
	if f.color.value == "rgb" {
		o.Color = images.RGB
	}
	if f.light.value == "linear" {
		o.Light = images.Linear
	}
	return o
}

// rectFlag is y,x,h,w.
type rectFlag struct{ images.Rect }

func (f *rectFlag) String() string {
	if f.Rect == (images.Rect{}) {
		return ""
	}
	return fmt.Sprintf("%d,%d,%d,%d", f.Y, f.X, f.H, f.W)
}

func (f *rectFlag) Type() string { return "y,x,h,w" }

func (f *rectFlag) Set(s string) error {
	n, ok := integers(s, ",", 4)
	if !ok || n[0] < 0 || n[1] < 0 || n[2] < 1 || n[3] < 1 {
		return fmt.Errorf("four whole numbers y,x,h,w expected: the first row and column, and a height and width of at least 1")
	}
	f.Rect = images.Rect{Y: n[0], X: n[1], H: n[2], W: n[3]}
	return nil
}

// sizeFlag is H×W; an x serves as ×.
type sizeFlag struct{ images.Size }

func (f *sizeFlag) String() string {
	if f.Size == (images.Size{}) {
		return ""
	}
	return fmt.Sprintf("%dx%d", f.H, f.W)
}

func (f *sizeFlag) Type() string { return "HxW" }

func (f *sizeFlag) Set(s string) error {
	n, ok := integers(strings.ReplaceAll(s, "×", "x"), "x", 2)
	if !ok || n[0] < 1 || n[1] < 1 {
		return fmt.Errorf("a height and a width expected, such as 256x256")
	}
	f.Size = images.Size{H: n[0], W: n[1]}
	return nil
}

// rangeFlag is lo,hi.
type rangeFlag struct{ r *[2]float64 }

func (f *rangeFlag) String() string {
	if f.r == nil {
		return ""
	}
	return fmt.Sprintf("%v,%v", f.r[0], f.r[1])
}

func (f *rangeFlag) Type() string { return "lo,hi" }

func (f *rangeFlag) Set(s string) error {
	lo, hi, _ := strings.Cut(s, ",")
	a, errA := strconv.ParseFloat(lo, 64)
	b, errB := strconv.ParseFloat(hi, 64)
	if errA != nil || errB != nil || !(a < b) || b-a > 1e300 {
		return fmt.Errorf("two numbers lo,hi with lo < hi expected")
	}
	f.r = &[2]float64{a, b}
	return nil
}

// integers reads n whole numbers that sep separates.
func integers(s, sep string, n int) ([]int, bool) {
	parts := strings.Split(s, sep)
	if len(parts) != n {
		return nil, false
	}
	v := make([]int, n)
	for i, p := range parts {
		var err error
		if v[i], err = strconv.Atoi(p); err != nil {
			return nil, false
		}
	}
	return v, true
}
