// Makes `npm start` and `npm test` work from a bare clone: Node and npm are all a newcomer has.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`spaattn needs Node 20.19 or newer; this is ${process.version}. See https://nodejs.org/`);
  process.exit(1);
}

const installed = join(root, "node_modules/.modules.yaml");
const lockfile = join(root, "pnpm-lock.yaml");
const fresh = existsSync(installed) && statSync(installed).mtimeMs >= statSync(lockfile).mtimeMs;
if (!fresh) {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  console.log(`Installing dependencies with ${packageManager} (first run only) ...`);
  const install = spawnSync(
    "npx",
    ["--yes", packageManager, "install", "--frozen-lockfile", "--reporter=append-only"],
    {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
      shell: process.platform === "win32",
    },
  );
  if (install.status !== 0) {
    console.error("Installing the dependencies failed; the lines above say why. Is the npm registry reachable?");
    process.exit(install.status ?? 1);
  }
}

// Code of the READMEs, saved anywhere in here, runs with plain `node`.
await import("./quick-build.mjs");
