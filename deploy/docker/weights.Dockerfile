# Your own weights, for a worker image that carries them. The context is a folder that is laid out as MODEL_DIR:
#   docker build -f deploy/docker/weights.Dockerfile -t my-weights /srv/models
#   docker build -f deploy/docker/worker.Dockerfile --build-arg WEIGHTS_IMAGE=my-weights --build-arg BAKE_MODEL=my-model .
FROM scratch
COPY . /
