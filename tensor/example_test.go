package tensor_test

import (
	"bytes"
	"fmt"

	"github.com/percept-go/percept/tensor"
)

func ExampleOf() {
	x := tensor.Of([]float64{1, 2, 3, 4, 5, 6}, 2, 3)
	fmt.Println(x.Shape(), x.Len())
	fmt.Println(tensor.Floats(x.Crop(1, 0, 3, 2))) // columns 0 and 2, without a copy of x
	// Output:
	// [2 3] 6
	// [1 3 4 6]
}

func ExampleTensor_Permute() {
	x := tensor.Of([]float64{1, 2, 3, 4, 5, 6}, 2, 3)
	fmt.Println(tensor.Floats(x.Permute(1, 0)))
	// Output: [1 4 2 5 3 6]
}

// An array as numpy.save writes it, and back.
func ExampleWriteNPY() {
	var file bytes.Buffer
	if err := tensor.WriteNPY(&file, tensor.Of([]float32{1, 2}, 2)); err != nil {
		fmt.Println(err)
		return
	}
	a, err := tensor.ReadNPY(&file)
	fmt.Println(a.Tensor, err)
	// Output: float32[2] [1 2] <nil>
}
