// Prints the license texts of everything that is served from ../dist, equal texts once.
//
// Which packages GraphiQL has bundled is read from its own source map. Which versions of them it does not say: the
// texts are those of the versions that package-lock.json pins.
import { readFileSync, readdirSync } from "node:fs";

const { dependencies } = JSON.parse(readFileSync("package.json", "utf8"));
const { sources } = JSON.parse(readFileSync("node_modules/graphiql/graphiql.min.js.map", "utf8"));

// GraphiQL's siblings in its own repository appear in the source map by their folder.
const siblings = {
  "codemirror-graphql": "codemirror-graphql",
  "graphql-language-service": "graphql-language-service",
  "graphiql-react": "@graphiql/react",
  "graphiql-toolkit": "@graphiql/toolkit",
  "graphiql-plugin-doc-explorer": "@graphiql/plugin-doc-explorer",
  "graphiql-plugin-history": "@graphiql/plugin-history",
};

// The fonts are in the style sheet, which has no source map.
const fonts = ["@fontsource/fira-code", "@fontsource/roboto"];

// The explorer is bundled in its plugin, which has no source map.
const bundled = ["@graphiql/plugin-explorer/node_modules/graphiql-explorer"];

// Published without a license file: the one of another package of the same author, under the same license.
const licensedAs = {
  "@graphiql/plugin-explorer": "graphiql",
  "@graphiql/plugin-doc-explorer": "graphiql",
  "@graphiql/plugin-history": "graphiql",
  "react-compiler-runtime": "react",
  "react-remove-scroll-bar": "react-remove-scroll",
  "toggle-selection": "copy-to-clipboard",
};

function packageOf(source) {
  const inModules = source.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)/);
  if (inModules) return inModules[1];
  const folder = source.match(/^\.\.\/\.\.\/([^/]+)\//);
  if (folder) {
    const name = siblings[folder[1]];
    if (!name) throw new Error(`${source}: of which package?`);
    return name;
  }
  return "graphiql";
}

function licenseText(name) {
  const folder = `node_modules/${licensedAs[name] ?? name}`;
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`${name} has no license file`);
  return readFileSync(`${folder}/${file}`, "utf8").replaceAll("\r\n", "\n").trim();
}

const namesByText = new Map();
for (const name of [...new Set([...Object.keys(dependencies), ...sources.map(packageOf), ...fonts, ...bundled])].sort()) {
  const { license } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
  const text = licenseText(name);
  // The font packages name the license of the fonts only in their license file.
  const title = name.replace(/.*node_modules\//, "");
  const entry = fonts.includes(name) ? name : `${title} (${license})`;
  namesByText.set(text, [...(namesByText.get(text) ?? []), entry]);
}

const rule = "=".repeat(80);
console.log("The playground is made of the following software and fonts, under the licenses given with them.");
for (const [text, names] of namesByText) {
  console.log(`\n${rule}\n${names.join("\n")}\n${rule}\n\n${text}`);
}
