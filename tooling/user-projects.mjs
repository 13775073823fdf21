// What people do with the packages, in an empty project that has nothing but the archives: plain Node as an ES module and
// as CommonJS, strict TypeScript both ways, Vite and esbuild.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./workspace.mjs";

const USE = `const random = () => Float32Array.from({ length: 2 * 512 * 64 }, () => Math.random() - 0.5);
const { data } = await rectifiedAttention(random(), random(), random(), { heads: 2, headDim: 64, dropRate: 0.5 });
if (data.length !== 2 * 512 * 64 || !data.every(Number.isFinite)) throw new Error("wrong output");
console.log("ok");
`;

/** Entry points of packages as people import them: `@spaattn/io`, `@spaattn/io/node`. */
const entriesOf = (packed) =>
  packed.flatMap(({ name, exports = {} }) =>
    Object.keys(exports)
      .filter((entry) => entry !== "./package.json" && !entry.includes("*"))
      .map((entry) => name + entry.slice(1)),
  );

const compilerOptions = {
  target: "es2022",
  // AsyncDisposable is in the types of open files.
  lib: ["es2023", "esnext.disposable", "dom"],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  noEmit: true,
  types: [],
};

/** Files of the project by name. */
function files(packed) {
  const entries = entriesOf(packed);
  const imports = entries.map((entry, i) => `import * as p${i} from "${entry}";`).join("\n");
  const uses = `export const all = [${entries.map((_, i) => `p${i}`).join(", ")}];`;
  const typed = `import { rectifiedAttention } from "spaattn";
import { webgpu } from "@spaattn/backend-webgpu";
export async function use(device: GPUDevice): Promise<Float32Array> {
  const backend = await webgpu.create({ device });
  const q = new Float32Array(2 * 512 * 64);
  const { data } = await rectifiedAttention(q, q, q, { heads: 2, headDim: 64, backend });
  return data;
}
`;
  return {
    "use.mjs": `import { rectifiedAttention } from "spaattn";\n${USE}`,
    "use.cjs": `(async () => {\nconst { rectifiedAttention } = await import("spaattn");\n${USE}})();\n`,
    "require.cjs": `const { rectifiedAttention } = require("spaattn");\n(async () => {\n${USE}})();\n`,
    "everything.mts": `${imports}\n${uses}\n`,
    "typed.mts": typed,
    "common.cts": `import type { Tensor } from "@spaattn/core" with { "resolution-mode": "import" };
export async function use(): Promise<Tensor> {
  const { rectifiedAttention } = await import("spaattn");
  const q = new Float32Array(2 * 512 * 64);
  return (await rectifiedAttention(q, q, q, { heads: 2, headDim: 64 })).output;
}
`,
    "bundled.ts": typed,
    "nodenext.json": JSON.stringify({
      compilerOptions: { ...compilerOptions, module: "nodenext", moduleResolution: "nodenext" },
      files: ["everything.mts", "typed.mts", "common.cts"],
    }),
    "bundler.json": JSON.stringify({
      compilerOptions: { ...compilerOptions, module: "esnext", moduleResolution: "bundler" },
      files: ["bundled.ts"],
    }),
    "index.html": '<!doctype html><script type="module" src="./page.mjs"></script>\n',
    "page.mjs": `import { rectifiedAttention } from "spaattn";
import { buildInputs, compare } from "@spaattn/lab";
import { webgpu } from "@spaattn/backend-webgpu";
document.title = String([rectifiedAttention, buildInputs, compare, webgpu].length);
`,
  };
}

/**
 * Installs the archives in an empty project and uses them in every way.
 *
 * @param packed name, path of the archive and exports of each package
 * @param run runs a command in a folder: `(command, args, cwd) => { ok, text }`
 * @param check reports an outcome: `(project, what, outcome)`
 */
export function useInProjects(packed, run, check) {
  const project = mkdtempSync(join(tmpdir(), "spaattn-user-"));
  const bin = (name) => join(root, "node_modules/.bin", name);
  const report = (what, outcome) => {
    check("a new project", what, outcome);
    console.log(`${outcome.ok ? "ok" : "FAILED"}: ${what}`);
  };
  try {
    const dependencies = Object.fromEntries(packed.map(({ name, path }) => [name, `file:${path}`]));
    // No "type": this is what npm init makes, a CommonJS project.
    writeFileSync(
      join(project, "package.json"),
      JSON.stringify({ name: "user", private: true, dependencies }, null, 2),
    );
    for (const [name, text] of Object.entries(files(packed))) writeFileSync(join(project, name), text);
    const installed = run("npm", ["install", "--no-audit", "--no-fund"], project);
    report("npm install", installed);
    if (!installed.ok) return;
    report("an ES module runs", run("node", ["use.mjs"], project));
    report("CommonJS with import() runs", run("node", ["use.cjs"], project));
    report("CommonJS with require() runs", run("node", ["require.cjs"], project));
    report("the command runs", run("npx", ["--no-install", "spaattn", "doctor"], project));
    report("strict TypeScript, nodenext, both kinds", run(bin("tsc"), ["-p", "nodenext.json"], project));
    report("strict TypeScript, bundler", run(bin("tsc"), ["-p", "bundler.json"], project));
    report("Vite builds a page", run(bin("vite"), ["build", "--logLevel", "warn"], project));
    const page = join(project, "dist/assets");
    report("Vite's page holds no bare imports", {
      ok:
        existsSync(page) &&
        readdirSync(page).every(
          (file) => !/(from|import) ?["'](spaattn|@spaattn)/.test(readFileSync(join(page, file), "utf8")),
        ),
      text: "",
    });
    report("esbuild bundles for Node, and it runs", bundled(project, run));
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

function bundled(project, run) {
  const near = createRequire(createRequire(join(root, "package.json")).resolve("tsup/package.json"));
  const binary = join(near.resolve("esbuild/package.json"), "../bin/esbuild");
  const args = ["use.mjs", "--bundle", "--platform=node", "--format=esm", "--outfile=out.mjs"];
  const made = run(process.execPath, [binary, ...args], project);
  return made.ok ? run("node", ["out.mjs"], project) : made;
}
