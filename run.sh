#!/usr/bin/env bash
# Runs Menagerie on this machine. What needs Node only is in scripts/setup.sh; the rest is packages/launcher. With --docker
# it runs in containers instead: scripts/run-docker.sh.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
. "$root/scripts/setup.sh"

for argument in "$@"; do
  if [[ $argument == --help || $argument == -h ]]; then
    cat "$root/packages/launcher/usage.txt"
    exit 0
  fi
done
for argument in "$@"; do
  if [[ $argument == --docker ]]; then exec "$root/scripts/run-docker.sh" "$@"; fi
done

check_node
install_dependencies
build "$root/packages/launcher" "$root/apps/gateway" "$root/apps/worker"
exec node --enable-source-maps "$root/packages/launcher/dist/main.js" "$@"
