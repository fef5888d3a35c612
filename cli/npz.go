package cli

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/percept-go/percept/tensor"
)

// A member is one array of an .npz file: a Tensor, or words.
type member struct {
	name   string
	tensor tensor.Tensor
	words  []string
}

// writeNPZ writes an archive that numpy.load reads. It errs if w does.
func writeNPZ(w io.Writer, members []member) error {
	z := zip.NewWriter(w)
	for _, m := range members {
		f, err := z.CreateHeader(&zip.FileHeader{Name: m.name + ".npy", Method: zip.Store})
		if err != nil {
			return err
		}
		if m.words != nil {
			err = writeWords(f, m.words)
		} else {
			err = tensor.WriteNPY(f, m.tensor)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return z.Close()
}

// writeWords writes an array of NumPy's fixed-width UTF-32 strings.
func writeWords(w io.Writer, words []string) error {
	width := 1
	for _, s := range words {
		width = max(width, utf8.RuneCountInString(s))
	}
	dict := fmt.Sprintf("{'descr': '<U%d', 'fortran_order': False, 'shape': (%d,), }", width, len(words))
	dict += strings.Repeat(" ", 63-(10+len(dict))%64) + "\n"
	b := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(dict)))
	b = append(b, dict...)
	for _, s := range words {
		n := 0
		for _, r := range s {
			b = binary.LittleEndian.AppendUint32(b, uint32(r))
			n++
		}
		b = append(b, make([]byte, 4*(width-n))...)
	}
	_, err := w.Write(b)
	return err
}
