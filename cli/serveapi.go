package cli

import (
	"crypto/subtle"
	"embed"
	"encoding/json"
	"errors"
	"image/png"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/percept-go/percept/figure"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/tensor"
)

//go:embed servepage
var servePage embed.FS

// A server shows the runs below a folder.
type server struct {
	app   *app
	index *runIndex
	token string // "": none is needed
	local bool   // it listens on a loopback address
	mux   *http.ServeMux

	tables   *fileCache[*runfolder.Table]
	frames   *fileCache[tensor.Tensor]
	verdicts *fileCache[runfolder.Object]
	working  sync.Mutex // one model at a time
}

func newServer(a *app, root, token string, local bool) *server {
	s := &server{app: a, index: newRunIndex(root), token: token, local: local, mux: http.NewServeMux(),
		tables: newFileCache[*runfolder.Table](6), frames: newFileCache[tensor.Tensor](2), verdicts: newFileCache[runfolder.Object](200)}
	s.mux.HandleFunc("GET /{$}", s.asset("index.html"))
	s.mux.HandleFunc("GET /page.js", s.asset("page.js"))
	s.mux.HandleFunc("GET /chart.js", s.asset("chart.js"))
	s.mux.HandleFunc("GET /page.css", s.asset("page.css"))
	s.mux.HandleFunc("GET /api/runs", s.runs)
	s.mux.HandleFunc("GET /api/run", s.ofRun(s.run))
	s.mux.HandleFunc("GET /api/history", s.ofRun(s.history))
	s.mux.HandleFunc("GET /api/verdict", s.ofRun(s.verdict))
	s.mux.HandleFunc("GET /api/figure", s.ofRun(s.figure))
	s.mux.HandleFunc("GET /api/image", s.ofRun(s.image))
	s.mux.HandleFunc("GET /api/frame", s.ofRun(s.frame))
	s.mux.HandleFunc("POST /api/control", s.ofRun(s.control))
	return s
}

// tokenCookie keeps the token between the pages.
const tokenCookie = "percept-token"

// ServeHTTP refuses who must not see the runs: pages of other sites, whose names
// lead here, and whoever lacks the token.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if s.local && !loopbackName(r.Host) {
		http.Error(w, "this name is not that of a loopback address", http.StatusForbidden)
		return
	}
	if !s.admitted(w, r) {
		http.Error(w, "the token is missing: open the address that percept serve printed", http.StatusUnauthorized)
		return
	}
	// A page of another site cannot send this header without being asked.
	if r.Method != http.MethodGet && r.Header.Get("X-Percept") != "1" {
		http.Error(w, "only the page itself may do that", http.StatusForbidden)
		return
	}
	s.mux.ServeHTTP(w, r)
}

func (s *server) admitted(w http.ResponseWriter, r *http.Request) bool {
	if s.token == "" {
		return true
	}
	same := func(t string) bool { return subtle.ConstantTimeCompare([]byte(t), []byte(s.token)) == 1 }
	if same(r.URL.Query().Get("token")) {
		http.SetCookie(w, &http.Cookie{Name: tokenCookie, Value: s.token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		return true
	}
	c, err := r.Cookie(tokenCookie)
	return err == nil && same(c.Value)
}

// loopbackName reports whether the host of a request is this machine.
func loopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s *server) asset(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		data, err := servePage.ReadFile(path.Join("servepage", name))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
		w.Write(data) // a reader that has gone needs no answer
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a reader that has gone needs no answer
}

// ofRun serves a part of the run that the request names: one of those that are
// listed, and nothing else that a name may lead to.
func (s *server) ofRun(serve func(w http.ResponseWriter, r *http.Request, f runfolder.Folder) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, ok := s.index.folder(r.URL.Query().Get("run"))
		if !ok {
			http.Error(w, "there is no such run", http.StatusNotFound)
			return
		}
		err := serve(w, r, f)
		switch {
		case err == nil:
		case errors.Is(err, fs.ErrNotExist):
			http.Error(w, err.Error(), http.StatusNotFound)
		default:
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		}
	}
}

func (s *server) runs(w http.ResponseWriter, _ *http.Request) {
	list, notes := s.index.list()
	writeJSON(w, map[string]any{"root": s.index.root, "runs": list, "notes": notes})
}

// run serves run.json with what is around it.
func (s *server) run(w http.ResponseWriter, _ *http.Request, f runfolder.Folder) error {
	data, err := readSmall(f.Path(runfolder.RunJSON))
	if err != nil {
		return err
	}
	if !json.Valid(data) {
		return errors.New("run.json is no JSON")
	}
	frames := 0
	if t, err := s.tables.get(f.Path(runfolder.FramesCSV), func() (*runfolder.Table, error) { return f.ReadTable(runfolder.FramesCSV) }); err == nil {
		frames = t.Rows()
	}
	have := map[string]bool{}
	for _, name := range []string{runfolder.TargetPNG, runfolder.ResultPNG, runfolder.Start, runfolder.Report} {
		have[name] = isFile(f.Path(name))
	}
	rows := 0 // of the result: vectors, or the frames of a path
	if x, err := s.frames.get(f.Path(runfolder.Result), func() (tensor.Tensor, error) { return f.ReadNPY(runfolder.Result) }); err == nil && x.Rank == 4 {
		rows = x.Dim[0]
	}
	control, _ := os.ReadFile(f.Path(runfolder.Control))
	writeJSON(w, map[string]any{"record": json.RawMessage(data), "frames": frames, "rows": rows, "files": have, "control": strings.TrimSpace(string(control[:min(len(control), controlSize)]))})
	return nil
}

// history serves the columns of history.csv, thinned to what a screen shows.
func (s *server) history(w http.ResponseWriter, r *http.Request, f runfolder.Folder) error {
	t, err := s.tables.get(f.Path(runfolder.HistoryCSV), func() (*runfolder.Table, error) { return f.ReadTable(runfolder.HistoryCSV) })
	if err != nil {
		return err
	}
	points, err := strconv.Atoi(r.URL.Query().Get("points"))
	if err != nil || points < 10 || points > 5000 {
		points = 600
	}
	rows := thin(t, points)
	columns := map[string][]*float64{}
	for i, name := range t.Names {
		columns[name] = finiteCells(t.Columns[i], rows)
	}
	writeJSON(w, map[string]any{"rows": t.Rows(), "names": t.Names, "columns": columns})
	return nil
}

// verdict serves what percept check says; crops=0 leaves out what takes long.
func (s *server) verdict(w http.ResponseWriter, r *http.Request, f runfolder.Folder) error {
	crops := defaultCrops
	if r.URL.Query().Get("crops") == "0" {
		crops = 0
	}
	name := f.Path(runfolder.Result)
	if !isFile(name) {
		name = f.Path(runfolder.RunJSON)
	}
	kind := strconv.Itoa(crops)
	if st, err := os.Lstat(f.Path(runfolder.RunJSON)); err == nil {
		kind += st.ModTime().String()
	}
	o, err := s.verdicts.getAs(name, kind, func() (runfolder.Object, error) {
		s.working.Lock()
		defer s.working.Unlock()
		c := s.app.checkRun(&checkFlags{crops: crops}, f.Dir)
		return c.object(), nil
	})
	if err != nil {
		return err
	}
	writeJSON(w, o)
	return nil
}

// figure serves the status picture.
func (s *server) figure(w http.ResponseWriter, _ *http.Request, f runfolder.Folder) error {
	s.working.Lock()
	defer s.working.Unlock()
	v, err := s.app.viewRun(f.Dir)
	if err != nil {
		return err
	}
	fig, err := v.status(pictureAmplitude)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	return fig.Write(w, "svg")
}

// servedImages are the pictures that a request may name.
var servedImages = map[string]bool{runfolder.TargetPNG: true, runfolder.ResultPNG: true}

// image serves a picture file of the run, or its start.
func (s *server) image(w http.ResponseWriter, r *http.Request, f runfolder.Folder) error {
	name := r.URL.Query().Get("name")
	if name == runfolder.Start {
		x, err := s.frames.get(f.Path(name), func() (tensor.Tensor, error) { return f.ReadNPY(name) })
		if err != nil {
			return err
		}
		return writePicture(w, x, 0)
	}
	if !servedImages[name] {
		return fs.ErrNotExist
	}
	data, err := readSmall(f.Path(name))
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(data), "\x89PNG") {
		return errors.New(name + " is no PNG file")
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(data) // a reader that has gone needs no answer
	return nil
}

// frame serves a picture of an array: one that the run kept, or a row of the
// result, such as a frame of a path.
func (s *server) frame(w http.ResponseWriter, r *http.Request, f runfolder.Folder) error {
	name := runfolder.Frames
	if r.URL.Query().Get("of") == "result" {
		name = runfolder.Result
	}
	k, err := strconv.Atoi(r.URL.Query().Get("k"))
	if err != nil {
		return err
	}
	x, err := s.frames.get(f.Path(name), func() (tensor.Tensor, error) { return f.ReadNPY(name) })
	if err != nil {
		return err
	}
	return writePicture(w, x, k)
}

// writePicture serves row k of x: as the eye sees it if it is an image, around
// zero if it has negative values, as a distortion has.
func writePicture(w http.ResponseWriter, x tensor.Tensor, k int) error {
	zero := 0
	d := figure.Display{Fixed: &[2]float64{0, 1}, Batch: &k, Channel: &zero, Zoom: 1}
	if x.Rank == 4 && x.Dim[1] != 3 && k >= 0 && k < x.Dim[0] && !x.DType.IsComplex() && slices.Min(tensor.Floats(x.Crop(0, k, k+1, 1))) < -.05 {
		d.Fixed, d.Range = nil, "indep0"
	}
	if x.Rank == 4 && x.Dim[1] == 3 {
		d.RGB, d.Channel = true, nil
	}
	p, err := d.Images(x)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/png")
	_ = png.Encode(w, p[0].(*figure.Image).Pixels) // a reader that has gone needs no answer
	return nil
}

// controls are the words that a page may write.
var controls = map[string]bool{controlPause: true, controlCheckpoint: true, controlStop: true, controlWatch: true}

// control writes the control file of a run, or removes it.
func (s *server) control(w http.ResponseWriter, r *http.Request, f runfolder.Folder) error {
	word := r.URL.Query().Get("word")
	if word == "resume" {
		if err := os.Remove(f.Path(runfolder.Control)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		writeJSON(w, map[string]any{"ok": true})
		return nil
	}
	if !controls[word] {
		return errors.New("a run can be asked to pause, resume, checkpoint, stop or be watched")
	}
	if word == controlWatch { // never in place of something that a person asked for
		if data, err := os.ReadFile(f.Path(runfolder.Control)); err == nil && strings.TrimSpace(string(data)) != controlWatch {
			writeJSON(w, map[string]any{"ok": false})
			return nil
		}
	}
	if err := f.WriteBytes(runfolder.Control, []byte(word+"\n")); err != nil {
		return err
	}
	writeJSON(w, map[string]any{"ok": true})
	return nil
}
