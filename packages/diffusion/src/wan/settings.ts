/** What a published checkpoint is meant to be run with. */
export interface WanSettings {
  readonly id: string;
  /** The longer side first; both orientations are meant. */
  readonly sizes: readonly (readonly [width: number, height: number])[];
  readonly frames: number;
  readonly fps: number;
  readonly steps: number;
  readonly guidance: number;
  /** Of the transformer for low noise, where there are two. */
  readonly guidance2?: number;
  /** Flow shift by size. */
  readonly shift: (width: number, height: number) => number;
  /** Share of the time scale at which the second transformer takes over. */
  readonly boundary?: number;
  /** What the video may begin (and end) with. */
  readonly image: "none" | "first" | "first-and-last" | "optional";
}

const SD = [832, 480] as const;
const HD = [1280, 720] as const;

/** 480p or 720p, by the number of pixels. */
const byArea = (small: number, large: number) => (width: number, height: number) =>
  width * height > 640_000 ? large : small;
const always = (shift: number) => () => shift;

const wan21 = { frames: 81, fps: 16, steps: 50, guidance: 5, shift: byArea(3, 5) };
const a14b = { sizes: [HD, SD], frames: 81, fps: 16, steps: 40 };

/** The published Wan models. What a model's own folder says (`flow_shift`, `boundary_ratio`) goes before this table. */
export const WAN_SETTINGS: readonly WanSettings[] = [
  { id: "wan2.1-t2v-1.3b", ...wan21, sizes: [SD], image: "none" },
  { id: "wan2.1-t2v-14b", ...wan21, sizes: [SD, HD], image: "none" },
  { id: "wan2.1-i2v-14b", ...wan21, sizes: [SD, HD], image: "first" },
  { id: "wan2.1-flf2v-14b", ...wan21, sizes: [HD], guidance: 5.5, shift: always(16), image: "first-and-last" },
  { id: "wan2.2-t2v-a14b", ...a14b, guidance: 4, guidance2: 3, shift: always(12), boundary: 0.875, image: "none" },
  { id: "wan2.2-i2v-a14b", ...a14b, guidance: 3.5, guidance2: 3.5, shift: always(5), boundary: 0.9, image: "first" },
  {
    id: "wan2.2-ti2v-5b",
    sizes: [[1280, 704]],
    frames: 121,
    fps: 24,
    steps: 50,
    guidance: 5,
    shift: always(5),
    image: "optional",
  },
];

/** Facts of a pipeline's folder that tell the checkpoints apart. */
export interface WanFacts {
  readonly dim: number;
  readonly inChannels: number;
  readonly imageEncoder: boolean;
  /** Learned positions of two images' features. */
  readonly twoImages: boolean;
  readonly twoTransformers: boolean;
}

/** The settings of a checkpoint; undefined for one that was not published (a small one of your own, say). */
export function wanSettings(facts: WanFacts): WanSettings | undefined {
  const id = identify(facts);
  return WAN_SETTINGS.find((settings) => settings.id === id);
}

function identify({ dim, inChannels, imageEncoder, twoImages, twoTransformers }: WanFacts): string | undefined {
  if (dim === 1536 && inChannels === 16) return "wan2.1-t2v-1.3b";
  if (dim === 3072 && inChannels === 48) return "wan2.2-ti2v-5b";
  if (dim !== 5120) return undefined;
  if (twoTransformers) return inChannels === 36 ? "wan2.2-i2v-a14b" : "wan2.2-t2v-a14b";
  if (twoImages) return "wan2.1-flf2v-14b";
  return imageEncoder || inChannels === 36 ? "wan2.1-i2v-14b" : "wan2.1-t2v-14b";
}
