// Package atomicfile replaces files so that a reader, or a run that was
// killed, finds either the old content or the new one, never a part.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Write calls write with a file that takes path's place once it is complete
// and on the disk. Until then it has a temporary name in the same folder. If
// write, or the disk, fails, the temporary file is removed, a file that was at
// path stays as it was, and the error is returned. A path that is a device or
// a pipe is written to directly; a symbolic link is followed.
func Write(path string, perm fs.FileMode, write func(w io.Writer) error) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		if st.IsDir() {
			return &fs.PathError{Op: "write", Path: path, Err: errors.New("is a folder, not a file")}
		}
		return writeTo(path, os.O_WRONLY, perm, write)
	}
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%08x.tmp", filepath.Base(path), rand.Uint32()))
	done := false
	defer func() { // also when write panics
		if !done {
			os.Remove(temp)
		}
	}()
	if err := writeTo(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm, write); err != nil {
		var p *fs.PathError
		if errors.As(err, &p) && p.Path == temp {
			p.Path = path // the name that the caller knows
		}
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	done = true
	syncFolder(filepath.Dir(path))
	return nil
}

func writeTo(path string, flag int, perm fs.FileMode, write func(w io.Writer) error) (err error) {
	f, err := os.OpenFile(path, flag, perm)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if flag&os.O_EXCL == 0 {
		return nil // pipes and terminals cannot be synced
	}
	return f.Sync()
}

// syncFolder makes the rename itself durable where the system can do that;
// where it cannot, the file's content is on the disk all the same.
func syncFolder(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}
