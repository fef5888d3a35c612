package autograd_test

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// A value and its gradient: what is recorded runs when it is evaluated.
func Example() {
	tape := autograd.New(nil) // the CPU
	defer tape.Close()
	x := tape.Const(tensor.Of([]float64{1, 2, 3}))
	y := x.Square().Sum()
	gradient, err := autograd.Eval(autograd.Grad(y, x)[0])
	fmt.Println(gradient, err)
	// Output: float64[3] [2 4 6] <nil>
}

// A loop: the program is compiled once and replayed.
func ExampleTape_Compile() {
	tape := autograd.New(nil)
	defer tape.Close()
	x := tape.Var("x", tensor.Of([]float64{4}))
	distance := x.AddScalar(-1).Square().Sum()
	step := x.Becomes(x.Sub(autograd.Grad(distance, x)[0].Scale(.25)))
	program, err := tape.Compile([]autograd.Value{distance}, autograd.Value{}, step)
	for i := 0; i < 40 && err == nil; i++ {
		err = program.Run()
	}
	at, _ := tape.Get(x)
	fmt.Printf("%.6f %v\n", tensor.Floats(at)[0], err)
	// Output: 1.000000 <nil>
}

// A Jacobian-vector product.
func ExampleJVP() {
	tape := autograd.New(nil)
	defer tape.Close()
	x, v := tape.Const(tensor.Of([]float64{1, 2})), tape.Const(tensor.Of([]float64{1, 0}))
	fmt.Println(autograd.Eval(autograd.JVP(x.Mul(x), x, v)))
	// Output: float64[2] [2 0] <nil>
}

func ExampleEinsum() {
	tape := autograd.New(nil)
	defer tape.Close()
	a := tape.Const(tensor.Of([]float64{1, 2, 3, 4}, 2, 2))
	product, err := autograd.Eval(autograd.Einsum("ij,jk->ik", a, a))
	fmt.Println(tensor.Floats(product), err)
	// Output: [7 10 15 22] <nil>
}

// Wrong use panics while recording; Try makes it an error that names the line.
func ExampleTry() {
	tape := autograd.New(nil)
	defer tape.Close()
	err := autograd.Try(func() {
		tape.Const(tensor.Of([]float64{1, 2})).Add(tape.Const(tensor.Of([]float64{1, 2, 3})))
	})
	fmt.Println(err != nil)
	// Output: true
}
