#!/bin/sh
# Drops from the dependencies of a deployed app what only compilers and readers use: type declarations, source maps and
# texts. Licences stay, and so do our own maps, which turn stack traces into lines of the sources.
set -eu
find "$1/node_modules" -type f ! -path '*/@menagerie/*' ! -iname '*licen[sc]e*' ! -iname '*notice*' \
  \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -name '*.md' \) -delete
# OpenTelemetry's packages carry three builds each, of which Node loads the one for `require`.
find "$1/node_modules/.pnpm" -path '*/@opentelemetry/*' \( -name esm -o -name esnext -o -name '*.mjs' \) \
  -prune -exec rm -r {} +
