import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { HostTensor } from "@spaattn/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeSafetensors, httpFolder, openWeights, readJson } from "../src/index.js";
import { expectFailure } from "./helpers.js";

const big = new HostTensor("f32", [100_000]);
big.data.forEach((_, i, data) => {
  data[i] = i;
});
const files = new Map<string, Uint8Array>([
  ["/a b/diffusion_pytorch_model.safetensors", await encodeSafetensors({ big, small: new HostTensor("u8", [3]) })],
  ["/a b/config.json", new TextEncoder().encode('{"x": 1}')],
  ["/a b/empty.json", new Uint8Array(0)],
]);

let server: Server;
let base = "";
let requests: string[] = [];
/** How the server misbehaves. */
let mode: "ranges" | "whole" | "breaks" | "forbids" = "ranges";

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(`${request.url} ${request.headers.range}`);
    const file = files.get(decodeURIComponent(request.url ?? ""));
    if (mode === "forbids") return response.writeHead(403).end();
    if (!file) return response.writeHead(404).end();
    const [, first, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
    if (mode === "whole" || !first) return response.writeHead(200).end(file);
    if (Number(first) >= file.length) return response.writeHead(416).end();
    const end = Math.min(Number(last) + 1, file.length);
    const part = file.subarray(Number(first), end);
    response.writeHead(206, {
      "content-range": `bytes ${first}-${end - 1}/${file.length}`,
      "content-length": part.length,
    });
    if (mode === "breaks" && part.length > 100_000) {
      response.write(part.subarray(0, 70_000), () => response.destroy());
      return undefined;
    }
    return response.end(part);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a%20b`;
});

afterAll(() => void server.close());

describe("weights on a server", () => {
  const sum = async () => {
    const weights = await openWeights(httpFolder(base));
    const { data } = await weights.read("big");
    return (data as Float32Array).reduce((total, value) => total + value, 0);
  };

  it("fetches what is needed and no more", async () => {
    requests = [];
    const weights = await openWeights(httpFolder(base));
    expect((await weights.read("small")).length).toBe(3);
    const rows = await weights.read("big", { rows: { begin: 50_000, end: 50_002 } });
    expect([...rows.data]).toEqual([50_000, 50_001]);
    const ranges = requests.filter((request) => request.includes(".safetensors ")).map((r) => r.split("bytes=")[1]);
    const asked = ranges.map((range) => range.split("-").map(Number)).reduce((n, [a, b]) => n + b - a + 1, 0);
    expect(asked).toBeLessThan(3 * 65_536);
  });

  it("goes on where a connection broke off", async () => {
    const expected = (100_000 * 99_999) / 2;
    expect(await sum()).toBe(expected);
    mode = "breaks";
    expect(await sum()).toBe(expected);
    mode = "whole";
    expect(await sum()).toBe(expected);
    mode = "ranges";
  });

  it("reads configurations, also empty and absent ones", async () => {
    const folder = httpFolder(base);
    expect(await readJson(folder, "config.json")).toEqual({ x: 1 });
    expect(await readJson(folder, "absent.json")).toBeUndefined();
    await expectFailure(readJson(folder, "empty.json"), "MalformedFile", /empty\.json: the file is not JSON/);
  });

  it("says what went wrong", async () => {
    mode = "forbids";
    await expectFailure(openWeights(httpFolder(base)), "FileAccess", /answers 403/);
    mode = "ranges";
    const nowhere = httpFolder("http://127.0.0.1:1/");
    await expectFailure(openWeights(nowhere), "FileAccess", /request failed/);
    const aborted = httpFolder(base, { signal: AbortSignal.abort() });
    await expectFailure(openWeights(aborted), "Aborted", /cancelled/);
  });
});
