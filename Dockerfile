# syntax=docker/dockerfile:1
# Two images: the last stage (default) runs servers by npx and uvx, `--target slim` has no Python and no uv.
# A digest makes a build repeatable: --build-arg NODE_DIGEST=@sha256:… (the release workflow resolves and prints them).
ARG NODE_VERSION=24.21.0
ARG NODE_DIGEST=
ARG UV_VERSION=0.11.7
ARG UV_DIGEST=

FROM node:${NODE_VERSION}-trixie-slim${NODE_DIGEST} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY scripts/build.mjs scripts/page-files.mjs scripts/
COPY src src/
RUN npm run build && npm prune --omit=dev

FROM ghcr.io/astral-sh/uv:${UV_VERSION}${UV_DIGEST} AS uv

FROM node:${NODE_VERSION}-trixie-slim${NODE_DIGEST} AS slim
# tini is process 1: it reaps what servers leave behind. Git is for packages that npx takes from repositories, bubblewrap is
# for "sandbox". A program that its user may not read is closed to other processes of that user: they see neither
# the environment nor the memory of the service.
RUN apt-get update \
    && apt-get upgrade -y --no-install-recommends \
    && apt-get install -y --no-install-recommends bubblewrap ca-certificates git tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/log/apt /var/log/dpkg.log
COPY --from=build /app/package.json /app/
COPY --from=build /app/node_modules /app/node_modules/
COPY --from=build /app/dist /app/dist/
RUN ln -s /app/dist/cli.js /usr/local/bin/mcpo-ts \
    && install -d -o node -g node -m 0700 /data \
    && install -d -o node -g node -m 0750 /var/log/mcpo-ts \
    && install -d -o node -g node /config \
    && chmod 0711 /usr/local/bin/node

USER node
# Everything that is written is on the volume, because the root may be read-only: the database, the homes of servers and what
# npx and uvx download. Not MCPO_DATA_DIR: an env_file with "MCPO_DATA_DIR=" would override it, and the vault would be outside
# the volume. npm's notices would displace a failing server's own words from what is shown of it.
ENV NODE_ENV=production \
    MCPO_DEFAULT_DATA_DIR=/data \
    MCPO_RUN_AS=auto \
    LOG_FORMAT=json \
    HOME=/data/home \
    npm_config_cache=/data/home/.npm \
    npm_config_update_notifier=false \
    npm_config_fund=false \
    npm_config_audit=false \
    UV_CACHE_DIR=/data/home/.cache/uv \
    UV_PYTHON_INSTALL_DIR=/data/home/.local/share/uv/python \
    UV_TOOL_DIR=/data/home/.local/share/uv/tools \
    UV_NO_PROGRESS=1
VOLUME /data
WORKDIR /config
EXPOSE 8000
STOPSIGNAL SIGTERM
# Asks the running service wherever it listens: other ports, TLS and prefixes need nothing else.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["mcpo-ts", "health"]
ENTRYPOINT ["tini", "--", "mcpo-ts"]
CMD ["--config", "/config/servers.json"]
ARG NODE_VERSION
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="mcpo-ts" \
      org.opencontainers.image.description="Serves every MCP server of an mcpServers file as an OpenAPI tool server" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/node:${NODE_VERSION}-trixie-slim"

FROM slim AS full
USER root
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/log/apt /var/log/dpkg.log
COPY --from=uv /uv /uvx /usr/local/bin/
USER node
