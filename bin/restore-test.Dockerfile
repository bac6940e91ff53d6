# The restore test: a Postgres of the archive's major version or newer, and one bundled program that starts it, restores
# into it, reports and ends. `cdk deploy` builds it; by hand, from the repository's root:
#   npm run restore-program && docker build -f bin/restore-test.Dockerfile --build-arg POSTGRES_MAJOR=17 .
# It runs unprivileged and on a read-only root file system: all that it writes goes to /scratch, which the task mounts.
ARG POSTGRES_MAJOR=16
# By name here, for whoever builds it by hand; cdk gives both by digest (lib/stack/programs/base-images.ts).
ARG NODE_IMAGE=node:24-bookworm-slim
ARG POSTGRES_IMAGE=postgres:${POSTGRES_MAJOR}-bookworm

FROM ${NODE_IMAGE} AS node

FROM ${POSTGRES_IMAGE} AS server
# igzip comes with isal. LLVM, which compiles queries of minutes, is a quarter of the image; Postgres goes without where
# llvmjit.so is not there.
# Fargate gives a volume the owner and mode that its mount point has here.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends isal \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    /usr/lib/postgresql/*/lib/llvmjit* /usr/lib/postgresql/*/lib/bitcode /usr/lib/llvm-* /usr/lib/*/libLLVM* \
  && install --directory --owner=postgres --group=postgres --mode=0700 /scratch

# Postgres' own image declares a volume for its data, which would be writable in spite of the read-only root, and no
# later step can take that back. A copy of its files has neither that nor the layers of what was removed.
FROM scratch
COPY --from=server / /
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY dist/restore-test.cjs /opt/offsite/restore-test.cjs
ARG POSTGRES_MAJOR
ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/lib/postgresql/${POSTGRES_MAJOR}/bin TMPDIR=/scratch
# Both run in this image, and the bundle is whole: said while building, not on the day of the test.
RUN node --check /opt/offsite/restore-test.cjs && igzip --version
VOLUME /scratch
# Postgres refuses to run as root; nothing here needs to.
USER postgres
# What Fargate sends; the program takes SIGINT too.
STOPSIGNAL SIGTERM
# Without the flag Node lets inflated chunks pile up before it collects them: 195 MB instead of 144 MB at 200 MB of dump.
ENTRYPOINT ["node", "--max-semi-space-size=1", "/opt/offsite/restore-test.cjs"]
