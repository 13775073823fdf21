// Checks what users get: every public package is packed, linted as a tarball, and all of them are installed into an empty project and run.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  const stray = listing.filter((file) => /^package\/(src|test|bench|assembly)\//.test(file));
  check(name, "packs sources or tests", { ok: stray.length === 0, text: stray.slice(0, 5).join("\n") });
  check(name, "publint finds problems", run(join(local, "publint"), ["run", path, "--strict"]));
  const entries = Object.keys(manifest.exports ?? {}).filter((entry) => entry !== "./package.json");
  if (entries.length > 0)
    check(name, "types do not resolve", run(join(local, "attw"), [path, "--profile", "esm-only", "--no-emoji"]));
  return { name, path };
}

/** Installs all tarballs as a user would and runs one attention and the CLI. */
function useThem(packed) {
  const project = mkdtempSync(join(tmpdir(), "spaattn-user-"));
  const files = Object.fromEntries(packed.map(({ name, path }) => [name, `file:${path}`]));
  const manifest = { name: "user", private: true, type: "module", dependencies: files, overrides: {} };
  writeFileSync(join(project, "package.json"), JSON.stringify(manifest, null, 2));
  writeFileSync(
    join(project, "use.mjs"),
    `import { rectifiedAttention } from "spaattn";
const random = () => Float32Array.from({ length: 2 * 512 * 64 }, () => Math.random() - 0.5);
const { output } = await rectifiedAttention(random(), random(), random(), { heads: 2, headDim: 64, dropRate: 0.5 });
const data = output.data ?? (await output.read()).data;
if (data.length !== 2 * 512 * 64 || !data.every(Number.isFinite)) throw new Error("wrong output");
console.log("ok");
`,
  );
  check("a new project", "npm install fails", run("npm", ["install", "--no-audit", "--no-fund"], project));
  check("a new project", "rectifiedAttention does not run", run("node", ["use.mjs"], project));
  check("a new project", "spaattn doctor does not run", run("npx", ["--no-install", "spaattn", "doctor"], project));
  rmSync(project, { recursive: true, force: true });
}

try {
  const packed = publicPackages().map((entry) => {
    console.log(`packing ${entry.manifest.name}`);
    return packOne(entry);
  });
  if (problems.length === 0) useThem(packed.filter(Boolean));
} finally {
  rmSync(workspace, { recursive: true, force: true });
}
if (problems.length > 0) {
  console.error(`${problems.length} problem(s):\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
  process.exit(1);
}
console.log("All packages pack, lint, install and run.");
