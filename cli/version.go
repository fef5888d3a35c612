package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/kernels"
)

const modulePath = "github.com/percept-go/percept"

// version returns the version of the module in this program and the revision
// that it was built from, as far as the build recorded them.
func version() (version, revision string) {
	version = "(devel)"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, ""
	}
	if info.Main.Path == modulePath && info.Main.Version != "" {
		version = info.Main.Version
	}
	for _, d := range info.Deps {
		if d.Path == modulePath {
			version = d.Version
		}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return version, revision
}

// versions is what run.json and percept version say of the program.
func versions() runfolder.Object {
	v, revision := version()
	o := runfolder.Object{{Key: "percept", Value: v}}
	if revision != "" {
		o.Add("revision", revision)
	}
	o.Add("go", runtime.Version())
	o.Add("system", runtime.GOOS+"/"+runtime.GOARCH)
	return o
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version, and what of this CPU is used",
		Example: `  percept version
  percept version --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			o := versions()
			o.Add("cpu_level", kernels.Best().String())
			o.Add("threads", runtime.GOMAXPROCS(0))
			if asJSON {
				return a.printJSON(o)
			}
			for _, m := range o {
				if _, err := fmt.Fprintf(a.stdout, "%-10s %v\n", m.Key, m.Value); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
