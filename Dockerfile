# The bot in an image that holds its binary, the certificate authorities and an
# empty directory for the database: no shell, no package manager, nothing that
# would need an update of its own. It runs as a user without a name (65532) and
# writes nowhere but into that directory, so the root can be read-only.
#
#   docker build --build-arg VERSION="$(git describe --tags --always)" -t promotebot .
#
# The same sources give the same bytes. Who wants that to hold for years as well
# names the builder by digest: --build-arg GO_IMAGE=golang@sha256:….

ARG GO_IMAGE=golang:1.26

FROM --platform=${BUILDPLATFORM} ${GO_IMAGE} AS build
WORKDIR /src
# First what changes seldom: the modules stay in their layer while the code changes.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# Set by a builder that builds for another platform; empty, they mean this one. A
# default written here would win over what the builder sets.
ARG TARGETOS
ARG TARGETARCH
ARG VERSION
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -trimpath -ldflags "-s -w -X main.stamp=${VERSION}" -o /out/promotebot ./cmd/promotebot
RUN mkdir /out/database

FROM scratch
ARG VERSION
LABEL org.opencontainers.image.title="promotebot" \
      org.opencontainers.image.description="Promotes container images by digest, behind a human gate in Slack" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/database /var/lib/promotebot
COPY --from=build /out/promotebot /usr/local/bin/promotebot
USER 65532:65532
# "database" in the configuration is relative to this directory, and SQLite puts
# what does not fit into memory here.
WORKDIR /var/lib/promotebot
VOLUME /var/lib/promotebot
# The address is the default of "http": whoever configures another one says so
# here as well, with -url.
HEALTHCHECK --interval=30s --timeout=6s --start-period=30s --retries=3 CMD ["/usr/local/bin/promotebot", "health"]
ENTRYPOINT ["/usr/local/bin/promotebot"]
CMD ["serve", "-config", "/etc/promotebot/promotebot.yaml"]
