// Builds the page into the binary: `npm run demo`. For development, start ProfileQL with `go run . demo`, and run
// `npx vite demo` here.
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/** Writes compressed files in place of the plain ones, and their checksums. internal/demo embeds them. */
const compress: Plugin = {
  name: "compress",
  generateBundle: {
    order: "post",
    handler(_, bundle) {
      const sums: string[] = [];
      for (const [name, file] of Object.entries(bundle).sort(([one], [other]) => (one < other ? -1 : 1))) {
        const source = gzipSync(file.type === "chunk" ? file.code : file.source, { level: 9 });
        const fileName = `${basename(name)}.gz`;
        delete bundle[name];
        this.emitFile({ type: "asset", fileName, source });
        sums.push(`${createHash("sha256").update(source).digest("hex")}  ${fileName}\n`);
      }
      this.emitFile({ type: "asset", fileName: "SHA256SUMS", source: sums.join("") });
    },
  },
};

export default defineConfig({
  root: import.meta.dirname,
  base: "./", // the page does not know below which path it is served
  plugins: [compress],
  server: { proxy: { "/graphql": "http://127.0.0.1:8080" } },
  build: {
    outDir: "../../internal/demo/dist",
    emptyOutDir: true,
    assetsInlineLimit: 0, // its policy lets the page load files, and nothing inline
    modulePreload: { polyfill: false },
    license: { fileName: "demo/LICENSES.txt" },
    reportCompressedSize: false,
    rolldownOptions: {
      // The page is /demo, and what it loads is below it.
      output: { entryFileNames: "demo/app.js", chunkFileNames: "demo/[name].js", assetFileNames: "demo/[name][extname]" },
    },
  },
});
