// Finds or unpacks a software Vulkan driver that Dawn accepts, without touching the system, and prints the path to
// use as VK_ICD_FILENAMES:   export VK_ICD_FILENAMES=$(node tooling/setup-vulkan.mjs)
//
// Debian 12's own Mesa (22.3) is too old for Dawn. Mesa 25 of its backports suite works and has shader-f16; the
// SwiftShader that comes with Debian's Chromium works too, without f16.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

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

function writeIcd(file, library) {
  const ICD = { library_path: library, api_version: "1.3.0" };
  writeFileSync(file, JSON.stringify({ file_format_version: "1.0.0", ICD }, undefined, 2));
  return file;
}

/** Where this machine gets Debian's packages from; backports are a suite of the same archive. */
function debianArchive() {
  const format = ["--format", "$(REPO_URI)", "Created-By: Packages"];
  const archives = execFileSync("apt-get", ["indextargets", ...format], { encoding: "utf8" }).split("\n");
  const archive = archives.find((uri) => /debian\/?$/.test(uri));
  if (!archive) throw new Error("apt knows no Debian archive; run apt-get update first");
  return archive;
}

function downloadLavapipe() {
  const lists = join(cache, "lists");
  const packages = join(cache, "packages");
  mkdirSync(join(lists, "partial"), { recursive: true });
  mkdirSync(join(cache, "apt", "archives", "partial"), { recursive: true });
  mkdirSync(packages, { recursive: true });
  const sources = join(cache, "sources.list");
  const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  writeFileSync(sources, `deb [signed-by=${keyring}] ${debianArchive()} bookworm-backports main\n`);
  const options = [
    `-oDir::Etc::SourceList=${sources}`,
    "-oDir::Etc::SourceParts=/dev/null",
    `-oDir::State::Lists=${lists}`,
    `-oDir::Cache=${join(cache, "apt")}`,
    "-oAPT::Sandbox::User=root",
  ];
  const apt = (...args) =>
    execFileSync("apt-get", [...options, ...args], { cwd: packages, stdio: ["ignore", "ignore", "pipe"] });
  apt("update");
  apt("download", "mesa-vulkan-drivers");
  const archive = readdirSync(packages).find((name) => name.endsWith(".deb"));
  execFileSync("dpkg-deb", ["-x", join(packages, archive), join(cache, "root")]);
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
    say(`no lavapipe: ${error.stderr?.toString().trim() || error.message}`);
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
