// Looks at pages in headless Chromium: pairs of a name, with `=503` where that status is expected, and an address. Of each it takes
// a picture, light and dark, 360 and 1400 pixels wide, into the folder PICTURES, and fails where axe-core finds a violation, where a
// page scrolls sideways, where the browser complains (of the Content-Security-Policy, say), or where anything is asked of another host.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.BROWSER_MODULES}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const pictures = process.env.PICTURES;
mkdirSync(pictures, { recursive: true });
const pages = [];
for (let i = 2; i < process.argv.length; i += 2) pages.push([process.argv[i], process.argv[i + 1]]);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
let wrong = 0;
const complain = (where, what) => {
  wrong += 1;
  console.log(`WRONG ${where}: ${what}`);
};

for (const [named, address] of pages) {
  const [name, expected = "200"] = named.split("=");
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [360, 1400]) {
      const where = `${name}-${colorScheme}-${width}`;
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 800 } });
      const page = await context.newPage();
      // A page that is expected to fail is plain text, which names no icon of its own.
      const isStatus = (message) => message.text().startsWith("Failed to load resource")
        && [address, new URL("/favicon.ico", address).href].includes(message.location().url);
      page.on("console", (message) => {
        if (expected === "200" || !isStatus(message)) complain(where, `the console says: ${message.text()}`);
      });
      page.on("pageerror", (error) => complain(where, `an error: ${error}`));
      page.on("request", (request) => {
        const url = new URL(request.url());
        if (!["data:", "file:"].includes(url.protocol) && url.host !== new URL(address).host) complain(where, `it asks ${url.host}`);
      });
      const started = Date.now();
      const answer = await page.goto(address, { waitUntil: "load" });
      const took = Date.now() - started;
      if (answer && `${answer.status()}` !== expected) complain(where, `its status is ${answer.status()}`);
      // Of plain text the browser makes a document of its own, which is not ours to mend.
      const isOurs = !answer || !(answer.headers()["content-type"] ?? "").startsWith("text/plain");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) complain(where, `it scrolls ${wide} px sideways`);
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      const clip = { x: 0, y: 0, width, height: Math.min(height, 6000) };
      await page.screenshot({ path: `${pictures}/${where}.png`, fullPage: true, clip });
      if (isOurs) await page.evaluate(axe);
      const found = isOurs ? await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] })) : { violations: [], passes: [] };
      for (const violation of found.violations) {
        const nodes = violation.nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.failureSummary}`);
        complain(where, `axe ${violation.id} (${violation.impact}), ${violation.nodes.length} times: ${nodes.join("; ")}`);
      }
      console.log(`looked at ${where}: ${answer ? answer.status() : "file"}, ${took} ms, ${height} px high, ${found.passes.length} rules of axe pass`);
      await context.close();
    }
  }
}
await browser.close();
process.exit(wrong > 0 ? 1 : 0);
