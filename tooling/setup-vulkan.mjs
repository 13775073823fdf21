// Finds or unpacks a software Vulkan driver that Dawn accepts, without touching the system, and prints the path to
// use as VK_ICD_FILENAMES:   export VK_ICD_FILENAMES=$(node tooling/setup-vulkan.mjs)
//
// Debian 12's own Mesa (22.3) is too old for Dawn. Mesa 25 of its backports suite works and has shader-f16; the
// SwiftShader that comes with Debian's Chromium works too, without f16.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { aptIn, unpack, writeIcd } from "./debian-packages.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const cache = join(root, ".cache", "vulkan");
const lavapipe = join(cache, "lvp_icd.json");
const SWIFTSHADER = ["/usr/lib/chromium/libvk_swiftshader.so", "/usr/lib/chromium-browser/libvk_swiftshader.so"];

const say = (text) => process.stderr.write(`setup-vulkan: ${text}\n`);

/** Libraries that the dynamic linker cannot find. */
const missingLibraries = (file) =>
  execFileSync("ldd", [file], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes("not found"))
    .map((line) => line.trim().split(" ")[0]);

function downloadLavapipe() {
  const apt = aptIn(join(cache, "apt"), ["bookworm-backports"]);
  apt("download", "mesa-vulkan-drivers");
  unpack(join(cache, "apt"), join(cache, "root"));
}

function setUpLavapipe() {
  const library = join(cache, "root/usr/lib/x86_64-linux-gnu/libvulkan_lvp.so");
  if (!existsSync(library)) {
    say("unpacking Mesa from bookworm-backports");
    downloadLavapipe();
  }
  const missing = missingLibraries(library);
  if (missing.length > 0)
    throw new Error(
      `the driver needs ${missing.join(", ")}; "apt-get install mesa-vulkan-drivers libvulkan1" brings them`,
    );
  return writeIcd(lavapipe, library);
}

function distribution() {
  try {
    return readFileSync("/etc/os-release", "utf8").match(/^VERSION_CODENAME=(.*)$/m)?.[1];
  } catch {
    return undefined;
  }
}

function setUp() {
  try {
    if (process.platform !== "linux" || process.arch !== "x64" || distribution() !== "bookworm")
      throw new Error(`this script knows Debian 12 on x64 only, not ${process.platform} ${process.arch}`);
    return setUpLavapipe();
  } catch (error) {
    say(`no lavapipe: ${error.message}`);
  }
  const library = SWIFTSHADER.find((file) => existsSync(file));
  if (!library) return undefined;
  say("using the SwiftShader of Chromium: f16 kernels will not run");
  mkdirSync(cache, { recursive: true });
  return writeIcd(join(cache, "swiftshader_icd.json"), library);
}

const icd = setUp();
if (!icd) {
  say("no software Vulkan driver can be had here; install Mesa 24 or newer (mesa-vulkan-drivers) by other means");
  process.exit(1);
}
console.log(icd);
