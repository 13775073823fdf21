import { describe, expect, it } from "vitest";
import { errorChart } from "../src/report/chart.js";
import { html, raw } from "../src/report/html.js";
import { bytes, flop } from "../src/terminal/format.js";
import { Progress } from "../src/terminal/progress.js";
import { formatTable } from "../src/terminal/table.js";
import { Terminal } from "../src/terminal/terminal.js";

/** A stream that remembers what was written to it. */
function stream(isTTY: boolean) {
  const written: string[] = [];
  const fake = { isTTY, columns: 60, write: (text: string) => written.push(text) };
  return { written, fake: fake as unknown as NodeJS.WriteStream };
}

describe("terminal", () => {
  it("draws a bar for people and nothing for others", () => {
    for (const [isTTY, environment, draws] of [
      [true, {}, true],
      [false, {}, false],
      [true, { TERM: "dumb" }, false],
    ] as const) {
      const { written, fake } = stream(isTTY);
      const progress = new Progress(new Terminal({ json: false, out: fake, error: fake, environment }));
      progress.update(1, "done");
      progress.clear();
      expect(written.length > 0, JSON.stringify(environment)).toBe(draws);
      if (!draws) continue;
      expect(written.join("")).toMatch(/█+ 100 % {2}done/);
      expect(written.at(-1)).toBe("\r\u001b[2K");
    }
  });

  it("colours on terminals only, and never with NO_COLOR", () => {
    const styled = (isTTY: boolean, environment: Record<string, string>) => {
      const { fake } = stream(isTTY);
      return new Terminal({ json: false, out: fake, error: fake, environment }).style("red", "x") !== "x";
    };
    expect(styled(true, {})).toBe(true);
    expect(styled(true, { NO_COLOR: "1" })).toBe(false);
    expect(styled(false, {})).toBe(false);
  });

  it("aligns columns, styles not counted", () => {
    const lines = formatTable(
      [{ title: "a", align: "left" }, { title: "long" }],
      [
        ["\u001b[1mxyz\u001b[22m", "1"],
        ["x", "22"],
      ],
    );
    expect(lines).toEqual(["a    long", "\u001b[1mxyz\u001b[22m     1", "x      22"]);
  });

  it("writes sizes as people read them", () => {
    expect([bytes(512), bytes(1536), bytes(3 * 1024 ** 3)]).toEqual(["512 B", "1.50 KiB", "3.00 GiB"]);
    expect(flop(117e12)).toBe("117 TFLOP");
  });
});

describe("report parts", () => {
  it("escapes everything but its own markup", () => {
    const name = "<script>\"&'";
    expect(html`<b title="${name}">${[html`<i>${1}</i>`, raw("<u>"), false, undefined]}</b>`.text).toBe(
      '<b title="&lt;script&gt;&quot;&amp;&#39;"><i>1</i><u></b>',
    );
  });

  it("draws lower errors lower, on a scale that holds all of them", () => {
    const points = [0.05, 0.1, 0.2].flatMap((density) => [
      { mode: "none" as const, dropRate: 1 - density, density, relL2: 0.3 - density },
      { mode: "tail" as const, dropRate: 1 - density, density, relL2: 0.05 - density / 10 },
    ]);
    const { text } = errorChart(points);
    const heights = [...text.matchAll(/cy="([\d.]+)"/g)].map(([, y]) => Number(y));
    expect(heights).toHaveLength(6);
    expect(heights[1]).toBeGreaterThan(heights[0]);
    expect(Math.min(...heights.slice(3))).toBeGreaterThan(Math.max(...heights.slice(0, 3)));
    expect(Math.max(...heights)).toBeLessThan(380 - 46 + 1);
    expect(errorChart([]).text).toContain("no error to draw");
  });
});
