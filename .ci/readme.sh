#!/usr/bin/env bash
# Runs every command of the README's sh blocks, in order, in a fresh clone.
set -euo pipefail
top=$(git rev-parse --show-toplevel)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
git clone -q "$top" "$tmp/percept"
cd "$tmp/percept"
awk '/^```sh$/ {on=1; next} /^```$/ {on=0} on' README.md > "$tmp/commands"
[ -s "$tmp/commands" ] || { echo 'the README has no commands'; exit 1; }
while IFS= read -r line; do
	case $line in
	'' | '#'* | 'make test'* | 'git clone'* | 'cd percept'* | 'make bench'*) continue ;; # made above, or not part of a check
	esac
	printf '\n$ %s\n' "$line"
	eval "${line%%  #*}" </dev/null
done < "$tmp/commands"
