# The agent and its schedule, for a service beside BitAgent's own (compose.offsite.yml): pg_dump and psql of one major
# version, igzip, Node, and the CLI in one file. Build from the repository's root:
#   docker build -f bin/offsite.Dockerfile --build-arg POSTGRES_MAJOR=17 -t offsite .
# It runs unprivileged and on a read-only root file system: it writes to /var/lib/offsite and /tmp.
ARG POSTGRES_MAJOR=16

FROM node:24-bookworm-slim AS bundle
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY bin bin
COPY lib lib
RUN node bin/build.ts && install -D --target-directory=/opt/offsite/bin bin/offsite bin/run \
  && install -D --mode=0644 --target-directory=/opt/offsite/dist dist/*.cjs

FROM postgres:${POSTGRES_MAJOR}-bookworm AS programs
RUN apt-get update && apt-get install --yes --no-install-recommends isal
COPY --from=bundle /usr/local/bin/node /usr/local/bin/node
# With the libraries that they load: the packages of these bring Perl, a server and LLVM along.
RUN set -e; mkdir /programs; \
  for program in "$(command -v igzip)" /usr/local/bin/node /usr/lib/postgresql/*/bin/pg_dump /usr/lib/postgresql/*/bin/psql; do \
    install -D "$program" "/programs/usr/local/bin/$(basename "$program")"; \
    ldd "$program" | grep -o '/[^ ]*'; \
  done | sort -u | while read -r library; do \
    install -D "$library" "/programs$(realpath "$(dirname "$library")")/$(basename "$library")"; \
  done

FROM debian:bookworm-slim
COPY --from=programs /programs /
COPY --from=bundle /opt/offsite /opt/offsite
RUN useradd --system --home-dir=/var/lib/offsite offsite \
  && install --directory --owner=offsite --group=offsite --mode=0700 /var/lib/offsite \
  && ln -s /opt/offsite/bin/offsite /usr/local/bin/offsite \
  # All of it runs in this image: said while building, not at night.
  && offsite --version && pg_dump --version && psql --version && igzip --version
VOLUME /var/lib/offsite
USER offsite
ENTRYPOINT ["offsite"]
CMD ["nightly"]
