package images_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/percept-go/percept/images"
)

func ExampleLoad() {
	x, info, err := images.Load("example:weave", images.Options{Size: images.Size{H: 32, W: 48}})
	fmt.Println(x.Shape(), info.Format, err)
	// Output: [1 1 32 48] example <nil>
}

func ExampleSave() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	x, _ := images.Example("ramp", 16, 16, 0)
	clipped, err := images.Save(filepath.Join(dir, "ramp.png"), x, images.SaveOptions{Bits: 16})
	fmt.Println(clipped, err)
	// Output: 0 <nil>
}

func ExampleExamples() {
	for _, e := range images.Examples()[:3] {
		fmt.Println(e.Name, e.Texture)
	}
	// Output:
	// skin true
	// pebbles true
	// weave true
}
