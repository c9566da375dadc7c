// What the tests of a page have in common: the browser, and a record of what the page asks for and complains about.
import axe from "axe-core";

/** The options of a Chromium without requests of its own. */
export const chromiumOptions = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
};

/**
 * Records on a page the addresses of sockets in requests, and in complaints what it writes to its console and its errors.
 * What its policy blocks is a complaint, too.
 */
export async function watch(page, { requests, complaints }) {
  page.on("websocket", (socket) => requests.push(socket.url()));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective}`));
  });
}

/** The serious and critical findings of axe-core in a part of a page. */
export async function seriousFindings(page, part = page.locator("html")) {
  if (!(await page.evaluate("window.axe !== undefined"))) await page.evaluate(axe.source);
  const { violations } = await part.evaluate((element) => globalThis.axe.run(element, { resultTypes: ["violations"] }));
  return violations.filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`) }));
}
