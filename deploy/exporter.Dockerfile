# The exporter: Python and what exporter.lock names; no Ray, no Docker client.
#   docker build -f deploy/exporter.Dockerfile -t ray-watcher/exporter:0.1.0 .
# BASE needs python3, BUILD_BASE the same python3 and its venv module. `make images` makes both without a registry.
ARG BASE=python:3.11.13-slim-bookworm
ARG BUILD_BASE=${BASE}

FROM ${BUILD_BASE} AS build
COPY deploy/exporter.lock /tmp/requirements.lock
RUN python3 -m venv /tmp/pip \
 && /tmp/pip/bin/pip install --no-cache-dir --disable-pip-version-check --quiet --require-hashes --no-deps \
    --target /opt/app -r /tmp/requirements.lock
COPY ray_watcher_common /opt/app/ray_watcher_common
COPY exporter /opt/app/exporter
RUN python3 -m compileall -q /opt/app/ray_watcher_common /opt/app/exporter

FROM ${BASE}
COPY --from=build /opt/app /opt/app
ENV PYTHONPATH=/opt/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 9811:9811
CMD ["python3", "-m", "exporter"]
