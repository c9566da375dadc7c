#!/bin/sh
# Makes ../dist again, byte for byte, from the npm packages that package-lock.json pins. Needs npm and GNU gzip.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
dist=$here/../dist
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# npm checks every package against the lock file's hashes. Elsewhere than here, so that no node_modules with its
# thousands of files comes to lie inside a Go package.
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$here/licenses.mjs" "$work"
cd "$work"
npm ci --silent

# The source map is 4.7 MB and is not served; a pointer to it would be a 404 for everyone with developer tools open.
grep -v '^//# sourceMappingURL=' node_modules/graphiql/graphiql.min.js >graphiql.min.js
cp node_modules/graphiql/graphiql.min.css .
cp node_modules/@graphiql/plugin-explorer/dist/index.umd.js plugin-explorer.js
cp node_modules/@graphiql/plugin-explorer/dist/style.css plugin-explorer.css
cp node_modules/react/umd/react.production.min.js .
cp node_modules/react-dom/umd/react-dom.production.min.js .
node licenses.mjs >LICENSES.txt

rm -f "$dist"/*
for file in graphiql.min.js graphiql.min.css plugin-explorer.js plugin-explorer.css react.production.min.js react-dom.production.min.js LICENSES.txt; do
	gzip -9 -n -c "$file" >"$dist/$file.gz"
done
cd "$dist"
sha256sum ./*.gz | sed 's|\./||' >SHA256SUMS
