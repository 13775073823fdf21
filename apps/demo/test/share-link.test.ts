import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULTS, RULES, type Settings } from "../src/state/settings.js";
import { decodeLink, encodeLink, ROUTES } from "../src/state/share.js";

const settings: fc.Arbitrary<Settings> = fc.record({
  mode: fc.constantFrom("none", "paper", "tail"),
  dropRate: fc.integer({ min: 0, max: 99 }).map((x) => x / 100),
  coverMass: fc.integer({ min: 0, max: 19 }).map((x) => x / 20),
  blockSize: fc.constantFrom(64, 128),
  neighbours: fc.boolean(),
  firstFrame: fc.constantFrom("off", "sink", "dense"),
  curve: fc.constantFrom("hilbert", "raster"),
  strata: fc.constantFrom(1, 2, 4, 8),
  tokens: fc.integer({ min: 256, max: 16384 }),
  heads: fc.integer({ min: 1, max: 16 }),
  backend: fc.constantFrom("auto", "webgpu", "cpu"),
  head: fc.integer({ min: 0, max: 127 }),
  token: fc.integer({ min: -1, max: 1_000_000 }),
});

describe("share links", () => {
  it("give back every setting and the page", () => {
    fc.assert(
      fc.property(settings, fc.constantFrom(...ROUTES), (given, route) => {
        const link = decodeLink(encodeLink(route, given));
        expect(link).toEqual({ route, settings: given, problems: [] });
      }),
    );
  });

  it("never yield a setting that its own rule refuses, whatever is in them", () => {
    const name = fc.constantFrom(...Object.keys(RULES), "v", "__proto__", "constructor", "x");
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.string())), (pairs) => {
        const { settings: read } = decodeLink(`#/explore?${new URLSearchParams(pairs)}`);
        expect(Object.keys(read).sort()).toEqual(Object.keys(DEFAULTS).sort());
        for (const key of Object.keys(RULES) as (keyof Settings)[]) {
          const value = read[key];
          expect(RULES[key](typeof value === "boolean" ? String(Number(value)) : String(value))).toBe(value);
        }
      }),
    );
  });

  it("of another version are not misread", () => {
    const link = decodeLink("#/explain?v=2&dropRate=0.5");
    expect(link.route).toBe("explain");
    expect(link.settings).toEqual(DEFAULTS);
    expect(link.problems).toHaveLength(1);
  });
});
