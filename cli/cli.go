// Package cli is the percept command. A program of five lines adds a model to
// it:
//
//	func main() { cli.Main(cli.Model("mine", New)) }
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/percept-go/percept/synth"
)

// The exit codes of the command.
const (
	ExitOK          = 0   // done; of a synthesis: the outcome holds
	ExitFailed      = 1   // an error that is not one of usage
	ExitUsage       = 2   // wrong usage; nothing was started
	ExitNotMatched  = 3   // a synthesis ended and its outcome does not hold
	ExitInterrupted = 130 // interrupted; the run can be resumed
)

// An Option changes what the command offers.
type Option func(*app)

// Model adds a model under a name, for --model and for percept list. Its
// constructor gets the height and the width of the image and errs if they do
// not suit it. A name that exists is replaced.
func Model(name string, construct func(h, w int) (synth.Model, error)) Option {
	return func(a *app) { a.addModel(name, construct) }
}

// Main runs the command with the arguments of the program and ends the program
// with its exit code.
func Main(options ...Option) { main(os.Exit, options...) }

func main(exit func(code int), options ...Option) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	exit(Run(os.Args[1:], os.Stdout, os.Stderr, options...))
}

// garbagePercent is how much garbage may lie beside what is in use: little, since
// a synthesis allocates its memory once.
const garbagePercent = 20

// Run runs the command with the given arguments and returns its exit code.
// Results go to stdout, progress, notes and errors to stderr.
func Run(args []string, stdout, stderr io.Writer, options ...Option) int {
	a := newApp(stdout, stderr)
	for _, o := range options {
		o(a)
	}
	return a.run(args)
}

// An app is one call of the command.
type app struct {
	args    []string
	stdout  io.Writer
	stderr  io.Writer
	models  modelTable
	metrics metricTable
	started bool // the command line was understood

	freeMemory func() (int64, bool)
}

func newApp(stdout, stderr io.Writer) *app {
	a := &app{stdout: stdout, stderr: stderr, models: builtinModels(), freeMemory: freeMemoryHere}
	a.metrics = builtinMetrics(a.models)
	return a
}

func (a *app) run(args []string) int {
	a.args = args
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	cmd, err := root.ExecuteC()
	if err == nil {
		return ExitOK
	}
	code := a.exitCode(err)
	if s := err.Error(); s != "" {
		fmt.Fprintf(a.stderr, "percept: %s\n", s)
		if code == ExitUsage {
			fmt.Fprintf(a.stderr, "Run '%s --help' for what there is.\n", cmd.CommandPath())
		}
	}
	return code
}

// exitCode returns the code that err carries. Errors before a command has
// started are those of its arguments.
func (a *app) exitCode(err error) int {
	var e *exitError
	switch {
	case errors.As(err, &e):
		return e.code
	case !a.started:
		return ExitUsage
	}
	return ExitFailed
}

// An exitError ends the command with a code; without an err, silently.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage returns an error of wrong usage.
func usage(format string, args ...any) error {
	return &exitError{ExitUsage, fmt.Errorf(format, args...)}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "percept",
		Short: "Images that tell what a visual model sees",
		Long: `percept makes images that tell what a visual model sees. A metamer is an image
that a model cannot tell from another one although the two differ; MAD images
are equally bad for one metric, and best and worst for another; an
eigendistortion is the change of an image that it notices most, or least.`,
		Example: `  percept metamer                 a metamer of an example texture
  percept metamer photo.png       a metamer of a photograph
  percept mad photo.png --size 128x128
  percept eigendistortion photo.png --size 64x64 --model on-off
  percept list models             which models there are`,
		SilenceErrors:    true,
		SilenceUsage:     true,
		PersistentPreRun: func(*cobra.Command, []string) { a.started = true },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(a.viewCommands()...)
	root.AddCommand(a.geodesicCommand(), a.benchCommand(), a.profileCommand())
	root.AddCommand(a.metamerCommand(), a.madCommand(), a.eigendistortionCommand(), a.normalizeCommand(), a.representCommand(), a.metricCommand(), a.checkModelCommand(), a.listCommand(), a.versionCommand(), a.completionCommand())
	root.AddCommand(a.inspectCommand(), a.newModelCommand())
	root.InitDefaultHelpCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.Example = "  percept help metamer"
	}
	return root
}
