# One image, two commands: `accordant serve` (pages, API, schedules) and `accordant worker`.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE accordant.py ./
COPY hub hub
COPY connectors connectors
COPY mappings mappings
COPY config config
RUN python -m venv /opt/accordant && /opt/accordant/bin/pip install --no-cache-dir '.[postgres]'

FROM python:3.12-slim
RUN useradd --uid 10001 --create-home --home-dir /project accordant
COPY --from=build /opt/accordant /opt/accordant
ENV PATH=/opt/accordant/bin:$PATH ACCORDANT_PROJECT=/project PYTHONUNBUFFERED=1
USER accordant
WORKDIR /project
VOLUME /project
EXPOSE 8080
ENTRYPOINT ["accordant"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
