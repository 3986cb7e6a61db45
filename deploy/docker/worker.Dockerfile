# Slim by default: the weights come from a volume. With --build-arg BAKE_MODEL=<name> they are in the image, downloaded
# while it is built, or your own: see weights.Dockerfile.
ARG NODE_IMAGE=node:24-trixie-slim
ARG WEIGHTS_IMAGE=scratch

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
RUN pnpm exec tsc -b apps/worker
# Left in the images: what runs, and the maps that turn its stack traces into lines of the sources.
RUN find apps packages -name node_modules -prune -o \
    \( -name src -o -name testing -o -name '*.test.*' -o -name '*.d.ts' -o -name .tsbuildinfo -o -name tsconfig.json \) \
    -prune -exec rm -r {} + \
  && pnpm deploy --prod --filter @menagerie/worker /app \
  && deploy/docker/strip-modules.sh /app
# onnxruntime-node carries the libraries of all platforms, 240 MB that this one never loads.
RUN cd /app/node_modules/.pnpm/onnxruntime-node@*/node_modules/onnxruntime-node/bin/napi-v* \
  && find . -mindepth 2 -maxdepth 2 ! -path "./linux/$(node -p process.arch)" -exec rm -r {} + \
  && find . -type d -empty -delete

FROM ${NODE_IMAGE} AS jemalloc
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libjemalloc2 >/dev/null \
  && cp /usr/lib/*/libjemalloc.so.2 /libjemalloc.so.2

FROM ${WEIGHTS_IMAGE} AS weights

FROM build AS model
ARG BAKE_MODEL=
ARG ALLOW_STAND_IN=0
WORKDIR /app
COPY --from=weights . /weights
RUN mkdir /baked && if [ -n "$BAKE_MODEL" ]; then \
    if [ -e "/weights/$BAKE_MODEL" ]; then cp -r "/weights/$BAKE_MODEL" /baked/; fi \
    && MODEL="$BAKE_MODEL" MODEL_DIR=/baked MODEL_CACHE_DIR=/baked node dist/pull-model/main.js; \
  fi

FROM ${NODE_IMAGE}
WORKDIR /app
COPY --from=build /app .
COPY --from=jemalloc /libjemalloc.so.2 /usr/local/lib/
COPY --from=model /baked /opt/menagerie/models
ARG BAKE_MODEL=
# jemalloc: see "Decisions" in ARCHITECTURE.md. VIPS_DISC_THRESHOLD: from 100 MB on, a WebP of 36 megapixels, libvips would put
# pixels into a file, which a read-only file system refuses.
ENV NODE_ENV=production PROBE_HOST=0.0.0.0 PROBE_PORT=5001 \
  MODEL=${BAKE_MODEL:-densenet-121} MODEL_DIR=/opt/menagerie/models MODEL_CACHE_DIR=/var/cache/menagerie/models \
  LD_PRELOAD=/usr/local/lib/libjemalloc.so.2 VIPS_DISC_THRESHOLD=1g UPLOAD_DIR=/var/lib/menagerie/uploads
# Volumes that are mounted here take over their owner.
RUN install -d -o node -g node "$MODEL_CACHE_DIR" "$UPLOAD_DIR"
EXPOSE 5001
USER node
# The first start may download the model.
HEALTHCHECK --interval=5s --timeout=5s --start-period=15m \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PROBE_PORT + '/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--enable-source-maps", "dist/main.js"]
ARG VERSION=dev
ARG REVISION=unknown
ARG SOURCE=
LABEL org.opencontainers.image.title="Menagerie worker" \
  org.opencontainers.image.description="Takes pictures from the queue, runs the model, stores the answers" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.source="${SOURCE}"
