/** How `webgpu.create` gets its device. */
export interface WebGpuOptions {
  /** Your device: never destroyed by the backend. Ask for it with `requiredFeatures` and `requiredLimits`. */
  readonly device?: GPUDevice;
  /** Without `device`: which adapter to prefer. */
  readonly powerPreference?: GPUPowerPreference;
  /** Without `device`, in Node: options of npm `webgpu`, such as `["backend=vulkan", "adapter=llvmpipe"]`. */
  readonly dawn?: readonly string[];
  /** Without `device`: leave out these optional features, for instance `["shader-f16"]`. */
  readonly withoutFeatures?: readonly string[];
  /** Without `device`: ask for no more than the limits every WebGPU device has. */
  readonly defaultLimits?: boolean;
  /**
   * The most floating-point operations one dispatch of the attention kernel may take. The default keeps a dispatch under half a
   * second on the slowest device of the adapter's kind, since some systems reset a device after about two seconds.
   */
  readonly maxDispatchFlops?: number;
}
