# The scaler: Python and what scaler.lock names, Docker's client among it; no Ray.
#   docker build -f deploy/scaler.Dockerfile -t ray-watcher/scaler:0.1.0 .
# BASE needs python3, BUILD_BASE the same python3 and its venv module. `make images` makes both without a registry.
ARG BASE=python:3.11.13-slim-bookworm
ARG BUILD_BASE=${BASE}

FROM ${BUILD_BASE} AS build
COPY deploy/scaler.lock /tmp/requirements.lock
RUN python3 -m venv /tmp/pip \
 && /tmp/pip/bin/pip install --no-cache-dir --disable-pip-version-check --quiet --require-hashes --no-deps \
    --target /opt/app -r /tmp/requirements.lock
COPY ray_watcher_common /opt/app/ray_watcher_common
COPY scaler /opt/app/scaler
COPY docs/runbooks /opt/app/ray_watcher_common/data/docs/runbooks
RUN python3 -m compileall -q /opt/app/ray_watcher_common /opt/app/scaler && mkdir /tmp/state

FROM ${BASE}
COPY --from=build /opt/app /opt/app
# A new named volume takes its owner from here.
COPY --from=build --chown=9812:9812 /tmp/state /var/lib/ray-watcher
ENV PYTHONPATH=/opt/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 9812:9812
CMD ["python3", "-m", "scaler"]
