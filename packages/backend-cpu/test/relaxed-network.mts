// Run in a process of its own by network.test.ts: prints one line of JSON.
import { cpu, enableRelaxedSimd } from "@spaattn/backend-cpu";
import { describeCheck, runNetwork } from "@spaattn/conformance";

const on = enableRelaxedSimd();
const probe = await cpu.probe();
const device = await cpu.create({ threads: 2 });
const report = await runNetwork(device, { dtypes: ["f32", "f16"], size: "small" });
device.dispose();
const failures = report.checks.filter(({ ok }) => !ok).map(describeCheck);
console.log(JSON.stringify({ on, kernel: probe.available && probe.details?.kernel, passed: report.passed, failures }));
