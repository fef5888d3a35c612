package tensor

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// WriteNPZ writes ts as a NumPy .npz archive under the given names, which
// NumPy uses as keys, in that order, without compression. The bytes depend on
// the arguments alone. It errs if w does, or if a name is empty or occurs
// twice, and panics if a tensor is not in host memory.
func WriteNPZ(w io.Writer, names []string, ts []Tensor) error {
	if len(names) != len(ts) {
		return fmt.Errorf("npz: %d names for %d arrays", len(names), len(ts))
	}
	seen := map[string]bool{}
	for _, name := range names {
		if name == "" || seen[name] {
			return fmt.Errorf("npz: the name %q is empty or occurs twice", name)
		}
		seen[name] = true
	}
	z := zip.NewWriter(w)
	for i, name := range names {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
		if err != nil {
			return fmt.Errorf("npz: %w", err)
		}
		if err := WriteNPY(f, ts[i]); err != nil {
			return fmt.Errorf("npz: %q: %w", name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("npz: %w", err)
	}
	return nil
}

// deflateRatio bounds what one byte of a compressed entry can become.
const deflateRatio = 1032

// ReadNPZ reads a NumPy .npz archive of the given size, compressed or not,
// and returns its arrays with their names in the order of the archive. It errs
// if r fails, if the archive is damaged, if a name occurs twice, or if an
// entry is no array that ReadNPY can read.
func ReadNPZ(r io.ReaderAt, size int64) (names []string, arrays []Array, err error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, nil, fmt.Errorf("npz: no zip archive: %w", err)
	}
	seen := map[string]bool{}
	total := uint64(0)
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			return nil, nil, fmt.Errorf("npz: the entry %q is no .npy file", f.Name)
		}
		if seen[name] {
			return nil, nil, fmt.Errorf("npz: the entry %q occurs twice", f.Name)
		}
		seen[name] = true
		// Entries that share their bytes could claim more than the archive has.
		if total += f.CompressedSize64; f.CompressedSize64 > uint64(size) || total > uint64(size) {
			return nil, nil, fmt.Errorf("npz: the entries up to %q are larger than the archive", f.Name)
		}
		a, err := readEntry(f)
		if err != nil {
			return nil, nil, fmt.Errorf("npz: %q: %w", name, err)
		}
		names, arrays = append(names, name), append(arrays, a)
	}
	return names, arrays, nil
}

func readEntry(f *zip.File) (Array, error) {
	if f.UncompressedSize64/deflateRatio > f.CompressedSize64 {
		return Array{}, errors.New("the entry is larger than its compressed bytes can make")
	}
	r, err := f.Open()
	if err != nil {
		return Array{}, err
	}
	defer r.Close()
	return ReadNPY(r)
}
