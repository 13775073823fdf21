// Runs before a package is packed (`prepack`): builds it and what it depends on, unless that is done. An archive without a
// build would hold a README and nothing to import.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { builtFiles, newest, oldest, root } from "./workspace.mjs";

const directory = process.cwd();
const { name } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
const built = builtFiles(directory);
const fresh = built.length > 0 && oldest(built) >= newest(join(directory, "src"));
if (!fresh) {
  console.error(`building ${basename(dirname(directory))}/${basename(directory)} first`);
  const turbo = join(root, "node_modules/.bin/turbo");
  const { status } = spawnSync(turbo, ["run", "build", `--filter=${name}`, "--output-logs=errors-only"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1" },
    shell: process.platform === "win32",
  });
  if (status !== 0 || builtFiles(directory).length === 0) {
    console.error(`${name} could not be built.`);
    process.exit(1);
  }
}
