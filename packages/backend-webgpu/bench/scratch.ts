import { runNetwork } from "@spaattn/conformance";
import { webgpu } from "@spaattn/backend-webgpu";
const [filter = "", dtypes = "f32", without = ""] = process.argv.slice(2);
const backend = await webgpu.create(without ? { withoutFeatures: without.split(",") } : {});
const recorder = {
  begin: () => backend.gpuDevice.createCommandEncoder(),
  end: async (target: GPUCommandEncoder) => {
    backend.gpuDevice.queue.submit([target.finish()]);
    await backend.gpuDevice.queue.onSubmittedWorkDone();
  },
};
let ok = 0;
for (const f of filter.split("|")) {
  const start = performance.now();
  let last = start;
  await runNetwork(backend, {
    size: "small", filter: f, dtypes: dtypes.split(",") as never, recorder: recorder as never,
    onChecks: (checks) => {
      const now = performance.now();
      const bad = checks.filter((c) => !c.ok);
      ok += checks.length - bad.length;
      const skipped = checks.filter((c) => (c as any).skipped);
      if (bad.length || skipped.length || now - last > 5000) console.log(`${checks[0]?.case} ${((now - last) / 1000).toFixed(1)} s ${bad.map((c) => JSON.stringify(c)).slice(0, 3).join("\n   ")} ${skipped.map((c) => (c as any).skipped)}`);
      last = now;
    },
  });
  console.log(f, ((performance.now() - start) / 1000).toFixed(1), "s; ok", ok, "live", backend.device.memory.live);
}
process.exit(0);
