//go:build cuda && cgo

package cuda

import "github.com/percept-go/percept/autograd"

// madeAhead returns the kernel that was compiled for a group like s.
func madeAhead(s *autograd.Step) (string, bool) { return "", false }
