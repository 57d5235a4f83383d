# One image for everything that `seoga` does: by itself the embedded default, with other commands the processes of
# docker-compose.yml.
#
#   docker build -t seoga .
#   docker run --read-only --tmpfs /tmp -v documents:/data -v models:/models -p 127.0.0.1:8000:8000 \
#     -v ./secrets/api-keys:/run/secrets/api-keys:ro -e SEOGA_API_KEYS_FILE=/run/secrets/api-keys seoga

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# No library reports to its maker, and none fetches: shared/silence.py says the same to each process of Seoga.
ENV ORT_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_TELEMETRY=1 DO_NOT_TRACK=1 HF_HUB_OFFLINE=1
WORKDIR /seoga
RUN python -m venv .venv
# Apart from the sources, so that a change of these installs nothing again.
COPY requirements/core.txt requirements/core.txt
RUN .venv/bin/pip install --no-deps -r requirements/core.txt
COPY pyproject.toml README.md LICENSE main.py ./
COPY src src
COPY samples/documents samples/documents
RUN .venv/bin/pip install --no-deps -e . && .venv/bin/python -m compileall -q main.py src
# Builds the graph of the default model and loads it once; the other packaged one is built when it is chosen. Which engine is fastest is measured where it runs.
RUN SEOGA_DATA_DIR=/tmp/data SEOGA_MODEL_CACHE_DIR=/models .venv/bin/seoga model load

FROM python:3.11-slim-bookworm
# What text in pictures is read with; the reader itself is in a wheel.
RUN apt-get update && apt-get install -y --no-install-recommends tesseract-ocr-kor tesseract-ocr-eng \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --no-create-home seoga \
    && install -d -o seoga /data /models
COPY --from=build /seoga /seoga
# A new volume on /models begins with what is here (and so the image's file system can be read-only).
COPY --from=build --chown=seoga /models /models
ENV PATH=/seoga/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 HOME=/tmp \
    SEOGA_DATA_DIR=/data SEOGA_MODEL_CACHE_DIR=/models SEOGA_LOG_FORMAT=json \
    ORT_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_TELEMETRY=1 DO_NOT_TRACK=1 HF_HUB_OFFLINE=1
WORKDIR /data
VOLUME ["/data", "/models"]
USER seoga
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["seoga", "serve", "--host", "0.0.0.0"]
