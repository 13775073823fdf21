import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type CpuOptions, cpu } from "@spaattn/backend-cpu";
import { describeCheck, type NetworkOptions, runNetwork, skips } from "@spaattn/conformance";
import { describe, expect, it } from "vitest";

async function check(options: CpuOptions, what: NetworkOptions): Promise<void> {
  const device = await cpu.create(options);
  try {
    const report = await runNetwork(device, what);
    expect(report.checks.filter(({ ok }) => !ok).map(describeCheck)).toEqual([]);
    // Every operation of networks runs here, in every type.
    expect(skips(report)).toEqual([]);
    expect(report.passed).toBeGreaterThan(100);
  } finally {
    device.dispose();
  }
}

describe("networks on the CPU", () => {
  it("pass every case on the calling thread", () => check({ kernel: "simd", threads: 1 }, {}), 240_000);
  it(
    "pass every case on threads that share memory",
    () => check({ kernel: "simd", threads: 2 }, { dtypes: ["f32"] }),
    240_000,
  );
  it(
    "pass the small cases where memory cannot be shared",
    () => check({ kernel: "simd", threads: 2, sharedMemory: false }, { dtypes: ["f32"], size: "small" }),
    240_000,
  );

  it("pass the small cases with relaxed SIMD, switched on by the program", async () => {
    const script = fileURLToPath(new URL("relaxed-network.mts", import.meta.url));
    const flags = ["--conditions=@spaattn/source", "--import", "tsx", script];
    const { stdout } = await promisify(execFile)(process.execPath, flags);
    const found = JSON.parse(stdout.split("\n").findLast((line) => line.startsWith("{"))!);
    expect(found).toMatchObject({ on: true, kernel: "relaxed", failures: [] });
    expect(found.passed).toBeGreaterThan(100);
  }, 240_000);
});
