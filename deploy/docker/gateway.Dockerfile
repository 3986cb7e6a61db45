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
RUN pnpm exec tsc -b apps/gateway
# Left in the images: what runs, and the maps that turn its stack traces into lines of the sources.
RUN find apps packages -name node_modules -prune -o \
    \( -name src -o -name testing -o -name '*.test.*' -o -name '*.d.ts' -o -name .tsbuildinfo -o -name tsconfig.json \) \
    -prune -exec rm -r {} + \
  && pnpm deploy --prod --filter @menagerie/gateway /app
# OpenTelemetry's packages carry three builds and their types, 16 MB that Node never loads.
RUN find /app/node_modules/.pnpm/@opentelemetry+* \
    \( -name esm -o -name esnext -o -name '*.mjs' -o -name '*.d.ts' -o -name '*.d.?ts' -o -name '*.map' \) \
    -prune -exec rm -r {} +

FROM ${NODE_IMAGE}
WORKDIR /app
COPY --from=build /app .
ENV NODE_ENV=production HOST=0.0.0.0 PORT=5000
EXPOSE 5000
USER node
HEALTHCHECK --interval=10s --timeout=5s --start-period=1m \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--enable-source-maps", "--max-semi-space-size=4", "dist/main.js"]
