# syntax=docker/dockerfile:1
# The current long-term release; a number pins one.
ARG NODE_VERSION=lts

FROM node:${NODE_VERSION}-trixie-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY scripts/build.mjs scripts/
COPY src src/
RUN npm run build && npm prune --omit=dev

FROM ghcr.io/astral-sh/uv:0.9 AS uv

FROM node:${NODE_VERSION}-trixie-slim
# tini is process 1: it reaps what servers leave behind. Python and git are for servers started by uvx and npx, bubblewrap
# is for "sandbox". A program that its user may not read is closed to other processes of that user: they see neither
# the environment nor the memory of the service.
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap ca-certificates git python3 tini \
    && rm -rf /var/lib/apt/lists/*
COPY --from=uv /uv /uvx /usr/local/bin/
COPY --from=build /app/package.json /app/
COPY --from=build /app/node_modules /app/node_modules/
COPY --from=build /app/dist /app/dist/
RUN ln -s /app/dist/cli.js /usr/local/bin/mcpo-ts \
    && install -d -o node -g node -m 0700 /data \
    && install -d -o node -g node /config \
    && chmod 0711 /usr/local/bin/node

USER node
# Not MCPO_DATA_DIR: an env_file with "MCPO_DATA_DIR=" would override it, and the vault would lie outside of the volume.
ENV NODE_ENV=production MCPO_DEFAULT_DATA_DIR=/data MCPO_RUN_AS=auto LOG_FORMAT=json
VOLUME /data
WORKDIR /config
EXPOSE 8000
# With another port, or with TLS, give `docker run` its own --health-cmd.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["node", "-e", "fetch('http://127.0.0.1:8000/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "mcpo-ts"]
CMD ["--config", "/config/servers.json"]
