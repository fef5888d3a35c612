package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/pflag"

	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/internal/spec"
)

// A settled is a flag whose value JSON holds in another form than as a string.
type settled interface{ setting() any }

func (f *specFlag[M]) setting() any {
	if !f.given() {
		return nil
	}
	return f.spec.Settings()
}
func (n *natural) setting() any { return n.n }
func (a *amount) setting() any  { return a.v }
func (b *budget) setting() any  { return b.steps }

// settings returns the values of all flags of fs that say what is computed.
func settings(fs *pflag.FlagSet) runfolder.Object {
	var o runfolder.Object
	fs.VisitAll(func(f *pflag.Flag) {
		if !outside[f.Name] {
			o.Add(f.Name, setting(f))
		}
	})
	return o
}

func setting(f *pflag.Flag) any {
	if s, ok := f.Value.(settled); ok {
		return s.setting()
	}
	text := f.Value.String()
	switch f.Value.Type() {
	case "bool":
		return text == "true"
	case "uint64":
		return json.Number(text)
	}
	if text == "" {
		return nil
	}
	return text
}

// apply sets the flags of fs to recorded settings, except those that were given
// on the command line. It errs if there is no such flag or it does not take
// the value: the settings are then of another version.
func apply(fs *pflag.FlagSet, recorded map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(recorded)) {
		f := fs.Lookup(name)
		if f == nil || outside[name] {
			return fmt.Errorf("there is no flag --%s in this version", name)
		}
		value := recorded[name]
		if f.Changed || value == nil {
			continue
		}
		text, err := spec.Written(value)
		if err == nil {
			err = f.Value.Set(text)
		}
		if err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
	}
	return nil
}
