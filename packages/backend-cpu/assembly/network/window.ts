/** What a convolution's output position looks at. Sizes of input and output, stride, kernel, padding. */
@unmanaged
export class ConvWindow {
  x: usize;
  history: usize;
  /** Frames of history. */
  past: i32;
  front: i32;
  frames: i32;
  height: i32;
  width: i32;
  channels: i32;
  outFrames: i32;
  outHeight: i32;
  outWidth: i32;
  strideT: i32;
  strideH: i32;
  strideW: i32;
  kernelT: i32;
  kernelH: i32;
  kernelW: i32;
  top: i32;
  left: i32;
  replicate: i32;
}

/** Address of frame `f` (negative: before the first) of batch item `item`; 0 where there are zeros. */
@inline function frameAt(w: ConvWindow, item: i32, f: i32, frameBytes: usize): usize {
  if (f >= 0) return w.x + <usize>(item * w.frames + f) * frameBytes;
  if (w.past + f >= 0) return w.history + <usize>(item * w.past + w.past + f) * frameBytes;
  if (!w.replicate) return 0;
  return w.past > 0 ? w.history + <usize>(item * w.past) * frameBytes : w.x + <usize>(item * w.frames) * frameBytes;
}

/** The table of a task: for output positions `[first, first + count)` the address every tap reads; see micro.ts. */
export function windowTable(w: ConvWindow, first: i32, count: i32, table: usize, zeros: usize): void {
  const rowBytes = <usize>w.width * <usize>w.channels << 2;
  const frameBytes = rowBytes * <usize>w.height;
  const pixel = <usize>w.channels << 2;
  const taps = w.kernelT * w.kernelH * w.kernelW;
  let ow = first % w.outWidth;
  let rest = first / w.outWidth;
  let oh = rest % w.outHeight;
  rest /= w.outHeight;
  let ot = rest % w.outFrames;
  let item = rest / w.outFrames;
  for (let m = 0; m < count; m++) {
    let to = table + (<usize>((m >> 3) * taps) << 5) + (<usize>(m & 7) << 2);
    for (let a = 0; a < w.kernelT; a++) {
      const frame = frameAt(w, item, ot * w.strideT + a - w.front, frameBytes);
      for (let b = 0; b < w.kernelH; b++) {
        let y = oh * w.strideH + b - w.top;
        const outside = y < 0 || y >= w.height;
        y = max(0, min(w.height - 1, y));
        const line = frame == 0 || (outside && !w.replicate) ? <usize>0 : frame + <usize>y * rowBytes;
        const x0 = ow * w.strideW - w.left;
        for (let c = 0; c < w.kernelW; c++, to += 32) {
          let x = x0 + c;
          let at = zeros;
          if (line != 0) {
            if (x >= 0 && x < w.width) at = line + <usize>x * pixel;
            else if (w.replicate) at = line + <usize>max(0, min(w.width - 1, x)) * pixel;
          }
          store<u32>(to, <u32>at);
        }
      }
    }
    if (++ow < w.outWidth) continue;
    ow = 0;
    if (++oh < w.outHeight) continue;
    oh = 0;
    if (++ot < w.outFrames) continue;
    ot = 0;
    item++;
  }
}
