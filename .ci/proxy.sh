#!/usr/bin/env bash
# Packs the committed module as a module proxy serves it; an outside module gets
# it, runs the README's engine example and installs the command.
set -euo pipefail
top=$(git rev-parse --show-toplevel)
tmp=$(mktemp -d)
trap 'chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
module=github.com/percept-go/percept version=v0.0.1
dir="$tmp/proxy/$module/@v"
mkdir -p "$dir" "$tmp/out"
git -C "$top" show HEAD:go.mod > "$dir/$version.mod"
printf '{"Version":"%s","Time":"2026-01-01T00:00:00Z"}' $version > "$dir/$version.info"
echo $version > "$dir/list"
# A nested module is no part of the module.
git -C "$top" archive --format=zip --prefix="$module@$version/" -o "$dir/$version.zip" HEAD -- . ':!kernels/_asm'

upstream=$(go env GOPROXY)
export GOPROXY="file://$tmp/proxy,file://$(go env GOMODCACHE)/cache/download,$upstream"
export GOFLAGS=-modcacherw GOMODCACHE="$tmp/cache" GONOSUMDB=$module
cd "$tmp/out"
go mod init example.org/outside
go get "$module@$version"
awk '/^```go$/ {on=1; next} /^```$/ {on=0} on' "$top/README.md" > main.go
go mod tidy
go run .
GOBIN="$tmp/bin" go install "$module/cmd/percept@$version"
"$tmp/bin/percept" version

# The GPU kernels go to the user's cache, where Open looks: the module's folder
# cannot be written to. Root could, and gives up being root.
mkdir cachefile
cat > cachefile/main.go <<'GO'
package main

import (
	"fmt"

	"github.com/percept-go/percept/cuda"
)

func main() {
	file, err := cuda.CacheFile()
	if err != nil {
		panic(err)
	}
	fmt.Println(file)
}
GO
go mod tidy
touch "$tmp/mark"
go run "$module/cuda/build" -env >/dev/null # fetches nvcc where there is none
nvcc=$(command -v nvcc || echo "${XDG_CACHE_HOME:-$HOME/.cache}/percept/cuda/nvcc-13.0/nvidia/cu13/bin/nvcc")
go build -o "$tmp/bin/cachefile" ./cachefile
chmod -R a-w "$GOMODCACHE"
mkdir "$tmp/user"
as=()
if [ "$(id -u)" = 0 ]; then
	as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	chmod a+rx "$tmp" && chown 65534 "$tmp/user"
	[[ $nvcc != "$HOME"/* ]] || { cp -r "${nvcc%/bin/nvcc}" "$tmp/nvcc" && nvcc=$tmp/nvcc/bin/nvcc; }
	"${as[@]}" env HOME="$tmp/user" go version || { echo 'only root can run Go here: the kernels are compiled as root' && as=(); }
fi
if [ "$(id -u)" != 0 ] || [ ${#as[@]} != 0 ]; then
	! "${as[@]}" touch "$GOMODCACHE/$module@$version/cuda/x" 2>/dev/null || { echo "the module's folder can be written to" && exit 1; }
fi
"${as[@]}" env HOME="$tmp/user" XDG_CACHE_HOME="$tmp/user" GOCACHE="$tmp/user/go" NVCC="$nvcc" go run "$module/cuda/build" -arch 90
[ -s "$(XDG_CACHE_HOME="$tmp/user" "$tmp/bin/cachefile")" ]
[ -z "$(find "$GOMODCACHE/$module@$version" -newer "$tmp/mark" -type f)" ]
chmod -R u+w "$GOMODCACHE"

# The whole command with a model of one's own.
mkdir mine
cat > mine/main.go <<'GO'
package main

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/cli"
	"github.com/percept-go/percept/synth"
)

func main() { cli.Main(cli.Model("mine", New)) }

// New returns a model of local energy: squared differences of neighbours, pooled.
func New(h, w int) (synth.Model, error) {
	return synth.ModelFunc(func(x autograd.Value) autograd.Value {
		dx := x.Sub(x.Roll([]int{1}, 3))
		return autograd.AvgPool(dx.Square(), autograd.PoolOptions{Size: [2]int{8, 8}})
	}), nil
}
GO
go mod tidy
go run ./mine list models | grep '^mine'
go run ./mine metamer example:skin --size 32x32 --model mine -o run --progress none

# What new-model writes builds, passes its test and runs, with the released module
# and with a checkout.
for replace in '' "--replace $top"; do
	rm -rf "$tmp/fresh"
	"$tmp/bin/percept" new-model "$tmp/fresh" $replace
	(cd "$tmp/fresh" && go mod tidy && go vet ./... && go test ./... &&
		go run . metamer example:pebbles --size 32x32 --model fresh -o run --progress none)
done
