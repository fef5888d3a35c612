package runfolder

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// A Table is a CSV file of numbers with a heading.
type Table struct {
	Names   []string
	Columns [][]float64 // of equal length; an empty cell is NaN
}

// Column returns the column called name, nil if there is none.
func (t *Table) Column(name string) []float64 {
	for i, n := range t.Names {
		if n == name {
			return t.Columns[i]
		}
	}
	return nil
}

// Rows returns the number of rows.
func (t *Table) Rows() int {
	if len(t.Columns) == 0 {
		return 0
	}
	return len(t.Columns[0])
}

// ReadTable reads the numbers of the file called name, of which a cell that is
// no number, such as a stage's name, counts as NaN. It errs if there is no such
// file or its rows differ in length.
func (f Folder) ReadTable(name string) (*Table, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	t, err := readTable(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return t, nil
}

// readTable reads plain CSV: what writeCSV writes of numbers has no quotes.
func readTable(r io.Reader) (*Table, error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<16), 1<<20)
	t := &Table{}
	if !s.Scan() {
		return t, s.Err()
	}
	t.Names = strings.Split(strings.TrimSpace(s.Text()), ",")
	t.Columns = make([][]float64, len(t.Names))
	for row := 1; s.Scan(); row++ {
		line := bytes.TrimRight(s.Bytes(), "\r")
		for c := range t.Columns {
			cell, rest, more := bytes.Cut(line, []byte{','})
			if more != (c < len(t.Columns)-1) {
				return nil, fmt.Errorf("row %d has not the %d cells of the heading", row, len(t.Columns))
			}
			line = rest
			v, err := strconv.ParseFloat(string(cell), 64)
			if err != nil && !math.IsInf(v, 0) {
				v = math.NaN()
			}
			t.Columns[c] = append(t.Columns[c], v)
		}
	}
	return t, s.Err()
}

// open opens the file called name; it errs, and does not wait, if that is a pipe.
func (f Folder) open(name string) (*os.File, error) {
	if st, err := os.Stat(f.Path(name)); err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", f.Path(name))
	}
	return os.Open(f.Path(name))
}
