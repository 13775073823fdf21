// Renders the clip that comes with the command line tool: a dusk landscape that a camera passes, with balloons, water and birds.
// Deterministic; run it with `node --import tsx tooling/render-clip.ts [output.webp]`.
import { writeClip } from "../packages/io/src/node/write-clip.js";
import { add, clamp, fbm, hash, mix, noise, type Rgb, scale, smooth } from "./render-noise.js";

const WIDTH = 256;
const HEIGHT = 144;
const FRAMES = 48;
/** Samples per pixel and axis. */
const SAMPLES = 3;
const HORIZON = 0.62;

/** Ridges from far to near: height of the skyline, roughness, speed of the parallax and colours. */
const RIDGES = [
  { base: 0.5, height: 0.16, rough: 3, speed: 0.05, dark: [92, 82, 128], light: [176, 128, 148] },
  { base: 0.55, height: 0.13, rough: 5, speed: 0.12, dark: [58, 60, 102], light: [134, 98, 122] },
  { base: 0.6, height: 0.1, rough: 8, speed: 0.24, dark: [30, 44, 66], light: [86, 84, 92] },
] as const;

const BALLOONS = [
  { x: 0.34, y: 0.25, radius: 0.105, speed: 0.16, spin: 1.6, gores: 12, a: [214, 62, 48], b: [248, 226, 176] },
  { x: 0.86, y: 0.36, radius: 0.062, speed: 0.08, spin: -2.2, gores: 10, a: [34, 110, 140], b: [244, 182, 64] },
  { x: 1.2, y: 0.17, radius: 0.045, speed: 0.05, spin: 1.1, gores: 8, a: [92, 62, 140], b: [232, 140, 120] },
] as const;

const SUN = { x: 1.18, y: 0.47 };

function sky(x: number, y: number, time: number): Rgb {
  const up = clamp(y / HORIZON);
  const base = mix(mix([44, 52, 112], [168, 96, 138], smooth(0, 0.65, up)), [255, 188, 112], smooth(0.55, 1, up));
  const sun = Math.hypot(x - SUN.x, y - SUN.y);
  const glow = add(base, scale([255, 170, 90], 0.55 * Math.exp(-sun * 4.5)));
  const disc = mix(glow, [255, 244, 208], smooth(0.062, 0.054, sun));
  // Streaks of cloud: noise stretched sideways, drifting against the camera.
  const cloud = fbm(x * 2.2 + time * 0.5, y * 9 - time * 0.08, 5, 11);
  const cover = smooth(0.5, 0.78, cloud) * smooth(0.02, 0.14, y) * smooth(0.62, 0.4, y);
  return mix(disc, mix([226, 142, 140], [255, 222, 184], smooth(0.5, 0.9, cloud + 0.25 * (up - 0.5))), 0.8 * cover);
}

function ridges(colour: Rgb, x: number, y: number, time: number): Rgb {
  let result = colour;
  RIDGES.forEach(({ base, height, rough, speed, dark, light }, i) => {
    const at = x + time * speed * 3;
    const trees = i === 2 ? 0.028 * noise(at * 70, 3.5, 5) * noise(at * 9, 1.5, 6) : 0;
    const top = base - height * (fbm(at * rough * 0.6, i * 7.3, 5, 20 + i) - 0.35) - trees;
    const inside = smooth(top - 0.003, top + 0.003, y);
    if (inside === 0) return;
    const texture = fbm(at * rough * 6, y * rough * 9, 4, 30 + i);
    const mist = smooth(top, HORIZON + 0.05, y) * (0.55 - 0.15 * i);
    const body = mix(dark, light, smooth(0.3, 0.75, texture) * (1 - 0.5 * smooth(top, top + 0.1, y)));
    result = mix(result, mix(body, [216, 150, 138], mist), inside);
  });
  return result;
}

function balloons(colour: Rgb, x: number, y: number, time: number): Rgb {
  let result = colour;
  for (const { x: x0, y: y0, radius, speed, spin, gores, a, b } of BALLOONS) {
    const cx = x0 - time * speed * 2.2;
    const cy = y0 + 0.018 * Math.sin(time * 4 + x0 * 9);
    const [u, v] = [(x - cx) / radius, (y - cy) / radius];
    const basket = smooth(0.16, 0.13, Math.abs(u)) * smooth(0.13, 0.1, Math.abs(v - 1.62));
    const rope =
      smooth(0.035, 0.015, Math.abs(Math.abs(u) - 0.12 - (1.5 - v) * 0.28)) *
      smooth(0.85, 0.95, v) *
      smooth(1.55, 1.5, v);
    result = mix(result, [70, 44, 36], Math.max(basket, 0.8 * rope));
    // A sphere that narrows towards the basket.
    const width =
      v > 0
        ? Math.sqrt(Math.max(0, 1 - v * v)) * (1 - 0.32 * v * v) + 0.13 * smooth(0.7, 1, v)
        : Math.sqrt(Math.max(0, 1 - v * v));
    const edge = 1.5 / (HEIGHT * radius);
    const inside = smooth(width + edge, width - edge, Math.abs(u)) * smooth(1.06, 1.0, Math.abs(v));
    if (inside === 0) continue;
    const side = clamp(u / Math.max(width, 0.05), -1, 1);
    const longitude = Math.asin(side) / Math.PI + spin * time * 0.35;
    const stripe = smooth(-0.25, 0.25, Math.sin(longitude * gores * Math.PI));
    const band = smooth(0.16, 0.13, Math.abs(v - 0.05)) * smooth(-0.2, 0.2, Math.sin(longitude * gores * 2 * Math.PI));
    const cloth = mix(mix(a, b, stripe), mix(b, a, stripe), band);
    const lit = clamp(0.62 + 0.42 * side * Math.sign(SUN.x - cx) - 0.28 * v - 0.3 * side * side);
    const weave = 0.94 + 0.12 * noise(longitude * 60, v * 24, 44);
    result = mix(result, scale(cloth, (0.42 + 0.78 * lit) * weave), inside);
  }
  return result;
}

function birds(colour: Rgb, x: number, y: number, time: number): Rgb {
  let result = colour;
  for (let i = 0; i < 14; i++) {
    const cx = 1.75 * hash(i, 1, 71) - 0.1 + time * (0.34 + 0.1 * hash(i, 2, 71)) - 0.2;
    const cy = 0.1 + 0.24 * hash(i, 3, 71) + 0.02 * Math.sin(time * 5 + i);
    const size = 0.012 + 0.012 * hash(i, 4, 71);
    const [u, v] = [(x - cx) / size, (y - cy) / size];
    if (Math.abs(u) > 1.2) continue;
    const wing = Math.sin(time * 26 + i * 2.1) * 0.7 * Math.abs(u) - 0.25 * u * u;
    const dark = smooth(0.26, 0.1, Math.abs(v + wing)) * smooth(1.1, 0.9, Math.abs(u));
    result = mix(result, [38, 30, 52], 0.9 * dark);
  }
  return result;
}

const above = (x: number, y: number, time: number): Rgb =>
  birds(balloons(ridges(sky(x, y, time), x, y, time), x, y, time), x, y, time);

/** Still water mirrors what is above; waves shift the mirror, more so towards the viewer. */
function water(x: number, y: number, time: number): Rgb {
  const depth = (y - HORIZON) / (1 - HORIZON);
  const distance = 1 / (0.08 + depth);
  const drift = x * distance * 0.9 + time * 1.4 * distance * 0.35;
  const wave = fbm(drift * 3.2, distance * 7 - time * 2.4, 3, 50) - 0.5;
  const mirrored = HORIZON - (y - HORIZON) * 1.15 + wave * 0.16 * (0.25 + depth);
  const image = above(x + wave * 0.05, clamp(mirrored, 0.01, HORIZON - 0.004), time);
  const tint = mix(scale(image, 0.82), [22, 40, 70], 0.22 + 0.3 * depth);
  const glint = smooth(0.2, 0.34, wave) * Math.exp(-(((x - SUN.x) / (0.12 + 0.3 * depth)) ** 2));
  return add(tint, scale([255, 190, 120], 0.75 * glint));
}

/** Reeds on the near bank, bending in the wind. They pass quickly. */
function reeds(colour: Rgb, x: number, y: number, time: number): Rgb {
  const at = x + time * 1.1;
  let result = colour;
  for (let cell = Math.floor(at * 26) - 2; cell <= Math.floor(at * 26) + 2; cell++) {
    const height = 0.1 + 0.2 * hash(cell, 2, 91) * noise(cell / 9, 0.5, 92);
    const up = (1.02 - y) / height;
    if (up < 0 || up > 1) continue;
    const bend = (0.02 * Math.sin(time * 6 + cell * 0.5) + 0.03 * (hash(cell, 3, 91) - 0.5)) * up * up;
    const stem = (cell + hash(cell, 1, 91)) / 26 + bend;
    const width = 0.006 * (1 - up) + 0.0015 + (up > 0.75 && hash(cell, 4, 91) > 0.5 ? 0.004 : 0);
    const tone = mix([16, 26, 28], [74, 66, 50], hash(cell, 5, 91) * up);
    result = mix(result, tone, smooth(width + 0.003, width, Math.abs(at - stem)));
  }
  return result;
}

function pixel(x: number, y: number, time: number): Rgb {
  const scene = y < HORIZON ? above(x, y, time) : water(x, y, time);
  const shaded = reeds(scene, x, y, time);
  const vignette = 1 - 0.22 * ((x / (WIDTH / HEIGHT) - 0.5) ** 2 + (y - 0.5) ** 2) * 2;
  return scale(shaded, vignette);
}

const data = new Uint8ClampedArray(FRAMES * HEIGHT * WIDTH * 3);
for (let frame = 0, at = 0; frame < FRAMES; frame++)
  for (let row = 0; row < HEIGHT; row++)
    for (let column = 0; column < WIDTH; column++, at += 3) {
      let sum: Rgb = [0, 0, 0];
      for (let s = 0; s < SAMPLES * SAMPLES; s++) {
        const x = (column + ((s % SAMPLES) + 0.5) / SAMPLES) / HEIGHT;
        const y = (row + (Math.floor(s / SAMPLES) + 0.5) / SAMPLES) / HEIGHT;
        sum = add(sum, pixel(x, y, frame / FRAMES));
      }
      data.set(scale(sum, 1 / SAMPLES ** 2), at);
    }
const output = process.argv[2] ?? new URL("../apps/cli/assets/clip.webp", import.meta.url).pathname;
const bytes = new Uint8Array(data.buffer);
await writeClip(
  output,
  { width: WIDTH, height: HEIGHT, frames: FRAMES, fps: 16, data: bytes },
  { force: true, quality: 94 },
);
