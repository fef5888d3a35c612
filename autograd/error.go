package autograd

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/percept-go/percept/tensor"
)

// An Error says why an operation could not be recorded or compiled. Recording
// panics with it; Try turns it into an error.
type Error struct {
	Op  string        // the operation
	In  []tensor.Type // the types of its arguments
	Pos string        // file:line, outside the engine, that recorded it
	Err error         // what was wrong and what was expected
}

// Error returns "file:line: op(types): reason".
func (e *Error) Error() string {
	var b strings.Builder
	if e.Pos != "" {
		b.WriteString(e.Pos + ": ")
	}
	b.WriteString(e.Op)
	if len(e.In) > 0 {
		args := make([]string, len(e.In))
		for i, t := range e.In {
			args[i] = t.String()
		}
		b.WriteString("(" + strings.Join(args, ", ") + ")")
	}
	return b.String() + ": " + e.Err.Error()
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// The errors that Compile, Run and the tensors of a Tape can wrap.
var (
	ErrHole       = errors.New("a hole is still alive") // a JVP through an op whose VJP is not linear in its cotangent
	ErrMemory     = errors.New("out of memory")
	ErrClosed     = errors.New("closed")
	ErrConcurrent = errors.New("a Tape belongs to one goroutine and is in use by another")
)

// Try calls f and returns the *Error that f panicked with, if any. Other
// panics pass.
func Try(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Error:
			err = r
		default:
			panic(r)
		}
	}()
	f()
	return nil
}

// position is where a node was recorded.
type position struct {
	file     string
	line     int
	backward bool // recorded by the VJP rule of a node with this position
	rule     *Op  // that node's op
}

// String returns "file:line", followed by " (backward)" for a node of a VJP.
func (p position) String() string {
	switch {
	case p.file == "":
		return "unknown position"
	case p.backward:
		return fmt.Sprintf("%s:%d (backward)", p.file, p.line)
	}
	return fmt.Sprintf("%s:%d", p.file, p.line)
}

// enginePrefix is what the names of this package's functions begin with.
var enginePrefix = func() string {
	pc, _, _, _ := runtime.Caller(0)
	name := runtime.FuncForPC(pc).Name()
	slash := strings.LastIndexByte(name, '/')
	return name[:slash+strings.IndexByte(name[slash:], '.')+1]
}()

// caller returns the position of the innermost call outside the engine. Tests
// of this package count as outside.
func caller() position {
	var pcs [48]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, enginePrefix) || strings.HasSuffix(f.File, "_test.go") {
			return position{file: f.File, line: f.Line}
		}
		if !more {
			return position{}
		}
	}
}
