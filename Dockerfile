# syntax=docker/dockerfile:1
# One image for docker, compose and Kubernetes: `docker build -t hushwatch .`
# Its root is never written to: run it with --read-only, and with a volume at /data unless the data is in PostgreSQL.
FROM rust:1-trixie AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --release --no-default-features --features full \
    && install -D target/release/hushwatch /out/usr/bin/hushwatch \
    && install -d -m 700 /out/data

# Holds libc, libgcc, time zones and the certificates of public authorities; no shell. Its user has the number 65532.
FROM gcr.io/distroless/cc-debian13:nonroot
COPY --from=build /out/usr/bin/hushwatch /usr/bin/hushwatch
COPY --from=build --chown=65532:65532 /out/data /data
# The page is for the health check alone, until it is set to listen elsewhere. One heap of glibc is a megabyte less than one for each thread.
ENV STATE_DIRECTORY=/data HUSHWATCH_PAGE__LISTEN=127.0.0.1:9184 MALLOC_ARENA_MAX=1
WORKDIR /data
VOLUME /data
USER 65532:65532
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["/usr/bin/hushwatch", "healthcheck"]
ENTRYPOINT ["/usr/bin/hushwatch"]
CMD ["run"]
