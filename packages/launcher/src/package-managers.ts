export interface PackageManager {
  /** What must be on PATH. */
  command: string
  /** Packages to try, in this order; which of them exists depends on the release of the system. */
  packages: string[]
  install: (packageName: string) => string[]
  /** Homebrew refuses root; all others need it. */
  needsRoot: boolean
}

// Debian's packages start a server of their own on port 6379. The policy file keeps this installation from
// doing so, and is taken away afterwards; a policy that the machine already has stays as it is.
const APT_SCRIPT = `
set -e
policy=/usr/sbin/policy-rc.d
trap 'exit 130' HUP INT TERM
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q update || echo 'going on with the package lists of last time'
apt-get -q install -y --no-install-recommends -o DPkg::Lock::Timeout=60 "$1"
if [ -d /run/systemd/system ]; then systemctl disable --quiet "$1.service" || true; fi
`

export const PACKAGE_MANAGERS: readonly PackageManager[] = [
  {
    command: 'apt-get',
    packages: ['redis-server', 'valkey-server'],
    install: (name) => ['sh', '-c', APT_SCRIPT, 'install-redis', name],
    needsRoot: true,
  },
  ...['dnf', 'yum'].map((command) => ({
    command,
    packages: ['valkey', 'redis'],
    install: (name: string) => [command, 'install', '-y', name],
    needsRoot: true,
  })),
  {
    command: 'apk',
    packages: ['valkey', 'redis'],
    install: (name) => ['apk', 'add', '--no-cache', name],
    needsRoot: true,
  },
  {
    command: 'pacman',
    packages: ['valkey', 'redis'],
    install: (name) => ['pacman', '-Sy', '--noconfirm', '--needed', name],
    needsRoot: true,
  },
  {
    command: 'zypper',
    packages: ['valkey', 'redis'],
    install: (name) => ['zypper', '--non-interactive', 'install', name],
    needsRoot: true,
  },
  {
    command: 'brew',
    packages: ['valkey', 'redis'],
    install: (name) => ['brew', 'install', name],
    needsRoot: false,
  },
]

const COMMANDS_TO_TYPE: Readonly<Record<string, string>> = {
  'apt-get': 'sudo apt-get update && sudo apt-get install redis-server',
  dnf: 'sudo dnf install valkey || sudo dnf install redis',
  yum: 'sudo yum install redis',
  apk: 'sudo apk add valkey || sudo apk add redis',
  pacman: 'sudo pacman -Sy valkey',
  zypper: 'sudo zypper install valkey || sudo zypper install redis',
  brew: 'brew install valkey',
}

/** What a person types on a machine with this package manager. */
export const commandToType = (manager: PackageManager | undefined): string =>
  (manager === undefined ? undefined : COMMANDS_TO_TYPE[manager.command]) ??
  'install Redis (6.2 or newer) or Valkey: https://valkey.io/download/'
