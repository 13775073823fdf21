/** For error messages: the names that agree with a missing one for longest. */
export function alike(name: string, names: readonly string[]): string {
  let best = 0;
  let found: string[] = [];
  for (const other of names) {
    const length = agreement(name, other);
    if (length < best || length === 0) continue;
    if (length > best) found = [];
    best = length;
    found.push(other);
  }
  if (found.length === 0) return ` (there are ${names.length} others)`;
  return ` (there is ${found.slice(0, 4).join(", ")}${found.length > 4 ? `, and ${found.length - 4} more alike` : ""})`;
}

/** Dotted parts that are the same from the beginning. */
function agreement(a: string, b: string): number {
  const [left, right] = [a.split("."), b.split(".")];
  let length = 0;
  while (length < left.length && left[length] === right[length]) length++;
  return length;
}
