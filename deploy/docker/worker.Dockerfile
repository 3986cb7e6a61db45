ARG NODE_IMAGE=node:24-trixie-slim

# The stages "manifests" and "dependencies" are the same in both Dockerfiles, so that an engine runs them once.
FROM ${NODE_IMAGE} AS manifests
WORKDIR /repo
COPY . .
RUN find . -type f ! -name package.json ! -name 'pnpm-*.yaml' -delete && find . -type d -empty -delete

FROM ${NODE_IMAGE} AS dependencies
RUN npm install --global pnpm@12.21.0
ENV CI=1
WORKDIR /repo
COPY --from=manifests /repo .
# A change of sources alone does not get here.
RUN pnpm install --frozen-lockfile

FROM dependencies AS build
COPY . .
RUN pnpm exec tsc -b apps/worker
# Left in the images: what runs, and the maps that turn its stack traces into lines of the sources.
RUN find apps packages -name node_modules -prune -o \
    \( -name src -o -name testing -o -name '*.test.*' -o -name '*.d.ts' -o -name .tsbuildinfo -o -name tsconfig.json \) \
    -prune -exec rm -r {} + \
  && pnpm deploy --prod --filter @menagerie/worker /app
# OpenTelemetry's packages carry three builds and their types, 16 MB that Node never loads.
RUN find /app/node_modules/.pnpm/@opentelemetry+* \
    \( -name esm -o -name esnext -o -name '*.mjs' -o -name '*.d.ts' -o -name '*.d.?ts' -o -name '*.map' \) \
    -prune -exec rm -r {} +
# onnxruntime-node carries the libraries of all platforms, 240 MB that this one never loads.
RUN cd /app/node_modules/.pnpm/onnxruntime-node@*/node_modules/onnxruntime-node/bin/napi-v* \
  && find . -mindepth 2 -maxdepth 2 ! -path "./linux/$(node -p process.arch)" -exec rm -r {} + \
  && find . -type d -empty -delete

FROM ${NODE_IMAGE}
WORKDIR /app
COPY --from=build /app .
ENV NODE_ENV=production PROBE_HOST=0.0.0.0 PROBE_PORT=5001 MODEL_CACHE_DIR=/var/cache/menagerie/models
# A volume that is mounted here takes over its owner.
RUN install -d -o node -g node "$MODEL_CACHE_DIR"
EXPOSE 5001
USER node
# The first start downloads the model.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15m \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PROBE_PORT + '/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--enable-source-maps", "dist/main.js"]
