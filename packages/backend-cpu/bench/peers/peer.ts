export interface Problem {
  readonly tokens: number;
  readonly headDim: number;
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
}

/** Somebody else's dense attention on one thread. */
export interface Peer {
  readonly name: string;
  run(): Promise<Float32Array>;
}
