package runfolder

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
)

// A Column is one column of a table: numbers, or words where Words is not nil.
// Where it is shorter than others the cells are empty.
type Column struct {
	Name   string
	Values []float64
	Words  []string
}

// Len returns the number of cells that are not empty at the end.
func (c Column) Len() int {
	if c.Words != nil {
		return len(c.Words)
	}
	return len(c.Values)
}

func (c Column) cell(row int) string {
	switch {
	case row >= c.Len():
		return ""
	case c.Words != nil:
		return c.Words[row]
	}
	return FormatNumber(c.Values[row])
}

// FormatNumber writes x so that reading gives the same bits, and counts as
// counts.
func FormatNumber(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	case x == math.Trunc(x) && math.Abs(x) < 1e15:
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// WriteCSV replaces the file called name by a table with a heading. It errs if
// the disk does.
func (f Folder) WriteCSV(name string, columns []Column) error {
	return f.Write(name, func(w io.Writer) error { return writeCSV(w, columns) })
}

func writeCSV(w io.Writer, columns []Column) error {
	c := csv.NewWriter(w)
	line, rows := make([]string, len(columns)), 0
	for i, col := range columns {
		line[i] = col.Name
		rows = max(rows, col.Len())
	}
	if err := c.Write(line); err != nil {
		return err
	}
	for r := range rows {
		for i, col := range columns {
			line[i] = col.cell(r)
		}
		if err := c.Write(line); err != nil {
			return fmt.Errorf("row %d: %w", r, err)
		}
	}
	c.Flush()
	return c.Error()
}
