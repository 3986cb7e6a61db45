ARG NODE_IMAGE=node:24-trixie-slim

# The stages "manifests" and "dependencies" are the same in both apps' Dockerfiles, so that an engine runs them once.
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
  && pnpm deploy --prod --filter @menagerie/gateway /app \
  && deploy/docker/strip-modules.sh /app

FROM ${NODE_IMAGE}
WORKDIR /app
COPY --from=build /app .
ENV NODE_ENV=production MALLOC_ARENA_MAX=2 HOST=0.0.0.0 PORT=5000 UPLOAD_DIR=/var/lib/menagerie/uploads
# A volume that is mounted here takes over its owner.
RUN install -d -o node -g node "$UPLOAD_DIR"
EXPOSE 5000
USER node
HEALTHCHECK --interval=5s --timeout=5s --start-period=1m \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--enable-source-maps", "--max-semi-space-size=4", "--heap-growing-percent=60", "dist/main.js"]
ARG VERSION=dev
ARG REVISION=unknown
ARG SOURCE=
LABEL org.opencontainers.image.title="Menagerie gateway" \
  org.opencontainers.image.description="Takes pictures over HTTP, puts them into the queue, answers" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.source="${SOURCE}"
