package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/internal/runfolder"
)

// served returns a server of the runs below root, and its address.
func served(t *testing.T, root, token string) (*server, string) {
	s := newServer(newApp(io.Discard, io.Discard), root, token, token == "")
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h.URL
}

// ask sends a request and returns status and body.
func ask(t *testing.T, method, url string, header ...string) (int, string) {
	r, err := http.NewRequest(method, url, nil)
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	a, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	return a.StatusCode, string(body)
}

func TestServeAPI(t *testing.T) {
	dir := smallMetamer(t, "--save-every", "20", "--iterations", "40")
	_, url := served(t, filepath.Dir(dir), "")
	code, body := ask(t, "GET", url+"/api/runs")
	require.Equal(t, 200, code)
	var list struct{ Runs []runEntry }
	require.NoError(t, json.Unmarshal([]byte(body), &list))
	require.Len(t, list.Runs, 1)
	assert.Equal(t, "run", list.Runs[0].ID)
	assert.Equal(t, 40., list.Runs[0].Iterations)
	assert.False(t, list.Runs[0].Live)
	for path, want := range map[string]string{
		"/":                                        "<title>percept</title>",
		"/page.js":                                 "refreshRun",
		"/page.css":                                "--accent",
		"/chart.js":                                "class Chart",
		"/api/run?run=run":                         `"frames":3`,
		"/api/history?run=run":                     `"rows":41`,
		"/api/verdict?run=run&crops=0":             `"method":"metamer"`,
		"/api/figure?run=run":                      "<svg",
		"/api/image?run=run&name=result.png":       "\x89PNG",
		"/api/image?run=run&name=start.npy":        "\x89PNG",
		"/api/frame?run=run&k=2":                   "\x89PNG",
		"/api/frame?run=run&k=0&of=result":         "\x89PNG",
		"/api/history?run=run&points=nonsense":     `"rows":41`,
		"/api/image?run=run&name=../run/run.json":  "not exist",
		"/api/image?run=../run&name=target.png":    "no such run",
		"/api/run?run=":                            "no such run",
		"/api/frame?run=run&k=3":                   "batch 3 of 3",
		"/api/frame?run=run&k=a":                   "invalid syntax",
		"/etc/passwd":                              "not found",
		"/api/run?run=/etc":                        "no such run",
		"/api/image?run=run&name=checkpoint.safet": "not exist",
	} {
		_, body := ask(t, "GET", url+path)
		assert.Contains(t, body, want, path)
	}
	code, _ = ask(t, "POST", url+"/api/control?run=run&word=pause")
	assert.Equal(t, 403, code, "another site's form cannot send the header")
	code, _ = ask(t, "POST", url+"/api/control?run=run&word=erase", "X-Percept", "1")
	assert.Equal(t, 422, code)
	f := runfolder.Folder{Dir: dir}
	for _, word := range []string{"pause", "watch"} { // watching does not undo a pause
		code, _ = ask(t, "POST", url+"/api/control?run=run&word="+word, "X-Percept", "1")
		assert.Equal(t, 200, code)
		data, err := os.ReadFile(f.Path(runfolder.Control))
		require.NoError(t, err)
		assert.Equal(t, "pause\n", string(data))
	}
	code, _ = ask(t, "POST", url+"/api/control?run=run&word=resume", "X-Percept", "1")
	assert.Equal(t, 200, code)
	assert.NoFileExists(t, f.Path(runfolder.Control))
	code, _ = ask(t, "GET", url+"/api/runs", "Host", "evil.example")
	assert.Equal(t, 403, code, "a name of another site that leads here")
}

func TestServeToken(t *testing.T) {
	_, url := served(t, t.TempDir(), "secret")
	code, _ := ask(t, "GET", url+"/api/runs")
	assert.Equal(t, 401, code)
	code, _ = ask(t, "GET", url+"/?token=wrong")
	assert.Equal(t, 401, code)
	code, _ = ask(t, "GET", url+"/?token=secret")
	assert.Equal(t, 200, code)
	code, _ = ask(t, "GET", url+"/api/runs", "Cookie", tokenCookie+"=secret")
	assert.Equal(t, 200, code)
	assert.Len(t, drawToken(), 32)
	assert.NotEqual(t, drawToken(), drawToken())
	for host, want := range map[string]bool{"localhost:80": true, "127.0.0.1": true, "[::1]:5": true, "localhost.evil.example": false, "10.0.0.1:80": false, "": false} {
		assert.Equal(t, want, loopbackName(host), host)
	}
}

// junk fills a folder with what is no run, or pretends to be one.
func junk(t *testing.T, root string) {
	write := func(name, content string) {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
	}
	write("garbage/run.json", "\x00\x01{{{")
	write("list/run.json", "[]")
	write("null/run.json", `{"method":null}`)
	write("wrong/run.json", `{"method":"metamer","iterations":"many"}`)
	write("deep/1/2/3/4/5/6/7/8/9/10/run.json", `{"method":"metamer"}`)
	write("hollow/run.json", `{"method":"metamer","outcome":"<script>alert(2)</script>","settings":7,"groups":[3]}`)
	write("hollow/history.csv", "iteration,loss\n1\n2,3,4\n")
	write("hollow/result.png", "no picture")
	write("dream/run.json", `{"method":"<b>dream</b>","outcome":"matched","loss":1e400}`)
	require.NoError(t, os.Symlink("..", filepath.Join(root, "loop")))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "link"), 0o777))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(root, "link", "run.json")))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(root, "hollow", "target.png")))
	write(hostileName+"/run.json", `{"method":"metamer","outcome":"matched","iterations":3,"input":{"path":"<img src=x onerror=document.title='broken'>"},"settings":{"<i>":"</dd><script>document.title='broken'</script>"}}`)
	write(hostileName+"/history.csv", "iteration,loss\n0,3\n1,2\n2,1\n")
}

const hostileName = `<img src=x onerror="document.title='broken'">&amp;'"%2e%2e ünï`

func TestServeJunk(t *testing.T) {
	root := t.TempDir()
	junk(t, root)
	s, url := served(t, root, "")
	entries, _ := s.index.list()
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	assert.ElementsMatch(t, []string{"hollow", hostileName}, ids, "neither links nor what lies too deep")
	for _, path := range []string{"/api/run", "/api/history", "/api/verdict", "/api/figure", "/api/image?name=target.png", "/api/image?name=result.png", "/api/frame?k=0"} {
		sep := map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]
		code, body := ask(t, "GET", url+path+sep+"run=hollow")
		assert.Less(t, code, 500, path)
		assert.NotContains(t, body, "root:", path)
	}
}

// Fifty runs and a million rows: no request may take long, or send much.
func manyRuns(t *testing.T, root string) {
	for k := range 50 {
		f, err := runfolder.Create(filepath.Join(root, fmt.Sprintf("series/run-%02d", k)), false)
		require.NoError(t, err)
		require.NoError(t, f.WriteBytes(runfolder.RunJSON, fmt.Appendf(nil, `{"method":"metamer","outcome":"matched","iterations":%d,"loss":0.5,"settings":{"iterations":100}}`, k)))
	}
	f := runfolder.Folder{Dir: filepath.Join(root, "series", "run-00")}
	var b bytes.Buffer
	b.WriteString("iteration,evaluations,seconds,loss,penalty,gradient_norm,pixel_change\n")
	for i := range 1_000_000 {
		fmt.Fprintf(&b, "%d,%d,%.3f,%.6g,0,%.4g,0.1\n", i, i, float64(i)/1e3, math.Exp(-float64(i)/2e5)*(1+.5*math.Sin(float64(i))), 1/float64(i+1))
	}
	require.NoError(t, f.WriteBytes(runfolder.HistoryCSV, b.Bytes()))
}

func TestServeMany(t *testing.T) {
	root := t.TempDir()
	manyRuns(t, root)
	_, url := served(t, root, "")
	code, body := ask(t, "GET", url+"/api/history?run=series/run-00&points=700")
	require.Equal(t, 200, code)
	assert.Less(t, len(body), 400_000)
	var h struct {
		Rows    int
		Columns map[string][]float64
	}
	require.NoError(t, json.Unmarshal([]byte(body), &h))
	assert.Equal(t, 1_000_000, h.Rows)
	x := h.Columns["iteration"]
	assert.Equal(t, 999_999., x[len(x)-1], "the last row is always there")
	assert.Greater(t, len(x), 1500)
	for i := 1; i < len(x); i++ {
		require.Greater(t, x[i], x[i-1])
	}
	_, body = ask(t, "GET", url+"/api/runs")
	assert.Equal(t, 50, strings.Count(body, `"id"`))
}

// browser returns a context with a page of Chromium.
func browser(t *testing.T) context.Context {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium here: what the page looks like in a browser cannot be tried")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1280, 1000))
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancelPage := chromedp.NewContext(alloc)
	t.Cleanup(cancelPage)
	return ctx
}

// patience is how long a page may take on a machine that is busy.
const patience = 90 * time.Second

// js returns the value of an expression in the page, and until waits for one
// that is true.
func js[T any](t *testing.T, ctx context.Context, expression string) T {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	require.NoError(t, err, expression)
	return v
}

func until(t *testing.T, ctx context.Context, expression string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Poll[bool]("!!("+expression+")", chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(patience)))
	require.NoError(t, err, expression)
}

func visit(t *testing.T, ctx context.Context, url string) {
	_, err := chromedp.Run(ctx, chromedp.Navigate(url))
	require.NoError(t, err)
}

// shot keeps a screenshot where PERCEPT_SCREENSHOTS says, for people.
func shot(t *testing.T, ctx context.Context, name string) {
	dir := os.Getenv("PERCEPT_SCREENSHOTS")
	if dir == "" {
		return
	}
	data, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o666))
}

func TestServeInBrowser(t *testing.T) {
	ctx := browser(t)
	root := t.TempDir()
	junk(t, root)
	manyRuns(t, root)
	dir := smallMetamer(t, "--save-every", "20", "--iterations", "40", "--force")
	require.NoError(t, os.Rename(dir, filepath.Join(root, "weave")))
	_, url := served(t, root, "")
	visit(t, ctx, url)
	until(t, ctx, `document.querySelectorAll("#runs li").length > 50`)
	js[chromedp.Void](t, ctx, `{ const f = $("filter"); f.value = "weave"; f.dispatchEvent(new Event("input")); }`)
	assert.Equal(t, 1, js[int](t, ctx, `document.querySelectorAll("#runs li").length`))
	js[chromedp.Void](t, ctx, `document.querySelector("#runs button").click()`)
	until(t, ctx, `document.querySelectorAll("#table tr").length > 5 && $("now").naturalWidth === 32 && chart.points.length > 30`)
	assert.Contains(t, js[string](t, ctx, `$("sentence").textContent`), "metamer")
	assert.Contains(t, js[string](t, ctx, `$("table").textContent`), "pixel_statistics")
	assert.Equal(t, "2", js[string](t, ctx, `$("time").max`), "frames that were kept")
	js[chromedp.Void](t, ctx, `$("draw").click()`)
	until(t, ctx, `$("status").naturalWidth > 500`)
	shot(t, ctx, "run.png")

	// A million rows and fifty runs: choosing one, and drawing it, is quick.
	js[chromedp.Void](t, ctx, `choose("series/run-00")`)
	until(t, ctx, `chart.points.length > 1000`)
	took := js[float64](t, ctx, `(() => { const t = performance.now(); for (let i = 0; i < 20; i++) { chart.draw(); listRuns(); } return (performance.now() - t) / 20; })()`)
	t.Logf("list and curve are drawn in %.2f ms", took)
	shot(t, ctx, "million.png")

	// A hostile name is text.
	js[chromedp.Void](t, ctx, `choose(state.runs.find((r) => r.id.startsWith("<img")).id)`)
	until(t, ctx, `$("settings").textContent.includes("script")`)
	assert.Equal(t, hostileName, js[string](t, ctx, `$("name").textContent`))
	assert.Equal(t, "percept", js[string](t, ctx, `document.title`))
	assert.Equal(t, 0, js[int](t, ctx, `document.querySelectorAll("main img[src=x], nav img, dd script").length`))
	shot(t, ctx, "hostile.png")
}

// The page watches a run at work, pauses it and stops it.
func TestServeLive(t *testing.T) {
	ctx := browser(t)
	f, done := longRun(t)
	_, url := served(t, filepath.Dir(f.Dir), "")
	visit(t, ctx, url+"/#run")
	until(t, ctx, `!$("buttons").hidden && chart.points && chart.points.length > 2`)
	first := iterations(t, f)
	require.Eventually(t, func() bool { return iterations(t, f) > first }, 20*time.Second, 50*time.Millisecond, "the page has it write")
	shot(t, ctx, "live.png")
	js[chromedp.Void](t, ctx, `document.querySelector('button[data-word="pause"]').click()`)
	until(t, ctx, `$("asked").textContent.includes("pause")`)
	js[chromedp.Void](t, ctx, `document.querySelector('button[data-word="stop"]').click()`)
	select {
	case code := <-done:
		assert.Equal(t, ExitInterrupted, code)
	case <-time.After(30 * time.Second):
		t.Fatal("it does not stop")
	}
	until(t, ctx, `$("outcome").textContent === "interrupted"`)
}

func TestServeCommand(t *testing.T) {
	code, _, stderr := percept("serve", filepath.Join(t.TempDir(), "nothing"))
	assert.Equal(t, ExitFailed, code, stderr)
	file := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	code, _, _ = percept("serve", file)
	assert.Equal(t, ExitUsage, code)
	code, _, _ = percept("serve", "--listen", "nonsense")
	assert.Equal(t, ExitFailed, code)
}
