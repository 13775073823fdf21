import { checkCallback, checkSignal } from "./check.js";

type Callbacks = Readonly<Record<string, unknown>> & { readonly signal?: AbortSignal };

/**
 * Runs `body` with a caller's functions made safe: one that throws, or returns a promise that rejects, stops the run
 * through its signal and rejects the promise returned here with what was thrown.
 *
 * Progress is told from timers, message handlers and device events. An error of the caller's function there would end the
 * process, or vanish; it belongs to the run it was given to. A promise a function returns is not waited for.
 *
 * @param names the fields of `options` that are functions of the caller; others pass unchanged.
 * @throws TypeError for a signal or function that is none.
 */
export async function guardCallbacks<Options extends object, Result>(
  options: Options,
  names: readonly (keyof Options & string)[],
  body: (options: Options) => Promise<Result>,
): Promise<Result> {
  const given = options as Callbacks;
  checkSignal("options.signal", given.signal);
  for (const name of names) checkCallback(`options.${name}`, given[name]);
  const functions = names.filter((name) => given[name] !== undefined);
  if (functions.length === 0) return body(options);

  const stop = new AbortController();
  const follow = () => stop.abort(given.signal?.reason);
  let failure: { readonly cause: unknown } | undefined;
  const fail = (cause: unknown) => {
    failure ??= { cause };
    stop.abort(cause);
  };
  const safe = Object.fromEntries(functions.map((name) => [name, made(given[name] as Call, fail)]));
  if (given.signal?.aborted) follow();
  else given.signal?.addEventListener("abort", follow);
  try {
    const result = await body({ ...options, ...safe, signal: stop.signal });
    // A promise that rejects at once does so before this.
    await undefined;
    if (failure) throw failure.cause;
    return result;
  } catch (error) {
    // The run was stopped because of it, whatever it says of that.
    throw failure ? failure.cause : error;
  } finally {
    given.signal?.removeEventListener("abort", follow);
  }
}

type Call = (...args: unknown[]) => unknown;

function made(call: Call, fail: (cause: unknown) => void): Call {
  let failed = false;
  const once = (cause: unknown) => {
    failed = true;
    fail(cause);
  };
  return (...args) => {
    // Who threw is not asked again: the run may need a while to stop.
    if (failed) return;
    try {
      const result = call(...args);
      if (typeof (result as PromiseLike<unknown> | undefined)?.then === "function")
        (result as PromiseLike<unknown>).then(undefined, once);
    } catch (cause) {
      once(cause);
    }
  };
}
