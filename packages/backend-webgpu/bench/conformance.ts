// Every conformance case on the machine's GPU, as a report in JSON: node conformance.mjs FILE [FILTER]
import { writeFileSync } from "node:fs";
import { webgpu } from "@spaattn/backend-webgpu";
import { describeCheck, run } from "@spaattn/conformance";

const backend = await webgpu.create({ dawn: ["backend=vulkan"] });
const filter = process.argv[3] ?? "";
const report = await run(backend, {
  filter,
  onChecks: (checks) => {
    for (const check of checks) if (!check.ok) console.log(describeCheck(check));
  },
});
const { passed, failed, skipped } = report;
console.log(`${backend.device.label}: ${passed} checks passed, ${failed} failed, ${skipped} skipped`);
const worst = Math.max(...report.checks.map(({ maxError = 0, tolerance }) => (tolerance ? maxError / tolerance : 0)));
const broken = report.checks.filter(({ ok }) => !ok);
writeFileSync(
  process.argv[2],
  JSON.stringify(
    { device: backend.device.label, passed, failed, skipped, worstOfTolerance: worst, broken },
    undefined,
    2,
  ),
);
backend.dispose();
