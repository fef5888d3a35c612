package images

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzLoad(f *testing.F) {
	x, err := Example("grass", 8, 8, 0)
	require.NoError(f, err)
	for ext := range encoders {
		path := filepath.Join(f.TempDir(), "a"+ext)
		_, err := Save(path, x, SaveOptions{})
		require.NoError(f, err)
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(data)
	}
	for _, name := range []string{"lossless", "lossy", "lossy-alpha"} {
		data, err := os.ReadFile("testdata/" + name + ".webp")
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if small(data) {
			_, _ = loadRaster(data, Options{Color: RGB}, &Info{})
		}
		m := metadata{orientation: 1}
		if len(data) > 12 {
			pngMeta(data, &m)
			jpegMeta(data, &m)
			webpMeta(data, &m)
			tiffMeta(data, &m)
			gifMeta(data, &m)
		}
		m.icc(bytes.Clone(data))
	})
}

// small keeps the fuzzer from decoding large pictures, which takes seconds.
func small(data []byte) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = true // as read does, which the fuzzer is to see
		}
	}()
	f, err := sniff(data)
	if err != nil {
		return true
	}
	c, err := f.config(data)
	return err != nil || c.Width < 1<<12 && c.Height < 1<<12 && c.Width*c.Height < 1<<18
}
