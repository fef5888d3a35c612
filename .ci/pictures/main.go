// Pictures writes the picture files that the documents speak of: examples under
// the names of photographs.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/tensor"
)

// files are the example that stands for each picture, and its side.
var files = []struct {
	name, example string
	side          int
}{
	{"photo.png", "bark", 160}, {"photo.jpg", "bark", 160}, {"other.png", "weave", 160}, {"a.png", "pebbles", 128}, {"b.png", "ripples", 128},
	{"patch.png", "bark", 128}, {"grass.png", "grass", 128}, {"gravel.png", "pebbles", 128}, {"chelsea.png", "clouds", 160}, {"jpeg.png", "bark", 160}, {"astronaut.png", "wood", 320},
	{"photographs/1.png", "wood", 128}, {"photographs/2.png", "skin", 128},
}

func main() {
	dir := os.Args[1]
	if err := os.MkdirAll(filepath.Join(dir, "photographs"), 0o777); err != nil {
		log.Fatal(err)
	}
	for _, f := range files {
		x, err := images.Example(f.example, f.side, f.side, 0)
		if err == nil {
			_, err = images.Save(filepath.Join(dir, f.name), x, images.SaveOptions{})
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	white := tensor.New(tensor.Float64, 1, 1, 128, 128)
	for y := 16; y < 112; y++ {
		for x := 16; x < 112; x++ {
			white.StoreReal(y*128+x, 1)
		}
	}
	if _, err := images.Save(filepath.Join(dir, "white.png"), white, images.SaveOptions{}); err != nil {
		log.Fatal(err)
	}
}
