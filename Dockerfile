# The hotline as an image. It is installed by the steps of the README: a virtual environment, pip, and the locked
# versions.
FROM python:3.13-slim AS build
RUN python -m venv /opt/ivr
WORKDIR /src
COPY requirements.lock ./
RUN /opt/ivr/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY ivr ivr
COPY flows flows
COPY prompts prompts
RUN /opt/ivr/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent ivr \
    && install --directory --owner ivr --group ivr --mode 0700 /data
COPY --from=build /opt/ivr /opt/ivr
ENV PATH=/opt/ivr/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    IVR_DATA_DIR=/data
USER ivr
WORKDIR /data
VOLUME /data
EXPOSE 8000
# The workers finish what callers are waiting for: give them time to, with `docker stop --time 25`.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["ivr"]
CMD ["serve", "--host", "0.0.0.0"]
