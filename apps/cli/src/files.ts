import { stat } from "node:fs/promises";

/** True when there is something of that name; what cannot be asked about is not there. */
export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
