package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// shells are those that completion scripts can be made for.
var shells = map[string]func(root *cobra.Command, a *app) error{
	"bash":       func(root *cobra.Command, a *app) error { return root.GenBashCompletionV2(a.stdout, true) },
	"zsh":        func(root *cobra.Command, a *app) error { return root.GenZshCompletion(a.stdout) },
	"fish":       func(root *cobra.Command, a *app) error { return root.GenFishCompletion(a.stdout, true) },
	"powershell": func(root *cobra.Command, a *app) error { return root.GenPowerShellCompletionWithDesc(a.stdout) },
}

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that makes a shell complete commands, flags and names",
		Example: `  source <(percept completion bash)
  percept completion zsh > "${fpath[1]}/_percept"
  percept completion fish > ~/.config/fish/completions/percept.fish
  percept completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args:      oneOf("shell"),
		RunE:      func(c *cobra.Command, args []string) error { return shells[args[0]](c.Root(), a) },
	}
}

// completeFlags makes the flags of c complete to what their tables hold, if a shell
// asks: cobra never forgets a flag that it is told of.
func (a *app) completeFlags(c *cobra.Command) {
	if len(a.args) == 0 || !strings.HasPrefix(a.args[0], cobra.ShellCompRequestCmd) {
		return
	}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if n, ok := f.Value.(namer); ok {
			_ = c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(n.names(), cobra.ShellCompDirectiveNoFileComp)) // errs if done twice
		}
	})
}

// A namer is a flag that knows the words that it takes.
type namer interface{ names() []string }

func (c *choice) names() []string      { return c.words }
func (f *specFlag[M]) names() []string { return f.table.Names() }
