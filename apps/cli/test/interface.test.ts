import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { spaattn, temporaryFolder } from "./spaattn.js";

const { folder, path, remove } = temporaryFolder();
afterAll(remove);

describe("exit status and messages", () => {
  it.each([
    [["frob"], "unknown command 'frob'"],
    [["compare"], "missing required argument 'inputs'"],
    [["compare", "x.gif", "--bogus"], "unknown option '--bogus'"],
    [["compare", "x.gif", "--drop-rate", "1.5"], '"1.5" is not between 0 and 1'],
    [["compare", "x.gif", "--modes", "magic"], "Allowed are none, paper, tail"],
    [["compare", "x.gif", "--head-dim", "65"], "Allowed are 64, 128"],
    [["plan"], "--grid or --visual-tokens is needed"],
    [["plan", "--grid", "4x4"], "is not a grid like 21x45x80"],
    [["plan", "--steps", "4", "--grid", "1x8x8"], "--steps needs --model"],
  ])("%j is wrong usage", async (args, message) => {
    const { code, out, error } = await spaattn(args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(error).toContain(message);
    expect(error).not.toMatch(/\n +at /);
  });

  it("prints errors as JSON where JSON was asked for", async () => {
    const { code, out, error } = await spaattn(["compare", "x.gif", "--tokens", "none", "--json"]);
    expect({ code, error }).toEqual({ code: 2, error: "" });
    expect(JSON.parse(out).error).toMatchObject({ code: "Usage", message: expect.stringContaining("not a number") });
  });

  it("leaves with 3 when a backend is missing, and says what to do", async () => {
    writeFileSync(path("empty.mjs"), "export const nothing = 1;");
    const clip = path("x.safetensors");
    writeFileSync(clip, "");
    const missing = await spaattn(["verify", "--backend", "no-such-package", "--json"]);
    expect(missing.code).toBe(3);
    expect(JSON.parse(missing.out).error).toMatchObject({
      code: "BackendUnavailable",
      remedy: expect.stringContaining("npm install no-such-package"),
    });
    expect(await spaattn(["verify", "--backend", "./nowhere.js"], { cwd: folder })).toMatchObject({
      code: 3,
      error: expect.stringContaining("Backend file ./nowhere.js does not exist"),
    });
    expect(await spaattn(["verify", "--backend", "./empty.mjs"], { cwd: folder })).toMatchObject({
      code: 1,
      error: expect.stringContaining("exports no BackendProvider"),
    });
  });

  it("finds backend packages from where it is run", async () => {
    const home = path("node_modules/someones-backend");
    mkdirSync(home, { recursive: true });
    writeFileSync(
      `${home}/package.json`,
      JSON.stringify({ name: "someones-backend", type: "module", exports: { import: "./index.js" } }),
    );
    writeFileSync(
      `${home}/index.js`,
      'export default { name: "theirs", probe: async () => ({ available: false, reason: "it is a test.", remedy: "None." }), create() {} };',
    );
    const { code, error } = await spaattn(["verify", "--backend", "someones-backend"], { cwd: folder });
    expect(code).toBe(3);
    expect(error).toContain('Backend "theirs" is not available: it is a test.');
  });

  it("shows where an error comes from with DEBUG only", async () => {
    const { error } = await spaattn(["compare", "nothing.gif"], { env: { DEBUG: "spaattn" } });
    expect(error).toMatch(/\n +at /);
  });
});

describe("help and completion", () => {
  it("explains itself", async () => {
    const { code, out } = await spaattn(["--help"]);
    expect(code).toBe(0);
    for (const command of ["generate", "compare", "run", "inspect", "plan", "models", "calibrate", "verify", "doctor"])
      expect(out).toMatch(new RegExp(`^  ${command} `, "m"));
    expect(out).toContain("3 backend unavailable");
    expect(await spaattn([])).toMatchObject({ code: 2, out: "", error: expect.stringContaining("Usage: spaattn") });
  });

  it("completes commands, options and backends", async () => {
    const script = await spaattn(["complete", "bash"]);
    expect(script.out).toContain("-F _spaattn");
    const commands = await spaattn(["complete", "--", "ver"]);
    expect(commands.out).toMatch(/^verify\t/m);
    const backends = await spaattn(["complete", "--", "compare", "--backend", ""]);
    expect(backends.out).toMatch(/^webgpu\t/m);
    const models = await spaattn(["complete", "--", "generate", "--model", ""]);
    expect(models.out).toMatch(/^tiny-wan\t/m);
    expect(models.out).not.toContain("flux");
  });
});
