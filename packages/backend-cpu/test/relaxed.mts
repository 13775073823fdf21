// Run in an engine with relaxed SIMD by conformance.test.ts: prints one line of JSON.
import { cpu } from "@spaattn/backend-cpu";
import { goldenBytes, goldenFiles } from "./goldens.js";
import { suite } from "./suite.js";

const backend = await cpu.create({ kernel: "relaxed", threads: 1 });
const probe = await cpu.probe();
const result = await suite(backend, {
  size: "small",
  dtypes: ["f32"],
  goldens: [...goldenFiles("wan22"), ...goldenFiles("flux_a")],
  fetchBytes: goldenBytes,
});
backend.dispose();
console.log(JSON.stringify({ kernel: probe.available && probe.details?.kernel, result }));
