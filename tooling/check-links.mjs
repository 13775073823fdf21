// Checks that what texts and comments point to is there: links of Markdown files, and every docs/PAGE.md#section that a
// comment, a message or a test names.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { root } from "./workspace.mjs";

const TEXT = /\.(md|[cm]?[jt]sx?|cu|cuh|wgsl|html|css|py|json|yaml|yml)$/;
/** Documents that are not part of the repository; nobody who reads it has them. */
const ELSEWHERE = /\b(algorithm|beyond|diffusion)\.md\b/;

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => TEXT.test(file) && existsSync(join(root, file)))
  .filter((file) => !/(^|\/)(generated|fixtures)\/|pnpm-lock|^tooling\/check-links\.mjs$/.test(file));

const problems = [];
const anchorsOf = new Map();

/** Sections of a page: headings as GitHub names them, and explicit ids. */
function anchors(path) {
  const known = anchorsOf.get(path);
  if (known) return known;
  const text = readFileSync(path, "utf8").replace(/```[\s\S]*?```/g, "");
  const found = new Set([...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id]) => id));
  for (const [, title] of text.matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const plain = title
      .replace(/<[^>]+>/g, "")
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replace(/[`*_]/g, "");
    found.add(
      plain
        .toLowerCase()
        .replace(/[^\p{L}\p{N} -]/gu, "")
        .trim()
        .replaceAll(" ", "-"),
    );
  }
  anchorsOf.set(path, found);
  return found;
}

function check(file, line, target, base) {
  const [path, anchor] = decodeURI(target).split("#");
  const full = path === "" ? join(root, file) : resolve(base, path);
  if (!existsSync(full)) return problems.push(`${file}:${line}: ${target} is not there`);
  if (relative(root, full).startsWith(".."))
    return problems.push(`${file}:${line}: ${target} lies outside the repository`);
  if (anchor && !statSync(full).isDirectory() && full.endsWith(".md") && !anchors(full).has(anchor))
    problems.push(`${file}:${line}: ${target} has no section "${anchor}"`);
}

let links = 0;
for (const file of files) {
  const lines = readFileSync(join(root, file), "utf8").split("\n");
  let code = false;
  for (const [i, text] of lines.entries()) {
    if (ELSEWHERE.test(text))
      problems.push(`${file}:${i + 1}: names ${text.match(ELSEWHERE)[0]}, which is not in the repository`);
    if (file.endsWith(".md")) {
      if (text.startsWith("```")) code = !code;
      if (code) continue;
      for (const [, target] of text.replace(/`[^`]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/i.test(target)) continue;
        links++;
        check(file, i + 1, target, join(root, dirname(file)));
      }
    } else
      for (const [target] of text.matchAll(/\bdocs\/[\w.-]+\.md(#[\w-]+)?/g)) {
        links++;
        // Of the package itself, or of the repository.
        const own = join(root, file.split("/").slice(0, 2).join("/"));
        check(file, i + 1, target, existsSync(join(own, target.split("#")[0])) ? own : root);
      }
  }
}

if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`${links} links and references lead somewhere.`);
