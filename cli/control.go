package cli

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/percept-go/percept/internal/runfolder"
)

// Words in the file runfolder.Control of a run that is at work. percept serve
// writes them, and so may a person: echo pause > run/control.
const (
	controlPause      = "pause"      // until the file is removed or says something else
	controlCheckpoint = "checkpoint" // now
	controlStop       = "stop"       // as a signal does
	controlWatch      = "watch"      // write image and history often, while the file is fresh
)

const (
	controlPoll = 200 * time.Millisecond
	watchEvery  = 2 * time.Second  // what is written while somebody watches
	watchFresh  = 15 * time.Second // how long a word to watch holds
	controlSize = 64               // of a file that says something
)

// control does what the control files of the jobs ask for. It returns how long
// the run paused.
func (d *drive) control(ctx context.Context) (paused time.Duration) {
	begin, told := time.Now(), false
	for {
		path, word := d.order()
		switch word {
		case controlPause:
			if !told {
				d.bar.pause()
				d.note("%s is paused: %s says so", d.label(), path)
				told = true
			}
			select {
			case <-ctx.Done():
				return time.Since(begin)
			case <-time.After(controlPoll):
			}
			continue
		case controlCheckpoint:
			d.saved = time.Time{}
			d.checkpoint()
			os.Remove(path)
		case controlStop:
			os.Remove(path)
			d.halt()
		case controlWatch:
			d.watch(path)
		}
		if told {
			return time.Since(begin)
		}
		return 0
	}
}

// order returns the first control file that says something, and what.
func (d *drive) order() (path, word string) {
	for _, j := range d.jobs {
		path := j.folder.Path(runfolder.Control)
		if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() || st.Size() > controlSize {
			continue
		}
		if data, err := os.ReadFile(path); err == nil {
			if w := strings.TrimSpace(string(data)); w != "" {
				return path, w
			}
		}
	}
	return "", ""
}

// watch writes what can be looked at, but no checkpoint, now and then.
func (d *drive) watch(path string) {
	if st, err := os.Stat(path); err != nil || time.Since(st.ModTime()) > watchFresh {
		os.Remove(path)
		return
	}
	if time.Since(d.shown) < watchEvery {
		return
	}
	d.shown = time.Now()
	for k, j := range d.jobs {
		if err := d.saveViews(k, j); err != nil {
			d.bar.pause()
			d.note("%s: %v", j.label(), err)
			return
		}
		d.results[k].absorb(d.m, k)
		if err := j.folder.WriteJSON(runfolder.RunJSON, d.results[k].object()); err != nil {
			return // the next checkpoint says it
		}
	}
}

// forget removes what an earlier run was asked to do, and what came too late.
func (d *drive) forget() {
	for _, j := range d.jobs {
		os.Remove(j.folder.Path(runfolder.Control))
	}
}
