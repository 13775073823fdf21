import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cpu, enableRelaxedSimd } from "@spaattn/backend-cpu";
import { WanPipeline } from "@spaattn/diffusion";
import { readClip } from "@spaattn/io/node";
import { folder as tinyWan } from "@spaattn/tiny-wan";
import { directoryFolder } from "@spaattn/weights/node";
import { afterAll, describe, expect, it } from "vitest";
import { spaattn, temporaryFolder } from "./spaattn.js";

const { folder, path, remove } = temporaryFolder();
afterAll(remove);

const PROMPT = "a red ball bouncing on a gray checkered floor";
/** As small and short as the model goes: what is seen is nothing, but every part works. */
const SMALL = ["--frames", "5", "--width", "32", "--height", "32", "--steps", "1", "--guidance", "1", "--seed", "3"];
const files = () => readdirSync(folder).sort();

describe("spaattn generate", () => {
  it("writes the frames that the library makes, and says how", async () => {
    const { code, out, error } = await spaattn([
      ...["generate", PROMPT, ...SMALL, "--steps", "2", "--sparse", "off"],
      ...["--out", path("frames/"), "--preview", path("steps"), "--json"],
    ]);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    expect(JSON.parse(out)).toMatchObject({
      ...{ prompt: PROMPT, model: "tiny-wan", seed: 3, frames: 5, width: 32, height: 32, steps: 2, guidance: 1 },
      ...{ sparse: "off", backend: "cpu", seconds: expect.any(Number), file: path("frames/"), droppedTokens: 0 },
    });
    expect(readdirSync(path("steps"))).toEqual(["step-0001.png", "step-0002.png"]);
    expect(await readClip(path("steps/step-0002.png"))).toMatchObject({ width: 64, height: 64 });
    enableRelaxedSimd();
    const device = await cpu.create();
    const model = await WanPipeline.open(directoryFolder(fileURLToPath(tinyWan)), { device });
    const size = { frames: 5, width: 32, height: 32 };
    const expected = await model.generate({ prompt: PROMPT, ...size, steps: 2, guidance: 1, seed: 3 });
    await model.close();
    device.dispose();
    const names = readdirSync(path("frames"));
    expect(names).toEqual([1, 2, 3, 4, 5].map((i) => `frame-000${i}.png`));
    for (const [i, name] of names.entries()) {
      const { data } = await readClip(path(`frames/${name}`));
      expect(new Uint8Array(data)).toEqual(expected.data.slice(i * 3072, (i + 1) * 3072));
    }
  });

  it("the same seed gives the same file, sparse by default; a guided one takes a negative prompt", async () => {
    const run = (name: string, ...more: string[]) =>
      spaattn(["generate", PROMPT, ...SMALL, "--out", path(name), ...more]);
    const first = await run("a.webp");
    expect(first).toMatchObject({ code: 0, out: expect.stringMatching(/seed 3\n +tail, 80 % of the blocks dropped/) });
    await run("b.webp");
    expect(readFileSync(path("a.webp"))).toEqual(readFileSync(path("b.webp")));
    expect(await readClip(path("a.webp"))).toMatchObject({ width: 32, height: 32, frames: 5 });
    const guided = await run(
      "c.gif",
      "--guidance",
      "3",
      "--negative",
      "a blue cube",
      "--sparse",
      "paper",
      "--fps",
      "8",
    );
    expect(guided.code, guided.error).toBe(0);
    expect(await readClip(path("c.gif"))).toMatchObject({ frames: 5, fps: expect.closeTo(8, 0) });
  });

  it("generates with a folder of another model", async (ctx) => {
    const model = fileURLToPath(new URL("../../../../shared/golden/diffusion/wan_t2v", import.meta.url));
    if (!existsSync(model)) {
      console.warn("SKIPPED: wan_t2v is expected in ../shared/golden/diffusion");
      return ctx.skip("golden files are missing");
    }
    const size = ["--frames", "5", "--width", "32", "--height", "16", "--steps", "2", "--fps", "8", "--guidance", "1"];
    const args = ["generate", "a red fox", "--model", model, "--out", path("fox.gif"), "--memory", "1GB"];
    const incomplete = await spaattn([...args, "--frames", "5"]);
    expect(incomplete).toMatchObject({ code: 2, error: expect.stringMatching(/--width is missing/) });
    const { code, out, error } = await spaattn([...args, ...size, "--json"]);
    expect(code, error + out).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ model, seed: expect.any(Number), width: 32, height: 16 });
  });

  it("says what is wrong before anything is made", async () => {
    const before = files();
    const wrong = async (args: string[], code: number, text: RegExp) => {
      const outcome = await spaattn(["generate", ...args], { cwd: folder });
      expect(outcome).toMatchObject({ code, out: "", error: expect.stringMatching(text) });
    };
    await wrong([], 2, /missing required argument 'prompt'/);
    await wrong(["  "], 2, /prompt is empty/);
    await wrong([PROMPT, "--width", "33"], 2, /--width must be a multiple of 8, got 33 \(nearest: 32, 40\)/);
    await wrong([PROMPT, "--frames", "6"], 2, /--frames must be 1 plus a multiple of 2, got 6 \(nearest: 5, 7\)/);
    await wrong([PROMPT, "--steps", "0"], 2, /positive integer/);
    await wrong([PROMPT, "--memory", "much"], 2, /12GB/);
    await wrong([PROMPT, "--model", "nowhere"], 2, /nowhere: there is no such folder.*tiny-wan/s);
    await wrong([PROMPT, "--out", "ball.avi"], 2, /\.avi.*\.mp4/s);
    await wrong([PROMPT, "--out", "nowhere/ball.gif"], 1, /does not exist/);
    await wrong([PROMPT, "--sparse", "off", "--drop-rate", "0.5"], 2, /exclude each other/);
    await wrong([PROMPT, "--guidance", "1", "--negative", "blue"], 2, /does nothing/);
    await wrong([PROMPT, "--image", "none.png"], 1, /none\.png: there is no such file/);
    mkdirSync(path("empty-model"));
    await wrong([PROMPT, "--model", "empty-model"], 1, /no model_index\.json/);
    const picture = fileURLToPath(new URL("../assets/clip.webp", import.meta.url));
    await wrong([PROMPT, "--image", picture], 2, /--image: this model makes videos from text alone/);
    expect(files()).toEqual([...before, "empty-model"].sort());
  }, 120_000);

  it("refuses to overwrite without --force, files and frames alike", async () => {
    writeFileSync(path("precious.gif"), "precious");
    mkdirSync(path("kept"));
    writeFileSync(path("kept/frame-0009.png"), "precious");
    writeFileSync(path("kept/notes.txt"), "notes");
    for (const out of ["precious.gif", "kept"]) {
      const refused = await spaattn(["generate", PROMPT, ...SMALL, "--out", path(out)]);
      expect(refused).toMatchObject({ code: 1, error: expect.stringMatching(/exists already.*--force/s) });
      const forced = await spaattn(["generate", PROMPT, ...SMALL, "--out", path(out), "--force"]);
      expect(forced.code, forced.error).toBe(0);
    }
    expect(await readClip(path("precious.gif"))).toMatchObject({ frames: 5 });
    expect(readdirSync(path("kept"))).toEqual([...[1, 2, 3, 4, 5].map((i) => `frame-000${i}.png`), "notes.txt"]);
  });

  it("Ctrl-C leaves with 130 and nothing half-written", async () => {
    const before = files();
    const { code, error } = await spaattn(["generate", PROMPT, "--out", path("never.gif")], { interruptAfter: 5000 });
    expect({ code, error }).toMatchObject({ code: 130, error: expect.stringContaining("not been written") });
    expect(files()).toEqual(before);
  });

  it("without ffmpeg a video is refused in good time", async () => {
    const out = path("ball.mp4");
    const { code, error } = await spaattn(["generate", PROMPT, ...SMALL, "--out", out], { env: { PATH: "" } });
    expect({ code, error }).toMatchObject({ code: 1, error: expect.stringMatching(/need ffmpeg.*\.gif/s) });
    expect(existsSync(out)).toBe(false);
  });
});
