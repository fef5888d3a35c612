// Command percept makes images that tell what a visual model sees.
package main

import "github.com/percept-go/percept/cli"

func main() { cli.Main() }
