// Command contact puts finished runs side by side: targets above, metamers
// below. With -start the start stands between them, and runs stand in rows.
// With -show other files of the runs stand above each other.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/tensor"
)

const gap = 8 // pixels between images

func main() {
	start := flag.Bool("start", false, "show the start too, a run per row")
	show := flag.String("show", "target.npy,result.npy", "files, .npy or .png, with commas between them")
	out := flag.String("o", "contact.png", "file to write")
	flag.Parse()
	if flag.NArg() == 0 {
		log.Fatal("usage: contact [-start] [-show FILE,…] -o FILE.png RUN…")
	}
	names := strings.Split(*show, ",")
	if *start {
		names = []string{"target.npy", "start.npy", "result.npy"}
	}
	var cells [][]tensor.Tensor
	for _, dir := range flag.Args() {
		var row []tensor.Tensor
		for _, n := range names {
			row = append(row, read(filepath.Join(dir, n)))
		}
		cells = append(cells, row)
	}
	if !*start {
		cells = transpose(cells)
	}
	if _, err := images.Save(*out, sheet(cells), images.SaveOptions{}); err != nil {
		log.Fatal(err)
	}
}

// read returns the first image (H, W) of an .npy file (N, C, H, W), or that of a
// .png file.
func read(path string) tensor.Tensor {
	if filepath.Ext(path) == ".png" {
		x, _, err := images.Load(path, images.Options{})
		if err != nil {
			log.Fatal(err)
		}
		r, _ := x.Reshape(x.Dim[2], x.Dim[3])
		return r
	}
	f, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	a, err := tensor.ReadNPY(f)
	if err != nil {
		log.Fatalf("%s: %v", path, err)
	}
	t := a.Tensor
	r, _ := t.Crop(0, 0, 1, 1).Crop(1, 0, 1, 1).Reshape(t.Dim[2], t.Dim[3])
	return r
}

func transpose(cells [][]tensor.Tensor) [][]tensor.Tensor {
	out := make([][]tensor.Tensor, len(cells[0]))
	for _, row := range cells {
		for j, c := range row {
			out[j] = append(out[j], c)
		}
	}
	return out
}

// sheet puts the cells, of one size, on a white ground.
func sheet(cells [][]tensor.Tensor) tensor.Tensor {
	h, w := cells[0][0].Dim[0], cells[0][0].Dim[1]
	s := tensor.New(tensor.Float64, len(cells)*(h+gap)-gap, len(cells[0])*(w+gap)-gap)
	for i := range s.Len() {
		s.StoreReal(i, 1)
	}
	for i, row := range cells {
		for j, c := range row {
			y, x := i*(h+gap), j*(w+gap)
			tensor.Copy(s.Crop(0, y, y+h, 1).Crop(1, x, x+w, 1), c)
		}
	}
	return s
}
