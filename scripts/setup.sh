# Sourced by run.sh, test.sh and .ci/run: checks Node and installs the dependencies. Expects $root; on a machine with
# only Node and npm this is all that is needed before `tsc -b`.

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

check_node() {
  command -v node >/dev/null || fail 'Node.js 20.19 or newer is needed: https://nodejs.org/'
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    fail "Node.js 20.19 or newer is needed, this is $(node --version): https://nodejs.org/"
}

install_dependencies() {
  # pnpm writes .modules.yaml last, so an installation that was interrupted is begun again.
  local installed="$root/node_modules/.modules.yaml" output
  [[ -f $installed && ! "$root/pnpm-lock.yaml" -nt $installed ]] && return
  command -v npx >/dev/null || fail 'npx, which comes with npm, is needed to install the dependencies'
  echo 'Installing the dependencies with pnpm (about 150 MB, the first time only)'
  # --yes: npx asks nothing, whatever the user's npm settings say. CI=1: nor does pnpm.
  if ! output="$(cd "$root" && CI=1 npx --yes pnpm@12.21.0 install --frozen-lockfile 2>&1)"; then
    echo "$output" >&2
    fail 'the dependencies could not be installed (see above)'
  fi
  touch "$installed"
}

build() {
  echo 'Building'
  "$root/node_modules/.bin/tsc" -b "$@" || fail 'the build failed (see above)'
}
