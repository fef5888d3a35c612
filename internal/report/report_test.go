package report

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"image"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func example(t *testing.T) Report {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 60, 100))))
	return Report{
		Title:    `<script>alert("x")</script> & co: metamer`,
		Verdict:  Verdict{Good: true, Outcome: "matched", Text: "0.3 % of the error at the start remains."},
		Images:   []Picture{{"target", b.Bytes(), 100, 60}, {"result", b.Bytes(), 100, 60}},
		Facts:    []Fact{{"pixels", "0.2"}},
		Loss:     Curve{Loss: []float64{100, 10, 1, 0.5}, Penalty: []float64{0, 0.1, 0.01, 0}},
		Groups:   []Group{{"pixel_statistics", 6, 2, 0.001, 0.0005, 0.02}, {"skew", 5, 1, 0.5, 0.5, 0.02}, {"empty", 1, 0, 0, 0, 0.02}},
		Notes:    []string{"a note"},
		Settings: []Fact{{"model", "portilla-simoncelli"}},
		Methods:  "We did it.", BibTeX: "@article{a}",
		Commands: []string{"percept metamer a.png"},
	}
}

// wellFormed reads the page as XML, which HTML is that closes all it opens.
func wellFormed(t *testing.T, html string) {
	html = strings.ReplaceAll(html, "<!DOCTYPE html>", "")
	d := xml.NewDecoder(strings.NewReader(html))
	d.AutoClose = []string{"meta", "img"}
	d.Strict = false
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else {
			require.NoError(t, err)
		}
	}
}

func TestWrite(t *testing.T) {
	r := example(t)
	var b bytes.Buffer
	require.NoError(t, Write(&b, r))
	html := b.String()
	wellFormed(t, html)
	assert.NotContains(t, html, "<script", "text is escaped and no script needed")
	assert.NotContains(t, html, "http", "no other file is needed")
	assert.NotContains(t, html, "ZgotmplZ", "every value is one that its place takes")
	assert.Contains(t, html, "data:image/png;base64,"+base64.StdEncoding.EncodeToString(r.Images[0].PNG)[:40])
	assert.Contains(t, html, `width="180" height="300"`, "three times 60×100")
	for _, want := range []string{"matched", "0.3 % of", "pixel_statistics", "0.05 %", "50 %", "a note", "portilla-simoncelli", "We did it.", "@article{a}", "percept metamer a.png"} {
		assert.Contains(t, html, want)
	}
	assert.Equal(t, 1, strings.Count(html, `class="over"`), "one group is above its limit")
}

func TestWriteLittle(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Write(&b, Report{Title: "failed run", Verdict: Verdict{Outcome: "failed"}, Loss: Curve{Loss: []float64{math.NaN()}}}))
	wellFormed(t, b.String())
	assert.NotContains(t, b.String(), "<h2>")
}

func TestPlot(t *testing.T) {
	p := plot(Curve{Loss: []float64{100, 1, math.NaN(), 0.01}})
	require.NotNil(t, p)
	assert.Equal(t, "M64.0 12.0L290.7 137.0M744.0 262.0", p.Loss, "100 at the top, 0.01 at the bottom, a gap at NaN")
	labels := ""
	for _, y := range p.Y {
		labels += y.Label + " "
	}
	assert.Equal(t, "10⁻² 10⁻¹ 10⁰ 10¹ 10² ", labels)
	assert.Len(t, p.X, 4)
	assert.Nil(t, plot(Curve{Loss: []float64{0, -1}}))
	assert.NotNil(t, plot(Curve{Loss: []float64{1}}), "one point is no reason to fail")
	long := make([]float64, 100_000)
	for i := range long {
		long[i] = 1
	}
	assert.Less(t, len(plot(Curve{Loss: long}).Loss), 60_000)
}

func TestNiceStep(t *testing.T) {
	for n, want := range map[int]int{1: 1, 10: 1, 11: 2, 50: 5, 51: 10, 3000: 500} {
		assert.Equal(t, want, niceStep(n), n)
	}
}

func TestZoomIsOneForLargePictures(t *testing.T) {
	s := show([]Picture{{Width: 64, Height: 64}, {Width: 1000, Height: 20}})
	assert.Equal(t, 1, s[0].Zoom)
	assert.Equal(t, 64, s[0].Width)
}

func TestCite(t *testing.T) {
	text := Cite("portilla2000", "duong2023")
	assert.Less(t, strings.Index(text, "@article{portilla2000"), strings.Index(text, "@article{duong2023"))
	assert.Panics(t, func() { Cite("nobody1900") })
	for key, entry := range references {
		assert.Contains(t, entry, "{"+key+",")
		assert.Equal(t, strings.Count(entry, "{"), strings.Count(entry, "}"), key)
	}
}
