// Checks what users get: every public package is packed, linted as a tarball, and all of them are installed into an empty project and run.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { useInProjects } from "./user-projects.mjs";
import { publicPackages, root } from "./workspace.mjs";

const scripts = ["preinstall", "install", "postinstall", "prepare"];
const workspace = mkdtempSync(join(tmpdir(), "spaattn-pack-"));
const problems = [];

function run(command, args, cwd = root) {
  const result = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, npm_config_loglevel: "error" },
  });
  return { ok: result.status === 0, text: `${result.stdout ?? ""}${result.stderr ?? ""}`.trim() };
}

function check(name, what, { ok, text }) {
  if (ok) return;
  problems.push(`${name}: ${what}`);
  console.error(`✗ ${name}: ${what}\n${text}\n`);
}

function packOne({ directory, manifest }) {
  const { name } = manifest;
  const local = join(root, "node_modules/.bin");
  for (const script of scripts)
    check(name, `has an install script "${script}"`, {
      ok: !manifest.scripts?.[script],
      text: "package managers block them",
    });
  for (const file of ["README.md", "LICENSE"])
    check(name, `${file} is missing`, { ok: existsSync(join(directory, file)), text: "" });
  const before = new Set(readdirSync(workspace));
  check(name, "cannot be packed", run(join(local, "pnpm"), ["pack", "--pack-destination", workspace], directory));
  const tarball = readdirSync(workspace).find((file) => file.endsWith(".tgz") && !before.has(file));
  if (!tarball) return undefined;
  const path = join(workspace, tarball);
  const listing = run("tar", ["-tzf", path]).text.split("\n");
  for (const field of ["repository", "homepage", "bugs"])
    check(name, `has no ${field}`, { ok: Boolean(manifest[field]), text: "" });
  if (manifest.scripts?.build)
    check(name, "is packed without a build", {
      ok: listing.some((file) => file.startsWith("package/dist/")),
      text: "",
    });
  const stray = listing.filter((file) => /^package\/(src|test|bench|assembly)\//.test(file));
  check(name, "packs sources or tests", { ok: stray.length === 0, text: stray.slice(0, 5).join("\n") });
  check(name, "publint finds problems", run(join(local, "publint"), ["run", path, "--strict"]));
  const entries = Object.keys(manifest.exports ?? {}).filter((entry) => entry !== "./package.json");
  if (entries.length > 0)
    check(name, "types do not resolve", run(join(local, "attw"), [path, "--profile", "esm-only", "--no-emoji"]));
  return { name, path, exports: manifest.publishConfig?.exports ?? manifest.exports };
}

try {
  const packed = publicPackages().map((entry) => {
    console.log(`packing ${entry.manifest.name}`);
    return packOne(entry);
  });
  if (problems.length === 0) useInProjects(packed.filter(Boolean), run, check);
} finally {
  rmSync(workspace, { recursive: true, force: true });
}
if (problems.length > 0) {
  console.error(`${problems.length} problem(s):\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
  process.exit(1);
}
console.log("All packages pack, lint, install and run.");
