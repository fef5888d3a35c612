//go:build !cuda || !cgo

package cuda

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
)

// A Device is a GPU as a Backend. There is none in a program that was built
// without the tag cuda.
type Device struct {
	autograd.Backend
	Uncaptured bool
}

// Open errs with ErrNotBuilt.
func Open(int) (*Device, error) { return nil, fmt.Errorf("cuda: %w", ErrNotBuilt) }

// Info returns the zero Info.
func (*Device) Info() Info { return Info{} }

// List errs with ErrNotBuilt.
func List() ([]Info, error) { return nil, fmt.Errorf("cuda: %w", ErrNotBuilt) }
