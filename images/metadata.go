package images

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// metadata is what a file says beside its pixels. It is read leniently: a
// damaged part is left out, since the pixels are what was asked for.
type metadata struct {
	orientation int
	gamma       float64 // of PNG; 0: none
	profile     string  // name of the ICC profile
	frames      int
}

func (m *metadata) report(info *Info) {
	if m.orientation != 1 {
		info.note("turned upright as EXIF orientation %d says", m.orientation)
	}
	if m.gamma != 0 && (m.gamma < 0.454 || m.gamma > 0.456) {
		info.note("the file states a gamma of %.5g (gAMA), which is not applied", m.gamma)
	}
	if m.profile != "" && !strings.Contains(strings.ToLower(m.profile), "srgb") {
		info.note("the file has a colour profile (ICC) %q, which is not applied", m.profile)
	}
	if m.frames > 1 {
		info.note("the file has %d frames; the first was read", m.frames)
	}
}

// pngMeta walks the chunks: length, type, data, checksum.
func pngMeta(data []byte, m *metadata) {
	for data = data[8:]; len(data) >= 12; {
		n := binary.BigEndian.Uint32(data)
		if uint64(n)+12 > uint64(len(data)) {
			return
		}
		kind, body := string(data[4:8]), data[8:8+n]
		switch kind {
		case "gAMA":
			if n == 4 {
				m.gamma = float64(binary.BigEndian.Uint32(body)) / 100000
			}
		case "iCCP":
			name, _, _ := bytes.Cut(body, []byte{0})
			m.profile = string(name[:min(len(name), 80)])
		case "eXIf":
			m.exif(body)
		case "acTL":
			if n == 8 {
				m.frames = int(binary.BigEndian.Uint32(body))
			}
		}
		data = data[12+n:]
	}
}

// jpegMeta walks the segments before the first scan.
func jpegMeta(data []byte, m *metadata) {
	for data = data[2:]; len(data) >= 4 && data[0] == 0xff && data[1] != 0xda; {
		if data[1] == 0xff { // fill byte
			data = data[1:]
			continue
		}
		n := int(binary.BigEndian.Uint16(data[2:]))
		if n < 2 || n+2 > len(data) {
			return
		}
		body := data[4 : 2+n]
		switch {
		case data[1] == 0xe1 && begins(body, "Exif\x00?"):
			m.exif(body[6:])
		case data[1] == 0xe2 && begins(body, "ICC_PROFILE\x00\x01?"):
			m.icc(body[14:])
		}
		data = data[2+n:]
	}
}

// webpMeta walks the chunks of the RIFF container.
func webpMeta(data []byte, m *metadata) {
	for data = data[12:]; len(data) >= 8; {
		n := uint64(binary.LittleEndian.Uint32(data[4:]))
		if n+8 > uint64(len(data)) {
			return
		}
		body := data[8 : 8+n]
		switch string(data[:4]) {
		case "EXIF":
			m.exif(bytes.TrimPrefix(body, []byte("Exif\x00\x00")))
		case "ICCP":
			m.icc(body)
		}
		data = data[min(8+n+n&1, uint64(len(data))):]
	}
}

func tiffMeta(data []byte, m *metadata) {
	m.exif(data)
	pages(data, m)
}

// gifMeta counts image descriptors.
func gifMeta(data []byte, m *metadata) {
	if len(data) < 13 {
		return
	}
	at := 13 + colorTable(data[10])
	skipBlocks := func() {
		for at < len(data) && data[at] != 0 {
			at += 1 + int(data[at])
		}
		at++
	}
	for at < len(data) {
		switch data[at] {
		case '!':
			at += 2
		case ',':
			if at+10 > len(data) {
				return
			}
			m.frames++
			at += 11 + colorTable(data[at+9])
		default:
			return
		}
		skipBlocks()
	}
}

// colorTable returns the bytes of the colour table that a GIF's flags announce.
func colorTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// A tiffReader reads the directories of TIFF and EXIF.
type tiffReader struct {
	data  []byte
	order binary.ByteOrder
}

func newTIFFReader(data []byte) (r tiffReader, first uint32, ok bool) {
	switch {
	case begins(data, "II*\x00????"):
		r = tiffReader{data, binary.LittleEndian}
	case begins(data, "MM\x00*????"):
		r = tiffReader{data, binary.BigEndian}
	default:
		return r, 0, false
	}
	return r, r.order.Uint32(data[4:]), true
}

// entries calls f with the tag, the count and the value or offset of every
// entry of the directory at off, and returns the offset of the next one.
func (r tiffReader) entries(off uint32, f func(tag uint16, count uint32, value []byte)) (next uint32) {
	if uint64(off)+2 > uint64(len(r.data)) {
		return 0
	}
	n := uint64(r.order.Uint16(r.data[off:]))
	end := uint64(off) + 2 + 12*n
	if end+4 > uint64(len(r.data)) {
		return 0
	}
	for at := uint64(off) + 2; at < end; at += 12 {
		f(r.order.Uint16(r.data[at:]), r.order.Uint32(r.data[at+4:]), r.data[at+8:at+12])
	}
	return r.order.Uint32(r.data[end:])
}

const (
	tagOrientation = 0x0112
	tagICC         = 0x8773
)

// exif reads the first directory of a TIFF structure.
func (m *metadata) exif(data []byte) {
	r, first, ok := newTIFFReader(data)
	if !ok {
		return
	}
	r.entries(first, func(tag uint16, count uint32, value []byte) {
		switch tag {
		case tagOrientation:
			if o := int(r.order.Uint16(value)); o >= 1 && o <= 8 {
				m.orientation = o
			}
		case tagICC:
			off := uint64(r.order.Uint32(value))
			if off+uint64(count) <= uint64(len(data)) {
				m.icc(data[off : off+uint64(count)])
			}
		}
	})
}

// pages counts the directories; their chain may not run in a circle.
func pages(data []byte, m *metadata) {
	r, off, ok := newTIFFReader(data)
	for ok && off != 0 && m.frames < 1000 {
		m.frames++
		off = r.entries(off, func(uint16, uint32, []byte) {})
	}
}

// icc reads the description of an ICC profile, ICC.1:2022 §7.3 and §9.2.41.
func (m *metadata) icc(p []byte) {
	m.profile = "without a name"
	if len(p) < 132 {
		return
	}
	n := min(binary.BigEndian.Uint32(p[128:]), 100)
	for i := range uint64(n) {
		at := 132 + 12*i
		if at+12 > uint64(len(p)) {
			return
		}
		if string(p[at:at+4]) != "desc" {
			continue
		}
		off, size := uint64(binary.BigEndian.Uint32(p[at+4:])), uint64(binary.BigEndian.Uint32(p[at+8:]))
		if off+size <= uint64(len(p)) && size >= 12 {
			if name := description(p[off : off+size]); name != "" {
				m.profile = name
			}
		}
		return
	}
}

// description decodes the text of a "desc" or "mluc" tag.
func description(tag []byte) string {
	switch string(tag[:4]) {
	case "desc":
		n := uint64(binary.BigEndian.Uint32(tag[8:]))
		if n <= uint64(len(tag)-12) {
			return strings.TrimRight(string(tag[12:12+n]), "\x00")
		}
	case "mluc":
		if len(tag) < 28 {
			return ""
		}
		n, off := uint64(binary.BigEndian.Uint32(tag[20:])), uint64(binary.BigEndian.Uint32(tag[24:]))
		if off+n > uint64(len(tag)) {
			return ""
		}
		u := make([]uint16, n/2)
		for i := range u {
			u[i] = binary.BigEndian.Uint16(tag[off+2*uint64(i):])
		}
		return strings.TrimRight(string(utf16.Decode(u)), "\x00")
	}
	return ""
}
