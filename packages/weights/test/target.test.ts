import { execFile, execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { HostTensor } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { openSafetensors } from "../src/index.js";
import { checkWritable, fileSource, isSameFile, writeFileWhole, writeSafetensors } from "../src/node.js";
import { expectFailure, inTemporaryFolder } from "./helpers.js";

const text = (value: string) => [new TextEncoder().encode(value)];
const run = promisify(execFile);

describe("files that are not plain files", () => {
  it("writes through links, which stay links", async () => {
    await inTemporaryFolder(async (folder) => {
      const at = (name: string) => join(folder, name);
      mkdirSync(at("deep"));
      writeFileSync(at("deep/real"), "old");
      symlinkSync("deep/real", at("link"));
      symlinkSync("link", at("again"));
      await expectFailure(writeFileWhole(at("again"), text("new")), "FileAccess", /exists already/);
      await writeFileWhole(at("again"), text("new"), { force: true });
      expect(readFileSync(at("deep/real"), "utf8")).toBe("new");
      expect([readlinkSync(at("again")), readlinkSync(at("link"))]).toEqual(["link", "deep/real"]);
      expect(readdirSync(at("deep"))).toEqual(["real"]);
    });
  });

  it("makes what a link to nothing names", async () => {
    await inTemporaryFolder(async (folder) => {
      symlinkSync("later", join(folder, "link"));
      await writeFileWhole(join(folder, "link"), text("here"));
      expect(readFileSync(join(folder, "later"), "utf8")).toBe("here");
      expect(lstatSync(join(folder, "link")).isSymbolicLink()).toBe(true);
      symlinkSync("circle", join(folder, "circle"));
      await expectFailure(writeFileWhole(join(folder, "circle"), text("x")), "FileAccess", /circle/);
    });
  });

  it("streams into a pipe and leaves it one", async () => {
    await inTemporaryFolder(async (folder) => {
      const pipe = join(folder, "pipe");
      execFileSync("mkfifo", [pipe]);
      const reader = run("cat", [pipe]);
      await writeFileWhole(pipe, text("through the pipe"), { force: true });
      expect((await reader).stdout).toBe("through the pipe");
      expect(lstatSync(pipe).isFIFO()).toBe(true);
      expect(readdirSync(folder)).toEqual(["pipe"]);
    });
  });

  it("writes into devices, and never replaces one", async () => {
    const before = statSync("/dev/null");
    await writeFileWhole("/dev/null", text("gone"), { force: true });
    await writeFileWhole("/dev/null", text("gone"));
    expect(statSync("/dev/null").rdev).toBe(before.rdev);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
    await inTemporaryFolder(async (folder) => {
      symlinkSync("/dev/null", join(folder, "link"));
      await writeFileWhole(join(folder, "link"), text("gone"), { force: true });
      expect(readlinkSync(join(folder, "link"))).toBe("/dev/null");
    });
  });

  it("keeps the permissions of a file it replaces", async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "private");
      writeFileSync(path, "old");
      chmodSync(path, 0o600);
      await writeFileWhole(path, text("new"), { force: true });
      expect(statSync(path).mode & 0o777).toBe(0o600);
    });
  });

  it("reads from a pipe, whole", async () => {
    await inTemporaryFolder(async (folder) => {
      const [pipe, file] = [join(folder, "pipe"), join(folder, "file")];
      await writeSafetensors(file, { a: new HostTensor("f32", [2], Float32Array.of(1, 2)) });
      execFileSync("mkfifo", [pipe]);
      const writer = run("sh", ["-c", `cat '${file}' > '${pipe}'`]);
      const source = await fileSource(pipe);
      const tensor = await (await openSafetensors(source)).tensor("a");
      expect([...tensor.data]).toEqual([1, 2]);
      await source.close();
      await writer;
    });
  });
});

describe("checks before the work", () => {
  it("refuses what could not be written in the end", async () => {
    await inTemporaryFolder(async (folder) => {
      writeFileSync(join(folder, "file"), "x");
      await expectFailure(checkWritable(join(folder, "none", "a")), "FileAccess", /The folder .* does not exist/);
      await expectFailure(checkWritable(join(folder, "file", "a")), "FileAccess", /no folder|part of the path/);
      await expectFailure(checkWritable(folder, { force: true }), "FileAccess", /it is a folder/);
      await expectFailure(checkWritable(join(folder, "file")), "FileAccess", /exists already/);
      await checkWritable(join(folder, "file"), { force: true });
      await checkWritable(join(folder, "new"));
      await checkWritable("/dev/null");
      expect(readdirSync(folder)).toEqual(["file"]);
    });
  });

  it("knows one file by all its names", async () => {
    await inTemporaryFolder(async (folder) => {
      const at = (name: string) => join(folder, name);
      writeFileSync(at("a"), "x");
      writeFileSync(at("b"), "x");
      linkSync(at("a"), at("hard"));
      symlinkSync("a", at("soft"));
      expect(await isSameFile(at("a"), join(folder, ".", "a"))).toBe(true);
      expect(await isSameFile(at("a"), at("hard"))).toBe(true);
      expect(await isSameFile(at("a"), at("soft"))).toBe(true);
      expect(await isSameFile(at("a"), at("b"))).toBe(false);
      expect(await isSameFile(at("a"), at("none"))).toBe(false);
      expect(await isSameFile("/dev/null", "/dev/null")).toBe(false);
    });
  });
});
