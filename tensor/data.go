package tensor

import (
	"encoding/binary"
	"io"
)

// chunk is how many numbers are converted at a time.
const chunk = 8192

// WriteData writes the elements of t, little-endian and in C order, whatever
// the strides of t. It errs if w does, and panics if t is not in host memory.
func WriteData(w io.Writer, t Tensor) error {
	t = Contiguous(t)
	if t.DType.Real() == Float32 {
		return writeFloats(w, Span[float32](t))
	}
	return writeFloats(w, Span[float64](t))
}

func writeFloats[T float32 | float64](w io.Writer, v []T) error {
	buf := make([]byte, 0, chunk*8)
	for len(v) > 0 {
		n := min(len(v), chunk)
		var err error
		if buf, err = binary.Append(buf[:0], binary.LittleEndian, v[:n]); err != nil {
			return err
		}
		if _, err = w.Write(buf); err != nil {
			return err
		}
		v = v[n:]
	}
	return nil
}

// ReadData sets the elements of t, which is contiguous, from r, in the layout
// of WriteData. It errs if r does or ends too early, and panics if t is not
// contiguous or not in host memory.
func ReadData(r io.Reader, t Tensor) error {
	if !t.IsContiguous() {
		panic("tensor: ReadData into a tensor that is not contiguous")
	}
	if t.DType.Real() == Float32 {
		return readChunks(r, Span[float32](t), t.Bytes())
	}
	return readChunks(r, Span[float64](t), t.Bytes())
}

func readChunks[T float32 | float64](r io.Reader, v []T, bytes int) error {
	buf := make([]byte, min(chunk*8, bytes))
	size := bytes / max(len(v), 1)
	for len(v) > 0 {
		n := min(len(v), chunk)
		if _, err := io.ReadFull(r, buf[:n*size]); err != nil {
			return err
		}
		if _, err := binary.Decode(buf[:n*size], binary.LittleEndian, v[:n]); err != nil {
			return err
		}
		v = v[n:]
	}
	return nil
}
