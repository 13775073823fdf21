import type { Recorder } from "@spaattn/conformance";

/** Records into an encoder of the test's own. */
export const recorderOf = (device: GPUDevice): Recorder => ({
  begin: () => device.createCommandEncoder(),
  async end(target) {
    device.queue.submit([(target as GPUCommandEncoder).finish()]);
    await device.queue.onSubmittedWorkDone();
  },
});
