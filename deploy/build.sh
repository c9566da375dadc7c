#!/bin/sh
# Prepares the build context of deploy/Dockerfile in a folder: deploy/build.sh FOLDER [VERSION]
# Then build the image, for example with: docker build -t profileql FOLDER
# GOOS is linux; GOARCH can be set. CA_CERTIFICATES is the file of certificate authorities.
set -eu
cd "$(dirname "$0")/.."
mkdir -p "$1"
GOOS=linux CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X profileql/internal/buildinfo.release=${2:-}" -o "$1/profileql" .
cp "${CA_CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}" "$1/ca-certificates.crt"
cp deploy/Dockerfile "$1/Dockerfile"
