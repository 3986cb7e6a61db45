#!/bin/sh
# Drops from the dependencies of a deployed app what only compilers, readers and their own authors use: type declarations,
# source maps, texts and tests. Licences stay, and so do our own maps, which turn stack traces into lines of the sources.
set -eu
find "$1/node_modules" -type f ! -path '*/@menagerie/*' ! -iname '*licen[sc]e*' ! -iname '*notice*' \
  \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -name '*.md' \) -delete
find "$1/node_modules" -type d ! -path '*/@menagerie/*' \( -name test -o -name tests -o -name __tests__ \) \
  -prune -exec rm -r {} +
