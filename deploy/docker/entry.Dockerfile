# One address in front of any number of gateways, for docker compose. HAProxy from Debian, so that nothing else is pulled.
ARG BASE_IMAGE=node:24-trixie-slim
FROM ${BASE_IMAGE}
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends haproxy >/dev/null \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY deploy/docker/haproxy.cfg /etc/haproxy/haproxy.cfg
EXPOSE 5000
USER haproxy
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8404 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && head -1 <&3 | grep -q ' 200 '"]
# To HAProxy SIGTERM is the end of all connections; this is what lets them finish.
STOPSIGNAL SIGUSR1
ENTRYPOINT ["haproxy", "-W", "-f", "/etc/haproxy/haproxy.cfg"]
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Menagerie entry" \
  org.opencontainers.image.description="One address in front of several gateways" \
  org.opencontainers.image.licenses="GPL-2.0-or-later" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
