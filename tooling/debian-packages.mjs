// Packages of other Debian suites, downloaded and unpacked into a folder: nothing is installed, no root is needed, and
// apt verifies them with Debian's own keys as it does on any system.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Runs a command quietly; what it says on its error stream becomes the message of the error. */
function quietly(command, args, options = {}) {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], ...options });
  } catch (error) {
    if (error.code === "ENOENT") throw new Error(`there is no ${command} here`);
    throw new Error(error.stderr?.trim() || error.message);
  }
}

/** Where this machine gets Debian's packages from; backports are a suite of the same archive. */
function debianArchive() {
  const archives = quietly("apt-get", ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]).split("\n");
  const archive = archives.find((uri) => /debian\/?$/.test(uri));
  if (!archive) throw new Error("apt knows no Debian archive; run apt-get update first");
  return archive;
}

/**
 * An `apt-get` that knows `suites` alone and keeps everything it writes in `folder`.
 *
 * To it nothing is installed, so `install --download-only` fetches a package with all it depends on.
 */
export function aptIn(folder, suites) {
  if (!existsSync(KEYRING))
    throw new Error(`${KEYRING} is missing; "apt-get install debian-archive-keyring" brings it`);
  for (const each of ["state", "lists/partial", "cache/archives/partial"])
    mkdirSync(join(folder, each), { recursive: true });
  const sources = join(folder, "sources.list");
  const status = join(folder, "status");
  const archive = debianArchive();
  writeFileSync(sources, suites.map((suite) => `deb [signed-by=${KEYRING}] ${archive} ${suite} main\n`).join(""));
  writeFileSync(status, "");
  const options = [
    `-oDir::Etc::SourceList=${sources}`,
    "-oDir::Etc::SourceParts=/dev/null",
    "-oDir::Etc::Preferences=/dev/null",
    "-oDir::Etc::PreferencesParts=/dev/null",
    `-oDir::State=${join(folder, "state")}`,
    `-oDir::State::Lists=${join(folder, "lists")}`,
    `-oDir::State::status=${status}`,
    `-oDir::Cache=${join(folder, "cache")}`,
    "-oAcquire::Languages=none",
    "-oAPT::Install-Recommends=false",
    "-oAPT::Sandbox::User=root",
  ];
  const apt = (...args) => quietly("apt-get", [...options, ...args], { cwd: join(folder, "cache/archives") });
  try {
    apt("update", "--error-on=any");
  } catch (error) {
    if (!error.message.includes("NO_PUBKEY")) throw error;
    throw new Error(`${error.message}\n"apt-get install debian-archive-keyring" brings the keys of newer suites`);
  }
  return apt;
}

/** Unpacks whatever `aptIn(folder)` has downloaded. */
export function unpack(folder, root) {
  const archives = join(folder, "cache/archives");
  for (const name of readdirSync(archives))
    if (name.endsWith(".deb")) quietly("dpkg-deb", ["-x", join(archives, name), root]);
}

/** Tells Vulkan's loader of one driver; the path of this file is the value for VK_ICD_FILENAMES. */
export function writeIcd(file, library) {
  const ICD = { library_path: library, api_version: "1.3.0" };
  writeFileSync(file, JSON.stringify({ file_format_version: "1.0.0", ICD }, undefined, 2));
  return file;
}
