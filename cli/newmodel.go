package cli

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/internal/atomicfile"
)

//go:embed newmodel/*.tmpl
var newModelFiles embed.FS

// newModel is what the files of a new model are made of.
type newModel struct {
	Name    string // for --model
	Module  string
	Version string // of percept; empty: go mod tidy finds the newest
	Replace string // folder with percept; empty: none
}

func (a *app) newModelCommand() *cobra.Command {
	var m newModel
	c := &cobra.Command{
		Use:   "new-model DIR",
		Short: "Write a program with a model of your own",
		Long: `new-model makes the folder DIR with a Go module: a model to begin with
(model.go), its test, and the whole percept command with that model (main.go).
Change model.go; "go run . COMMAND --model NAME" then does everything with it.`,
		Example: `  percept new-model contrast
  cd contrast && go mod tidy && go test ./...
  go run . metamer photo.png --model contrast
  percept new-model mine --module example.org/mine --replace ../percept`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.newModel(args[0], m) },
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&m.Name, "name", "", "`NAME` of the model (default that of DIR)")
	fs.StringVar(&m.Module, "module", "", "`PATH` of the module (default example.org/NAME)")
	fs.StringVar(&m.Replace, "replace", "", "take percept from the checkout in `DIR`, not from the module proxy")
	return c
}

var (
	modelName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	released  = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)
)

// unreleased is the version of a module that is replaced.
const unreleased = "v0.0.0-00010101000000-000000000000"

func (a *app) newModel(dir string, m newModel) error {
	if m.Name == "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		m.Name = strings.ToLower(filepath.Base(abs))
	}
	if !modelName.MatchString(m.Name) {
		return usage("%q is no name of a model: small letters and digits, with hyphens between them, expected; --name gives another", m.Name)
	}
	if m.Module == "" {
		m.Module = "example.org/" + m.Name
	}
	if v, _ := version(); released.MatchString(v) {
		m.Version = v
	}
	if m.Replace != "" {
		abs, err := filepath.Abs(m.Replace)
		if err != nil {
			return err
		}
		if mod, err := os.ReadFile(filepath.Join(abs, "go.mod")); err != nil || !bytes.HasPrefix(mod, []byte("module "+modulePath+"\n")) {
			return usage("--replace %s: there is no checkout of %s", m.Replace, modulePath)
		}
		m.Replace, m.Version = filepath.ToSlash(abs), unreleased
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(dir)), 0o777); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o777); errors.Is(err, fs.ErrExist) {
		return usage("%s exists already", dir)
	} else if err != nil {
		return err
	}
	names, err := writeTemplates(dir, m)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %s\nNext:\n  cd %s\n  go mod tidy\n  go test ./...\n  go run . metamer example:pebbles --size 64x64 --model %s\n", dir, strings.Join(names, ", "), commandWord(dir), m.Name)
	return err
}

// writeTemplates writes the files of m into dir and returns their names.
func writeTemplates(dir string, m newModel) (names []string, err error) {
	t, err := template.ParseFS(newModelFiles, "newmodel/*.tmpl")
	if err != nil {
		return nil, err
	}
	for _, part := range t.Templates() {
		name := strings.TrimSuffix(part.Name(), ".tmpl")
		if err := atomicfile.Write(filepath.Join(dir, name), 0o666, func(w io.Writer) error { return part.Execute(w, m) }); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}
