import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HostTensor } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { fileSource, writeFileWhole, writeSafetensors } from "../src/node.js";
import { expectFailure, inTemporaryFolder } from "./helpers.js";

const chunk = (text: string) => new TextEncoder().encode(text);

describe("writing files", () => {
  it("writes all chunks and leaves nothing else", async () => {
    await inTemporaryFolder(async (folder) => {
      await writeFileWhole(join(folder, "a"), [chunk("one "), chunk(""), chunk("two")]);
      expect(readFileSync(join(folder, "a"), "utf8")).toBe("one two");
      expect(readdirSync(folder)).toEqual(["a"]);
    });
  });

  it("does not overwrite unless told to", async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "a");
      writeFileSync(path, "old");
      await expectFailure(writeFileWhole(path, [chunk("new")]), "FileAccess", /exists already/);
      expect(readFileSync(path, "utf8")).toBe("old");
      await writeFileWhole(path, [chunk("new")], { force: true });
      expect(readFileSync(path, "utf8")).toBe("new");
      expect(readdirSync(folder)).toEqual(["a"]);
    });
  });

  it("shows nobody half a file, and keeps the old one when it fails", async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "a");
      writeFileSync(path, "old");
      async function* failing() {
        yield chunk("half");
        expect(readFileSync(path, "utf8")).toBe("old");
        throw new Error("the device went away");
      }
      await expect(writeFileWhole(path, failing(), { force: true })).rejects.toThrow("the device went away");
      expect(readFileSync(path, "utf8")).toBe("old");
      expect(readdirSync(folder)).toEqual(["a"]);
    });
  });

  it("lets one of several writers win and tells the others", async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "a");
      const texts = ["1", "2", "3", "4", "5"];
      const results = await Promise.allSettled(texts.map((text) => writeFileWhole(path, [chunk(text)])));
      const winners = texts.filter((_, i) => results[i].status === "fulfilled");
      expect(winners).toHaveLength(1);
      expect(readFileSync(path, "utf8")).toBe(winners[0]);
      expect(readdirSync(folder)).toEqual(["a"]);
    });
  });

  it("does not read a tensor for a file it may not write", async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "a.safetensors");
      await writeSafetensors(path, { a: new HostTensor("u8", [1]) });
      const tensor = { dtype: "u8", shape: [1], owned: true, disposed: false, dispose() {} } as const;
      const read = () => Promise.reject(new Error("must not be read"));
      await expectFailure(writeSafetensors(path, { a: { ...tensor, read } }), "FileAccess", /exists already/);
    });
  });

  it("says what is wrong with a path", async () => {
    await inTemporaryFolder(async (folder) => {
      mkdirSync(join(folder, "folder"));
      await expectFailure(fileSource(join(folder, "none")), "FileAccess", /no such file/);
      await expectFailure(fileSource(join(folder, "folder")), "FileAccess", /it is a folder/);
      await expectFailure(
        writeFileWhole(join(folder, "none", "a"), []),
        "FileAccess",
        /The folder .*none does not exist/,
      );
      await expectFailure(writeFileWhole(join(folder, "folder"), [], { force: true }), "FileAccess", /folder/);
      expect(readdirSync(folder)).toEqual(["folder"]);
    });
  });

  it("notices a file that becomes shorter while it is read", async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "a");
      writeFileSync(path, "0123456789");
      const source = await fileSource(path);
      writeFileSync(path, "01234");
      await expectFailure(source.read(0, new Uint8Array(10)), "MalformedFile", /ends at byte 5/);
      await source.close();
    });
  });
});
