package images

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/percept-go/percept/tensor"
)

// The size of the photographs of van Hateren and van der Schaaf (1998, Proceedings
// of the Royal Society B 265:359–366), .iml and .imc files without a header: 16-bit
// numbers, big-endian, proportional to luminance.
const vanHaterenH, vanHaterenW = 1024, 1536

// isVanHateren tells such a file by its name.
func isVanHateren(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".iml" || ext == ".imc"
}

// loadVanHateren reads such a file. Without an input range it is divided by its
// largest number.
func loadVanHateren(data []byte, o Options, info *Info) (t tensor.Tensor, err error) {
	info.Format, info.Stored, info.Height, info.Width = "van-hateren", "uint16", vanHaterenH, vanHaterenW
	if len(data) != 2*vanHaterenH*vanHaterenW {
		return t, fmt.Errorf("an .iml or .imc file of van Hateren has %d bytes, 1024 rows of 1536 16-bit numbers; this one has %d", 2*vanHaterenH*vanHaterenW, len(data))
	}
	t = tensor.New(tensor.Float64, 1, 1, vanHaterenH, vanHaterenW)
	most := 0.
	for i, v := 0, tensor.Slice[float64](t); i < len(v); i++ {
		v[i] = float64(binary.BigEndian.Uint16(data[2*i:]))
		most = max(most, v[i])
	}
	if most == 0 {
		most = 1
	}
	if o.InputRange == nil {
		info.note("luminance divided by its maximum in this picture, %g", most)
	}
	r, err := o.fit(vanHaterenH, vanHaterenW)
	if err != nil {
		return t, err
	}
	m, err := newMapping(o, 1, most)
	if err != nil {
		return t, err
	}
	return m.planes(t, r), nil
}
