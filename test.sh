#!/usr/bin/env bash
# Runs every test, or those whose path has one of the given parts in it: ./test.sh gateway
# Installs what is missing: the dependencies, and Redis where there is none.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
. "$root/scripts/setup.sh"

check_node
install_dependencies
build "$root"
exec node --enable-source-maps "$root/test/harness/dist/run-tests.js" "$@"
