import { execFileSync, spawn } from "node:child_process";
import { lstatSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { HostTensor } from "@spaattn/core";
import { encodeNpy, encodeSafetensors, npzChunks, openNpz, readNpy } from "@spaattn/io";
import { writeCaptureFile } from "@spaattn/io/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { spaattn, temporaryFolder, videoTensor, writeTestCapture, writeTestClip } from "./spaattn.js";

const { path, folder, remove } = temporaryFolder();
const bin = fileURLToPath(new URL("../bin/spaattn.mjs", import.meta.url));
const wrong = fileURLToPath(new URL("fixtures/wrong-backend.mjs", import.meta.url));
const capture = path("capture.safetensors");
const clip = path("clip.gif");
const GRID: [number, number, number] = [2, 8, 16];
const tensors = { q: videoTensor(2, GRID, 64, 1), k: videoTensor(2, GRID, 64, 1.1), v: videoTensor(2, GRID, 64, 2) };

/** `[b, h, t, d]` as `[b, t, h, d]`. */
function headsBehind({ shape, data }: HostTensor<"f32">): HostTensor<"f32"> {
  const [, heads, tokens, d] = shape;
  const out = new HostTensor("f32", [1, tokens, heads, d]);
  for (let h = 0; h < heads; h++)
    for (let t = 0; t < tokens; t++)
      out.data.set(data.subarray((h * tokens + t) * d, (h * tokens + t + 1) * d), (t * heads + h) * d);
  return out;
}

beforeAll(async () => {
  await writeTestCapture(capture, { grid: GRID });
  await writeTestClip(clip);
  const behind = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, headsBehind(tensor)]));
  writeFileSync(path("behind.npz"), Buffer.concat([...npzChunks(behind)]));
  for (const [name, tensor] of Object.entries(tensors)) writeFileSync(path(`x_${name}.npy`), encodeNpy(tensor));
  writeFileSync(path("plain.safetensors"), await encodeSafetensors(tensors));
});
afterAll(remove);

describe("outputs that are not plain files", () => {
  it("is never the input, by whatever name, and never a name for something else", async () => {
    const before = readFileSync(capture);
    symlinkSync("capture.safetensors", path("link.safetensors"));
    for (const name of [capture, path("link.safetensors")])
      expect(await spaattn(["run", capture, "-o", name, "-f"])).toMatchObject({
        code: 2,
        error: expect.stringContaining("is the input"),
      });
    expect(await spaattn(["inspect", clip, "--png", clip, "-f"])).toMatchObject({ code: 2 });
    expect(readFileSync(capture).equals(before)).toBe(true);
    expect(await spaattn(["run", capture, "-o", path("x.pt")])).toMatchObject({
      code: 2,
      error: expect.stringContaining("not written as .pt"),
    });
    expect(await spaattn(["run", capture, "-o", path("none/x.safetensors")])).toMatchObject({
      code: 1,
      error: expect.stringMatching(/The folder .*none does not exist[\s\S]*mkdir/),
    });
    expect(await spaattn(["run", capture, "-o", folder, "-f"])).toMatchObject({
      code: 1,
      error: expect.stringContaining("it is a folder"),
    });
  });

  it("goes through links and to standard output, and comes from standard input", async () => {
    writeFileSync(path("real"), "old");
    symlinkSync("real", path("out-link"));
    expect((await spaattn(["run", capture, "-o", path("out-link"), "-f"])).code).toBe(0);
    expect(lstatSync(path("out-link")).isSymbolicLink()).toBe(true);
    const piped = execFileSync(process.execPath, [bin, "run", "-", "-o", "-"], {
      input: readFileSync(capture),
      stdio: ["pipe", "pipe", "ignore"],
    });
    expect(piped.equals(readFileSync(path("real")))).toBe(true);
  });
});

describe("arrays of other tools", () => {
  it("give what the same capture gives, whatever their form", async () => {
    await writeCaptureFile(path("same.safetensors"), {
      query: tensors.q,
      key: tensors.k,
      value: tensors.v,
      grid: GRID,
    });
    const output = async (input: string, ...more: string[]) => {
      const { code, error } = await spaattn(["run", input, "-o", path("out.npy"), "-f", ...more]);
      expect({ code, error }).toEqual({ code: 0, error: "" });
      return readNpy(readFileSync(path("out.npy")));
    };
    const want = await output(path("same.safetensors"));
    expect(want.shape).toEqual([1, 2, 256, 64]);
    const grid = ["--grid", GRID.join("x")];
    for (const [input, ...more] of [
      [path("behind.npz"), "--layout", "bthd"],
      [path("x_q.npy")],
      [["q", "k", "v"].map((name) => path(`x_${name}.npy`)).join()],
      [path("plain.safetensors")],
    ])
      expect((await output(input, ...grid, ...more)).data, input).toEqual(want.data);
  });

  it("write npz with all that was asked for, npy with the output alone", async () => {
    expect((await spaattn(["run", capture, "-o", path("all.npz"), "--mask", "--lse"])).code).toBe(0);
    expect([...(await openNpz(readFileSync(path("all.npz")))).names].sort()).toEqual(["lse", "mask", "output"]);
    expect(await spaattn(["run", capture, "-o", path("one.npy"), "--mask"])).toMatchObject({
      code: 2,
      error: expect.stringContaining("holds the output alone"),
    });
  });
});

describe("options that do not apply are refused", () => {
  it.each([
    [["compare", capture, "--tokens", "500"], "--tokens applies to clips"],
    [["compare", capture, "--heads", "3"], "--heads applies to clips"],
    [["compare", capture, "--curve", "raster"], "--curve applies to clips"],
    [["compare", capture, "--seed", "3"], "--seed applies to clips"],
    [["inspect", capture, "--head-dim", "64"], "--head-dim applies to clips|unknown option"],
    [["compare", clip, "--layout", "bthd"], "--layout applies to captures"],
    [["compare", clip, "--grid", "2x8x16"], "--grid applies to captures"],
    [["run", capture, "-o", "x", "--grid", "2x8x16"], "says its layout, grid and text itself"],
    [["run", capture, "-o", "x", "--dense", "--drop-rate", "0.5"], "--drop-rate and --dense exclude each other"],
    [["run", capture, "-o", "x", "--rectify", "paper", "--group", "3"], "--group applies to tail"],
    [["compare", capture, "--backend", "reference", "--threads", "2"], "--threads applies to --backend cpu"],
    [["run", clip, "-o", "x"], "is a clip; this command takes captures"],
    [["plan", "--visual-tokens", "9999999999"], "at most 2147483647"],
    [["help", "nosuch"], 'There is no command "nosuch"'],
  ])("%j", async (args, message) => {
    const { code, error } = await spaattn(args);
    expect(code).toBe(2);
    expect(error).toMatch(new RegExp(message));
    if (args[0] !== "help") expect(error).not.toContain("See `spaattn --help`");
  });
});

describe("values that are not finite", () => {
  const nan = path("nan.safetensors");
  beforeAll(async () => {
    const query = new HostTensor("f32", tensors.q.shape, tensors.q.data.slice());
    query.data[320] = Number.NaN;
    await writeCaptureFile(nan, { query, key: tensors.k, value: tensors.v, grid: GRID });
  });

  it("have a state, a word and an exit status in every command", async () => {
    const table = await spaattn(["compare", nan, "--report", path("nan.html")]);
    expect(table).toMatchObject({ code: 5, out: expect.stringContaining("query holds 1 value that is not finite") });
    expect(table.out).toMatch(/^tail .*not finite/m);
    expect(table.out).not.toContain("∞");
    const page = readFileSync(path("nan.html"), "utf8");
    expect(page).toContain("Nothing can be measured");
    expect(page).not.toMatch(/>[^<]*\bNaN\b/);
    const { code, out } = await spaattn(["compare", nan, "--json"]);
    const { rows, warnings } = JSON.parse(out);
    expect([code, rows.map(({ state }: { state: string }) => state), warnings.length > 0]).toEqual([
      5,
      Array(4).fill("notFinite"),
      true,
    ]);
    const ran = await spaattn(["run", nan, "-o", path("nan-out.safetensors"), "--json"]);
    expect([ran.code, JSON.parse(ran.out).state]).toEqual([5, "notFinite"]);
    const inspected = await spaattn(["inspect", nan, "--json"]);
    expect([inspected.code, JSON.parse(inspected.out).state]).toEqual([5, "notFinite"]);
  });
});

describe("several inputs", () => {
  it("have a table each and a summary", async () => {
    await writeTestCapture(path("second.safetensors"), { grid: GRID, seed: 3 });
    const { code, out } = await spaattn(["compare", capture, path("second.safetensors"), "--threads", "1", "--json"]);
    expect(code).toBe(0);
    const { comparisons, summary } = JSON.parse(out);
    expect(comparisons).toHaveLength(2);
    const errors = comparisons.map(({ rows }: { rows: { relL2: number }[] }) => rows[3].relL2);
    expect(summary[3].relL2).toBeCloseTo(Math.sqrt((errors[0] ** 2 + errors[1] ** 2) / 2), 12);
    expect(await spaattn(["compare", capture, clip, "--report", path("r.html")])).toMatchObject({ code: 2 });
  });
});

describe("pipes and promises that break", () => {
  it("keep the exit status when the reader leaves", async () => {
    const child = spawn(process.execPath, [bin, "verify", "--backend", wrong, "--filter", "one block, tail"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    child.stdout.destroy();
    expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(4);
  });

  it.each([
    ["gives no backend", "create: async () => ({})", 3, /gave no backend.*\(.*mine\.mjs:\d/],
    ["says nothing", "probe: async () => {}", 3, /its probe\(\) gave undefined.*mine\.mjs:\d/],
    ["cannot be parsed", "create: = 3", 3, /cannot be loaded: .*mine\.mjs:3/],
    ["throws", "create: async () => missing()", 3, /missing is not defined \(.*mine\.mjs:3\)/],
  ])("name a backend that %s", async (_, member, status, message) => {
    writeFileSync(
      path("mine.mjs"),
      `export default {\n  name: "mine", probe: async () => ({ available: true, device: "x" }), create() {},\n  ${member},\n};\n`,
    );
    const { code, error } = await spaattn(["verify", "--backend", "./mine.mjs"], { cwd: folder });
    expect(code).toBe(status);
    expect(error).toMatch(message);
  });

  it("never end in silence", async () => {
    writeFileSync(
      path("hangs.mjs"),
      `export default { name: "hangs", probe: async () => ({ available: true, device: "x" }), create: async () => ({
        name: "hangs", elementwise: {}, allocate: () => ({}), upload: (t) => t, owns: () => true, dispose() {},
        capabilities: { dtypes: ["f32"], accumulate: "f32", headDims: { multipleOf: 1, max: 256 }, blockSizes: [64, 128], strata: ["local"], encode: false },
        prepare: async () => ({ run: () => new Promise(() => {}), describe: () => [], dispose() {} }) }) };`,
    );
    const { code, error } = await spaattn(["run", capture, "-o", "/dev/null", "--backend", "./hangs.mjs"], {
      cwd: folder,
    });
    expect({ code, error }).toEqual({
      code: 1,
      error: expect.stringContaining('a run on backend "hangs" never finished'),
    });
  });
});

describe("bash completion", () => {
  it("offers what the program knows, and leaves files to the shell", async () => {
    const { out } = await spaattn(["complete", "bash"]);
    expect(out).toContain("complete -o default");
    expect(out).not.toContain("_get_comp_words_by_ref");
    writeFileSync(path("completion.bash"), out);
    const script = `spaattn() { "${process.execPath}" "${bin}" "$@"; }; source completion.bash
      try() { COMP_WORDS=(spaattn "$@"); COMP_CWORD=$#; COMPREPLY=(); _spaattn; echo "\${COMPREPLY[*]}"; }
      try ver; try compare clip; try run ./x`;
    const lines = execFileSync("bash", ["-c", script], { cwd: folder, encoding: "utf8" }).split("\n");
    expect(lines.slice(0, 3)).toEqual(["verify", "", ""]);
  });
});
