// Run in an engine with relaxed SIMD by conformance.test.ts: prints one line of JSON.
import { cpu } from "@spaattn/backend-cpu";
import { goldenBytes, goldenFiles } from "./goldens.js";
import { suite } from "./suite.js";

const backend = await cpu.create({ kernel: "relaxed", threads: 1 });
const probe = await cpu.probe();
const results = [];
for (const filter of ["dense", "whole", "ragged", "peaked", "strata", "mass", "one ", "per row, levels"])
  results.push(await suite(backend, { size: "small", dtypes: ["f32"], filter }));
const goldens = [...goldenFiles("wan22"), ...goldenFiles("flux_a"), ...goldenFiles("hunyuan_b")];
results.push(await suite(backend, { goldens, fetchBytes: goldenBytes }));
backend.dispose();
const result = {
  passed: results.reduce((sum, { passed }) => sum + passed, 0),
  failures: results.flatMap(({ failures }) => failures),
};
console.log(JSON.stringify({ kernel: probe.available && probe.details?.kernel, result }));
