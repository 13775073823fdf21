/** What a published Wan transformer has besides the facts of its card (docs of the checkpoints, `config.json`). */
export interface WanTransformerFacts {
  /** Width of the feed-forward's hidden values. */
  readonly ffnDim: number;
  /** Channels of the latents it reads and of the velocity it gives. */
  readonly inChannels: number;
  readonly outChannels: number;
  /** Rows and width of the image features, where it takes any. */
  readonly image?: { readonly rows: number; readonly width: number };
  /** Tokens have time steps of their own: those of a given first frame are at 0. */
  readonly timestepPerToken?: boolean;
}

/** Rows of text features, padding included, and their width. */
export const WAN_TEXT = { rows: 512, width: 4096 } as const;

const t2v = { ffnDim: 13_824, inChannels: 16, outChannels: 16 } as const;
const i2v = { ...t2v, inChannels: 36 } as const;
const clip = { rows: 257, width: 1280 } as const;

/** By the name of the card. */
export const wanTransformers: Readonly<Record<string, WanTransformerFacts>> = {
  "wan2.1-t2v-1.3b": { ...t2v, ffnDim: 8960 },
  "wan2.1-t2v-14b": t2v,
  "wan2.1-i2v-14b-480p": { ...i2v, image: clip },
  "wan2.1-i2v-14b-720p": { ...i2v, image: clip },
  "wan2.2-t2v-a14b": t2v,
  "wan2.2-i2v-a14b": i2v,
  "wan2.2-ti2v-5b": { ffnDim: 14_336, inChannels: 48, outChannels: 48, timestepPerToken: true },
};
