import { describeCheck, run, runNetwork } from "@spaattn/conformance";
import { expect, it } from "vitest";
import { casesOf128, isKnown } from "../bench/conformance-cases.js";
import { cuda } from "../src/index.js";

const probe = await cuda.probe();
const required = (process.env.SPAATTN_REQUIRE ?? "").split(",").includes("cuda");
if (!probe.available) console.warn(`SKIPPED backend-cuda on a GPU: ${probe.reason} ${probe.remedy}`);

it("says whether there is a GPU, and what to do when there is none", () => {
  if (required) expect(probe).toMatchObject({ available: true });
  if (!probe.available) expect(probe.remedy.length).toBeGreaterThan(10);
});

it.skipIf(!probe.available)(
  "passes the conformance cases",
  async () => {
    const backend = await cuda.create();
    const report = await run(backend, { cases: casesOf128 });
    expect(report.checks.filter((check) => !check.ok && !isKnown(check)).map(describeCheck)).toEqual([]);
    backend.dispose();
  },
  600_000,
);

it.skipIf(!probe.available)(
  "passes the conformance cases of networks",
  async () => {
    const backend = await cuda.create();
    const { device } = backend;
    const stream = device.driver.createStream();
    const recorder = { begin: () => stream, end: () => device.finished(stream) };
    const report = await runNetwork(backend, { recorder });
    device.driver.destroyStream(stream);
    expect(report.checks.filter((check) => !check.ok).map(describeCheck)).toEqual([]);
    backend.dispose();
  },
  600_000,
);
