FROM python:3.13-slim AS build
WORKDIR /source
COPY . .
RUN python -m venv /opt/w3ctools && \
    /opt/w3ctools/bin/pip install --no-cache-dir '.[notify,prometheus,zstd]' && \
    /opt/w3ctools/bin/pip uninstall --yes pip

FROM python:3.13-slim
LABEL org.opencontainers.image.title="w3ctools" \
      org.opencontainers.image.description="Small Unix commands that watch a live HTTP access log" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/w3ctools /opt/w3ctools
ENV PATH=/opt/w3ctools/bin:$PATH
USER 65534:65534
CMD ["w3ctools"]
