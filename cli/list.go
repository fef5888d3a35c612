package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/kernels"
)

// A listing is what percept list prints of one kind.
type listing struct {
	kind  string
	items func(a *app) []item
}

// An item is one name of a listing.
type item struct {
	name, doc string
	rest      string
	keys      []spec.Key
}

// itemsOf returns the entries of a table.
func itemsOf[M any](t *spec.Table[M]) []item {
	list := make([]item, len(t.Entries))
	for i, e := range t.Entries {
		list[i] = item{e.Name, e.Doc, e.Rest, e.Keys}
	}
	return list
}

var listings = []listing{
	{"models", func(a *app) []item { return itemsOf(a.models) }},
	{"metrics", func(a *app) []item { return itemsOf(a.metrics) }},
	{"optimizers", func(*app) []item { return itemsOf(&optimizers) }},
	{"losses", func(*app) []item { return itemsOf(&losses) }},
	{"penalties", func(*app) []item { return itemsOf(&penalties) }},
	{"schedulers", func(*app) []item { return itemsOf(&schedulers) }},
	{"images", func(*app) []item { return exampleItems() }},
	{"devices", func(*app) []item { return deviceItems() }},
}

func exampleItems() []item {
	var list []item
	for _, e := range images.Examples() {
		list = append(list, item{name: "example:" + e.Name, doc: e.Doc})
	}
	return list
}

func deviceItems() []item {
	var levels []string
	for _, l := range kernels.Levels() {
		levels = append(levels, l.String())
	}
	cpu := item{name: "cpu", doc: fmt.Sprintf("%d threads; CPU levels %s", runtime.GOMAXPROCS(0), strings.Join(levels, ", "))}
	return append([]item{cpu}, gpuItems()...)
}

func (a *app) listCommand() *cobra.Command {
	var asJSON bool
	var kinds []string
	for _, l := range listings {
		kinds = append(kinds, l.kind)
	}
	c := &cobra.Command{
		Use:   "list " + strings.Join(kinds, "|"),
		Short: "List what there is, with keys, defaults and units",
		Example: `  percept list models
  percept list images --json`,
		ValidArgs: kinds,
		Args:      oneOf("kind"),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, l := range listings {
				if l.kind == args[0] {
					return a.printList(l.items(a), asJSON)
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) printList(list []item, asJSON bool) error {
	if asJSON {
		objects := make([]runfolder.Object, len(list))
		for i, it := range list {
			objects[i] = it.object()
		}
		return a.printJSON(objects)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, it := range list {
		it.print(w)
	}
	return w.Flush()
}

func (it item) print(w io.Writer) {
	name := it.name
	if it.rest != "" {
		name += ":" + it.rest
	}
	fmt.Fprintf(w, "%s\t%s\n", name, it.doc)
	for _, k := range it.keys {
		value := k.Default
		if value == "" {
			value = "…"
		}
		doc := k.Doc
		if k.Unit != "" {
			doc += " (" + k.Unit + ")"
		}
		fmt.Fprintf(w, "  %s=%s\t%s; %s\n", k.Name, value, doc, k.Expected())
	}
}

func (it item) object() runfolder.Object {
	o := runfolder.Object{{Key: "name", Value: it.name}, {Key: "doc", Value: it.doc}}
	if it.rest != "" {
		o.Add("rest", it.rest)
	}
	keys := make([]runfolder.Object, len(it.keys))
	for i, k := range it.keys {
		keys[i] = runfolder.Object{{Key: "name", Value: k.Name}, {Key: "type", Value: k.Type.String()}, {Key: "default", Value: k.Default}, {Key: "unit", Value: k.Unit}, {Key: "doc", Value: k.Doc}}
		if k.Words != nil {
			keys[i].Add("words", k.Words)
		}
		if k.Min != k.Max {
			keys[i].Add("min", k.Min)
			keys[i].Add("max", k.Max)
		}
	}
	o.Add("keys", keys)
	return o
}

// printJSON writes v, indented, as all of stdout.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
