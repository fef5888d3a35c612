// Package parity tests docs/parity.md.
package parity

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	theirs = regexp.MustCompile("`((?:data|external|io|loss|metric|models|plot|process|regularize|validate)\\.\\w+)`")
	ours   = regexp.MustCompile("`((?:autograd|figure|images|models|optim|synth|tensor)\\.[A-Z]\\w*(?:\\.\\w+)?)`")
)

// Every public name of plenoptic stands once on the left, and every name of a
// package on the right exists.
func TestParity(t *testing.T) {
	page, err := os.ReadFile("../../docs/parity.md")
	require.NoError(t, err)
	top := map[string]bool{}
	seen := map[string]bool{}
	section := ""
	for _, line := range strings.Split(string(page), "\n") {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
		}
		cells := strings.Split(strings.ReplaceAll(line, `\|`, "/"), "|")
		if len(cells) < 4 {
			continue
		}
		if section == "Top level" {
			if m := regexp.MustCompile("^ `(\\w+)` $").FindStringSubmatch(cells[1]); m != nil {
				top[m[1]] = true
			}
		}
		for _, m := range theirs.FindAllStringSubmatch(cells[1], -1) {
			assert.False(t, seen[m[1]], "%s stands twice", m[1])
			seen[m[1]] = true
		}
		for _, m := range ours.FindAllStringSubmatch(cells[2], -1) {
			assert.True(t, exists(t, m[1]), "there is no %s", m[1])
		}
	}
	assert.Len(t, top, 10)
	assert.Len(t, seen, 85)
}

var packages = map[string]map[string]bool{}

// exists reports whether name, package.Name or package.Type.Method, is declared.
func exists(t *testing.T, name string) bool {
	folder, rest, _ := strings.Cut(name, ".")
	if packages[folder] == nil {
		packages[folder] = declared(t, folder)
	}
	return packages[folder][rest]
}

// declared returns the names of a package, methods as Type.Name.
func declared(t *testing.T, folder string) map[string]bool {
	names := map[string]bool{}
	files, err := filepath.Glob("../../" + folder + "/*.go")
	require.NoError(t, err)
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range f.Decls {
			declare(names, d)
		}
	}
	return names
}

func declare(names map[string]bool, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			name = receiver(d.Recv.List[0].Type) + "." + name
		}
		names[name] = true
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				names[s.Name.Name] = true
			case *ast.ValueSpec:
				for _, n := range s.Names {
					names[n.Name] = true
				}
			}
		}
	}
}

// receiver returns the name of a method's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
