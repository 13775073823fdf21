/** Part of a tensor: elements `first` to `first + count`. */
export interface Part {
  readonly role: string;
  readonly first: number;
  readonly count: number;
}

export interface Dispatch {
  /** Tensor, part of a tensor, scratch or table of every slot of the kernel. */
  readonly bind: Readonly<Record<string, string | Part>>;
  readonly params?: Readonly<Record<string, number | readonly number[]>>;
  readonly grid: readonly [number, number?, number?];
  readonly flops?: number;
}
