# Placeholder so that the stack synthesizes: the restore test's image is still to be written. Building it fails.
FROM scratch
COPY bin/restore-test.Dockerfile /this-is-a-placeholder
RUN ["/this-is-a-placeholder"]
