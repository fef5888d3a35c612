#!/usr/bin/env bash
# Runs every command and program in the documents, in a fresh clone: large images
# are made smaller and long syntheses cut short. What needs a GPU runs on the
# emulator.
set -euo pipefail
top=$(git rev-parse --show-toplevel)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
git clone -q "$top" "$tmp/percept"
cd "$tmp/percept"
mkdir -p "$tmp/bin" build
go build -o "$tmp/bin/percept.real" ./cmd/percept
# The emulator and the kernels of .ci/cuda.sh serve, where it ran.
export EMULATOR="$top/build/emu"
[ -f "$top/build/kernels.fatbin" ] || { EMULATOR="$tmp/emulator" && cuda/emu/build.sh "$EMULATOR"; }
(eval "$(go run ./cuda/build -env)" && go build -tags cuda -o "$tmp/bin/percept.cuda" ./cmd/percept)

# percept as the documents call it. A synthesis that does not match (3) is no
# mistake here.
cat > "$tmp/bin/percept" <<'SH'
#!/usr/bin/env bash
program=percept.real args=() pictures=0 before=
if [[ "$*" == *cuda:* || "$*" == "list devices" ]]; then
	program=percept.cuda
	export PERCEPT_LIBCUDA=$EMULATOR/libcuda.so.1 PERCEPT_CUDA_KERNELS=$EMULATOR/kernels.fatbin
	[[ "$*" == *cuda:* && "$*" != *--size* ]] && set -- "$@" --size 128x128 # it is slow
fi
for a in "$@"; do
	if [[ $a == *.png && $before != -* ]] && ((++pictures > 3)); then continue; fi # of *.png a few
	before=$a
	if [[ $a =~ ^([0-9]+)x([0-9]+)$ ]] && ((BASH_REMATCH[1] * BASH_REMATCH[2] > 128 * 128)); then a=128x128; fi
	args+=("$a")
done
case $1 in
metamer | mad | geodesic | eigendistortion)
	[[ "$*" == *--iterations* || "$*" == *--help* ]] || args+=(--iterations 3)
	args+=(--progress none) ;;
tune) args+=(--progress none) ;;
bench) [ $# = 1 ] && args+=(ps-64) ;; # not all of them
serve) timeout 3 percept.real "${args[@]}"; rc=$?; [ $rc = 124 ] && rc=0; exit $rc ;;
esac
"$program" "${args[@]}"
rc=$?
[ $rc = 3 ] && rc=0
exit $rc
SH
chmod +x "$tmp/bin/percept"
export PATH="$tmp/bin:$PATH"

# The pictures that the documents speak of.
go run ./.ci/pictures .

# In blocks that are indented, what stands after two blanks is a remark. make bench-…
# is not run: it needs plenoptic and an idle machine.
commands() { awk '/^```sh$/ {on=1; next} /^```$/ {on=0} on || /^(\t|    )(percept|go) /' "$1" | sed -E '/^(\t|    )(percept|go)/ {s/^(\t|    )//; s/  .*//}'; }
for doc in docs/*.md; do
	# Of seven kinds of GPU one is compiled for.
	kernels='go run ./cuda/build -o cuda/bin -arch 90'
	[ ! -f "$top/build/kernels.fatbin" ] || kernels="cp $top/build/kernels.fatbin cuda/bin/"
	commands "$doc" | sed "s|^make cuda\b|$kernels|" > "$tmp/commands"
	[ -s "$tmp/commands" ] || continue
	printf '\n== %s: commands\n' "$doc"
	bash -euo pipefail -x "$tmp/commands" < /dev/null
done

for doc in docs/*.md; do
	rm -rf build/programs
	awk -v d=build/programs '/^```go$/ {n++; f=d "/" n; system("mkdir -p " f); f=f "/main.go"; on=1; next} /^```$/ {on=0} on {print > f}' "$doc"
	for p in build/programs/*/; do
		[ -f "$p/main.go" ] || continue
		grep -q '^package main' "$p/main.go" || { echo "$doc: a block of Go that is no program"; exit 1; }
		printf '\n== %s: %s\n' "$doc" "$p"
		go run "./$p"
	done
done

if python3 -c 'import numpy' 2>/dev/null; then
	printf '\n== docs/python.md\n'
	[ -d pebbles-metamer ] || percept metamer
	percept eigendistortion example:bark --size 24x24 --model on-off -o run
	percept represent example:bark --size 128x128 -o rep.npz
	awk '/^```python$/ {on=1; next} /^```$/ {on=0} on' docs/python.md > "$tmp/blocks.py"
	python3 "$tmp/blocks.py"
else
	echo 'no numpy here: the blocks of docs/python.md are not run'
fi
