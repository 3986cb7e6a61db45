#!/usr/bin/env bash
# Installs what some tests need besides Node and Redis, on a Debian machine that may: `.ci/run` calls it. Elsewhere those
# tests skip and say what is missing. Nothing that it installs is started.
set -euo pipefail

# One line for each program that a test looks for: the program, and its package.
tools='
promtool prometheus
kubectl kubernetes-client
swift-proxy-server swift-proxy
swift-account-server swift-account
swift-container-server swift-container
swift-object-server swift-object
memcached memcached
'

# Prints the packages whose program is not there.
list_missing() {
  local program package
  while read -r program package; do
    [[ -z $program ]] || command -v "$program" >/dev/null || echo "$package"
  done <<<"$tools"
}

mapfile -t missing < <(list_missing)
((${#missing[@]} > 0)) || exit 0
if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
  echo "not installed: ${missing[*]}; the tests that need them skip"
  exit 0
fi

# Debian starts the service of a package that brings one, unless this says no.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
options=(-qq -o DPkg::Lock::Timeout=300)
echo "installing ${missing[*]}"
apt-get "${options[@]}" update
apt-get "${options[@]}" install --yes --no-install-recommends "${missing[@]}" >/dev/null
