package cli

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// serveFlags are those of percept serve.
type serveFlags struct {
	listen string
	token  string
}

func (a *app) serveCommand() *cobra.Command {
	f := &serveFlags{}
	c := &cobra.Command{
		Use:   "serve [DIR]",
		Short: "Show all runs below a folder, live, in a browser",
		Long: `serve shows all runs below DIR (the current folder) on a page at a loopback
address: curves, images now and over time, the errors of groups, the verdict and
the settings, while they run. From there a run that is at work can be paused,
asked for a checkpoint, or stopped.

The page needs nothing but this program. Elsewhere than on a loopback address
(--listen) it asks for a token, which is part of the address that is printed;
use it within a network that you trust, or through a tunnel: it is not encrypted.`,
		Example: `  percept serve
  percept serve runs --listen localhost:8080
  percept serve runs --listen 0.0.0.0:8080 --token 'a long secret'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.serve(f, append(args, ".")[0]) },
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.listen, "listen", "localhost:0", "`ADDRESS:PORT`; port 0 is any that is free")
	fs.StringVar(&f.token, "token", "", "what a browser must know (default: none on a loopback address, else one that is drawn)")
	a.completeFlags(c)
	return c
}

// serve shows the runs below dir until it is interrupted.
func (a *app) serve(f *serveFlags, dir string) error {
	if st, err := os.Stat(dir); err != nil {
		return err
	} else if !st.IsDir() {
		return usage("%s is a file, not a folder", dir)
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return err
	}
	address, ok := l.Addr().(*net.TCPAddr)
	local := ok && address.IP.IsLoopback()
	token := f.token
	if token == "" && !local {
		token = drawToken()
	}
	ctx, stop := interruptible()
	defer stop()
	s := newServer(a, root, token, local)
	web := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	url := "http://" + l.Addr().String() + "/"
	if token != "" {
		url += "?token=" + token
	}
	if _, err := fmt.Fprintf(a.stdout, "%s\n", url); err != nil {
		return err
	}
	a.note("the runs below %s are shown there; Ctrl-C ends it", root)
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := web.Shutdown(last); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// drawToken returns a secret of 192 bits.
func drawToken() string {
	b := make([]byte, 24)
	rand.Read(b) // never errs
	return base64.RawURLEncoding.EncodeToString(b)
}
