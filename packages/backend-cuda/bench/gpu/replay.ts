// What a program of 1,000 small operations costs the host, launched one by one and as a graph.
import type { Section } from "../gpu.js";
import { median, planOf, randomTensor } from "./tools.js";

export async function checkReplay({ backend, fail }: Section): Promise<void> {
  const plan = planOf("bf16", (g) => {
    const x = g.input("x", "bf16", [1, 64]);
    let y = x;
    for (let i = 0; i < 1000; i++) y = g.add(y, x);
    g.output("y", y);
  });
  const bindings = { x: randomTensor(backend, "bf16", [1, 64]), y: backend.allocate("bf16", [1, 64]) };
  for (const graph of [false, true]) {
    const program = await backend.compile(plan, { graph });
    const times: number[] = [];
    const device: number[] = [];
    for (let i = 0; i < 30; i++) {
      const begin = performance.now();
      program.encode(backend.stream, bindings);
      times.push(performance.now() - begin);
      await backend.device.finished(backend.stream);
      device.push((await program.run(bindings)).ms);
    }
    const host = median(times.slice(5));
    console.log(
      `replay of 1,000 operations${graph ? " as a graph" : ""}: host ${host.toFixed(2)} ms, run ${median(device).toFixed(2)} ms`,
    );
    if (graph && host > 4) fail(`a replay takes ${host} ms of host time`);
    program.dispose();
  }
}
