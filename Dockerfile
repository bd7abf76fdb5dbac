# Two stages: what builds stays behind; what runs needs nothing but this image, a folder and a database.
FROM python:3.11-slim AS build
WORKDIR /src
RUN pip install --no-cache-dir --disable-pip-version-check uv
ENV UV_PROJECT_ENVIRONMENT=/opt/ml-connector UV_PYTHON=/usr/local/bin/python UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
COPY pyproject.toml README.md LICENSE ./
# Packages first: they change more seldom than the code.
RUN uv sync --no-dev --no-install-project
COPY domain domain
COPY application application
COPY adapters adapters
COPY entrypoints entrypoints
RUN uv sync --no-dev --no-editable

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin ml \
    && mkdir /data && chown ml:ml /data && chmod 700 /data
COPY --from=build /opt/ml-connector /opt/ml-connector
ENV PATH=/opt/ml-connector/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ML_CONNECTOR_HOME=/data \
    ML_CONNECTOR_LOG=json \
    ML_CONNECTOR_LOG_LEVEL=info
USER ml
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["ml-connector"]
CMD ["serve", "--host", "0.0.0.0"]
