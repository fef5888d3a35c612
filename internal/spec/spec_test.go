package spec

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var table = Table[int]{Kind: "optimizer", Entries: []Entry[int]{
	{Name: "none", Doc: "nothing", Make: 1},
	{Name: "lbfgs", Doc: "quasi-Newton", Make: 2, Keys: []Key{
		{Name: "lr", Type: Float, Default: "1", Min: 0, Max: math.Inf(1)},
		{Name: "history", Type: Int, Default: "100", Min: 1, Max: 1000, Words: []string{"auto"}},
		{Name: "line-search", Type: Word, Default: "strong-wolfe", Words: []string{"none", "strong-wolfe"}},
		{Name: "verbose", Type: Bool, Default: "false"},
		{Name: "powers", Type: Floats},
		{Name: "sides", Type: Ints, Min: 1, Max: 9},
		{Name: "weights", Type: Text},
		{Name: "weight.GROUP", Type: Float},
	}},
	{Name: "model", Doc: "a distance", Rest: "model SPEC", Make: 3},
}}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text, canonical string
		want            int
	}{
		{"none", "none", 1},
		{"none:", "none", 1},
		{"lbfgs", "lbfgs", 2},
		{"lbfgs:verbose=true,lr=.5", "lbfgs:lr=.5,verbose=true", 2},
		{"lbfgs:history=auto", "lbfgs:history=auto", 2},
		{"lbfgs:powers=0.1+2e+3+-4", "lbfgs:powers=0.1+2e+3+-4", 2},
		{`lbfgs:weights="a,b \"c\" \\.json",lr=2`, `lbfgs:lr=2,weights="a,b \"c\" \\.json"`, 2},
		{`lbfgs:weights="plain"`, `lbfgs:weights=plain`, 2},
		{"lbfgs:weight.mean=2,weight.a.b=1e-3", "lbfgs:weight.a.b=1e-3,weight.mean=2", 2},
		{"model:gabor:size=3,x=1", "model:gabor:size=3,x=1", 3},
	} {
		s, m, err := table.Parse(c.text)
		require.NoError(t, err, c.text)
		assert.Equal(t, c.want, m, c.text)
		assert.Equal(t, c.canonical, s.String(), c.text)
		again, _, err := table.Parse(s.String())
		require.NoError(t, err, c.text)
		assert.Equal(t, s, again, c.text)
	}
}

func TestValues(t *testing.T) {
	s, _, err := table.Parse("lbfgs:powers=1+2.5e+1+-3,history=auto,weight.mean=7,weights=w=1.json")
	require.NoError(t, err)
	assert.Equal(t, 1.0, s.Float("lr"))
	assert.Equal(t, []float64{1, 25, -3}, s.Floats("powers"))
	assert.Equal(t, 0, s.Int("history"))
	assert.Equal(t, "auto", s.Text("history"))
	assert.Equal(t, "w=1.json", s.Text("weights"))
	assert.False(t, s.Bool("verbose"))
	assert.True(t, s.Given("powers"))
	assert.False(t, s.Given("lr"))
	assert.Equal(t, map[string]float64{"mean": 7}, s.Prefixed("weight."))
	assert.Panics(t, func() { s.Int("none-such") })
}

func TestIntegers(t *testing.T) {
	for text, want := range map[string]struct {
		n    []int
		json any
	}{"lbfgs:sides=7": {[]int{7}, 7}, "lbfgs:sides=7+3": {[]int{7, 3}, []float64{7, 3}}} {
		s, _, err := table.Parse(text)
		require.NoError(t, err)
		assert.Equal(t, want.n, s.Ints("sides"))
		assert.Equal(t, want.json, s.Settings()["sides"])
		again, err := Written(s.Settings())
		require.NoError(t, err)
		assert.Contains(t, again, text[len("lbfgs:"):])
	}
	s, _, err := table.Parse("lbfgs")
	require.NoError(t, err)
	assert.Nil(t, s.Ints("sides"))
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "the names are none, lbfgs, model",
		"adam":                        `there is no optimizer "adam"; the names are none, lbfgs, model`,
		"lbfgs:speed=1":               `lbfgs has no key "speed"; its keys are lr, history, line-search, verbose, powers, sides, weights, weight.GROUP`,
		"lbfgs:sides=3+10":            "sides=3+10: whole numbers joined by + from 1 to 9 expected",
		"lbfgs:sides=2.5":             "sides=2.5: whole numbers",
		"lbfgs:sides=":                "sides=: whole numbers",
		"none:lr=1":                   `none has no key "lr"; it has none`,
		"lbfgs:lr=fast":               "lr=fast: a number ≥ 0 expected",
		"lbfgs:lr=-1":                 "lr=-1: a number ≥ 0 expected",
		"lbfgs:lr=nan":                "lr=nan: a number ≥ 0 expected",
		"lbfgs:lr=1+2":                "lr=1+2: a number ≥ 0 expected",
		"lbfgs:lr=":                   "lr=: a number ≥ 0 expected",
		"lbfgs:history=2.5":           "history=2.5: a whole number from 1 to 1000, or auto expected",
		"lbfgs:history=0":             "from 1 to 1000",
		"lbfgs:history=1001":          "from 1 to 1000",
		"lbfgs:line-search=wolfe":     "line-search=wolfe: one of none, strong-wolfe expected",
		"lbfgs:verbose=yes":           "true or false expected",
		"lbfgs:powers=1+":             "numbers joined by +",
		"lbfgs:weights=":              "weights=: text expected",
		"lbfgs:weight.=1":             `no key "weight."`,
		"lbfgs:weight.mean=x":         "weight.mean=x: a number expected",
		"lbfgs:lr=1,lr=2":             `the key "lr" comes twice`,
		"lbfgs:lr":                    `"lr" is no key=value`,
		"lbfgs:lr=1,":                 "nothing follows the last comma",
		"lbfgs:,lr=1":                 "is no key=value",
		`lbfgs:weights="a`:            `weights: the closing " is missing`,
		`lbfgs:weights="a"b`:          "a comma is missing",
		"model:":                      `a model SPEC is missing after "model:"`,
		"@/no/such/file.json":         "no such file",
		"@" + os.DevNull:              "no JSON",
		"lbfgs:weight.mean=1,weight.": `"weight." is no key=value`,
	} {
		_, _, err := table.Parse(text)
		require.ErrorContains(t, err, want, text)
		assert.ErrorContains(t, err, "optimizer", text)
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.json")
	for content, want := range map[string]string{
		`"lbfgs:lr=2"`: "lbfgs:lr=2",
		`{"name": "lbfgs", "lr": 0.5, "history": "auto", "verbose": true, "powers": [1, 2e3], "weights": "a,b"}`: `lbfgs:lr=0.5,history=auto,verbose=true,powers=1+2e3,weights="a,b"`,
		`{"name": "none"}`:                     "none",
		`{"name": "model", "spec": "x:y=1,z"}`: "model:x:y=1,z",
	} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		s, _, err := table.Parse("@" + path)
		require.NoError(t, err, content)
		assert.Equal(t, want, s.String())
	}
	for content, want := range map[string]string{
		`{"lr": 1}`:                          `the member "name" is missing`,
		`[1]`:                                "a JSON string",
		`{"name": "lbfgs", "lr": {"a": 1}}`:  `member "lr"`,
		`{"name": "lbfgs", "lr": [[null]]}`:  `member "lr"`,
		`{"name": "lbfgs", "lr": 1} x`:       "something follows",
		`{"name": "lbfgs", "speed": 1}`:      `no key "speed"`,
		`"@other.json"`:                      "cannot name another file",
		`{"name": "lbfgs", "lr": "fast"}`:    "a number ≥ 0 expected",
		`{"name": "lbfgs", "lr": 1, "lr": 2`: "no JSON",
	} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, _, err := table.Parse("@" + path)
		require.ErrorContains(t, err, want, content)
	}
}

// What run.json records of a spec makes the same spec again.
func TestSettings(t *testing.T) {
	for _, text := range []string{"none", "lbfgs", `lbfgs:lr=.25,powers=1+2,weights="a,b",weight.mean=3,history=auto`, "model:a:b=c"} {
		s, _, err := table.Parse(text)
		require.NoError(t, err)
		data, err := json.Marshal(s.Settings())
		require.NoError(t, err)
		again, err := fromJSON(data)
		require.NoError(t, err)
		s2, _, err := table.Parse(again)
		require.NoError(t, err, again)
		assert.Equal(t, s.Settings(), s2.Settings())
	}
	s, _, err := table.Parse("lbfgs:history=7")
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"name": "lbfgs", "lr": 1.0, "history": 7, "line-search": "strong-wolfe", "verbose": false}, s.Settings())
}
