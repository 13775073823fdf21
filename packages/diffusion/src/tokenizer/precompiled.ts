import { PrecompiledNormalizer, SequenceNormalizer, type Tokenizer } from "@huggingface/tokenizers";
import { CharMap } from "./char-map.js";

/** Longer graphemes are taken character by character. */
const MOST_BYTES = 6;

const encoder = new TextEncoder();
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/**
 * The normalizer `Precompiled` as the Python package applies it: grapheme by grapheme, through the character map.
 *
 * The JavaScript package has NFKC in its place and does not read the map; they differ in joined emoji, stacked accents and
 * the mark for spaces.
 */
class MappedNormalizer extends PrecompiledNormalizer {
  readonly #map: CharMap;

  constructor(config: ConstructorParameters<typeof PrecompiledNormalizer>[0], map: CharMap) {
    super(config);
    this.#map = map;
  }

  override normalize(text: string): string {
    let out = "";
    for (const { segment } of graphemes.segment(text)) {
      const whole = encoder.encode(segment).length < MOST_BYTES ? this.#look(segment) : undefined;
      out += whole ?? Array.from(segment, (char) => this.#look(char) ?? char).join("");
    }
    return out;
  }

  #look(text: string): string | undefined {
    const first = this.#map.matches(encoder.encode(text)).next();
    return first.done ? undefined : first.value.text;
  }
}

/** Replaces the normalizers of a tokenizer that do not read their character map. */
export function mendNormalizer(tokenizer: Tokenizer, what: string): void {
  const mend = <T>(normalizer: T): T | MappedNormalizer => {
    if (!(normalizer instanceof PrecompiledNormalizer)) return normalizer;
    const { config } = normalizer as unknown as { config: { precompiled_charsmap?: string | null } };
    if (!config.precompiled_charsmap) return normalizer;
    const bytes = Uint8Array.from(atob(config.precompiled_charsmap), (char) => char.charCodeAt(0));
    return new MappedNormalizer(config as never, new CharMap(bytes, what));
  };
  if (tokenizer.normalizer instanceof SequenceNormalizer) {
    const sequence = tokenizer.normalizer as unknown as { normalizers: unknown[] };
    sequence.normalizers = sequence.normalizers.map(mend);
  } else tokenizer.normalizer = mend(tokenizer.normalizer);
}
