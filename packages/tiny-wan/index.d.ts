/** Where the diffusers folder lies: a file URL in Node, a URL beside this module in browsers; ends with "/". */
export declare const folder: URL;

/** Every file of the folder, relative to it, for hosts that cannot list one. */
export declare const files: readonly string[];

/** What the model was trained for (UniPC with this flow shift; 8 steps with guidance 1 do nearly as well); other sizes give noise. */
export declare const generation: {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  readonly fps: number;
  readonly steps: number;
  readonly guidance: number;
  readonly flowShift: number;
  /** Rows of text the transformer expects; those beyond the prompt are zero. */
  readonly textRows: number;
};
