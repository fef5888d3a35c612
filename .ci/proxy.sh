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
