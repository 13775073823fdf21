import { cpu } from "@spaattn/backend-cpu";
import { readClip } from "@spaattn/io/node";
import { attentionRow, buildInputs, compare, measureQuality, ROW_EXTRAS, runMode, trueBlockMass } from "@spaattn/lab";

const b = await cpu.create();
for (const f of process.argv.slice(2)) {
  const clip = await readClip(f);
  const inputs = buildInputs(clip, { maxTokens: 4096, heads: 8 });
  console.log(inputs.notes.join("\n"));
  const r = await compare(b, inputs, { dropRates: [0.8, 0.9] });
  console.table(r.rows.map(({ worstHeads, stages, ...x }) => x));
  for (const [i, q] of r.headQuality.entries())
    if (i < 3) console.log(r.runs[i].mode, q.map((x, h) => inputs.heads[h] + " " + x.relL2.toFixed(3)).join(" | "));
  const m = await trueBlockMass(b, inputs);
  const row = (h: number, i: number) =>
    Array.from(m.data.subarray((h * m.blocks + i) * m.columns, (h * m.blocks + i + 1) * m.columns));
  for (let h = 0; h < 8; h++) {
    const s = row(h, 10).sort((a, b) => b - a);
    console.log(
      inputs.heads[h],
      "top20% mass",
      s
        .slice(0, Math.round(m.blocks * 0.2))
        .reduce((a, b) => a + b, 0)
        .toFixed(3),
      "sum",
      s.reduce((a, b) => a + b, 0).toFixed(4),
    );
  }
  for (const mode of ["dense", "none", "paper", "tail"] as const) {
    const run = await runMode(b, inputs, mode, 0.8, { extras: ROW_EXTRAS[mode] });
    const w = attentionRow(run, inputs, 2, 1000);
    console.log(
      mode,
      w.reduce((a, b) => a + b, 0),
    );
    // check vs output
    const v = inputs.value.data as Float32Array;
    const T = inputs.spec.visualTokens;
    let e = 0,
      n = 0;
    for (let c = 0; c < 64; c++) {
      let s = 0;
      for (let t = 0; t < T; t++) s += w[t] * v[(2 * T + t) * 64 + c];
      const o = (run.output.data as Float32Array)[(2 * T + 1000) * 64 + c];
      e += (s - o) ** 2;
      n += o * o;
    }
    console.log("row error", Math.sqrt(e / n));
  }
}
