# The restore test: a Postgres of the archive's major version or newer, and one bundled program that starts it, restores
# into it, reports and ends. Build from the repository's root:
#   docker build -f bin/restore-test.Dockerfile --build-arg POSTGRES_MAJOR=17 .
ARG POSTGRES_MAJOR=16

FROM node:24-bookworm-slim AS bundle
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY bin/restore-test.ts bin/
COPY lib/core lib/core
COPY lib/io lib/io
COPY lib/steps lib/steps
RUN npx esbuild bin/restore-test.ts --bundle --platform=node --target=node24 --format=cjs --minify --main-fields=module,main --outfile=restore-test.cjs

FROM postgres:${POSTGRES_MAJOR}-bookworm
COPY --from=bundle /usr/local/bin/node /usr/local/bin/node
COPY --from=bundle /build/restore-test.cjs /opt/offsite/restore-test.cjs
# Node runs in this image, and the bundle is whole: said while building, not on the day of the test.
RUN node --check /opt/offsite/restore-test.cjs
# Postgres refuses to run as root; nothing here needs to.
USER postgres
WORKDIR /tmp
# The base image asks for SIGINT, Fargate sends SIGTERM; the program takes both.
STOPSIGNAL SIGTERM
# Without the flag Node lets inflated chunks pile up before it collects them: 195 MB instead of 144 MB at 200 MB of dump.
ENTRYPOINT ["node", "--max-semi-space-size=1", "/opt/offsite/restore-test.cjs"]
