import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { spaattn, temporaryFolder, writeTestCapture, writeTestClip } from "./spaattn.js";

const { path, remove } = temporaryFolder();
const clip = path("clip.gif");
const small = ["--tokens", "700", "--heads", "3"];

beforeAll(() => writeTestClip(clip));
afterAll(remove);

interface Row {
  mode: string;
  dropRate: number;
  [figure: string]: unknown;
}

describe("spaattn compare", () => {
  it("prints JSON with a row per mode and drop rate, and nothing else", async () => {
    const { code, out, error } = await spaattn(["compare", clip, ...small, "--drop-rate", "0.5,0.8", "--json"]);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    const { input, backend, rows } = JSON.parse(out) as { input: string; backend: string; rows: Row[] };
    expect([input, backend]).toEqual([clip, "cpu"]);
    expect(rows.map(({ mode, dropRate }) => `${mode} ${dropRate}`)).toEqual([
      "dense 0",
      ...["none", "paper", "tail"].map((mode) => `${mode} 0.5`),
      ...["none", "paper", "tail"].map((mode) => `${mode} 0.8`),
    ]);
    for (const row of rows)
      for (const figure of ["density", "relL2", "cosine", "ms", "speedup", "estimationShare"])
        expect(Number.isFinite(row[figure]), `${row.mode}.${figure}`).toBe(true);
    const [dense, none, , tail] = rows;
    expect(dense).toMatchObject({ density: 1, relL2: 0, psnr: null, speedup: 1, estimationShare: 0 });
    expect(tail.density).toBe(none.density);
    expect(tail.relL2 as number).toBeLessThan(none.relL2 as number);
    expect(tail.psnr as number).toBeGreaterThan(none.psnr as number);
  });

  it("prints a table, says how the inputs came to be, and names the worst heads; no bar, no colours", async () => {
    const { code, out, error } = await spaattn(["compare", clip, ...small, "--modes", "none,tail"], {
      env: { FORCE_COLOR: "" },
    });
    expect({ code, error }).toEqual({ code: 0, error: "" });
    expect(out).toMatch(
      /mode +dropped +cost +density +rel\. L2 +cosine +PSNR dB +time +speedup +\(rounds\) +estimation/,
    );
    expect(out).toMatch(/^tail +80 %/m);
    expect(out).not.toMatch(/^paper/m);
    expect(out).toContain("patches");
    expect(out).toContain("random projections");
    expect(out).toMatch(/worst heads, tail at 80 % dropped: \d \(/);
    expect(out + error).not.toContain("\u001b");
  });

  it("takes captures, policies and another backend", async () => {
    const capture = path("capture.safetensors");
    await writeTestCapture(capture);
    const args = ["compare", capture, "--backend", "reference", "--neighbours", "--cover-mass", "0.5", "--json"];
    const { code, out } = await spaattn(args);
    expect(code).toBe(0);
    const { backend, rows } = JSON.parse(out) as { backend: string; rows: Row[] };
    expect(backend).toBe("reference");
    expect(rows[1].density as number).toBeGreaterThan(0.25);
  });
});

describe("spaattn compare --budget", () => {
  it("compares all modes at equal cost, levels among them", async () => {
    const capture = path("budget.safetensors");
    await writeTestCapture(capture);
    const { code, out, error } = await spaattn(["compare", capture, "--budget", "0.4,0.7", "--json"]);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    const { rows } = JSON.parse(out) as { rows: Row[] };
    expect(rows.map(({ mode, budget }) => `${mode} ${budget}`)).toEqual([
      "dense null",
      ...[0.4, 0.7].flatMap((budget) => ["none", "paper", "tail", "levels"].map((mode) => `${mode} ${budget}`)),
    ]);
    for (const row of rows.slice(1)) {
      expect(row.cost as number).toBeLessThanOrEqual((row.budget as number) + 1e-9);
      expect(row.cost as number).toBeGreaterThanOrEqual(row.density as number);
    }
    const errorOf = (mode: string, budget: number) =>
      rows.find((row) => row.mode === mode && row.budget === budget)!.relL2 as number;
    expect(errorOf("levels", 0.7)).toBeLessThan(errorOf("levels", 0.4));
    expect(errorOf("levels", 0.4)).toBeLessThan(errorOf("none", 0.4));
  });

  it("draws which level was chosen where", async () => {
    const capture = path("levels.safetensors");
    await writeTestCapture(capture);
    const svg = path("levels.svg");
    const args = ["inspect", capture, "--rectify", "levels", "--budget", "0.5", "--svg", svg, "--json"];
    const { code, out, error } = await spaattn(args);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    const { heads, cost } = JSON.parse(out) as { cost: number; heads: { choice: number[][]; cost: number }[] };
    expect(cost).toBeLessThanOrEqual(0.5 + 1e-9);
    for (const { choice } of heads) choice.forEach((row, i) => void expect(row[i]).toBe(255));
    const page = readFileSync(svg, "utf8");
    expect(page.match(/<g transform/g)).toHaveLength(heads.length + 1);
    expect(page).not.toMatch(/NaN|undefined/);
    const refused = await spaattn(["inspect", capture, "--svg", path("other.svg")]);
    expect(refused).toMatchObject({
      code: 2,
      error: expect.stringContaining("--svg exists with --rectify levels only"),
    });
  });
});

describe("the report", () => {
  const report = path("report.html");
  let page = "";

  beforeAll(async () => {
    const { code, error } = await spaattn(["compare", clip, ...small, "--report", report]);
    expect(code, error).toBe(0);
    page = readFileSync(report, "utf8");
  });

  it("holds everything it shows", () => {
    const references = [...page.matchAll(/(?:src|href)=["']?([^"'\s>]+)|url\(([^)]+)\)|@import|<link/g)].map(
      ([all, a, b]) => a ?? b ?? all,
    );
    expect(references.length).toBeGreaterThan(20);
    for (const reference of references) expect(reference.slice(0, 22)).toBe("data:image/png;base64,");
    expect(page.match(/https?:\/\//)).toBeNull();
  });

  it("has the pictures and numbers people expect", () => {
    for (const heading of [
      "What it does to the picture",
      "Error against density",
      "Where the time goes",
      "Which blocks each head computes",
      "Guessed against true attention",
      "All numbers",
      "How query, key and value came to be",
    ])
      expect(page.includes(`${heading}</h2>`), heading).toBe(true);
    for (const label of [
      "frames by dense attention",
      "frames by tail attention",
      "error of paper by patch",
      "true attention between blocks",
      "implicit full attention of the paper",
    ])
      expect(page.includes(label), label).toBe(true);
    // Three curves with five drop rates each.
    expect(page.match(/<circle /g)).toHaveLength(15);
    const text = page.replaceAll(/data:image[^)"]*/g, "");
    expect(text.match(/NaN|undefined|\[object/)).toBeNull();
  });

  it("names its pictures, and opens on a phone", () => {
    for (const image of page.match(/<img [^>]*>/g) ?? []) expect(image).toMatch(/alt="[^"]{5,}"/);
    expect(page.includes('<html lang="en">') && page.includes('name="viewport"')).toBe(true);
  });

  it("may be replaced by a report, but replaces nothing else", async () => {
    const again = await spaattn(["compare", clip, "--tokens", "300", "--heads", "1", "--report", report]);
    expect(again.code).toBe(0);
    const notes = path("notes.html");
    writeFileSync(notes, "mine");
    const refused = await spaattn(["compare", clip, ...small, "--report", notes]);
    expect(refused).toMatchObject({ code: 1, error: expect.stringContaining("is no report of spaattn") });
    expect(readFileSync(notes, "utf8")).toBe("mine");
  });
});
