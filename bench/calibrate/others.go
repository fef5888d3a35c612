package main

import (
	"fmt"
	"math"
	"path/filepath"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/tensor"
)

// stopped makes a run for each stop and judges it. The last, if it is good, is
// spoiled.
func (c *calibration) stopped(sort, base string, stops []int, begin []string, spoil func(dir string) error) error {
	for k, n := range stops {
		dir := fmt.Sprintf("%s-%d", base, n)
		run(append(append([]string{}, begin...), "-o", dir, "--iterations", fmt.Sprint(n), "--progress", "none")...)
		good := outcomeOf(dir) == "matched"
		c.judge(fmt.Sprintf("%s, stopped at %d", sort, n), dir, good)
		if good && k == len(stops)-1 {
			return spoil(dir)
		}
	}
	return nil
}

// spoilWith judges copies of a run that are spoiled in one way each.
func (c *calibration) spoilWith(sort, dir string, ways []spoiler) error {
	for i, s := range ways {
		to := fmt.Sprintf("%s-spoiled-%d", dir, i)
		if err := copyRun(dir, to); err != nil {
			return err
		}
		if err := s.do(to, ""); err != nil {
			return err
		}
		c.judge(sort+", spoiled: "+s.name, to, false)
	}
	return nil
}

// arraySpoiler changes the numbers of an array.
func arraySpoiler(name, array string, f func(v []float64)) spoiler {
	return spoiler{name, func(dir, _ string) error { return rewrite(dir, array, f) }}
}

func otherImage(v []float64, n int) {
	side := int(math.Sqrt(float64(len(v) / n)))
	if x, err := images.Example("clouds", side, side, 9); err == nil {
		copy(v, tensor.Floats(x))
	}
}

var clipped = arraySpoiler("clipped", runfolder.Result, func(v []float64) {
	s := sorted(v)
	lo, hi := s[len(s)/20], s[len(s)-1-len(s)/20]
	for i := range v {
		v[i] = clamp(v[i], lo, hi)
	}
})

var truncated = arraySpoiler("truncated to 8 bits", runfolder.Result, func(v []float64) {
	for i := range v {
		v[i] = math.Floor(clamp(v[i], 0, 1)*255) / 255
	}
})

func mads(c *calibration) error {
	ways := []spoiler{
		arraySpoiler("another reference", runfolder.Target, func(v []float64) { otherImage(v, 1) }),
		{"unmoved image", func(dir, _ string) error { return replace(dir, runfolder.Start) }},
		{"copy of the reference", func(dir, _ string) error { return replace(dir, runfolder.Target) }},
		clipped, truncated,
		arraySpoiler("noise of a thousandth", runfolder.Result, func(v []float64) {
			for i := range v {
				v[i] = clamp(v[i]+1e-3*math.Sin(float64(i*i)), 0, 1)
			}
		}),
	}
	for i, t := range textures[:3] {
		for _, target := range []string{"min", "max"} {
			dir := filepath.Join(c.dir, "mad-"+t+"-"+target)
			err := c.stopped("MAD", dir, []int{5, 30, 150, 1000},
				[]string{"mad", "example:" + t, "--size", "32x32", "--target", target, "--seed", fmt.Sprint(i)}, func(dir string) error { return c.spoilWith("MAD", dir, ways) })
			if err != nil {
				return err
			}
		}
		dir := filepath.Join(c.dir, "mad-weight-"+t)
		if err := c.stopped("MAD with a weight in the objective", dir, []int{30}, []string{"mad", "example:" + t, "--size", "32x32", "--target", "max", "--tradeoff", "auto"},
			func(string) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

func eigendistortions(c *calibration) error {
	ways := []spoiler{
		arraySpoiler("another image", runfolder.Target, func(v []float64) { otherImage(v, 1) }),
		arraySpoiler("noise of a hundredth", runfolder.Result, func(v []float64) {
			for i := range v {
				v[i] += 1e-2 * math.Sin(float64(i*i)) / math.Sqrt(float64(len(v)))
			}
		}),
		arraySpoiler("another norm", runfolder.Result, func(v []float64) {
			for i := range v {
				v[i] *= 1.01
			}
		}),
		arraySpoiler("the top in the place of the bottom", runfolder.Result, func(v []float64) { copy(v[len(v)/2:], v[:len(v)/2]) }),
		arraySpoiler("truncated to 8 bits", runfolder.Result, func(v []float64) {
			for i := range v {
				v[i] = math.Floor(v[i]*255) / 255
			}
		}),
	}
	for _, t := range textures[:3] {
		for _, model := range []string{"on-off", "luminance-gain-control"} {
			dir := filepath.Join(c.dir, "eigen-"+t+"-"+model)
			err := c.stopped("eigendistortions", dir, []int{4, 8, 12, 2000}, []string{"eigendistortion", "example:" + t, "--size", "24x24", "--model", model},
				func(dir string) error { return c.spoilWith("eigendistortions", dir, ways) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func geodesics(c *calibration) error {
	ways := []spoiler{
		arraySpoiler("another end", runfolder.Target, func(v []float64) { otherImage(v, 2) }),
		{"unmoved path", func(dir, _ string) error { return replace(dir, runfolder.Start) }},
		arraySpoiler("one frame twice", runfolder.Result, func(v []float64) { each := len(v) / 11; copy(v[5*each:6*each], v[4*each:5*each]) }),
		truncated,
		arraySpoiler("two frames exchanged", runfolder.Result, func(v []float64) {
			each := len(v) / 11
			for i := range each {
				v[3*each+i], v[4*each+i] = v[4*each+i], v[3*each+i]
			}
		}),
	}
	for i, t := range textures[:3] {
		dir := filepath.Join(c.dir, "geodesic-"+t)
		begin := []string{"geodesic", "example:" + t, "example:" + textures[i+1], "--size", "24x24", "--model", "on-off"}
		err := c.stopped("geodesic, conditional", dir, []int{1, 3, 200}, begin, func(dir string) error { return c.spoilWith("geodesic", dir, ways) })
		if err != nil {
			return err
		}
		begin = append(begin, "--method", "energy", "--optimizer", "adam:lr=0.003")
		if err := c.stopped("geodesic, energy", dir+"-energy", []int{10, 100, 1000}, begin, func(string) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}
