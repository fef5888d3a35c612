package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// outFromHere is out from the folder of this package.
var outFromHere = filepath.Join("..", out)

func TestFilesAreCurrent(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(outFromHere, name))
		if err != nil {
			t.Error(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes; run go generate in kernels", name)
		}
	}
	there, err := filepath.Glob(filepath.Join(outFromHere, "zz_fft_*"))
	if err != nil || len(there) != len(files) {
		t.Errorf("%d generated files, want %d (%v)", len(there), len(files), err)
	}
}
