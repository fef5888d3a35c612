package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/percept-go/percept/internal/runfolder"
)

// Bounds on what a folder may hold; more is left out, and said.
const (
	mostFolders = 20_000   // that are looked into
	mostRuns    = 2_000    // that are listed
	mostDepth   = 8        // of folders
	smallFile   = 32 << 20 // bytes of a file that is read whole
	listEvery   = time.Second
	liveWithin  = 3 * time.Minute // a run that has written no more recently is not at work
)

// A runEntry is a run in the list.
type runEntry struct {
	ID         string  `json:"id"` // its path from the root
	Method     string  `json:"method"`
	Outcome    string  `json:"outcome"`
	StoppedBy  string  `json:"stoppedBy"`
	Input      string  `json:"input"`
	Iterations float64 `json:"iterations"`
	Of         float64 `json:"of"` // how many there are to be
	Loss       float64 `json:"loss"`
	Live       bool    `json:"live"`
	Changed    int64   `json:"changed"` // milliseconds since 1970

	open bool // as far as run.json says, it is at work
}

// A runIndex knows the runs below a folder.
type runIndex struct {
	root string

	mu      sync.Mutex
	at      time.Time
	entries []runEntry
	folders map[string]runfolder.Folder
	notes   []string
	known   map[string]known
}

// known is what was read of a run.json.
type known struct {
	changed time.Time
	size    int64
	entry   runEntry
}

func newRunIndex(root string) *runIndex { return &runIndex{root: root, known: map[string]known{}} }

// list returns the runs, and what was left out.
func (x *runIndex) list() ([]runEntry, []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.refresh()
	return append([]runEntry{}, x.entries...), append([]string{}, x.notes...)
}

// folder returns the folder of a run that is listed.
func (x *runIndex) folder(id string) (runfolder.Folder, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.folders == nil {
		x.refresh()
	}
	f, ok := x.folders[id]
	return f, ok
}

// refresh looks at the folders again, if that is some time ago.
func (x *runIndex) refresh() {
	if time.Since(x.at) < listEvery {
		return
	}
	x.entries, x.folders, x.notes = []runEntry{}, map[string]runfolder.Folder{}, nil
	budget := mostFolders
	x.scan(x.root, ".", mostDepth, &budget)
	if budget <= 0 {
		x.notes = append(x.notes, fmt.Sprintf("there are more than %d folders; the others are not shown", mostFolders))
	}
	if len(x.entries) >= mostRuns {
		x.notes = append(x.notes, fmt.Sprintf("there are more than %d runs; the others are not shown", mostRuns))
	}
	x.at = time.Now()
}

// scan looks into dir, whose path from the root is id. Links are not followed.
func (x *runIndex) scan(dir, id string, depth int, budget *int) {
	if *budget--; *budget < 0 || len(x.entries) >= mostRuns {
		return
	}
	if e, ok := x.entry(dir, id); ok {
		x.entries = append(x.entries, e)
		x.folders[id] = runfolder.Folder{Dir: dir}
		return
	}
	if depth == 0 {
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // not ours to read
	}
	for _, e := range entries {
		if e.IsDir() {
			x.scan(filepath.Join(dir, e.Name()), filepath.ToSlash(filepath.Join(id, e.Name())), depth-1, budget)
		}
	}
}

// entry reads the run.json in dir, if there is one.
func (x *runIndex) entry(dir, id string) (runEntry, bool) {
	path := filepath.Join(dir, runfolder.RunJSON)
	st, err := os.Lstat(path)
	if err != nil || !st.Mode().IsRegular() || st.Size() > smallFile {
		return runEntry{}, false
	}
	k, ok := x.known[id]
	if !ok || !k.changed.Equal(st.ModTime()) || k.size != st.Size() {
		e, err := readEntry(path)
		if err != nil {
			return runEntry{}, false
		}
		e.ID, e.Changed = id, st.ModTime().UnixMilli()
		k = known{st.ModTime(), st.Size(), e}
		x.known[id] = k
	}
	k.entry.Live = k.entry.open && time.Since(k.changed) < liveWithin
	return k.entry, true
}

func readEntry(path string) (e runEntry, err error) {
	data, err := readSmall(path)
	if err != nil {
		return e, err
	}
	var r struct {
		Method, Outcome string
		StoppedBy       *string `json:"stopped_by"`
		Iterations      float64
		Loss            *float64
		Input           struct{ Path string }
		Reason          string
		Settings        any
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return e, err
	}
	if r.Method == "" {
		return e, errors.New("it names no method")
	}
	e = runEntry{Method: r.Method, Outcome: r.Outcome, Input: r.Input.Path, Iterations: r.Iterations}
	if r.StoppedBy != nil {
		e.StoppedBy = *r.StoppedBy
	}
	if r.Loss != nil {
		e.Loss = *r.Loss
	}
	e.Of, _ = at(r.Settings, "iterations").(float64)
	e.open = r.Outcome == interrupted && r.Reason == notEnded
	return e, nil
}

// isFile reports whether path is a regular file, and no link to one.
func isFile(path string) bool {
	st, err := os.Lstat(path)
	return err == nil && st.Mode().IsRegular()
}

// readSmall reads a regular file of moderate size.
func readSmall(path string) ([]byte, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > smallFile {
		return nil, fs.ErrNotExist
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, smallFile))
}

// thin returns the rows that a screen of so many points shows: of each bucket the
// first, and those of the least and the largest loss.
func thin(t *runfolder.Table, points int) []int {
	n := t.Rows()
	if n <= 3*points {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	loss := t.Column("loss")
	var rows []int
	for b := range points {
		from, to := b*n/points, (b+1)*n/points
		lo, hi := from, from
		for i := from; loss != nil && i < to; i++ {
			if loss[i] < loss[lo] {
				lo = i
			}
			if loss[i] > loss[hi] {
				hi = i
			}
		}
		rows = appendSorted(rows, from, lo, hi)
	}
	return appendSorted(rows, n-1)
}

// appendSorted appends the given rows in order, each once.
func appendSorted(rows []int, more ...int) []int {
	for range more {
		least := -1
		for _, m := range more {
			if (len(rows) == 0 || m > rows[len(rows)-1]) && (least < 0 || m < least) {
				least = m
			}
		}
		if least >= 0 {
			rows = append(rows, least)
		}
	}
	return rows
}

// finiteCells returns the given rows of a column, nil where JSON has no number.
func finiteCells(v []float64, rows []int) []*float64 {
	out := make([]*float64, len(rows))
	for i, r := range rows {
		if x := v[r]; !math.IsNaN(x) && !math.IsInf(x, 0) {
			out[i] = &x
		}
	}
	return out
}

// A fileCache keeps what was read from files until they change.
type fileCache[T any] struct {
	mu    sync.Mutex
	most  int
	items map[string]*cached[T]
	clock int
}

type cached[T any] struct {
	mu      sync.Mutex // of what follows
	changed time.Time
	size    int64
	value   T
	err     error
	used    int
}

func newFileCache[T any](most int) *fileCache[T] {
	return &fileCache[T]{most: most, items: map[string]*cached[T]{}}
}

// get returns what read makes of the file at path.
func (c *fileCache[T]) get(path string, read func() (T, error)) (T, error) {
	return c.getAs(path, "", read)
}

// getAs tells several things that are made of one file apart by kind.
func (c *fileCache[T]) getAs(path, kind string, read func() (T, error)) (zero T, err error) {
	st, err := os.Lstat(path)
	if err != nil {
		return zero, err
	}
	if !st.Mode().IsRegular() {
		return zero, fs.ErrNotExist
	}
	item := c.item(path + "\x00" + kind)
	item.mu.Lock()
	defer item.mu.Unlock()
	if !item.changed.Equal(st.ModTime()) || item.size != st.Size() {
		item.value, item.err = read()
		item.changed, item.size = st.ModTime(), st.Size()
	}
	return item.value, item.err
}

func (c *fileCache[T]) item(key string) *cached[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	item, ok := c.items[key]
	if !ok {
		if len(c.items) >= c.most {
			c.dropOldest()
		}
		item = &cached[T]{}
		c.items[key] = item
	}
	item.used = c.clock
	return item
}

func (c *fileCache[T]) dropOldest() {
	oldest := ""
	for k, item := range c.items {
		if oldest == "" || item.used < c.items[oldest].used {
			oldest = k
		}
	}
	delete(c.items, oldest)
}
