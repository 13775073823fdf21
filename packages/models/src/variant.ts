import type { ModelCard } from "./card.js";

/** @throws RangeError that lists the variants. */
export function pickVariant(cards: Readonly<Record<string, ModelCard>>, variant: string): ModelCard {
  if (Object.hasOwn(cards, variant)) return cards[variant];
  throw new RangeError(`variant must be ${Object.keys(cards).join(", ")}, got ${variant}`);
}
