package cuda

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
)

// Sources holds the kernels, for the tool that compiles them.
//
//go:embed *.cu *.cuh
var Sources embed.FS

// Compat holds the header that lets gorgonia.org/cu compile against CUDA 13.
//
//go:embed compat/cuda.h
var Compat []byte

// SourceHash identifies the sources of the kernels.
func SourceHash() string {
	h := sha256.New()
	names, _ := fs.Glob(Sources, "*") // sorted
	for _, name := range names {
		b, _ := fs.ReadFile(Sources, name)
		h.Write([]byte(name))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// CacheFile returns where the compiled kernels of these sources lie in the
// user's cache. It errs if there is no cache folder.
func CacheFile() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "percept", "cuda", SourceHash()+".fatbin"), nil
}
