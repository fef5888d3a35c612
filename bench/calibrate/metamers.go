package main

import (
	"fmt"
	"math"
	"path/filepath"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/tensor"
)

// A synthesis is the settings of metamers at which runs are stopped.
type synthesis struct {
	name  string
	flags []string
	stops []int
}

var syntheses = []synthesis{
	{"texture model, L-BFGS", []string{"--model", "portilla-simoncelli:scales=3", "--size", "96x96"}, []int{2, 10, 20, 40, 100, 200, 400}},
	{"texture model, Adam", []string{"--model", "portilla-simoncelli:scales=2", "--size", "64x64", "--optimizer", "adam:lr=0.02"}, []int{10, 100, 400}},
	{"on-off cells, L-BFGS", []string{"--model", "on-off", "--size", "64x64"}, []int{2, 10, 40, 100}},
	{"steerable pyramid, L-BFGS", []string{"--model", "steerable-pyramid:height=3", "--size", "64x64"}, []int{2, 10, 40}},
}

var textures = []string{"pebbles", "grass", "bark", "weave", "ripples"}

// metamers are the kinds of metamers: one for each texture, so that they can be
// made by themselves.
func metamers() (list []kind) {
	for _, s := range syntheses {
		for i, t := range textures {
			list = append(list, kind{"metamer, " + s.name + ", " + t, func(c *calibration) error { return c.metamer(s, i) }})
		}
	}
	return append(list, kind{"metamer, one group ignored", (*calibration).ignored})
}

// metamer makes a run of texture i, stops it, and spoils a good one of the
// texture model.
func (c *calibration) metamer(s synthesis, i int) error {
	t := textures[i]
	dir := filepath.Join(c.dir, fmt.Sprintf("%s-%d", t, len(s.name)))
	for k, n := range s.stops {
		args := []string{"metamer", "--resume", dir, "--iterations", fmt.Sprint(n), "--progress", "none"}
		if k == 0 {
			args = append([]string{"metamer", "example:" + t, "-o", dir, "--tolerance", "0", "--iterations", fmt.Sprint(n), "--seed", fmt.Sprint(i), "--progress", "none"}, s.flags...)
		}
		run(args...)
		good := outcomeOf(dir) == "matched"
		c.judge(fmt.Sprintf("metamer, %s, stopped at %d", s.name, n), dir, good)
		if good && s.name == syntheses[0].name && n == 100 {
			c.judge("metamer, its PNG", dir, true, "--png")
			if err := c.spoil(dir, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// A spoiler changes the files of a good run.
type spoiler struct {
	name string
	do   func(dir, texture string) error
}

var spoilers = []spoiler{
	{"another target", func(dir, texture string) error {
		return rewrite(dir, runfolder.Target, func(v []float64) {
			side := int(math.Sqrt(float64(len(v))))
			for _, other := range textures {
				if x, err := images.Example(other, side, side, 7); err == nil && other != texture {
					copy(v, tensor.Floats(x))
				}
			}
		})
	}},
	{"another crop of the texture as target", func(dir, texture string) error {
		return rewrite(dir, runfolder.Target, func(v []float64) {
			side := int(math.Sqrt(float64(len(v))))
			if x, err := images.Example(texture, side, side, 7); err == nil {
				copy(v, tensor.Floats(x))
			}
		})
	}},
	{"unmoved image", func(dir, _ string) error { return replace(dir, runfolder.Start) }},
	{"copy of the target", func(dir, _ string) error { return replace(dir, runfolder.Target) }},
	{"copy of the target with a trace of noise", func(dir, _ string) error {
		if err := replace(dir, runfolder.Target); err != nil {
			return err
		}
		return rewrite(dir, runfolder.Result, func(v []float64) {
			for i := range v {
				v[i] += 1e-6 * math.Sin(float64(i*i))
			}
		})
	}},
	{"clipped", func(dir, _ string) error {
		return rewrite(dir, runfolder.Result, func(v []float64) {
			s := sorted(v)
			lo, hi := s[len(s)/20], s[len(s)-1-len(s)/20]
			for i := range v {
				v[i] = clamp(v[i], lo, hi)
			}
		})
	}},
	{"truncated to 8 bits", func(dir, _ string) error {
		return rewrite(dir, runfolder.Result, func(v []float64) {
			for i := range v {
				v[i] = math.Floor(clamp(v[i], 0, 1)*255) / 255
			}
		})
	}},
	{"one row shifted", func(dir, _ string) error {
		return rewrite(dir, runfolder.Result, func(v []float64) {
			side := int(math.Sqrt(float64(len(v))))
			row := append([]float64{}, v[:side]...)
			copy(v[:side], append(row[side/2:], row[:side/2]...))
		})
	}},
}

// replace puts another array of the run in dir in the place of its result.
func replace(dir, name string) error {
	folder := runfolder.Folder{Dir: dir}
	x, err := folder.ReadNPY(name)
	if err != nil {
		return err
	}
	return folder.WriteNPY(runfolder.Result, x)
}

// spoil judges spoiled copies of the run in dir.
func (c *calibration) spoil(dir, texture string) error {
	for i, s := range spoilers {
		to := fmt.Sprintf("%s-spoiled-%d", dir, i)
		if err := copyRun(dir, to); err != nil {
			return err
		}
		if err := s.do(to, texture); err != nil {
			return err
		}
		c.judge("metamer, spoiled: "+s.name, to, false)
		c.judgeImage("metamer, spoiled, judged as a bare image without its run", to, false)
	}
	c.judgeImage("metamer, good, judged as a bare image without its run", dir, true)
	return nil
}

// judgeImage has the arrays of a run judged without what the run wrote down.
func (c *calibration) judgeImage(sort, dir string, good bool) {
	f := runfolder.Folder{Dir: dir}
	c.judge(sort, f.Path(runfolder.Result), good, "--target", f.Path(runfolder.Target), "--start", f.Path(runfolder.Start), "--model", "portilla-simoncelli:scales=3")
}

// ignored makes runs whose loss gives one group no weight.
func (c *calibration) ignored() error {
	for i, group := range []string{"kurtosis_reconstructed", "pixel_statistics", "auto_correlation_magnitude", "magnitude_std", "cross_scale_correlation_real"} {
		dir := filepath.Join(c.dir, "without-"+group)
		run("metamer", "example:"+textures[i], "-o", dir, "--size", "64x64", "--model", "portilla-simoncelli:scales=2", "--progress", "none",
			"--loss", "portilla-simoncelli:weight."+group+"=0")
		c.judge("metamer, one group ignored", dir, false)
	}
	return nil
}
