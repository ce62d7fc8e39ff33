# Build: the only stage with a compiler.
FROM rust:1-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY templates templates
COPY config config
RUN cargo build --release --locked --bin latchkey \
    && install -D target/release/latchkey /out/latchkey

# Run: the binary, certificate authorities, and a user who owns nothing but the data directory.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin latchkey \
    && install -d -o latchkey -g latchkey -m 0700 /var/lib/latchkey
COPY --from=build /out/latchkey /usr/local/bin/latchkey
USER latchkey
# The configuration is mounted here, read-only; its `store.path` is /var/lib/latchkey/data and its
# `http.listen` an address of the container.
ENV LATCHKEY_CONFIG=/etc/latchkey/latchkey.toml
WORKDIR /var/lib/latchkey
VOLUME /var/lib/latchkey
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["latchkey", "health"]
ENTRYPOINT ["latchkey"]
CMD ["serve"]
