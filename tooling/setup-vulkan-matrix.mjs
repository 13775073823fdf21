// Unpacks a software Vulkan driver with cooperative matrices, without touching the system, and prints in JSON how to run
// Node with it:   { "command": [...], "env": {...} }   ([...command, "script.mjs"] is the command line, env is added).
// With --no-download it only looks for a driver that an earlier run unpacked.
//
// Mesa 25, which setup-vulkan.mjs has for Debian 12, knows no cooperative matrices; Mesa 26 needs a newer C library. So
// the driver comes with everything that it links to, and Node runs through the dynamic linker of that tree. A script run
// so must not start children with process.execPath: that is the linker.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { aptIn, unpack, writeIcd } from "./debian-packages.mjs";

const SUITES = ["trixie", "trixie-backports"];
const PACKAGES = ["mesa-vulkan-drivers", "libvulkan1", "libc6", "libstdc++6", "libgcc-s1"];

const cache = join(dirname(fileURLToPath(import.meta.url)), "..", ".cache", "vulkan-matrix");
const root = join(cache, "root");
const libraries = join(root, "usr/lib/x86_64-linux-gnu");
const driver = join(libraries, "libvulkan_lvp.so");

const say = (text) => process.stderr.write(`setup-vulkan-matrix: ${text}\n`);

/** Documentation, character sets and the drivers of graphics cards are most of the tree, and nothing here reads them. */
function prune(tree) {
  for (const folder of ["etc", "usr/share", "usr/lib/x86_64-linux-gnu/gconv"])
    rmSync(join(tree, folder), { recursive: true, force: true });
  const folder = join(tree, "usr/lib/x86_64-linux-gnu");
  for (const name of readdirSync(folder)) if (/^libvulkan_(?!lvp)|^libVkLayer/.test(name)) rmSync(join(folder, name));
}

function download() {
  const work = join(cache, "apt");
  const partial = join(cache, "root.partial");
  for (const folder of [work, partial]) rmSync(folder, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const apt = aptIn(work, SUITES);
  apt("install", "--download-only", "--yes", "-t", SUITES.at(-1), ...PACKAGES);
  unpack(work, partial);
  prune(partial);
  // An interrupted run leaves no tree that looks complete.
  rmSync(root, { recursive: true, force: true });
  renameSync(partial, root);
  rmSync(work, { recursive: true });
}

function setUp() {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error(`the driver is for Linux on x64, not for ${process.platform} on ${process.arch}`);
  if (!existsSync(driver)) {
    if (process.argv.includes("--no-download"))
      throw new Error('not set up; "node tooling/setup-vulkan-matrix.mjs" downloads about 73 MB');
    say(`unpacking Mesa from ${SUITES.at(-1)}`);
    download();
  }
  return {
    command: [join(libraries, "ld-linux-x86-64.so.2"), "--library-path", libraries, process.execPath],
    env: {
      VK_ICD_FILENAMES: writeIcd(join(cache, "lvp_icd.json"), driver),
      // The layers that the system has are of another Mesa.
      VK_LOADER_LAYERS_DISABLE: "~implicit~",
      MESA_SHADER_CACHE_DIR: join(cache, "shaders"),
      XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir(),
    },
  };
}

try {
  console.log(JSON.stringify(setUp()));
} catch (error) {
  say(`no software driver with cooperative matrices: ${error.message}`);
  process.exitCode = 1;
}
